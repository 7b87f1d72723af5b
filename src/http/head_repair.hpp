// SPDX-License-Identifier: Apache-2.0
// Reads a head that llhttp refused, the way a forgiving peer would, and writes
// the part that matters down again in proper syntax, for llhttp to go on from.
#pragma once

#include <string>
#include <string_view>

#include "http/start_line.hpp"

namespace httpdiag::http {

/// Length of the head in `bytes`, empty line included, or npos. Lines may end in
/// a bare LF. `from`: where an earlier search over fewer bytes stopped.
std::size_t find_head_end(std::string_view bytes, std::size_t from = 0);

struct RepairedHead {
  StartLine start;                // views into what was read
  bool certain = false;           // it is known where the message ends; otherwise `fields` is empty
  bool extension_method = false;  // a method that llhttp need not know, in a sound request line
  std::string start_line;         // stands in for the one that was read
  std::string fields;             // the header fields that we read, and the empty line
};

/// Some line ends with LF alone (RFC 9112 §2.2).
bool has_bare_line_feed(std::string_view head);
/// With CRLF at the end of every line.
std::string with_crlf(std::string_view head);

/// `head`: from the start line to the empty line. Framing that two recipients
/// could read differently and still be right is not certain (RFC 9112 §6.3, §11.2).
RepairedHead repair_head(Kind kind, std::string_view head);

}  // namespace httpdiag::http
