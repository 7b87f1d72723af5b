// SPDX-License-Identifier: Apache-2.0
// RFC 1952, by zlib.
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "capture/decompress.hpp"

namespace httpdiag::capture {
namespace {

class GzipCodec final : public Codec {
 public:
  GzipCodec() {
    constexpr int kGzipOnly = 16 + 15;  // zlib's way of naming a format, and its largest window
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc{};
  }
  ~GzipCodec() override { inflateEnd(&stream_); }
  GzipCodec(const GzipCodec&) = delete;
  GzipCodec& operator=(const GzipCodec&) = delete;

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(std::min(in.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min(out.size(), kMost));
    const uInt given = stream_.avail_in;
    const uInt room = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    Step step{.taken = given - stream_.avail_in, .made = room - stream_.avail_out};
    if (result == Z_STREAM_END) step.state = State::member_over;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      step.state = State::damaged;
    }
    return step;
  }
  void restart() override { inflateReset(&stream_); }
  std::string_view fault() const override {
    return stream_.msg != nullptr ? stream_.msg : "it needs a preset dictionary";
  }

 private:
  z_stream stream_{};
};

}  // namespace

std::unique_ptr<Codec> make_gzip_codec() { return std::make_unique<GzipCodec>(); }

}  // namespace httpdiag::capture
