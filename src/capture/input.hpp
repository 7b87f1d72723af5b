// SPDX-License-Identifier: Apache-2.0
// The bytes of one capture: decompressed if need be, and offered where they lie.
// Works for pipes as for files: it never seeks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/byte_source.hpp"
#include "capture/decompress.hpp"

namespace httpdiag::capture {

class Input {
 public:
  /// "-" is standard input. Throws Error if `path` cannot be opened or read.
  Input(const std::string& path, bool digest);

  /// The first bytes, at most some thousand; fewer only if the input has no more.
  std::span<const std::byte> head() const { return head_; }
  /// "gzip", ...; empty: not compressed.
  std::string_view compression() const { return compression_; }

  /// What can be had without moving it, beginning at offset(). Any call but pass() may move it.
  std::span<const std::byte> ready() const { return {buffer_.data() + begin_, end_ - begin_}; }
  /// Where ready() begins, counted in the decompressed capture.
  std::uint64_t offset() const { return read_ - (end_ - begin_); }
  /// The first `count` bytes of ready() are dealt with.
  void pass(std::size_t count) { begin_ += count; }

  /// Puts more behind ready(). False: there is none.
  bool more();
  /// Has `count` bytes ready. False: there are fewer. The caller bounds `count`.
  bool want(std::size_t count);
  /// Passes over that many bytes, ready or not. Returns how many there were.
  std::uint64_t skip(std::uint64_t count);
  /// Reads the rest of the file, so that bytes() and sha256() are about all of it.
  void drain();

  /// Why there is no more; empty if the capture simply ended.
  std::string trouble() const { return source_->trouble(); }
  /// The same of compressed data behind what was read, which may tell that this was damaged, too:
  /// decompresses the rest, or `most` of it, and forgets it. Reading is over then.
  std::string trouble_behind(std::uint64_t most = 1 << 28);
  std::uint64_t bytes() const { return file_.bytes(); }  // of the file, as it lies on the disk
  std::string sha256() const { return file_.sha256(); }

 private:
  Passed pass_frames();

  FileSource file_;
  std::unique_ptr<ByteSource> decompressed_;
  ByteSource* source_ = &file_;
  std::string_view compression_;
  std::vector<std::byte> head_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of buffer_: what is ready
  std::uint64_t read_ = 0;           // from source_
};

}  // namespace httpdiag::capture
