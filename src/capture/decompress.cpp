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
constexpr std::size_t kKept = 1 << 16;

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
                make_zstd_codec, true},
    Compression{"lz4", [](Bytes b) { return begins_with(b, "\x04\x22\x4d\x18"sv) || skippable(b); },
                make_lz4_codec, true},
    Compression{"xz", [](Bytes b) { return begins_with(b, "\xfd\x37zXZ\0"sv); }, make_xz_codec}};

/// What a file was compressed from, member after member.
class Decompressed final : public ByteSource {
 public:
  Decompressed(const Compression& format, ByteSource& file, Bytes first, const Passed& passed)
      : format_{format},
        codec_{format.make()},
        file_{file},
        in_{first.begin(), first.end()},
        end_{in_.size()},
        taken_{passed.bytes + in_.size()},
        between_members_{passed.bytes > 0 && passed.whole} {
    look_at(in_);
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
    std::string_view line_ends = line_ends_.conversion();
    if (line_ends.empty() && is_right_without_cr()) line_ends = kCrInserted;
    for (const std::string_view what : {recoding_.conversion(), line_ends}) {
      if (!what.empty()) trouble_ += "; " + std::string{what};
    }
    done_ = true;
  }

  /// For what tells at the end how it came to be damaged.
  void look_at(Bytes bytes) {
    line_ends_.count(bytes);
    recoding_.count(bytes);
    if (bytes.size() > kKept - kept_.size()) kept_whole_ = false;
    if (kept_whole_) kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  }

  /// A short file has but a few line ends. Where it can be decompressed without the CRs in front of
  /// them, as far as behind one, they are what is wrong with it.
  bool is_right_without_cr() const {
    constexpr std::uint64_t kMost = 64 << 20;  // that is made of it
    if (!kept_whole_ || !line_ends_.all_with_cr()) return false;
    const WithoutCr before = without_cr(kept_);
    const std::unique_ptr<Codec> codec = format_.make();
    std::vector<std::byte> out(kPiece);
    std::uint64_t made = 0;
    for (std::size_t at = 0; made < kMost;) {
      const Codec::Step step = codec->step(Bytes{before.bytes}.subspan(at), out);
      at += step.taken;
      made += step.made;
      if (step.state == Codec::State::damaged || step.taken + step.made == 0) return false;
      if (step.state != Codec::State::member_over) continue;
      if (at > before.first) return true;
      codec->restart();
    }
    return false;
  }

  bool refill() {
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
              in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
    end_ -= begin_;
    begin_ = 0;
    if (end_ == in_.size()) return false;  // a decoder that takes nothing of a full buffer
    const std::size_t size = file_.read(std::span{in_}.subspan(end_));
    look_at(Bytes{in_}.subspan(end_, size));
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
  std::vector<std::byte> kept_;  // all that was taken, if that is not too much
  bool kept_whole_ = true;
  bool between_members_ = false;
  bool done_ = false;
  std::string trouble_;
};

}  // namespace

std::unique_ptr<ByteSource> Compression::open(ByteSource& file, Bytes first,
                                              const Passed& passed) const {
  return std::make_unique<Decompressed>(*this, file, first, passed);
}

std::span<const Compression> compressions() { return kCompressions; }

const Compression* compression_of(Bytes head) {
  for (const Compression& each : kCompressions) {
    if (each.begins(head)) return &each;
  }
  return nullptr;
}

std::optional<std::uint64_t> skippable_frame(Bytes bytes) {
  if (bytes.size() < kSkippableHeader || !skippable(bytes)) return std::nullopt;
  return kSkippableHeader + std::uint64_t{Order{true}.u32(bytes.data() + 4)};
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
