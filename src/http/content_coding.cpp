// SPDX-License-Identifier: Apache-2.0
#include "http/content_coding.hpp"

#include <zlib.h>

#include <array>

#include "base/text.hpp"

namespace httpdiag::http {

namespace {

enum WindowBits : int { kGzip = 16 + 15, kZlib = 15, kRaw = -15 };  // zlib's way of naming a format

bool inflate_whole(int window_bits, std::string& body) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return false;
  std::array<char, kMaxDecodedBytes> text;
  stream.next_in = reinterpret_cast<Bytef*>(body.data());
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int result = inflate(&stream, Z_FINISH);
  const std::size_t length = text.size() - stream.avail_out;
  const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (whole) body.assign(text.data(), length);
  return whole;
}

}  // namespace

bool decode_body(std::string_view coding, std::string& body) {
  const std::string name = base::lower(base::trim(coding));
  if (name == "gzip" || name == "x-gzip") return inflate_whole(kGzip, body);
  // "deflate" is zlib's format; that some send it bare is noted in RFC 9110 §8.4.1.2.
  if (name == "deflate") return inflate_whole(kZlib, body) || inflate_whole(kRaw, body);
  return false;
}

}  // namespace httpdiag::http
