// SPDX-License-Identifier: Apache-2.0
// The bytes of one capture: opened by name, read in large pieces, counted,
// digested, followed record by record, and offered as a FILE* for libpcap or, of
// a plain pcap, as records where they lie. Works for pipes as for files: it never
// seeks.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.hpp"
#include "capture/record_walker.hpp"

namespace httpdiag::capture {

class Input {
 public:
  /// "-" is standard input. Throws Error if `path` cannot be opened or read.
  Input(const std::string& path, bool digest);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The first bytes, at most some thousand; fewer only if the input has no more.
  std::span<const std::byte> head() const { return head_; }

  /// The whole input from its first byte. To be closed by the caller, before
  /// the Input goes. To be called once.
  std::FILE* stream();

  /// The next record of a pcap, from its header on, where it lies: libpcap would
  /// copy every packet twice. Valid until the next call. Empty if it is not there
  /// as a whole or is not plain; from then on all of it comes through the stream,
  /// beginning with that same record, so that libpcap has the say about it.
  std::span<const std::byte> next_record();
  /// What lies behind it and can be had without moving it: records, the last of which may be cut.
  /// Empty if they are not taken in place.
  std::span<const std::byte> ready() const {
    if (!in_place_) return {};
    return std::span{pending_}.subspan(given_, pending_end_ - given_);
  }
  /// The first `count` bytes of ready() are dealt with.
  void pass(std::size_t count) { given_ += count; }

  /// Ends the stream and tells how many bytes its user has taken from it.
  std::uint64_t stop(std::FILE* stream);

  /// Reads what is left, so that bytes() and sha256() are about the whole input.
  void drain();

  std::uint64_t bytes() const { return total_; }
  std::string sha256() const { return digest_ ? digest_->hex() : std::string{}; }
  bool at_end() const { return at_end_; }
  int error() const { return error_; }  // errno of the read that failed, or 0
  const RecordWalker& walker() const { return walker_; }

 private:
  static ssize_t read_cookie(void* self, char* out, std::size_t size);
  std::size_t give(std::span<std::byte> out);
  void leave_to_stream();
  bool refill();
  std::size_t fill(std::span<std::byte> out);
  std::size_t walk(std::uint64_t offset, std::span<std::byte> out, std::size_t size);
  std::size_t read_some(std::span<std::byte> out);

  int fd_ = -1;
  std::uint64_t total_ = 0;
  bool at_end_ = false;
  bool stopped_ = false;
  bool in_place_ = false;  // records are taken from pending_, not from the stream
  int error_ = 0;
  std::optional<base::Sha256> digest_;
  RecordWalker walker_;
  std::vector<std::byte> head_;     // as recorded
  std::vector<std::byte> pending_;  // walked, not yet given, and room behind it
  std::size_t pending_end_ = 0;     // of pending_: end of what was read
  std::size_t given_ = 0;           // of pending_
  std::unique_ptr<char[]> stream_buffer_;
};

}  // namespace httpdiag::capture
