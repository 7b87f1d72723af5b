// SPDX-License-Identifier: Apache-2.0
// HTTP/2 is not read; but a server that speaks nothing else says so with its first bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace httpdiag {

/// Message::error of a response that is a SETTINGS frame.
inline constexpr std::string_view kHttp2Settings = "HTTP2_SETTINGS";

inline constexpr std::size_t kHttp2FrameHeader = 9;

/// A server's connection preface (RFC 9113 §3.4): a frame header of 9 bytes, with the length, of
/// which each setting takes 6 (§6.5), type 4, no flags, stream 0.
constexpr bool begins_with_http2_settings(std::string_view bytes) {
  constexpr std::size_t kSetting = 6, kLongest = 16384;
  constexpr char kSettings = 4;
  if (bytes.size() < kHttp2FrameHeader || bytes[3] != kSettings) return false;
  std::size_t length = 0;
  for (const char byte : bytes.substr(0, 3))
    length = length * 256 + static_cast<unsigned char>(byte);
  for (const char byte : bytes.substr(4, kHttp2FrameHeader - 4)) {
    if (byte != 0) return false;
  }
  return length % kSetting == 0 && length <= kLongest;
}

}  // namespace httpdiag
