// SPDX-License-Identifier: Apache-2.0
#include "http/start_line.hpp"

#include <algorithm>
#include <array>

namespace httpdiag::http {

namespace {

using std::string_view;

// RFC 9110 §9, RFC 5789, WebDAV and what else is met in the wild. Only these
// are believed without seeing the rest of the line.
constexpr std::array<string_view, 33> kMethods = {
    "GET",      "POST",   "PUT",       "HEAD",        "DELETE",     "OPTIONS",    "PATCH",
    "CONNECT",  "TRACE",  "PROPFIND",  "PROPPATCH",   "MKCOL",      "COPY",       "MOVE",
    "LOCK",     "UNLOCK", "SEARCH",    "REPORT",      "MKACTIVITY", "CHECKOUT",   "MERGE",
    "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE",      "MKCALENDAR", "LINK",
    "UNLINK",   "ACL",    "BIND",      "REBIND",      "UNBIND"};
constexpr std::size_t kMaxMethod = 32;

bool is_known_method(string_view word) {
  return std::find(kMethods.begin(), kMethods.end(), word) != kMethods.end();
}

/// "OST" is what a capture that begins one byte late has of a POST.
bool is_end_of_method(string_view word) {
  return std::any_of(kMethods.begin(), kMethods.end(), [&](string_view method) {
    return method.size() > word.size() && method.ends_with(word);
  });
}

/// RFC 9110 §5.6.2.
bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return string_view{"!#$%&'*+-.^_`|~"}.find(c) != string_view::npos;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t token_length(string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_token_char);
  return static_cast<std::size_t>(end - text.begin());
}

bool equals_ignoring_case(string_view a, string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

string_view trim(string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::uint8_t minor_of(string_view version) {  // behind "HTTP/"
  if (version.empty() || version[0] == '0') return 0;
  if (version[0] != '1') return 1;
  return version.size() >= 3 && version[1] == '.' && version[2] != '0' ? 1 : 0;
}

bool starts_response(string_view bytes) {
  static constexpr string_view kPattern = "HTTP/1.d ddd";  // d: a digit
  const std::size_t length = std::min(bytes.size(), kPattern.size());
  if (length < 5) return false;
  for (std::size_t i = 0; i < length; ++i) {
    if (kPattern[i] == 'd' ? !is_digit(bytes[i]) : bytes[i] != kPattern[i]) return false;
  }
  return bytes.size() <= kPattern.size() || bytes[12] == ' ' || bytes[12] == '\r' ||
         bytes[12] == '\n';
}

bool starts_request(string_view bytes) {
  const std::size_t space = token_length(bytes.substr(0, kMaxMethod + 1));
  if (space < 3 || space > kMaxMethod || space >= bytes.size() || bytes[space] != ' ') return false;
  const bool known = is_known_method(bytes.substr(0, space));
  if (!known && is_end_of_method(bytes.substr(0, space))) return false;
  const string_view rest = bytes.substr(space + 1);
  const std::size_t line = rest.find_first_of("\r\n");
  const string_view text = rest.substr(0, line);
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 0x7f; });
  const bool target = !text.empty() && (text[0] == '/' || text[0] == '*' ||
                                        text.starts_with("http") || bytes.starts_with("CONNECT "));
  const bool meant = known && target && printable;
  if (line == string_view::npos) return meant;  // cut off
  const std::size_t version = text.rfind(" HTTP/1.");
  if (version == string_view::npos || version == 0 || text.size() < version + 9) return false;
  // A target may hold blanks that nobody encoded.
  return text.find(' ') == version || (meant && text.size() == version + 9);
}

}  // namespace

bool may_be_response(string_view bytes) {
  static constexpr string_view kStart = "HTTP/";
  const std::size_t length = std::min(bytes.size(), kStart.size());
  return bytes.substr(0, length) == kStart.substr(0, length);
}

namespace {

/// "OPTIONS sip:a@b SIP/2.0": a version as in HTTP's start line, of a protocol with another name
/// (RFC 3261 §7.1).
bool names_another_protocol(string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const string_view version = line.substr(line.rfind(' ') + 1);
  const std::size_t slash = version.find('/');
  if (slash == string_view::npos || slash == 0 || slash > 10) return false;
  const string_view name = version.substr(0, slash), number = version.substr(slash + 1);
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  const bool digits =
      number.size() == 3 && is_digit(number[0]) && number[1] == '.' && is_digit(number[2]);
  return letters && digits && name != "HTTP";
}

}  // namespace

Opening judge_opening(Kind kind, string_view bytes) {
  if (kind == Kind::response) {
    const bool record = !bytes.empty() && bytes[0] >= 20 && bytes[0] <= 23;  // of TLS, it may be
    if (record && bytes.size() < 5) return Opening::need_more;
    if (!may_be_response(bytes)) return Opening::not_http;
    return bytes.size() < 5 ? Opening::need_more : Opening::http;
  }
  const bool tls_like =
      !bytes.empty() && (bytes[0] == 0x16 || static_cast<unsigned char>(bytes[0]) >= 0x80);
  if (tls_like && bytes.size() < 5) return Opening::need_more;  // enough to name the protocol
  const std::size_t space = token_length(bytes);
  if (space == bytes.size()) return space > kMaxMethod ? Opening::not_http : Opening::need_more;
  if (space == 0 || bytes[space] != ' ' || space > kMaxMethod) return Opening::not_http;
  // Many text protocols start with a word and a space; the line tells.
  const std::size_t line = bytes.find('\n');
  const string_view text = bytes.substr(0, line);
  if (line != string_view::npos && names_another_protocol(text)) return Opening::not_http;
  if (is_known_method(bytes.substr(0, space))) return Opening::http;
  if (text.find(" HTTP/") != string_view::npos) return Opening::http;
  return line == string_view::npos && bytes.size() < 8192 ? Opening::need_more : Opening::not_http;
}

