// SPDX-License-Identifier: Apache-2.0
#include "http/head_repair.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace httpdiag::http {

namespace {

using std::string_view;

constexpr std::array<string_view, 10> kKept = {
    "host",       "connection",   "keep-alive",       "expect", "upgrade",
    "user-agent", "content-type", "content-encoding", "server", "location"};
constexpr std::size_t kMaxValue = 4096;

/// Reads one line off `rest`, without its line end.
string_view take_line(string_view& rest) {
  const std::size_t end = rest.find('\n');
  string_view line = rest.substr(0, end);
  rest.remove_prefix(end == string_view::npos ? rest.size() : end + 1);
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// What the fields about framing say together.
struct Framing {
  std::optional<std::string> length;  // digits
  std::string codings;                // all Transfer-Encoding values, lower case
  bool conflict = false;

  void add_length(string_view value) {
    // A list of equal numbers is one number (RFC 9110 §8.6).
    while (true) {
      const std::size_t comma = value.find(',');
      const string_view number = base::trim(value.substr(0, comma));
      const bool digits =
          !number.empty() && number.size() <= 19 &&
          std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (!digits || (length && *length != number)) conflict = true;
      if (!length) length = std::string{number};
      if (comma == string_view::npos) return;
      value.remove_prefix(comma + 1);
    }
  }
  void add_coding(string_view value) {
    if (!codings.empty()) codings += ',';
    codings += base::lower(base::trim(value));
  }
  bool chunked_last() const {
    const std::size_t comma = codings.rfind(',');
    return base::trim(string_view{codings}.substr(comma == std::string::npos ? 0 : comma + 1)) ==
           "chunked";
  }
};

/// A value as one line of characters that every parser takes.
void append_value(std::string& to, string_view value) {
  for (const char c : value.substr(0, kMaxValue)) {
    to += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
}

/// "METHOD target HTTP/1.x", the method in the customary capitals.
bool is_extension(const StartLine& start, string_view line) {
  const bool capitals = std::all_of(start.method.begin(), start.method.end(),
                                    [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
  if (start.method.empty() || !capitals) return false;
  const std::size_t words = start.method.size() + 1 + start.target_or_reason.size() + 1;
  if (start.target_or_reason.find_first_of(" \t") != string_view::npos || line.size() != words + 8)
    return false;
  return line.substr(words) == (start.minor == 0 ? "HTTP/1.0" : "HTTP/1.1");
}

class Rewriter {
 public:
  void field(string_view name, string_view value) {
    const std::string lower = base::lower(base::trim(name));
    last_ = {};
    if (lower == "content-length") {
      framing.add_length(base::trim(value));
    } else if (lower == "transfer-encoding") {
      framing.add_coding(value);
    } else if (std::find(kKept.begin(), kKept.end(), lower) != kKept.end()) {
      text += lower + ": ";
      append_value(text, base::trim(value));
      text += "\r\n";
      last_ = lower;
    } else {
      return;
    }
    if (last_.empty()) last_ = lower;
  }

  /// obs-fold (RFC 9112 §5.2): the line continues the value before.
  void continuation(string_view line) {
    if (last_ == "transfer-encoding") {
      framing.add_coding(line);
    } else if (last_ == "content-length") {
      framing.conflict = true;
    }
  }

  Framing framing;
  std::string text;

 private:
  std::string last_;
};

}  // namespace

std::size_t find_head_end(string_view bytes, std::size_t from) {
  // An empty line is a line end behind a line end; step back over what was seen.
  std::size_t at = bytes.find('\n', from < 3 ? 0 : from - 3);
  while (at != string_view::npos) {
    std::size_t next = at + 1;
    if (next < bytes.size() && bytes[next] == '\r') ++next;
    if (next < bytes.size() && bytes[next] == '\n') return next + 1;
    at = bytes.find('\n', at + 1);
  }
  return string_view::npos;
}

bool has_bare_line_feed(string_view head) {
  for (std::size_t at = head.find('\n'); at != string_view::npos; at = head.find('\n', at + 1)) {
    if (at == 0 || head[at - 1] != '\r') return true;
  }
  return false;
}

std::string with_crlf(string_view head) {
  std::string text;
  text.reserve(head.size() + head.size() / 16);
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) text += '\r';
    text += head[i];
  }
  return text;
}

RepairedHead repair_head(Kind kind, string_view head) {
  RepairedHead result;
  string_view rest = head;
  const string_view first = take_line(rest);
  result.start = read_start_line(kind, first);
  if (!result.start.recognised) return result;

  const std::string version = result.start.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
  if (kind == Kind::request) {
    // The parser's view of the start line is not used; CONNECT alone changes the framing.
    result.start_line =
        (result.start.method == "CONNECT" ? "CONNECT a:1 " : "POST / ") + version + "\r\n";
  } else {
    const bool usual = result.start.status >= 100 && result.start.status <= 999;
    result.start_line =
        version + " " + std::to_string(usual ? result.start.status : 200) + " x\r\n";
  }
  result.extension_method = is_extension(result.start, first);

  Rewriter fields;
  while (!rest.empty()) {
    const string_view line = take_line(rest);
    if (line.empty()) continue;
    if (line[0] == ' ' || line[0] == '\t') {
      fields.continuation(line);
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon != string_view::npos && colon > 0)
      fields.field(line.substr(0, colon), line.substr(colon + 1));
  }

  const Framing& framing = fields.framing;
  const bool coded = !framing.codings.empty();
  if (framing.conflict) return result;
  if (coded && !framing.chunked_last() && kind == Kind::request) return result;

  result.fields += fields.text;
  if (coded && framing.chunked_last()) {
    result.fields +=
        "transfer-encoding: chunked\r\n";  // it overrides any length (RFC 9112 §6.3 rule 3)
  } else if (coded) {
    result.fields += "transfer-encoding: identity\r\n";  // delimited by close
  } else if (framing.length) {
    result.fields += "content-length: " + *framing.length + "\r\n";
  }
  result.fields += "\r\n";
  result.certain = true;
  return result;
}

}  // namespace httpdiag::http
