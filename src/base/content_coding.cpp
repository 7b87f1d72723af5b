// SPDX-License-Identifier: Apache-2.0
#include "base/content_coding.hpp"

#ifdef HTTPDIAG_BROTLI
#include <brotli/decode.h>
#endif
#include <zlib.h>

#include "base/text.hpp"

namespace httpdiag::base {

namespace {

enum WindowBits : int { kGzip = 16 + 15, kZlib = 15, kRaw = -15 };  // zlib's way of naming a format

bool inflate_whole(int window_bits, std::string& body, std::size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return false;
  std::string text(limit, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(body.data());
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int result = inflate(&stream, Z_FINISH);
  text.resize(text.size() - stream.avail_out);
  const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (whole) body = std::move(text);
  return whole;
}

#ifdef HTTPDIAG_BROTLI
bool decode_brotli(std::string& body, std::size_t limit) {
  std::string text(limit, '\0');
  std::size_t length = text.size();
  const auto result =
      BrotliDecoderDecompress(body.size(), reinterpret_cast<const std::uint8_t*>(body.data()),
                              &length, reinterpret_cast<std::uint8_t*>(text.data()));
  if (result != BROTLI_DECODER_RESULT_SUCCESS) return false;
  text.resize(length);
  body = std::move(text);
  return true;
}
#else
bool decode_brotli(std::string&, std::size_t) { return false; }
#endif

enum class Coding : std::uint8_t { other, gzip, deflate, brotli };

Coding coding_of(std::string_view name) {
  const std::string lower_name = lower(trim(name));
  if (lower_name == "gzip" || lower_name == "x-gzip") return Coding::gzip;
  if (lower_name == "deflate") return Coding::deflate;
  return lower_name == "br" ? Coding::brotli : Coding::other;
}

}  // namespace

bool decode_body(std::string_view coding, std::string& body, std::size_t limit) {
  switch (coding_of(coding)) {
    case Coding::gzip:
      return inflate_whole(kGzip, body, limit);
    case Coding::deflate:
      // This is zlib's format; that some send it bare is noted in RFC 9110 §8.4.1.2.
      return inflate_whole(kZlib, body, limit) || inflate_whole(kRaw, body, limit);
    case Coding::brotli:
      return decode_brotli(body, limit);
    case Coding::other:
      break;
  }
  return false;
}

bool can_decode(std::string_view coding) {
  switch (coding_of(coding)) {
    case Coding::gzip:
    case Coding::deflate:
      return true;
    case Coding::brotli:
#ifdef HTTPDIAG_BROTLI
      return true;
#else
      return false;
#endif
    case Coding::other:
      break;
  }
  return false;
}

}  // namespace httpdiag::base
