// SPDX-License-Identifier: Apache-2.0
// The words of a scenario: tokens, numbers, durations, endpoints. Knows nothing
// of what they mean.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/segment.hpp"

namespace httpdiag::test {

struct Token {
  std::string text;     // a quoted string without quotes, escapes resolved
  bool quoted = false;  // payload, not a word
};

struct Line {
  std::size_t number = 0;
  std::vector<Token> tokens;
};

/// Lines with at least one token. "#" outside quotes starts a comment; "\" at
/// the end continues the line. Throws ScenarioError.
std::vector<Line> lines_of(std::string_view scenario);

/// Reads the tokens of a line one after the other. All throw ScenarioError.
class Cursor {
 public:
  explicit Cursor(const Line& line) : line_{line} {}

  bool done() const { return next_ == line_.tokens.size(); }
  std::size_t line() const { return line_.number; }
  [[noreturn]] void fail(const std::string& reason) const;

  const Token* peek() const { return done() ? nullptr : &line_.tokens[next_]; }
  const Token& take(std::string_view wanted);
  std::string word(std::string_view wanted);
  /// Takes the next token if it is this word.
  bool accept(std::string_view word);
  void expect(std::string_view word);
  void expect_end() const;

  std::int64_t number(std::int64_t low, std::int64_t high);
  std::chrono::nanoseconds duration();
  Endpoint endpoint();
  IpAddress address();

 private:
  const Line& line_;
  std::size_t next_ = 0;
};

/// "20ms", "+2.5s", "-1us"; nullopt if it is no duration.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
/// Two hex digits.
std::optional<std::uint8_t> parse_hex(std::string_view pair);
std::optional<std::int64_t> parse_number(std::string_view text);

}  // namespace httpdiag::test
