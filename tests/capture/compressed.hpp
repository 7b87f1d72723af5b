// SPDX-License-Identifier: Apache-2.0
// One member of each compression, made in memory.
#pragma once

#include <zlib.h>

#include <stdexcept>
#include <string>
#ifdef HTTPDIAG_LZ4
#include <lz4frame.h>
#endif
#ifdef HTTPDIAG_XZ
#include <lzma.h>
#endif
#ifdef HTTPDIAG_ZSTD
#include <zstd.h>
#endif

namespace httpdiag::testing_capture {

inline std::string gzip(const std::string& bytes, int level = 6) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error{"deflate"};
  }
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error{"deflate"};
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

#ifdef HTTPDIAG_ZSTD
inline std::string zstd(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}
#endif

#ifdef HTTPDIAG_LZ4
inline std::string lz4(const std::string& bytes) {
  std::string out(LZ4F_compressFrameBound(bytes.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), nullptr));
  return out;
}
#endif

#ifdef HTTPDIAG_XZ
inline std::string xz(const std::string& bytes) {
  std::string out(lzma_stream_buffer_bound(bytes.size()), '\0');
  std::size_t size = 0;
  if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr,
                              reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                              reinterpret_cast<std::uint8_t*>(out.data()), &size,
                              out.size()) != LZMA_OK) {
    throw std::runtime_error{"xz"};
  }
  out.resize(size);
  return out;
}
#endif

}  // namespace httpdiag::testing_capture
