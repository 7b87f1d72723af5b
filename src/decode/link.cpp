// SPDX-License-Identifier: Apache-2.0
#include "decode/link.hpp"

#include <algorithm>
#include <bit>

#include "base/byte_reader.hpp"

namespace httpdiag::decode {
namespace {

using base::ByteReader;

constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeIpv6 = 0x86dd;
constexpr std::uint16_t kTypePppoe = 0x8864;  // session stage (RFC 2516 §4)
constexpr std::uint16_t kPppIpv4 = 0x0021;
constexpr std::uint16_t kPppIpv6 = 0x0057;

// Nobody stacks more than three; more than this is an attempt to keep us busy.
constexpr int kMaxTags = 16;

constexpr std::size_t kAddressPair = 12;  // Ethernet: two addresses before the type
constexpr std::size_t kTagLength = 4;     // TCI and the type of what follows

constexpr bool is_vlan_tag(std::uint16_t type) {
  switch (type) {
    case 0x8100:  // IEEE 802.1Q
    case 0x88a8:  // IEEE 802.1ad
    case 0x9100:  // and what switches used before it
    case 0x9200:
    case 0x9300:
      return true;
    default:
      return false;
  }
}

/// Exact for two tags, a hash beyond. A priority tag (VLAN id 0, IEEE 802.1Q
/// §9.6) names no VLAN and does not count.
constexpr std::uint32_t fold_tag(std::uint32_t vlan, std::uint16_t tci) {
  const std::uint32_t id = tci & 0x0fffu;
  if (id == 0) return vlan;
  const std::uint32_t folded = std::rotl(vlan, 13) ^ (0x1000u | id);
  return folded == 0 ? 1 : folded;
}

class LinkReader {
 public:
  LinkReader(const Packet& packet, Frame& frame)
      : reader_{packet.bytes},
        // The recorded wire length may lie, the captured bytes cannot.
        wire_length_{std::max<std::size_t>(packet.wire_length, packet.bytes.size())},
        frame_{frame} {}

  std::optional<Skip> ethernet() {
    if (!reader_.has(kAddressPair + 2)) return missing(kAddressPair + 2);
    reader_.skip(kAddressPair);
    return ether_type(reader_.u16());
  }

  std::optional<Skip> linux_sll() {
    if (!reader_.has(16)) return missing(16);
    const std::uint16_t packet_type = reader_.u16();
    note_direction(packet_type, reader_.u16());
    reader_.skip(10);  // address
    return ether_type(reader_.u16());
  }

  std::optional<Skip> linux_sll2() {
    if (!reader_.has(20)) return missing(20);
    const std::uint16_t type = reader_.u16();
    reader_.skip(6);  // reserved, interface
    const std::uint16_t device_type = reader_.u16();
    note_direction(reader_.u8(), device_type);
    reader_.skip(9);  // address
    return ether_type(type);
  }

  /// NULL and LOOP. The family is a number of the capturing system, in its byte
  /// order; every family is below 2^16, so the order shows. LOOP should be
  /// big-endian always, but it does no harm to believe the number.
  std::optional<Skip> family() {
    if (!reader_.has(4)) return missing(4);
    std::uint32_t family = reader_.u32();
    if (family > 0xffff) {
      family = family >> 24 | (family >> 8 & 0xff00) | (family << 8 & 0xff0000) | family << 24;
    }
    switch (family) {
      case 2:
        return ip(4);
      case 10:  // Linux
      case 23:  // Windows
      case 24:  // NetBSD, OpenBSD
      case 28:  // FreeBSD
      case 30:  // Darwin
        return ip(6);
      default:
        return Skip::not_ip;
    }
  }

  std::optional<Skip> ip(std::uint8_t version) {
    frame_.datagram = reader_.rest();
    frame_.wire_length = wire_length_ - reader_.position();
    frame_.version = version;
    return std::nullopt;
  }

 private:
  /// Packet types of linux/if_packet.h; 1 and 2 are broadcast and multicast.
  void note_direction(std::uint16_t packet_type, std::uint16_t device_type) {
    constexpr std::uint16_t kLoopbackDevice = 772;  // ARPHRD_LOOPBACK
    if (packet_type == 0) frame_.hints.bits |= Hints::to_here;
    if (packet_type == 3) frame_.hints.bits |= Hints::to_other;
    if (packet_type == 4) frame_.hints.bits |= Hints::from_here;
    if (device_type == kLoopbackDevice) frame_.hints.bits |= Hints::loopback;
  }

  std::optional<Skip> ether_type(std::uint16_t type) {
    for (int tags = 0; is_vlan_tag(type); ++tags) {
      if (tags == kMaxTags) return Skip::malformed_link;
      if (!reader_.has(kTagLength)) return missing(kTagLength);
      frame_.vlan = fold_tag(frame_.vlan, reader_.u16());
      type = reader_.u16();
    }
    if (type == kTypeIpv4) return ip(4);
    if (type == kTypeIpv6) return ip(6);
    if (type == kTypePppoe) return pppoe();
    return Skip::not_ip;  // 1500 and less: a length, an LLC frame follows (IEEE 802.3 §3.2.6)
  }

  std::optional<Skip> pppoe() {
    if (!reader_.has(8)) return missing(8);
    if (reader_.u8() != 0x11) return Skip::malformed_link;  // version and type are 1
    if (reader_.u8() != 0) return Skip::not_ip;             // code 0 is data
    reader_.skip(4);                                        // session, length
    const std::uint16_t protocol = reader_.u16();
    if (protocol == kPppIpv4) return ip(4);
    if (protocol == kPppIpv6) return ip(6);
    return Skip::not_ip;
  }

  /// Not captured, or never there?
  Skip missing(std::size_t count) const {
    return wire_length_ - reader_.position() >= count ? Skip::truncated_header
                                                      : Skip::malformed_link;
  }

  ByteReader reader_;
  std::size_t wire_length_;
  Frame& frame_;
};

}  // namespace

std::optional<Skip> read_link(const Packet& packet, Frame& frame) {
  frame.vlan = 0;
  frame.hints.bits = direction_hint(packet.direction);
  LinkReader reader{packet, frame};
  switch (packet.link) {
    case LinkType::ethernet:
      return reader.ethernet();
    case LinkType::linux_sll:
      return reader.linux_sll();
    case LinkType::linux_sll2:
      return reader.linux_sll2();
    case LinkType::null:
    case LinkType::loop:
      return reader.family();
    case LinkType::raw_ip:
      return reader.ip(0);
    case LinkType::ipv4:
      return reader.ip(4);
    case LinkType::ipv6:
      return reader.ip(6);
    case LinkType::unsupported:
      break;
  }
  return Skip::unsupported_link;
}

}  // namespace httpdiag::decode
