// SPDX-License-Identifier: Apache-2.0
// The LZ4 frame format, by liblz4.
#include "capture/decompress.hpp"

#ifdef HTTPDIAG_LZ4

#include <lz4frame.h>

#include <new>

namespace httpdiag::capture {
namespace {

class Lz4Codec final : public Codec {
 public:
  Lz4Codec() {
    LZ4F_dctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) {
      throw std::bad_alloc{};
    }
    context_.reset(context);
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    std::size_t taken = in.size();
    std::size_t made = out.size();
    const std::size_t result =
        LZ4F_decompress(context_.get(), out.data(), &made, in.data(), &taken, nullptr);
    if (LZ4F_isError(result) != 0) {
      fault_ = LZ4F_getErrorName(result);
      return {.state = State::damaged};
    }
    const bool over = result == 0 && taken > 0;
    return {.taken = taken, .made = made, .state = over ? State::member_over : State::more};
  }
  void restart() override {}  // a frame's end is the beginning of the next
  std::string_view fault() const override { return fault_; }

 private:
  struct Free {
    void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
  };
  std::unique_ptr<LZ4F_dctx, Free> context_;
  std::string_view fault_;
};

}  // namespace

std::unique_ptr<Codec> make_lz4_codec() { return std::make_unique<Lz4Codec>(); }

}  // namespace httpdiag::capture

#else

namespace httpdiag::capture {
std::unique_ptr<Codec> make_lz4_codec() { return nullptr; }
}  // namespace httpdiag::capture

#endif
