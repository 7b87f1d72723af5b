// SPDX-License-Identifier: Apache-2.0
#include "decode/link.hpp"

#include "decode/framing.hpp"
#include "decode/pseudo_link.hpp"
#include "decode/wireless.hpp"

namespace httpdiag::decode {
namespace {

class LinkReader : public Framing {
 public:
  using Framing::Framing;

  std::optional<Skip> linux_sll() {
    if (!has(16)) return missing(16);
    const std::uint16_t packet_type = reader_.u16();
    note_direction(packet_type, reader_.u16());
    reader_.skip(10);  // address
    return ether_type(reader_.u16());
  }

  std::optional<Skip> linux_sll2() {
    if (!has(20)) return missing(20);
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
    if (!has(4)) return missing(4);
    std::uint32_t family = reader_.u32();
    if (family > 0xffff) {
      family = family >> 24 | (family >> 8 & 0xff00) | (family << 8 & 0xff0000) | family << 24;
    }
    const std::uint8_t version = ip_version_of_family(family);
    return version == 0 ? Skip::not_ip : ip(version);
  }

  /// What stands in front of the link types ..._WITH_DIR: 0 for a packet that the host received.
  std::optional<Skip> direction() {
    if (!has(1)) return missing(1);
    frame_.hints.bits |= reader_.u8() == 0 ? Hints::to_here : Hints::from_here;
    return std::nullopt;
  }

  /// PPP on serial lines, which may be Cisco's framing under the same link type (RFC 1547 §4.3.1).
  std::optional<Skip> serial() {
    if (!has(1)) return missing(1);
    const std::byte first = reader_.rest()[0];
    const bool cisco = first == std::byte{0x0f} || first == std::byte{0x8f};
    return cisco ? cisco_hdlc() : ppp();
  }

  /// Address (unicast or multicast), control, Ethernet type.
  std::optional<Skip> cisco_hdlc() {
    if (!has(4)) return missing(4);
    reader_.skip(2);
    return ether_type(reader_.u16());
  }

  /// RFC 2427: an address of two to four bytes, whose last one has its lowest bit set, a control
  /// byte and a protocol number; or, as Cisco has it, an Ethernet type behind the address.
  std::optional<Skip> frame_relay() {
    constexpr std::uint8_t kUnnumbered = 0x03, kPad = 0x00;
    for (int length = 1;; ++length) {
      if (!has(1)) return missing(1);
      if ((reader_.u8() & 1) != 0) {
        if (length == 1) return Skip::malformed_link;
        break;
      }
      if (length == 4) return Skip::malformed_link;
    }
    if (!has(2)) return missing(2);
    const std::uint8_t control = reader_.u8();
    if (control != kUnnumbered) {
      return ether_type(static_cast<std::uint16_t>(control << 8 | reader_.u8()));
    }
    std::uint8_t protocol = reader_.u8();
    if (protocol == kPad) {
      if (!has(1)) return missing(1);
      protocol = reader_.u8();
    }
    return network_protocol(protocol);
  }

 private:
  /// ISO/IEC TR 9577.
  std::optional<Skip> network_protocol(std::uint8_t protocol) {
    switch (protocol) {
      case 0xcc:
        return ip(4);
      case 0x8e:
        return ip(6);
      case 0x80:
        return snap();
      case 0xcf:
        return ppp();
      default:
        return Skip::not_ip;
    }
  }

  /// Packet types of linux/if_packet.h; 1 and 2 are broadcast and multicast.
  void note_direction(std::uint16_t packet_type, std::uint16_t device_type) {
    constexpr std::uint16_t kLoopbackDevice = 772;  // ARPHRD_LOOPBACK
    if (packet_type == 0) frame_.hints.bits |= Hints::to_here;
    if (packet_type == 3) frame_.hints.bits |= Hints::to_other;
    if (packet_type == 4) frame_.hints.bits |= Hints::from_here;
    if (device_type == kLoopbackDevice) frame_.hints.bits |= Hints::loopback;
  }
};

std::optional<Skip> read_one(const Packet& packet, Frame& frame) {
  LinkReader reader{packet.bytes, packet.wire_length, frame};
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
    case LinkType::ppp:
      return reader.serial();
    case LinkType::ppp_direction:
      if (const auto skip = reader.direction()) return skip;
      return reader.serial();
    case LinkType::pppoe:
      return reader.pppoe();
    case LinkType::cisco_hdlc:
      return reader.cisco_hdlc();
    case LinkType::cisco_hdlc_direction:
      if (const auto skip = reader.direction()) return skip;
      return reader.cisco_hdlc();
    case LinkType::frame_relay:
      return reader.frame_relay();
    case LinkType::frame_relay_direction:
      if (const auto skip = reader.direction()) return skip;
      return reader.frame_relay();
    case LinkType::mpls:
      return reader.mpls();
    case LinkType::ieee802_11:
    case LinkType::radiotap:
      return Wireless{packet.bytes, packet.wire_length, frame}.read(packet.link);
    case LinkType::nflog:
    case LinkType::pflog:
    case LinkType::ipnet:
      return PseudoLink{packet.bytes, packet.wire_length, frame}.read(packet.link);
    case LinkType::ppi:
    case LinkType::pktap:
    case LinkType::unsupported:
      break;
  }
  return Skip::unsupported_link;
}

}  // namespace

std::optional<Skip> read_link(const Packet& packet, Frame& frame) {
  frame.vlan = 0;
  frame.hints.bits = direction_hint(packet.direction);
  frame.tunnel = {};
  frame.behind = {};
  if (packet.link != LinkType::ppi && packet.link != LinkType::pktap)
    return read_one(packet, frame);
  Packet inside = packet;
  if (const auto skip = open_envelope(packet, inside)) return skip;
  return read_one(inside, frame);
}

std::optional<Skip> read_behind(Frame& frame) {
  const auto bytes = frame.behind;
  const std::size_t length = frame.behind_length;
  frame.behind = {};
  return Wireless{bytes, length, frame}.subframe();
}

}  // namespace httpdiag::decode
