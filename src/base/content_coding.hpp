// SPDX-License-Identifier: Apache-2.0
// Undoes the Content-Encoding of a short body. Bounded in time and memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace httpdiag::base {

/// A body that says whether a message was accepted is a word or a small document.
inline constexpr std::size_t kMaxDecodedBytes = 4096;
inline constexpr std::size_t kMaxDecodedRequest = 65536;

/// Replaces `body` by its text if `coding` is gzip or deflate (RFC 9110 §8.4.1), or br (RFC 7932)
/// where the library was there when this was built, the body is whole and sound, and the text fits
/// `limit`.
bool decode_body(std::string_view coding, std::string& body, std::size_t limit = kMaxDecodedBytes);

/// This build knows the coding.
bool can_decode(std::string_view coding);

}  // namespace httpdiag::base
