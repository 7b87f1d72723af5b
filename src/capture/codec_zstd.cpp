// SPDX-License-Identifier: Apache-2.0
// RFC 8878, by libzstd.
#include "capture/decompress.hpp"

#ifdef HTTPDIAG_ZSTD

#include <zstd.h>
#include <zstd_errors.h>

#include <new>

namespace httpdiag::capture {
namespace {

// 128 MiB: what zstd itself reads without being asked to, and all that its levels up to 22 make.
constexpr int kWindowLog = 27;

class ZstdCodec final : public Codec {
 public:
  ZstdCodec() : stream_{ZSTD_createDStream()} {
    if (!stream_) throw std::bad_alloc{};
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kWindowLog);
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(stream_.get(), &to, &from);
    Step step{.taken = from.pos, .made = to.pos};
    if (ZSTD_isError(result) != 0) {
      step.state = State::damaged;
      const bool too_far = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge;
      fault_ = too_far ? "written with a window of more than 128 MiB: decompress it first, zstd -d "
                         "--long=31"
                       : ZSTD_getErrorName(result);
    } else if (result == 0 && from.pos > 0) {
      step.state = State::member_over;
    }
    return step;
  }
  void restart() override {}  // a frame's end is the beginning of the next
  std::string_view fault() const override { return fault_; }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  std::string_view fault_;
};

}  // namespace

std::unique_ptr<Codec> make_zstd_codec() { return std::make_unique<ZstdCodec>(); }

}  // namespace httpdiag::capture

#else

namespace httpdiag::capture {
std::unique_ptr<Codec> make_zstd_codec() { return nullptr; }
}  // namespace httpdiag::capture

#endif
