// SPDX-License-Identifier: Apache-2.0
// Text for people and for machines: escaping of what came from the traffic,
// durations, sizes, times. Knows nothing of networks.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace httpdiag::base {

/// For a terminal: printable UTF-8 as it is; C0, DEL, C1, invalid bytes,
/// bidirectional and zero-width controls and line/paragraph separators as
/// "\n", "\x1b", "\u202e". Never contains a line break. Idempotent it is not.
std::string escape_for_terminal(std::string_view bytes);

/// Valid UTF-8: each invalid byte becomes U+FFFD. NUL and C0 stay, JSON escapes them.
std::string to_valid_utf8(std::string_view bytes);

/// At most `limit` bytes, cut at a UTF-8 boundary, "…" appended when cut.
std::string shorten(std::string_view text, std::size_t limit);

/// Three significant digits, unit fit for reading: "24 µs", "51.2 ms", "2.67 s", "133.7 s", "12 min
/// 5 s", "2 h 3 min".
std::string duration(std::chrono::nanoseconds value);

/// "1 byte", "512 bytes", "20.1 kB", "1.65 MB" (powers of 1000).
std::string bytes(std::uint64_t value);

/// "1 request", "3 requests": noun with a plain plural s.
std::string count(std::uint64_t value, std::string_view noun);

/// One more item of an enumeration: `separator` in front of all but the first.
void append_item(std::string& list, std::string_view item, std::string_view separator = ", ");

/// RFC 3339, UTC, nanoseconds: "2024-03-01T12:00:00.123456789Z". Any 64-bit value prints.
std::string rfc3339(std::chrono::sys_time<std::chrono::nanoseconds> time);

/// Lower-cased ASCII copy; other bytes unchanged.
std::string lower(std::string_view text);
/// As find(), and faster where the first character of `word` is frequent.
bool contains(std::string_view text, std::string_view word);

/// Without what leads and trails it of `around`: ASCII white space.
std::string_view trim(std::string_view text, std::string_view around = " \t\r\n\v\f");

/// What is behind the last slash of a path; the path, if that is nothing.
std::string base_name(const std::string& path);

/// Where the authority of a request target begins (RFC 9112 §3.2): behind "//" in absolute and
/// network-path form, else at 0 where the target is no path (authority form, or something
/// malformed); npos: it has none.
std::size_t authority_begin(std::string_view target);
/// Such a target without user information (RFC 3986 §3.2.1), which may be a password.
std::string without_user(std::string_view target);

/// Edit distance (Levenshtein), for "did you mean"; O(a*b).
std::size_t distance(std::string_view a, std::string_view b);

}  // namespace httpdiag::base
