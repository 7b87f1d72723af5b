// SPDX-License-Identifier: Apache-2.0
#include "decode/wireless.hpp"

#include <algorithm>

namespace httpdiag::decode {
namespace {

using base::ByteReader;

std::uint16_t u16_little(ByteReader& reader) {
  const std::uint16_t low = reader.u8();
  return static_cast<std::uint16_t>(low | reader.u8() << 8);
}
std::uint32_t u32_little(ByteReader& reader) {
  const std::uint32_t low = u16_little(reader);
  return low | std::uint32_t{u16_little(reader)} << 16;
}

// Frame control (IEEE 802.11 §9.2.4.1): the first byte, and the flags in the second.
constexpr unsigned kVersion = 0x03, kType = 0x0c, kData = 0x08, kNoData = 0x40, kQos = 0x80;
constexpr unsigned kToDs = 0x01, kFromDs = 0x02, kMoreFragments = 0x04, kProtected = 0x40,
                   kMoreControl = 0x80;

constexpr std::uint8_t kBadChecksum = 0x40, kPadded = 0x20;  // radiotap flags

/// Bits of the frame in front of its header are in fields of natural alignment, in the order of
/// their bits: of those we look at the second, behind the clock of eight bytes.
std::uint8_t flags_of(std::span<const std::byte> header) {
  constexpr std::uint32_t kClock = 1, kFlags = 2, kMoreWords = 0x80000000;
  ByteReader reader{header};
  reader.skip(4);  // version, padding, length
  if (!reader.has(4)) return 0;
  const std::uint32_t present = u32_little(reader);
  for (std::uint32_t word = present; (word & kMoreWords) != 0;) {
    if (!reader.has(4)) return 0;
    word = u32_little(reader);
  }
  if ((present & kFlags) == 0) return 0;
  if ((present & kClock) != 0) {
    const std::size_t aligned = (reader.position() + 7) / 8 * 8;
    if (!reader.has(aligned - reader.position() + 8)) return 0;
    reader.skip(aligned - reader.position() + 8);
  }
  return reader.has(1) ? reader.u8() : std::uint8_t{0};
}

}  // namespace

std::optional<Skip> Wireless::read(LinkType link) {
  if (link == LinkType::radiotap) {
    if (const auto skip = radiotap()) return skip;
  }
  return data_frame();
}

std::optional<Skip> Wireless::radiotap() {
  constexpr std::size_t kShortest = 8;
  if (!has(kShortest)) return missing(kShortest);
  ByteReader fixed{reader_.rest()};
  if (fixed.u8() != 0) return Skip::malformed_link;  // version
  fixed.skip(1);
  const std::size_t length = u16_little(fixed);
  if (length < kShortest) return Skip::malformed_link;
  if (!has(length)) return missing(length);
  const std::uint8_t flags = flags_of(reader_.take(length));
  if ((flags & kBadChecksum) != 0) return Skip::malformed_link;
  padded_ = (flags & kPadded) != 0;
  return std::nullopt;
}

std::optional<Skip> Wireless::data_frame() {
  constexpr std::size_t kShortest = 24, kFourthAddress = 6, kQosControl = 2, kHtControl = 4;
  if (!has(2)) return missing(2);
  const std::size_t begin = reader_.position();
  const unsigned kind = reader_.u8();
  const unsigned flags = reader_.u8();
  if ((kind & kVersion) != 0) return Skip::malformed_link;
  if ((kind & kType) != kData || (kind & kNoData) != 0) return Skip::not_ip;
  if ((flags & kProtected) != 0) return Skip::protected_frame;
  if (const auto skip = pass(kShortest - 4)) return skip;
  if (!has(2)) return missing(2);
  const unsigned fragment = u16_little(reader_) & 0x0fu;
  if (fragment != 0 || (flags & kMoreFragments) != 0) return Skip::fragment_refused;
  if ((flags & kToDs) != 0 && (flags & kFromDs) != 0) {
    if (const auto skip = pass(kFourthAddress)) return skip;
  }
  bool several = false;
  if ((kind & kQos) != 0) {
    if (!has(kQosControl)) return missing(kQosControl);
    several = (reader_.u8() & 0x80u) != 0;  // A-MSDU
    reader_.skip(1);
    if ((flags & kMoreControl) != 0) {
      if (const auto skip = pass(kHtControl)) return skip;
    }
  }
  if (padded_) {
    if (const auto skip = pass((4 - (reader_.position() - begin) % 4) % 4)) return skip;
  }
  return several ? subframe() : llc();
}

/// IEEE 802.11 §9.3.2.2: addresses as of Ethernet, a length, LLC; filled up to four bytes, but for
/// the last one. Up to 2304 bytes, so that the length is none of IEEE 802.3.
std::optional<Skip> Wireless::subframe() {
  constexpr std::size_t kHeader = 14, kAddresses = 12, kLeast = kHeader + 8;  // with SNAP
  if (!has(kHeader)) return missing(kHeader);
  reader_.skip(kAddresses);
  const std::size_t length = reader_.u16();
  const auto rest = reader_.rest();
  const std::size_t on_the_wire = wire_length_ - reader_.position();
  if (length > on_the_wire) return Skip::malformed_link;
  const std::size_t next = length + (4 - (kHeader + length) % 4) % 4;
  // What is left of less than a frame is the checksum behind all of them.
  if (on_the_wire >= next + kLeast && rest.size() >= next + kHeader) {
    frame_.behind = rest.subspan(next);
    frame_.behind_length = on_the_wire - next;
  }
  return Framing{rest.first(std::min(length, rest.size())), length, frame_}.llc();
}

}  // namespace httpdiag::decode
