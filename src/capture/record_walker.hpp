// SPDX-License-Identifier: Apache-2.0
// Follows the records of a pcap or the blocks of a pcapng as their bytes pass
// on the way to libpcap, for two things that libpcap does not do: it knows the
// byte offset of each record, and it takes snapshot lengths out of the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace httpdiag::capture {

enum class Format : std::uint8_t { unknown, pcap, pcapng };

/// By the first four bytes (fewer: unknown).
Format format_of(std::span<const std::byte> head);

/// Of a pcap, by its magic: the unit of its fractions of a second.
bool counts_nanoseconds(std::span<const std::byte> head);

class RecordWalker {
 public:
  /// Bytes it looks at, at the beginning of a record.
  static constexpr std::size_t kLookAhead = 24;
  static constexpr std::size_t kFileHeader = 24;   // of a pcap
  static constexpr std::size_t kPlainHeader = 16;  // of its records, but for old patched ones
  /// libpcap's own limit for the link types we read.
  static constexpr std::uint32_t kLargestSnaplen = 262144;

  /// Looks at `chunk`, which lies at `offset` of the input, directly behind the
  /// chunk before. A result above 0 says that a header is cut by the chunk's
  /// end: call again with the same offset and that many bytes more. Otherwise
  /// the bytes may be passed on.
  ///
  /// Rewrites the snapshot length of a pcap's header and of a pcapng's
  /// interfaces to the largest possible. libpcap cuts or refuses packets beyond
  /// it and refuses a file whose interfaces differ in it, which is what merging
  /// two captures produces; how much of a packet was captured is in its record.
  std::size_t walk(std::uint64_t offset, std::span<std::byte> chunk);

  struct Record {
    std::uint64_t begin = 0;
    std::optional<std::uint64_t> end;  // none: its header makes no sense, or
    bool header_cut = false;           // the latest chunk ended inside its header
  };
  /// The record that holds the byte before `position`, if that byte is in the
  /// latest chunk. The file header counts as a record. None: records could not be followed.
  std::optional<Record> record_before(std::uint64_t position) const;

  Format format() const { return format_; }

  /// A pcap as nearly all are: version 2.4, ordinary record headers, this machine's
  /// byte order. True as soon as its file header has been walked over.
  bool plain_pcap() const;
  /// In a plain pcap: length of the record at the beginning of `bytes`, or more than
  /// there are if its header is not all there; 0 if libpcap would refuse it.
  static std::size_t plain_length(std::span<const std::byte> bytes) {
    if (bytes.size() < kPlainHeader) return kPlainHeader;
    std::uint32_t captured = 0;
    std::memcpy(&captured, bytes.data() + 8, sizeof captured);
    return captured <= kLargestSnaplen ? kPlainHeader + captured : 0;
  }
  /// In a plain pcap: someone else has followed the records up to the one at `offset`.
  void resume(std::uint64_t offset);

 private:
  struct Header {
    std::size_t needed = 0;    // bytes to see before `length` is known
    std::uint64_t length = 0;  // of the record; 0: makes no sense
  };
  Header look(std::span<std::byte> bytes);
  Header look_pcap(std::span<std::byte> bytes);
  Header look_pcapng(std::span<std::byte> bytes);
  std::uint32_t u32(std::span<const std::byte> bytes, std::size_t at) const;
  void set_u32(std::span<std::byte> bytes, std::size_t at, std::uint32_t value) const;

  Format format_ = Format::unknown;
  bool lost_ = false;  // no way to find the next record
  bool little_endian_ = true;
  std::size_t record_header_ = 16;
  std::uint32_t first_snaplen_ = 0;    // of a pcapng section's first interface, as recorded
  bool interface_seen_ = false;        // in this section
  std::uint64_t next_ = 0;             // where the next record begins
  bool complete_ = true;               // next_ is the end of the last of starts_
  std::vector<std::uint64_t> starts_;  // of the records of the latest chunk and the one it began in
};

}  // namespace httpdiag::capture
