// SPDX-License-Identifier: Apache-2.0
// The .xz file format, by liblzma.
#include "capture/decompress.hpp"

#ifdef HTTPDIAG_XZ

#include <lzma.h>

#include <new>

namespace httpdiag::capture {
namespace {

constexpr std::uint64_t kMemory = 128u << 20;  // xz -9 needs 65 MiB

class XzCodec final : public Codec {
 public:
  XzCodec() { restart(); }
  ~XzCodec() override { lzma_end(&stream_); }
  XzCodec(const XzCodec&) = delete;
  XzCodec& operator=(const XzCodec&) = delete;

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    result_ = lzma_code(&stream_, LZMA_RUN);
    Step step{.taken = in.size() - stream_.avail_in, .made = out.size() - stream_.avail_out};
    if (result_ == LZMA_STREAM_END) {
      step.state = State::member_over;
    } else if (result_ != LZMA_OK && result_ != LZMA_BUF_ERROR) {
      step.state = State::damaged;
    }
    return step;
  }
  void restart() override {
    if (lzma_stream_decoder(&stream_, kMemory, 0) != LZMA_OK) throw std::bad_alloc{};
  }
  std::string_view fault() const override {
    switch (result_) {
      case LZMA_MEMLIMIT_ERROR:
        return "it needs more than 128 MiB to be decompressed";
      case LZMA_OPTIONS_ERROR:
        return "options that this liblzma does not know";
      case LZMA_FORMAT_ERROR:
        return "no xz header";
      default:
        return "corrupt";
    }
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  lzma_ret result_ = LZMA_OK;
};

}  // namespace

std::unique_ptr<Codec> make_xz_codec() { return std::make_unique<XzCodec>(); }

}  // namespace httpdiag::capture

#else

namespace httpdiag::capture {
std::unique_ptr<Codec> make_xz_codec() { return nullptr; }
}  // namespace httpdiag::capture

#endif
