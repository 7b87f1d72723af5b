// SPDX-License-Identifier: Apache-2.0
#include "decode/framing.hpp"

#include <bit>
#include <limits>

namespace httpdiag::decode {
namespace {

constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeIpv6 = 0x86dd;
constexpr std::uint16_t kTypeMpls = 0x8847;  // RFC 3032 §5
constexpr std::uint16_t kTypeMplsUpstream = 0x8848;
constexpr std::uint16_t kTypePppoe = 0x8864;    // session stage (RFC 2516 §4)
constexpr std::uint16_t kTypeBridged = 0x6558;  // a whole Ethernet frame (RFC 7637 §3.2)
constexpr std::uint16_t kTypePpp = 0x880b;
constexpr std::uint16_t kTypeMacsec = 0x88e5;  // IEEE 802.1AE §9.8
constexpr std::uint16_t kTypeVnTag = 0x8926;
constexpr std::uint16_t kMostLength = 1500;

// PPP protocol numbers (IANA), the first byte 0 where it was left out.
constexpr std::uint16_t kPppIpv4 = 0x0021;
constexpr std::uint16_t kPppIpv6 = 0x0057;
constexpr std::uint16_t kPppMpls = 0x0281;

// Nobody stacks more than three; more than this is an attempt to keep us busy.
constexpr int kMaxTags = 16;
constexpr int kMaxLabels = 32;

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

/// What is known by name and not looked into.
Skip unread_type(std::uint16_t type) {
  switch (type) {
    case 0x894f:
      return Skip::nsh;
    case 0x22f3:
      return Skip::trill;
    case 0x88e7:
      return Skip::pbb;
    case 0x8903:
      return Skip::fabric_path;
    case 0x8909:
      return Skip::cisco_metadata;
    case 0xd28b:
      return Skip::arista_time;
    case 0xdada:
      return Skip::edsa;
    case 0x883e:
      return Skip::wccp;
    default:
      return Skip::not_ip;
  }
}

/// Exact for two tags, a hash beyond. A priority tag (VLAN id 0, IEEE 802.1Q
/// §9.6) names no VLAN and does not count.
std::uint32_t fold_tag(std::uint32_t vlan, std::uint16_t tci) {
  const std::uint32_t id = tci & 0x0fffu;
  return id == 0 ? vlan : fold(vlan, 0x1000u | id);
}

void note(Frame& frame, TunnelKind kind, std::uint32_t id) {
  // The kind sits above every VLAN id, so that no tag looks like a tunnel.
  frame.vlan = fold(frame.vlan, (static_cast<std::uint32_t>(kind) << 24 | 0x2000u) ^ id);
  frame.tunnel.kind = kind;
  ++frame.tunnel.depth;
  // What a cooked header says of the packet concerns the ends of the tunnel.
  frame.hints = {};
}

void note_id(Frame& frame, std::uint32_t id) {
  frame.tunnel.has_id = true;
  frame.tunnel.id = id;
}

}  // namespace

std::uint32_t fold(std::uint32_t stack, std::uint32_t value) {
  const std::uint32_t folded = std::rotl(stack, 13) ^ value;
  return folded == 0 ? 1 : folded;
}

Sound sound_datagram(const Frame& frame) {
  constexpr auto kAnyLength = std::numeric_limits<std::size_t>::max();
  return sound_ip(frame.datagram, frame.quoted ? kAnyLength : frame.wire_length);
}

void note_tunnel(Frame& frame, TunnelKind kind) { note(frame, kind, 0); }

void note_network(Frame& frame, TunnelKind kind, std::uint32_t id) {
  note(frame, kind, id);
  note_id(frame, id);
  std::uint32_t& network = frame.tunnel.network;
  network = fold(network, static_cast<std::uint32_t>(kind) << 24 ^ id);
}

void note_session(Frame& frame, TunnelKind kind, std::uint32_t id) {
  note(frame, kind, 0);
  note_id(frame, id);
}

std::optional<Skip> Framing::pass(std::size_t count) {
  if (!has(count)) return missing(count);
  reader_.skip(count);
  return std::nullopt;
}

std::optional<Skip> Framing::ip(std::uint8_t version) {
  frame_.datagram = reader_.rest();
  frame_.wire_length = wire_length_ - reader_.position();
  frame_.version = version;
  return std::nullopt;
}

std::optional<Skip> Framing::ethernet() {
  if (++frames_ > kMaxNesting) return Skip::nested_too_deep;
  if (!has(kAddressPair + 2)) return missing(kAddressPair + 2);
  reader_.skip(kAddressPair);
  return ether_type(reader_.u16());
}

std::optional<Skip> Framing::ether_type(std::uint16_t type) {
  for (int tags = 0; is_vlan_tag(type); ++tags) {
    if (tags == kMaxTags) return Skip::malformed_link;
    if (!has(kTagLength)) return missing(kTagLength);
    frame_.vlan = fold_tag(frame_.vlan, reader_.u16());
    type = reader_.u16();
  }
  switch (type) {
    case kTypeIpv4:
      return ip(4);
    case kTypeIpv6:
      return ip(6);
    case kTypePppoe:
      return pppoe();
    case kTypeMpls:
    case kTypeMplsUpstream:
      return mpls();
    case kTypeBridged:
      return ethernet();
    case kTypePpp:
      return ppp();
    case kTypeMacsec:
      return Skip::macsec;
    case kTypeVnTag:
      return Skip::vn_tag;
    default:
      return type <= kMostLength ? llc() : unread_type(type);
  }
}

/// IEEE 802.2. IP is in a SNAP header (RFC 1042), or has a service point of its own.
std::optional<Skip> Framing::llc() {
  constexpr std::uint8_t kSnap = 0xaa, kIp = 0x06, kUnnumbered = 0x03;
  if (!has(3)) return missing(3);
  const std::uint8_t to = reader_.u8();
  const std::uint8_t from = reader_.u8();
  const std::uint8_t control = reader_.u8();
  if (control != kUnnumbered || to != from) return Skip::not_ip;
  if (to == kIp) return ip(4);
  return to == kSnap ? snap() : Skip::not_ip;
}

std::optional<Skip> Framing::snap() {
  constexpr std::uint32_t kEtherTypes = 0x000000, kBridgeTunnel = 0x0000f8;  // IEEE 802.1H
  constexpr std::uint32_t kBridged = 0x0080c2;                               // RFC 2427 §4.2
  if (!has(5)) return missing(5);
  const std::uint32_t high = reader_.u8();
  const std::uint32_t organisation = high << 16 | reader_.u16();
  const std::uint16_t type = reader_.u16();
  const bool lengths_too = type <= kMostLength;
  if (organisation == kEtherTypes || organisation == kBridgeTunnel)
    return lengths_too ? Skip::not_ip : ether_type(type);
  // Ethernet with its checksum or without it.
  if (organisation == kBridged && (type == 0x0001 || type == 0x0007)) return ethernet();
  return Skip::not_ip;
}

std::optional<Skip> Framing::pppoe() {
  if (!has(8)) return missing(8);
  if (reader_.u8() != 0x11) return Skip::malformed_link;  // version and type are 1
  if (reader_.u8() != 0) return Skip::not_ip;             // code 0 is data
  reader_.skip(4);                                        // session, length
  return ppp();
}

/// RFC 1661 §2, RFC 1662 §3.1: address and control, and the first byte of the protocol, may be
/// left out.
std::optional<Skip> Framing::ppp() {
  if (!has(1)) return missing(1);
  if (reader_.rest()[0] == std::byte{0xff}) {
    if (const auto skip = pass(2)) return skip;
  }
  if (!has(1)) return missing(1);
  std::uint16_t protocol = reader_.u8();
  if ((protocol & 1) == 0) {
    if (!has(1)) return missing(1);
    protocol = static_cast<std::uint16_t>(protocol << 8 | reader_.u8());
  }
  if (protocol == kPppIpv4) return ip(4);
  if (protocol == kPppIpv6) return ip(6);
  if (protocol == kPppMpls) return mpls();
  return Skip::not_ip;
}

/// RFC 3032 §2.1. What follows the last label is nowhere named: an IP version, or 0 as a control
/// word has it (RFC 4385 §3), or an Ethernet frame at once.
std::optional<Skip> Framing::mpls() {
  for (int labels = 0;; ++labels) {
    if (labels == kMaxLabels) return Skip::malformed_link;
    if (!has(4)) return missing(4);
    const std::uint32_t entry = reader_.u32();
    if ((entry & 0x100) == 0) continue;  // not the bottom of the stack
    note_session(frame_, TunnelKind::mpls, entry >> 12);
    break;
  }
  if (!has(1)) return missing(1);
  const unsigned nibble = std::to_integer<unsigned>(reader_.rest()[0]) >> 4;
  const bool is_ip = nibble == 4 || nibble == 6;
  if (!is_ip) return pseudowire();
  // Hardware addresses begin with these as well.
  ip(static_cast<std::uint8_t>(nibble));
  return sound_datagram(frame_) == Sound::no ? pseudowire() : std::nullopt;
}

/// RFC 4448 §4.6: what is not used of the control word in front of Ethernet is 0. A hardware
/// address may begin like that; then the type tells where the frame begins.
std::optional<Skip> Framing::pseudowire() {
  constexpr std::size_t kControlWord = 4;
  if (!has(kControlWord)) return missing(kControlWord);
  const auto names_frame = [&](std::size_t at) {
    const auto type_at = at + kAddressPair;
    if (!has(type_at + 2)) return false;
    const std::uint16_t type = base::ByteReader{reader_.rest().subspan(type_at)}.u16();
    return type == kTypeIpv4 || type == kTypeIpv6 || is_vlan_tag(type);
  };
  const bool zero = base::ByteReader{reader_.rest()}.u16() == 0;
  if (zero && !names_frame(0)) reader_.skip(kControlWord);
  return ethernet();
}

}  // namespace httpdiag::decode
