// SPDX-License-Identifier: Apache-2.0
#include "capture/decompress.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "capture/formats.hpp"
#include "capture/text_mode.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag::capture {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const std::byte>;

constexpr std::size_t kMagic = 6;  // the longest one
constexpr std::size_t kPiece = 1 << 16;

bool begins_with(Bytes bytes, std::string_view magic) {
  const Bytes wanted = std::as_bytes(std::span{magic});
  return bytes.size() >= wanted.size() && std::equal(wanted.begin(), wanted.end(), bytes.begin());
}

/// zstd and lz4 share the frames that a decoder passes over: 0x184d2a50 to 0x184d2a5f (RFC 8878
/// section 3.1.2).
bool skippable(Bytes bytes) {
  constexpr std::uint32_t kSkippable = 0x184d2a50;
  return bytes.size() >= 4 && (Order{true}.u32(bytes.data()) & ~0xfu) == kSkippable;
}

constexpr std::array kCompressions{
    Compression{"gzip", [](Bytes b) { return begins_with(b, "\x1f\x8b"sv); }, make_gzip_codec},
    Compression{"zstd",
                [](Bytes b) { return begins_with(b, "\x28\xb5\x2f\xfd"sv) || skippable(b); },
                make_zstd_codec},
    Compression{"lz4", [](Bytes b) { return begins_with(b, "\x04\x22\x4d\x18"sv) || skippable(b); },
                make_lz4_codec},
    Compression{"xz", [](Bytes b) { return begins_with(b, "\xfd\x37zXZ\0"sv); }, make_xz_codec}};

/// What a file was compressed from, member after member.
class Decompressed final : public ByteSource {
 public:
  Decompressed(const Compression& format, ByteSource& file, Bytes first)
      : format_{format}, codec_{format.make()}, file_{file}, in_{first.begin(), first.end()} {
    taken_ = end_ = in_.size();
    line_ends_.count(in_);
    recoding_.count(in_);
    in_.resize(std::max(end_, kPiece));
  }

  std::size_t read(std::span<std::byte> out) override {
    while (!done_) {
      if (between_members_ && !next_member()) break;
      const Codec::Step step = codec_->step(Bytes{in_}.subspan(begin_, end_ - begin_), out);
      begin_ += step.taken;
      if (step.state == Codec::State::damaged) {
        fail("cannot be decompressed at byte " + std::to_string(position()) + " (" +
             std::string{codec_->fault()} + ")");
      }
      if (step.state == Codec::State::member_over) between_members_ = true;
      if (step.made > 0) return step.made;
      // The decoder has given all that can be made of what it got.
      if (step.taken == 0 && step.state == Codec::State::more && !refill()) {
        fail("are cut off after " + std::to_string(taken_) + " bytes");
      }
    }
    return 0;
  }
  std::string trouble() const override {
    return file_.trouble().empty() ? trouble_ : file_.trouble();
  }

 private:
  std::uint64_t position() const { return taken_ - (end_ - begin_); }

  void fail(const std::string& how) {
    trouble_ = "its " + std::string{format_.name} + " data " + how;
    // What it takes to tell at most; nothing of it is wanted any more.
    constexpr std::uint64_t kMost = 2 << 20;
    begin_ = end_;
    while (taken_ < kMost && refill()) begin_ = end_;
    for (const std::string_view what : {recoding_.conversion(), line_ends_.conversion()}) {
      if (!what.empty()) trouble_ += "; " + std::string{what};
    }
    done_ = true;
  }

  bool refill() {
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
              in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
    end_ -= begin_;
    begin_ = 0;
    if (end_ == in_.size()) return false;  // a decoder that takes nothing of a full buffer
    const std::size_t size = file_.read(std::span{in_}.subspan(end_));
    line_ends_.count(Bytes{in_}.subspan(end_, size));
    recoding_.count(Bytes{in_}.subspan(end_, size));
    end_ += size;
    taken_ += size;
    return size > 0;
  }

  /// False: that was the last one. Zeros behind it are padding: of tapes, and of xz by design.
  bool next_member() {
    for (;;) {
      while (begin_ < end_ && in_[begin_] == std::byte{0}) ++begin_;
      if (end_ - begin_ < kMagic && refill()) continue;
      if (begin_ < end_ && in_[begin_] == std::byte{0}) continue;
      break;
    }
    if (begin_ == end_) {
      done_ = true;
      return false;
    }
    if (!format_.begins(Bytes{in_}.subspan(begin_, end_ - begin_))) {
      fail("end at byte " + std::to_string(position()) + ", and something else follows them");
      return false;
    }
    codec_->restart();
    between_members_ = false;
    return true;
  }

  const Compression& format_;
  std::unique_ptr<Codec> codec_;
  ByteSource& file_;
  std::vector<std::byte> in_;
  std::size_t begin_ = 0, end_ = 0;  // of in_
  std::uint64_t taken_ = 0;          // from the file
  LineEnds line_ends_;
  Recoding recoding_;
  bool between_members_ = false;
  bool done_ = false;
  std::string trouble_;
};

}  // namespace

std::unique_ptr<ByteSource> Compression::open(ByteSource& file, Bytes first) const {
  return std::make_unique<Decompressed>(*this, file, first);
}

std::span<const Compression> compressions() { return kCompressions; }

const Compression* compression_of(Bytes head) {
  for (const Compression& each : kCompressions) {
    if (each.begins(head)) return &each;
  }
  return nullptr;
}

}  // namespace httpdiag::capture

namespace httpdiag {

std::vector<std::string_view> built_in_compressions() {
  std::vector<std::string_view> names;
  for (const capture::Compression& each : capture::compressions()) {
    if (each.built_in()) names.push_back(each.name);
  }
  return names;
}

}  // namespace httpdiag