bool looks_like_tls_record(string_view bytes) {
  if (bytes.size() < 5) return false;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned length = at(3) * 256u + at(4);
  return at(0) >= 20 && at(0) <= 24 && at(1) == 3 && at(2) <= 4 && length > 0 &&
         length <= 16384 + 2048;
}

bool begins_tls(string_view bytes) {
  constexpr char kHandshake = 22, kClientHello = 1;
  return looks_like_tls_record(bytes) && bytes.size() > 5 && bytes[0] == kHandshake &&
         bytes[5] == kClientHello;
}

string_view opaque_protocol(string_view bytes) {
  if (looks_like_tls_record(bytes)) return "tls";
  if (bytes.size() >= 5) {  // ClientHello in an SSLv2 record (RFC 5246 appendix E.2)
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if ((at(0) & 0x80) != 0 && at(2) == 1 && (at(3) == 3 || (at(3) == 0 && at(4) == 2)))
      return "tls";
  }
  if (bytes.starts_with("PRI * HTTP/2")) return "http2";
  return "unknown";
}

bool starts_message(Kind kind, string_view bytes) {
  return kind == Kind::request ? starts_request(bytes) : starts_response(bytes);
}

bool may_begin_message(Kind kind, string_view bytes) {
  if (bytes.empty() || starts_message(kind, bytes)) return !bytes.empty();
  if (kind == Kind::response) return bytes.size() < 5 && may_be_response(bytes);
  return std::any_of(kMethods.begin(), kMethods.end(), [&](string_view method) {
    const bool blank = bytes.size() == method.size() + 1 && bytes.back() == ' ';
    return blank ? bytes.starts_with(method) : method.starts_with(bytes);
  });
}

std::size_t proxy_line_length(string_view bytes) {
  static constexpr std::size_t kLongest = 107;
  static constexpr std::array<string_view, 3> kOpenings = {"PROXY TCP4 ", "PROXY TCP6 ",
                                                           "PROXY UNKNOWN"};
  if (std::none_of(kOpenings.begin(), kOpenings.end(),
                   [&](string_view opening) { return bytes.starts_with(opening); })) {
    return 0;
  }
  const std::size_t end = bytes.substr(0, kLongest).find("\r\n");
  return end == string_view::npos ? 0 : end + 2;
}

bool names_no_version(string_view request) {
  const std::size_t line = request.find('\n');
  return line != string_view::npos && request.substr(0, line).find(" HTTP/") == string_view::npos;
}

std::size_t find_response(string_view bytes) {
  static constexpr string_view kBehindEmptyLine = "\r\n\r\nHTTP/1.";
  for (std::size_t at = bytes.find(kBehindEmptyLine); at != string_view::npos;
       at = bytes.find(kBehindEmptyLine, at + 1)) {
    const string_view line = bytes.substr(at + 4);
    if (line.size() > 12 && starts_response(line)) return at + 4;
  }
  return string_view::npos;
}

StartLine read_start_line(Kind kind, string_view line) {
  StartLine result;
  if (kind == Kind::response) {
    if (!line.starts_with("HTTP/")) return result;
    const std::size_t space = line.find_first_of(" \t");
    if (space == string_view::npos) return result;
    result.minor = minor_of(line.substr(5, space - 5));
    string_view rest = trim(line.substr(space));
    std::size_t digits = 0;
    std::uint32_t status = 0;
    while (digits < rest.size() && digits < 4 && is_digit(rest[digits])) {
      status = status * 10 + static_cast<std::uint32_t>(rest[digits++] - '0');
    }
    if (digits == 0) return result;
    result.status = static_cast<std::uint16_t>(status);
    result.target_or_reason = trim(rest.substr(digits));
    result.recognised = true;
    return result;
  }
  const std::size_t space = token_length(line);
  if (space == 0 || space > kMaxMethod || space >= line.size() ||
      (line[space] != ' ' && line[space] != '\t')) {
    return result;
  }
  result.method = line.substr(0, space);
  string_view rest = trim(line.substr(space));
  const std::size_t last = rest.find_last_of(" \t");
  const string_view version = last == string_view::npos ? string_view{} : rest.substr(last + 1);
  if (version.size() >= 5 && equals_ignoring_case(version.substr(0, 5), "http/")) {
    result.minor = minor_of(version.substr(5));
    rest = trim(rest.substr(0, last));
    result.recognised = !rest.empty();
  } else {
    result.minor = 0;
    result.recognised = !rest.empty() && is_known_method(result.method);
  }
  result.target_or_reason = rest;
  return result;
}

}  // namespace httpdiag::http
