// SPDX-License-Identifier: Apache-2.0
// llhttp behind a face of ours: one message at a time, paused at its end, with
// its verdicts in our words. parser.cpp is the only file that knows llhttp.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace httpdiag::http {

enum class Kind : std::uint8_t { request, response };
enum class Strictness : std::uint8_t { strict, lenient };

class MessageBuilder;

class Parser {
 public:
  enum class Outcome : std::uint8_t { more, complete, error };
  struct Result {
    Outcome outcome = Outcome::more;
    std::size_t consumed = 0;  // complete: up to the message's end; error: up to the offending byte
  };

  Parser();
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// Starts a new message. `builder` is told of its parts until the next begin().
  void begin(Kind kind, Strictness strictness, MessageBuilder& builder);

  Result feed(std::string_view bytes);

  /// Bytes that must still follow in the piece of body that the parser is inside
  /// of: the rest under Content-Length, or of the current chunk. 0: not known.
  std::uint64_t known_remaining() const;
  /// Pretends that `count` of these went by. At most known_remaining().
  Outcome skip(std::uint64_t count);

  /// The sender closed. `complete` if that is what the framing waited for.
  Outcome finish();

  /// "HPE_INVALID_HEADER_TOKEN"; of the last error, in static storage.
  std::string_view error_name() const;
  /// Status digits as far as they were read; 0 before the third one.
  std::uint16_t status() const;

  struct State;  // llhttp's, defined where llhttp is known

 private:
  std::unique_ptr<State> state_;
};

}  // namespace httpdiag::http
