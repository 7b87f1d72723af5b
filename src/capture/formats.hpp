// SPDX-License-Identifier: Apache-2.0
// Magic numbers of pcap and pcapng, and numbers in either byte order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace httpdiag::capture {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kKuznetzov = 0xa1b2cd34;  // patched libpcap of the 1990s, longer records
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;  // a palindrome: the same in both byte orders
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;

/// libpcap's own limit for the captured length of a packet.
constexpr std::uint32_t kLargestPacket = 262144;

/// Reads numbers as a machine of either kind wrote them. The caller checks that they are there.
class Order {
 public:
  constexpr Order() = default;
  explicit constexpr Order(bool little_endian)
      : swapped_{little_endian != (std::endian::native == std::endian::little)} {}

  bool native() const { return !swapped_; }
  std::uint16_t u16(const std::byte* at) const {
    std::uint16_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return swapped_ ? __builtin_bswap16(value) : value;
  }
  std::uint32_t u32(const std::byte* at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return swapped_ ? __builtin_bswap32(value) : value;
  }
  std::uint64_t u64(const std::byte* at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return swapped_ ? __builtin_bswap64(value) : value;
  }
  /// A 64-bit time as pcapng has it: the upper half first, whatever the byte order.
  std::uint64_t halves(const std::byte* at) const {
    return std::uint64_t{u32(at)} << 32 | u32(at + 4);
  }

 private:
  bool swapped_ = false;
};

enum class Format : std::uint8_t { unknown, pcap, pcapng };

/// Of the newest pcap that there is; and DG/UX's major version, whose tcpdump wrote 2.3.
constexpr std::uint16_t kPcapMajor = 2, kPcapMinor = 4, kDgUx = 543;

/// By the first four bytes (fewer: unknown).
inline Format format_of(std::span<const std::byte> head) {
  if (head.size() < 4) return Format::unknown;
  for (const bool little_endian : {true, false}) {
    const std::uint32_t magic = Order{little_endian}.u32(head.data());
    if (magic == kSectionHeader) return Format::pcapng;
    if (magic == kMicroseconds || magic == kNanoseconds || magic == kKuznetzov) {
      return Format::pcap;
    }
  }
  return Format::unknown;
}

/// A pcap's magic number and a version that there is, which is more than chance puts there.
inline bool begins_pcap(std::span<const std::byte> head) {
  if (head.size() < 8 || format_of(head) != Format::pcap) return false;
  const std::uint32_t magic = Order{true}.u32(head.data());
  const Order order{magic == kMicroseconds || magic == kNanoseconds || magic == kKuznetzov};
  const std::uint16_t major = order.u16(head.data() + 4), minor = order.u16(head.data() + 6);
  return major == kDgUx || (major == kPcapMajor && minor <= kPcapMinor);
}

}  // namespace httpdiag::capture
