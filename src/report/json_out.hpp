// SPDX-License-Identifier: Apache-2.0
// Writes JSON (RFC 8259) into a buffer, commas and escaping included. Fast
// enough to be called for every flow; knows nothing of reports.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "httpdiag/packet.hpp"

namespace httpdiag::report {

class JsonOut {
 public:
  enum class Layout : std::uint8_t { lines, one_line };
  explicit JsonOut(Layout layout = Layout::lines) : lines_{layout == Layout::lines} {}

  JsonOut& object() { return open('{', '}'); }
  JsonOut& array() { return open('[', ']'); }
  JsonOut& end();  // of the innermost object or array

  /// Name of the next value of an object: an identifier of ours, never traffic.
  JsonOut& key(std::string_view name);

  JsonOut& value(std::string_view text);  // any bytes; invalid UTF-8 becomes U+FFFD
  JsonOut& value(const char* text) { return value(std::string_view{text}); }
  JsonOut& value(const std::string& text) { return value(std::string_view{text}); }
  JsonOut& value(Timestamp time);
  JsonOut& value(std::nullptr_t) { return literal("null"); }
  template <std::same_as<bool> T>
  JsonOut& value(T yes) {
    return literal(yes ? "true" : "false");
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonOut& value(T number) {
    separate();
    fmt::format_to(std::back_inserter(buffer_), "{}", number);
    return *this;
  }
  template <typename T>
  JsonOut& value(const std::optional<T>& maybe) {
    return maybe ? value(*maybe) : value(nullptr);
  }
  /// Decimal fraction, as few digits as give the number back.
  JsonOut& fraction(double number);

  template <typename T>
  JsonOut& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  /// Whose files tell where packets lie; null: every packet has the number that it has in its file.
  void use(const CaptureSummary* input) { input_ = input; }
  JsonOut& packet(std::string_view name, const PacketRef& packet) {
    return key(name).value(shown_number(input_, packet.number));
  }
  JsonOut& packet(const PacketRef& packet) { return value(shown_number(input_, packet.number)); }
  /// With several files: the file of a packet, by its place among them, and its number there.
  JsonOut& packet_in_file(std::string_view name, const PacketRef& packet);

  /// Ready-made JSON text as the next value.
  JsonOut& raw(std::string_view json) { return literal(json); }
  /// A new line before the next value or key, unless the layout is one line.
  JsonOut& line_break() {
    break_line_ = lines_;
    return *this;
  }

  std::string_view text() const { return {buffer_.data(), buffer_.size()}; }
  /// Forgets what was written but not where we are in the document.
  void drain() { buffer_.clear(); }

 private:
  JsonOut& open(char opener, char closer);
  JsonOut& literal(std::string_view text);
  void separate();

  fmt::memory_buffer buffer_;
  std::string closers_;
  const CaptureSummary* input_ = nullptr;
  bool comma_ = false;  // a value precedes in the same container
  bool break_line_ = false;
  bool lines_;
};

/// What members whose name ends in _us hold.
inline std::int64_t microseconds(Duration duration) { return duration.count() / 1000; }
inline std::optional<std::int64_t> microseconds(const std::optional<Duration>& duration) {
  return duration ? std::optional{microseconds(*duration)} : std::nullopt;
}

}  // namespace httpdiag::report
