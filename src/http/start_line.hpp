// SPDX-License-Identifier: Apache-2.0
// Recognises HTTP/1.x from its first bytes: is this a message at all, is it one
// after a gap, and if it is none, what else may it be?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/parser.hpp"

namespace httpdiag::http {

enum class Opening : std::uint8_t { http, not_http, need_more };

/// Whether bytes that llhttp refused at the start of a message can be meant as
/// one. Requests: a token and a space; then a known method, or "HTTP/" on the line.
Opening judge_opening(Kind kind, std::string_view bytes);

/// The first bytes could become "HTTP/".
bool may_be_response(std::string_view bytes);

/// "tls", "http2" or "unknown", from the first bytes of a stream that is no HTTP.
std::string_view opaque_protocol(std::string_view bytes);
/// A TLS record of any type, as met in the middle of a connection (RFC 8446 §5.1).
bool looks_like_tls_record(std::string_view bytes);
/// A ClientHello (RFC 8446 §4): no TLS was spoken before.
bool begins_tls(std::string_view bytes);

/// A full, plausible start line at the beginning of `bytes`, or as much of one
/// as `bytes` have where they end inside it. For finding the way back after a gap.
bool starts_message(Kind kind, std::string_view bytes);

/// The same where a message is due anyway: a beginning too short to tell is believed.
bool may_begin_message(Kind kind, std::string_view bytes);

/// Length of a PROXY protocol line (HAProxy's proxy-protocol.txt, section 2.1) at
/// the front of `bytes`, its CRLF included; 0 if there is none.
std::size_t proxy_line_length(std::string_view bytes);

/// A first line, already ended, that names no HTTP version: HTTP/0.9 or no HTTP.
bool names_no_version(std::string_view request);

/// Position of a full response start line right behind an empty line, or npos:
/// what can be found inside a chunk when the end of the message before is unknown.
std::size_t find_response(std::string_view bytes);

/// A start line read leniently.
struct StartLine {
  bool recognised = false;
  std::string_view method;  // request
  std::string_view target_or_reason;
  std::uint16_t status = 0;  // response
  std::uint8_t minor = 1;    // 0 for HTTP/1.0 and older
};
StartLine read_start_line(Kind kind, std::string_view line);

}  // namespace httpdiag::http
