// SPDX-License-Identifier: Apache-2.0
// Bytes in order, from a file or from what a file was compressed from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/sha256.hpp"

namespace httpdiag::capture {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Some of the next bytes into `out`, which is not empty. 0: there are no more.
  virtual std::size_t read(std::span<std::byte> out) = 0;
  /// After the last byte: why there are no more, in words for a report; empty if that was the end.
  virtual std::string trouble() const = 0;
};

/// A file, a pipe or standard input as it is; counted and digested.
class FileSource final : public ByteSource {
 public:
  /// "-" is standard input. Throws Error if `path` cannot be opened or is a directory.
  FileSource(const std::string& path, bool digest);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::size_t read(std::span<std::byte> out) override;
  std::string trouble() const override;

  std::uint64_t bytes() const { return total_; }
  std::string sha256() const { return digest_ ? digest_->hex() : std::string{}; }

 private:
  int fd_ = -1;
  std::uint64_t total_ = 0;
  bool at_end_ = false;
  int error_ = 0;
  std::optional<base::Sha256> digest_;
};

}  // namespace httpdiag::capture
