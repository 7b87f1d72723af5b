// SPDX-License-Identifier: Apache-2.0
// Undoes the Content-Encoding of a short body. Bounded in time and memory.
#pragma once

#include <string>
#include <string_view>

namespace httpdiag::http {

/// A body that says whether a message was accepted is a word or a small document.
inline constexpr std::size_t kMaxDecodedBytes = 4096;

/// Replaces `body` by its text if `coding` is gzip or deflate (RFC 9110 §8.4.1),
/// the body is whole and sound, and the text fits kMaxDecodedBytes.
bool decode_body(std::string_view coding, std::string& body);

}  // namespace httpdiag::http
