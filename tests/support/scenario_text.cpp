// SPDX-License-Identifier: Apache-2.0
#include "support/scenario_text.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "support/scenario.hpp"

namespace httpdiag::test {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Resolves the escape behind a backslash at `at`; moves `at` behind it.
char escape(std::string_view text, std::size_t& at, std::size_t line) {
  const char kind = at < text.size() ? text[at++] : '\0';
  switch (kind) {
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case '0':
      return '\0';
    case '"':
      return '"';
    case '\\':
      return '\\';
    case 'x':
      if (at + 2 <= text.size() && hex_digit(text[at]) >= 0 && hex_digit(text[at + 1]) >= 0) {
        const int value = hex_digit(text[at]) * 16 + hex_digit(text[at + 1]);
        at += 2;
        return static_cast<char>(value);
      }
      throw ScenarioError{line, "\\x needs two hex digits"};
    default:
      throw ScenarioError{line, std::string{"unknown escape \\"} + kind};
  }
}

Token quoted(std::string_view text, std::size_t& at, std::size_t line) {
  Token token{.text = {}, .quoted = true};
  while (at < text.size() && text[at] != '"') {
    const char c = text[at++];
    token.text += c == '\\' ? escape(text, at, line) : c;
  }
  if (at == text.size()) throw ScenarioError{line, "missing closing quote"};
  ++at;
  return token;
}

/// Appends the tokens of one physical line; true if it is continued.
bool tokenize(std::string_view text, Line& line, std::size_t number) {
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '#') {
      return false;
    } else if (c == '\\' && text.find_first_not_of(" \t\r", at + 1) == std::string_view::npos) {
      return true;
    } else if (c == '"') {
      line.tokens.push_back(quoted(text, ++at, number));
    } else {
      const std::size_t end = std::min(text.find_first_of(" \t\r\"#", at), text.size());
      line.tokens.push_back({.text = std::string{text.substr(at, end - at)}, .quoted = false});
      at = end;
    }
  }
  return false;
}

}  // namespace

std::vector<Line> lines_of(std::string_view scenario) {
  std::vector<Line> lines;
  Line line;
  std::size_t number = 0;
  bool continued = false;
  for (std::size_t at = 0; at < scenario.size();) {
    const std::size_t end = std::min(scenario.find('\n', at), scenario.size());
    ++number;
    if (!continued) line = {.number = number, .tokens = {}};
    continued = tokenize(scenario.substr(at, end - at), line, number);
    if (!continued && !line.tokens.empty()) lines.push_back(line);
    at = end + 1;
  }
  if (continued) throw ScenarioError{number, "nothing follows the \\"};
  return lines;
}

std::optional<std::uint8_t> parse_hex(std::string_view pair) {
  if (pair.size() != 2 || hex_digit(pair[0]) < 0 || hex_digit(pair[1]) < 0) return std::nullopt;
  return static_cast<std::uint8_t>(hex_digit(pair[0]) * 16 + hex_digit(pair[1]));
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
  };
  static constexpr std::array<Unit, 6> kUnits = {{{"ns", 1},
                                                  {"us", 1'000},
                                                  {"ms", 1'000'000},
                                                  {"s", 1'000'000'000},
                                                  {"m", 60'000'000'000},
                                                  {"h", 3600'000'000'000}}};
  const bool negative = text.starts_with('-');
  if (text.starts_with('+') || negative) text.remove_prefix(1);
  const std::size_t unit_at = text.find_first_not_of("0123456789.");
  if (unit_at == std::string_view::npos || unit_at == 0) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (text.substr(unit_at) != unit.name) continue;
    const std::string_view digits = text.substr(0, unit_at);
    const std::size_t point = std::min(digits.find('.'), digits.size());
    const auto whole = parse_number(digits.substr(0, point));
    if (!whole || *whole > 1'000'000'000) return std::nullopt;
    std::int64_t value = *whole * unit.nanoseconds;
    std::int64_t scale = unit.nanoseconds;
    for (std::size_t i = point + 1; i < digits.size(); ++i) {
      if (digits[i] == '.') return std::nullopt;
      scale /= 10;
      value += (digits[i] - '0') * scale;
    }
    return std::chrono::nanoseconds{negative ? -value : value};
  }
  return std::nullopt;
}

void Cursor::fail(const std::string& reason) const { throw ScenarioError{line_.number, reason}; }

const Token& Cursor::take(std::string_view wanted) {
  if (done()) fail("expected " + std::string{wanted} + " at the end of the line");
  return line_.tokens[next_++];
}

std::string Cursor::word(std::string_view wanted) {
  const Token& token = take(wanted);
  if (token.quoted) fail("expected " + std::string{wanted} + ", not a string");
  return token.text;
}

bool Cursor::accept(std::string_view word) {
  if (done() || line_.tokens[next_].quoted || line_.tokens[next_].text != word) return false;
  ++next_;
  return true;
}

void Cursor::expect(std::string_view word) {
  if (!accept(word))
    fail("expected \"" + std::string{word} + "\"" +
         (done() ? "" : ", not \"" + peek()->text + "\""));
}

void Cursor::expect_end() const {
  if (!done()) fail("cannot read \"" + peek()->text + "\" here");
}

std::int64_t Cursor::number(std::int64_t low, std::int64_t high) {
  const std::string text = word("a number");
  const auto value = parse_number(text);
  if (!value) fail("\"" + text + "\" is no number");
  if (*value < low || *value > high) {
    fail(text + " is not within " + std::to_string(low) + " and " + std::to_string(high));
  }
  return *value;
}

std::chrono::nanoseconds Cursor::duration() {
  const std::string text = word("a duration");
  const auto value = parse_duration(text);
  if (!value) fail("\"" + text + "\" is no duration, such as 20ms or 2.5s");
  return *value;
}

IpAddress Cursor::address() {
  const std::string text = word("an address");
  const auto address = parse_ip(text);
  if (!address) fail("\"" + text + "\" is no IP address");
  return *address;
}

Endpoint Cursor::endpoint() {
  const std::string text = word("ADDRESS:PORT");
  const std::size_t colon = text.rfind(':');
  const auto port =
      colon == std::string::npos ? std::nullopt : parse_number(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) fail("\"" + text + "\" is no ADDRESS:PORT");
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  const Line only{.number = line_.number, .tokens = {{.text = host, .quoted = false}}};
  return {.ip = Cursor{only}.address(), .port = static_cast<std::uint16_t>(*port)};
}

}  // namespace httpdiag::test
