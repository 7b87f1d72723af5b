// SPDX-License-Identifier: Apache-2.0
#include "decode/pseudo_link.hpp"

#include <algorithm>

namespace httpdiag::decode {
namespace {

using base::ByteReader;

std::uint16_t u16_of(std::span<const std::byte> bytes, bool little) {
  const auto a = std::to_integer<unsigned>(bytes[0]);
  const auto b = std::to_integer<unsigned>(bytes[1]);
  return static_cast<std::uint16_t>(little ? b << 8 | a : a << 8 | b);
}

std::uint32_t u32_little(std::span<const std::byte> bytes) {
  return std::uint32_t{u16_of(bytes.subspan(2), true)} << 16 | u16_of(bytes, true);
}

/// An NFLOG packet is a list of attributes, each padded to four bytes, in the byte order of the
/// host that captured. Where the packet among them begins; 0: nowhere, in this order.
std::size_t payload_of_nflog(std::span<const std::byte> bytes, std::size_t wire_length,
                             bool little) {
  constexpr std::uint16_t kPayload = 9;  // NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h
  constexpr std::size_t kFixed = 4, kAttribute = 4;
  for (std::size_t at = kFixed; bytes.size() >= at + kAttribute;) {
    const std::size_t length = u16_of(bytes.subspan(at), little);
    const std::uint16_t type = u16_of(bytes.subspan(at + 2), little) & 0x7fffu;
    if (length < kAttribute || length > wire_length - at) return 0;
    if (type == kPayload) return at + kAttribute;
    at += (length + 3) / 4 * 4;
  }
  return 0;
}

/// Link types that are found in envelopes, by the numbers that all systems agree on.
LinkType link_in_envelope(std::uint32_t number) {
  switch (number) {
    case 0:
      return LinkType::null;
    case 1:
      return LinkType::ethernet;
    case 9:
      return LinkType::ppp;
    case 12:
    case 14:
    case 101:
      return LinkType::raw_ip;
    case 105:
      return LinkType::ieee802_11;
    case 108:
      return LinkType::loop;
    case 127:
      return LinkType::radiotap;
    default:
      return LinkType::unsupported;
  }
}

struct Envelope {
  std::size_t header_length = 0;
  std::uint32_t link_number = 0;
};

}  // namespace

std::uint8_t ip_version_of_family(std::uint32_t family) {
  switch (family) {
    case 2:
      return 4;
    case 10:  // Linux
    case 23:  // Windows
    case 24:  // NetBSD, OpenBSD
    case 26:  // Solaris
    case 28:  // FreeBSD
    case 30:  // Darwin
      return 6;
    default:
      return 0;
  }
}

std::optional<Skip> PseudoLink::read(LinkType link) {
  switch (link) {
    case LinkType::nflog:
      return nflog();
    case LinkType::pflog:
      return pflog();
    default:
      return ipnet();
  }
}

std::optional<Skip> PseudoLink::nflog() {
  constexpr std::size_t kFixed = 4;
  if (!has(kFixed)) return missing(kFixed);
  const std::span<const std::byte> bytes = reader_.rest();
  const std::uint8_t family = reader_.u8();
  if (reader_.u8() != 0) return Skip::malformed_link;  // version
  std::size_t at = payload_of_nflog(bytes, wire_length_, true);
  if (at == 0) at = payload_of_nflog(bytes, wire_length_, false);
  if (at == 0) return bytes.size() < wire_length_ ? Skip::truncated_header : Skip::malformed_link;
  reader_.skip(at - reader_.position());
  constexpr std::uint8_t kBridge = 7;
  const std::uint8_t version = ip_version_of_family(family);
  return version != 0 || family == kBridge ? ip(version) : Skip::not_ip;
}

/// The length says how much of the header is used; it is padded to four bytes.
std::optional<Skip> PseudoLink::pflog() {
  constexpr std::size_t kShortest = 48;  // as far as the rule numbers, in every version of it
  if (!has(2)) return missing(2);
  const std::size_t length = (reader_.u8() + std::size_t{3}) / 4 * 4;
  const std::uint8_t version = ip_version_of_family(reader_.u8());
  if (length < kShortest) return Skip::malformed_link;
  if (const auto skip = pass(length - 2)) return skip;
  return version == 0 ? Skip::not_ip : ip(version);
}

std::optional<Skip> PseudoLink::ipnet() {
  constexpr std::size_t kHeader = 24;
  if (!has(kHeader)) return missing(kHeader);
  if (reader_.u8() != 1) return Skip::malformed_link;  // version
  const std::uint8_t version = ip_version_of_family(reader_.u8());
  reader_.skip(kHeader - 2);
  return version == 0 ? Skip::not_ip : ip(version);
}

std::optional<Skip> open_envelope(const Packet& packet, Packet& inside) {
  const bool ppi = packet.link == LinkType::ppi;
  const std::size_t shortest = ppi ? 8 : 12;
  const std::size_t wire = std::max<std::size_t>(packet.wire_length, packet.bytes.size());
  const auto missing = [&](std::size_t count) {
    return wire >= count ? Skip::truncated_header : Skip::malformed_link;
  };
  const std::span<const std::byte> bytes = packet.bytes;
  if (bytes.size() < shortest) return missing(shortest);
  // PPI: version, flags, length, link type. PKTAP: length, what follows, link type. Both
  // little-endian, PKTAP because Darwin's hosts are.
  const Envelope envelope =
      ppi ? Envelope{u16_of(bytes.subspan(2), true), u32_little(bytes.subspan(4))}
          : Envelope{u32_little(bytes), u32_little(bytes.subspan(8))};
  if (ppi && bytes[0] != std::byte{0}) return Skip::malformed_link;
  constexpr std::uint32_t kPacketFollows = 1;
  if (!ppi && u32_little(bytes.subspan(4)) != kPacketFollows) return Skip::not_ip;
  if (envelope.header_length < shortest) return Skip::malformed_link;
  if (bytes.size() < envelope.header_length) return missing(envelope.header_length);
  inside.link = link_in_envelope(envelope.link_number);
  inside.bytes = bytes.subspan(envelope.header_length);
  inside.wire_length = static_cast<std::uint32_t>(wire - envelope.header_length);
  return std::nullopt;
}

}  // namespace httpdiag::decode
