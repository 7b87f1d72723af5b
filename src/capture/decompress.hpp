// SPDX-License-Identifier: Apache-2.0
// Compressed captures, told by their magic and decompressed on the way in: never
// more than a window of the format's own size is held, whatever comes out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "capture/byte_source.hpp"

namespace httpdiag::capture {

/// One library's decoder. A member is what a compressor wrote at one go: gzip's member, zstd's and
/// lz4's frame, xz's stream.
class Codec {
 public:
  enum class State : std::uint8_t { more, member_over, damaged };
  struct Step {
    std::size_t taken = 0, made = 0;
    State state = State::more;
  };
  virtual ~Codec() = default;
  /// Decodes some of `in`, which may be empty, into `out`. Nothing taken and nothing made: it
  /// needs more of either.
  virtual Step step(std::span<const std::byte> in, std::span<std::byte> out) = 0;
  /// After member_over: another member follows.
  virtual void restart() = 0;
  /// After damaged: the library's word for it.
  virtual std::string_view fault() const = 0;
};

// Null where the library was not there when we were built.
std::unique_ptr<Codec> make_gzip_codec();
std::unique_ptr<Codec> make_zstd_codec();
std::unique_ptr<Codec> make_lz4_codec();
std::unique_ptr<Codec> make_xz_codec();

/// Skippable frames at the beginning of a file.
struct Passed {
  std::uint64_t bytes = 0;
  bool whole = true;  // the file does not end inside of the last one
};

struct Compression {
  std::string_view name;
  bool (*begins)(std::span<const std::byte> bytes);  // one of its members; enough bytes are there
  std::unique_ptr<Codec> (*make)();
  bool skips = false;  // frames that begin as skippable_frame() tells are part of it

  bool built_in() const { return make() != nullptr; }
  /// `file`, of which `first` was read already, and what was passed over in front of that.
  std::unique_ptr<ByteSource> open(ByteSource& file, std::span<const std::byte> first,
                                   const Passed& passed) const;
};
std::span<const Compression> compressions();
/// Null: it is not compressed, or by something we do not know.
const Compression* compression_of(std::span<const std::byte> head);

/// How long the frame is that begins like this and holds nothing that was compressed: zstd and lz4
/// have it in common, so only what is behind tells which of them it is. None: it is no such frame.
constexpr std::size_t kSkippableHeader = 8;
std::optional<std::uint64_t> skippable_frame(std::span<const std::byte> bytes);

}  // namespace httpdiag::capture
