// SPDX-License-Identifier: Apache-2.0
// Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
#include "capture/record_walker.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace httpdiag::capture {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kKuznetzov =
    0xa1b2cd34;  // patched libpcap of the 1990s, longer record headers

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;  // a palindrome: the same in both byte orders
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kLeastBlock = 12;

std::uint32_t load(std::span<const std::byte> bytes, std::size_t at, bool little_endian) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = std::to_integer<std::uint32_t>(bytes[at + i]);
    value |= byte << (8 * (little_endian ? i : 3 - i));
  }
  return value;
}

bool is_pcap_magic(std::uint32_t value) {
  return value == kMicroseconds || value == kNanoseconds || value == kKuznetzov;
}

}  // namespace

Format format_of(std::span<const std::byte> head) {
  if (head.size() < 4) return Format::unknown;
  if (load(head, 0, true) == kSectionHeader) return Format::pcapng;
  if (is_pcap_magic(load(head, 0, true)) || is_pcap_magic(load(head, 0, false)))
    return Format::pcap;
  return Format::unknown;
}

bool counts_nanoseconds(std::span<const std::byte> head) {
  return head.size() >= 4 &&
         (load(head, 0, true) == kNanoseconds || load(head, 0, false) == kNanoseconds);
}

std::uint32_t RecordWalker::u32(std::span<const std::byte> bytes, std::size_t at) const {
  return load(bytes, at, little_endian_);
}

void RecordWalker::set_u32(std::span<std::byte> bytes, std::size_t at, std::uint32_t value) const {
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<std::byte>(value >> (8 * (little_endian_ ? i : 3 - i)));
  }
}

std::size_t RecordWalker::walk(std::uint64_t offset, std::span<std::byte> chunk) {
  // Everything but the record that reaches into this chunk is behind libpcap now.
  if (!starts_.empty() && starts_.front() < offset) {
    const auto last = std::upper_bound(starts_.begin(), starts_.end(), offset - 1) - 1;
    starts_.erase(starts_.begin(), last);
  }
  const std::uint64_t end = offset + chunk.size();
  while (!lost_ && next_ < end) {
    const auto bytes = chunk.subspan(static_cast<std::size_t>(next_ - offset));
    if (complete_) starts_.push_back(next_);
    complete_ = false;
    const Header header = look(bytes);
    if (bytes.size() < header.needed) return header.needed - bytes.size();
    if (header.length == 0) {
      lost_ = true;
      break;
    }
    next_ += header.length;
    complete_ = true;
  }
  return 0;
}

std::optional<RecordWalker::Record> RecordWalker::record_before(std::uint64_t position) const {
  const auto after = std::lower_bound(starts_.begin(), starts_.end(), position);
  if (after == starts_.begin()) return std::nullopt;
  Record record{.begin = *(after - 1), .end = std::nullopt, .header_cut = false};
  if (after != starts_.end()) {
    record.end = *after;
  } else if (complete_) {
    record.end = next_;
  } else {
    record.header_cut = !lost_;
  }
  return record;
}

bool RecordWalker::plain_pcap() const {
  const bool native = little_endian_ == (std::endian::native == std::endian::little);
  return format_ == Format::pcap && native && record_header_ == kPlainHeader && !lost_ &&
         next_ >= kFileHeader;
}

void RecordWalker::resume(std::uint64_t offset) {
  next_ = offset;
  complete_ = true;
  lost_ = false;
  starts_.clear();
}

RecordWalker::Header RecordWalker::look(std::span<std::byte> bytes) {
  if (next_ == 0) {
    if (bytes.size() < 4) return {.needed = 4};
    format_ = format_of(bytes);
  }
  switch (format_) {
    case Format::pcap:
      return look_pcap(bytes);
    case Format::pcapng:
      return look_pcapng(bytes);
    case Format::unknown:
      break;
  }
  return {};
}

RecordWalker::Header RecordWalker::look_pcap(std::span<std::byte> bytes) {
  if (next_ != 0) {
    if (bytes.size() < record_header_) return {.needed = record_header_};
    return {.length = std::uint64_t{record_header_} + u32(bytes, 8)};
  }
  if (bytes.size() < kFileHeader) return {.needed = kFileHeader};
  little_endian_ = is_pcap_magic(load(bytes, 0, true));
  if (u32(bytes, 0) == kKuznetzov) record_header_ = 24;
  // Before version 2.4 the two lengths of a record may be swapped; nobody has
  // written such files for thirty years, so their records are not followed.
  const std::uint32_t versions = load(bytes, 4, little_endian_);
  const std::uint32_t expected = little_endian_ ? 0x00040002 : 0x00020004;
  if (versions != expected) return {};
  set_u32(bytes, 16, kLargestSnaplen);
  return {.length = kFileHeader};
}

RecordWalker::Header RecordWalker::look_pcapng(std::span<std::byte> bytes) {
  if (bytes.size() < 8) return {.needed = 8};
  if (load(bytes, 0, true) == kSectionHeader) {
    if (bytes.size() < 12) return {.needed = 12};
    if (load(bytes, 8, true) == kByteOrderMagic) {
      little_endian_ = true;
    } else if (load(bytes, 8, false) == kByteOrderMagic) {
      little_endian_ = false;
    } else {
      return {};
    }
    interface_seen_ = false;
  }
  const std::uint32_t type = u32(bytes, 0);
  const std::uint32_t length = u32(bytes, 4);
  if (length < kLeastBlock || length % 4 != 0) return {};
  if (type == kInterface && length >= 20) {
    if (bytes.size() < 16) return {.needed = 16};
    if (!interface_seen_) first_snaplen_ = u32(bytes, 12);
    interface_seen_ = true;
    set_u32(bytes, 12, 0);  // no limit
  } else if (type == kSimplePacket && length >= 16 && interface_seen_ && first_snaplen_ != 0) {
    // The one block that says how much was captured only through the snapshot
    // length of interface 0, which libpcap no longer sees. The length on the
    // wire is lost with it; the IP header of the packet has it still.
    if (bytes.size() < 12) return {.needed = 12};
    set_u32(bytes, 8, std::min(u32(bytes, 8), first_snaplen_));
  }
  return {.length = length};
}

}  // namespace httpdiag::capture
