// SPDX-License-Identifier: Apache-2.0
// Compressed captures, told by their magic and decompressed on the way in: never
// more than a window of the format's own size is held, whatever comes out of it.
#pragma once

#include <memory>
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

struct Compression {
  std::string_view name;
  bool (*begins)(std::span<const std::byte> bytes);  // one of its members; enough bytes are there
  std::unique_ptr<Codec> (*make)();

  bool built_in() const { return make() != nullptr; }
  /// `file`, of which `first` was read already.
  std::unique_ptr<ByteSource> open(ByteSource& file, std::span<const std::byte> first) const;
};
std::span<const Compression> compressions();
/// Null: it is not compressed, or by something we do not know.
const Compression* compression_of(std::span<const std::byte> head);

}  // namespace httpdiag::capture
