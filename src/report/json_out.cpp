// SPDX-License-Identifier: Apache-2.0
#include "report/json_out.hpp"

#include <cmath>

#include "base/text.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::report {
namespace {

void append(fmt::memory_buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~' || c == '"' || c == '\\') return false;
  }
  return true;
}

/// Code point of a two- or three-byte sequence of valid UTF-8 at `at`; 0 for all others.
std::uint32_t short_code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0u;
  };
  const std::uint32_t lead = byte(at);
  if (lead >= 0xc0 && lead < 0xe0) return (lead & 0x1f) << 6 | (byte(at + 1) & 0x3f);
  if (lead >= 0xe0 && lead < 0xf0) {
    return (lead & 0x0f) << 12 | (byte(at + 1) & 0x3f) << 6 | (byte(at + 2) & 0x3f);
  }
  return 0;
}

/// Valid in JSON as they are, but harmful to what shows or embeds it: C1
/// controls, line and paragraph separators, bidirectional controls.
bool is_risky(std::uint32_t code_point) {
  return (code_point >= 0x80 && code_point <= 0x9f) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x200e || code_point == 0x200f ||
         (code_point >= 0x202a && code_point <= 0x202e) ||
         (code_point >= 0x2066 && code_point <= 0x2069);
}

void append_escaped(fmt::memory_buffer& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    switch (c) {
      case '"':
        append(out, "\\\"");
        continue;
      case '\\':
        append(out, "\\\\");
        continue;
      case '\n':
        append(out, "\\n");
        continue;
      case '\r':
        append(out, "\\r");
        continue;
      case '\t':
        append(out, "\\t");
        continue;
      default:
        break;
    }
    if (c < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else if (const auto wide = c < 0x80 ? 0 : short_code_point(text, i); is_risky(wide)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", wide);
      i += wide < 0x800 ? 1 : 2;
    } else {
      out.push_back(text[i]);
    }
  }
}

}  // namespace

JsonOut& JsonOut::open(char opener, char closer) {
  separate();
  buffer_.push_back(opener);
  closers_.push_back(closer);
  comma_ = false;
  return *this;
}

JsonOut& JsonOut::end() {
  HTTPDIAG_CHECK(!closers_.empty());
  if (break_line_) buffer_.push_back('\n');
  break_line_ = false;
  buffer_.push_back(closers_.back());
  closers_.pop_back();
  comma_ = true;
  return *this;
}

JsonOut& JsonOut::key(std::string_view name) {
  separate();
  buffer_.push_back('"');
  append(buffer_, name);
  append(buffer_, "\":");
  comma_ = false;
  return *this;
}

JsonOut& JsonOut::value(std::string_view text) {
  separate();
  buffer_.push_back('"');
  if (is_plain(text)) {
    append(buffer_, text);
  } else {
    append_escaped(buffer_, base::to_valid_utf8(text));
  }
  buffer_.push_back('"');
  return *this;
}

JsonOut& JsonOut::value(Timestamp time) { return value(std::string_view{base::rfc3339(time)}); }

JsonOut& JsonOut::fraction(double number) {
  // JSON has no NaN and no infinity.
  return std::isfinite(number) ? literal(fmt::format("{}", number)) : literal("null");
}

JsonOut& JsonOut::literal(std::string_view text) {
  separate();
  append(buffer_, text);
  return *this;
}

void JsonOut::separate() {
  if (comma_) buffer_.push_back(',');
  if (break_line_) buffer_.push_back('\n');
  break_line_ = false;
  comma_ = true;
}

JsonOut& JsonOut::packet_in_file(std::string_view name, const PacketRef& packet) {
  if (input_ == nullptr || input_->files.size() < 2 || !packet) return *this;
  const PacketPlace place = place_of(input_, packet.number);
  return key(name).object().field("file", place.file).field("number", place.number).end();
}

}  // namespace httpdiag::report
