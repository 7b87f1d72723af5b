// SPDX-License-Identifier: Apache-2.0
// VXLAN, GENEVE, GTP-U, Teredo, L2TP, FOU and GUE.
#include "decode/framing.hpp"
#include "decode/tunnel.hpp"

namespace httpdiag::decode {
namespace {

// Registered ports; 8472 is what Linux used for VXLAN before there was one.
constexpr std::uint16_t kVxlan = 4789, kOldVxlan = 8472, kGeneve = 6081, kGtpU = 2152,
                        kTeredo = 3544, kL2tp = 1701, kGue = 6080;

class UdpTunnel : public Framing {
 public:
  using Framing::Framing;

  /// RFC 7348 §5: one flag is set. Bits that later versions gave a meaning are let pass.
  std::optional<Skip> vxlan() {
    constexpr std::size_t kHeader = 8;
    constexpr unsigned kHasNetwork = 0x08;
    if (!has(kHeader)) return missing(kHeader);
    const unsigned flags = reader_.u8();
    reader_.skip(3);
    if ((flags & kHasNetwork) == 0) return Skip::not_tcp;
    note_network(frame_, TunnelKind::vxlan, reader_.u32() >> 8);
    return ethernet();
  }

  /// RFC 8926 §3.4.
  std::optional<Skip> geneve() {
    constexpr std::size_t kHeader = 8;
    if (!has(kHeader)) return missing(kHeader);
    const unsigned first = reader_.u8();
    if (first >> 6 != 0) return Skip::not_tcp;  // version
    reader_.skip(1);
    const std::uint16_t type = reader_.u16();
    note_network(frame_, TunnelKind::geneve, reader_.u32() >> 8);
    if (const auto skip = pass((first & 0x3fu) * std::size_t{4})) return skip;
    return type <= 1500 ? Skip::not_tcp : ether_type(type);
  }

  /// draft-ietf-intarea-gue-09 §3: a header, or with variant 1 an IP datagram without one.
  std::optional<Skip> gue() {
    constexpr unsigned kControl = 0x20, kLength = 0x1f;
    constexpr std::size_t kHeader = 4;
    if (!has(kHeader)) return missing(kHeader);
    const unsigned first = std::to_integer<unsigned>(reader_.rest()[0]);
    note_tunnel(frame_, TunnelKind::gue);
    if (first >> 6 == 1) return ip(0);
    if (first >> 6 != 0 || (first & kControl) != 0) return Skip::not_tcp;
    reader_.skip(1);
    const std::uint8_t protocol = reader_.u8();
    reader_.skip(2);  // flags; what they announce is in the length
    if (const auto skip = pass((first & kLength) * std::size_t{4})) return skip;
    if (protocol == kProtocolIpv4) return ip(4);
    return protocol == kProtocolIpv6 ? ip(6) : Skip::not_tcp;
  }

  /// Linux's "foo over UDP": a datagram and nothing else, on a port that somebody agreed on. So it
  /// is looked for on all of them.
  std::optional<Skip> fou() {
    if (!is_ipv4_throughout(reader_.rest(), wire_length_)) return Skip::not_tcp;
    note_tunnel(frame_, TunnelKind::fou);
    return ip(4);
  }

  /// 3GPP TS 29.281 §5.1: version 1 of the user plane, user data only.
  std::optional<Skip> gtp_u() {
    constexpr std::size_t kHeader = 8;
    constexpr unsigned kUserData = 255, kNextHeader = 0x04, kOptional = 0x07;
    if (!has(kHeader)) return missing(kHeader);
    const unsigned flags = reader_.u8();
    if (flags >> 4 != 3 || reader_.u8() != kUserData) return Skip::not_tcp;
    reader_.skip(2);  // length
    note_session(frame_, TunnelKind::gtp_u, reader_.u32());
    if ((flags & kOptional) != 0) {
      if (!has(4)) return missing(4);
      reader_.skip(3);
      const std::uint8_t next = reader_.u8();
      if ((flags & kNextHeader) != 0) {
        if (const auto skip = extension_headers(next)) return skip;
      }
    }
    return ip(0);
  }

  /// RFC 4380 §5.1.1.
  std::optional<Skip> teredo() {
    constexpr std::uint16_t kOrigin = 0x0000, kAuthentication = 0x0001;
    if (!has(2)) return missing(2);
    std::uint16_t indication = base::ByteReader{reader_.rest()}.u16();
    if (indication == kAuthentication) {
      if (!has(4)) return missing(4);
      reader_.skip(2);
      const std::size_t client = reader_.u8();
      const std::size_t value = reader_.u8();
      if (const auto skip = pass(client + value + 9)) return skip;  // nonce, confirmation
      if (!has(2)) return missing(2);
      indication = base::ByteReader{reader_.rest()}.u16();
    }
    if (indication == kOrigin) {
      if (const auto skip = pass(8)) return skip;
    }
    note_tunnel(frame_, TunnelKind::teredo);
    return ip(6);
  }

  /// RFC 2661 §3.1: data messages of version 2.
  std::optional<Skip> l2tp() {
    constexpr unsigned kControl = 0x8000, kLength = 0x4000, kSequence = 0x0800, kOffset = 0x0200;
    if (!has(2)) return missing(2);
    const unsigned flags = reader_.u16();
    if ((flags & 0xfu) != 2 || (flags & kControl) != 0) return Skip::not_tcp;
    if ((flags & kLength) != 0) {
      if (const auto skip = pass(2)) return skip;
    }
    if (!has(4)) return missing(4);
    note_session(frame_, TunnelKind::l2tp, reader_.u32());
    if ((flags & kSequence) != 0) {
      if (const auto skip = pass(4)) return skip;
    }
    if ((flags & kOffset) != 0) {
      if (!has(2)) return missing(2);
      if (const auto skip = pass(reader_.u16())) return skip;
    }
    return ppp();
  }

 private:
  /// §5.2.1: each tells its length in units of four bytes, and what kind the next one is.
  std::optional<Skip> extension_headers(std::uint8_t next) {
    constexpr int kMost = 32;
    for (int headers = 0; next != 0; ++headers) {
      if (headers == kMost) return Skip::not_tcp;
      if (!has(1)) return missing(1);
      const std::size_t length = reader_.u8() * std::size_t{4};
      if (length == 0) return Skip::not_tcp;
      if (const auto skip = pass(length - 2)) return skip;
      if (!has(1)) return missing(1);
      next = reader_.u8();
    }
    return std::nullopt;
  }
};

std::optional<Skip> read(UdpTunnel reader, std::uint16_t port) {
  switch (port) {
    case kVxlan:
    case kOldVxlan:
      return reader.vxlan();
    case kGeneve:
      return reader.geneve();
    case kGtpU:
      return reader.gtp_u();
    case kTeredo:
      return reader.teredo();
    case kL2tp:
      return reader.l2tp();
    case kGue:
      return reader.gue();
    default:
      return reader.fou();
  }
}

/// Teredo and L2TP answer from the port; the others choose their source port to spread the load.
std::uint16_t port_of_tunnel(std::uint16_t from, std::uint16_t to) {
  const bool answer = from == kTeredo || from == kL2tp;
  const bool known = to == kVxlan || to == kOldVxlan || to == kGeneve || to == kGtpU || to == kGue;
  return answer && !known ? from : to;
}

}  // namespace

namespace {

/// RFC 3032 §2.1: entries of four bytes, up to the one that says it is the last.
bool is_label_stack(std::span<const std::byte> bytes) {
  constexpr std::size_t kMost = 8, kEntry = 4;
  for (std::size_t i = 0; i < kMost && bytes.size() >= (i + 1) * kEntry; ++i) {
    if ((bytes[i * kEntry + 2] & std::byte{1}) != std::byte{0}) return true;
  }
  return false;
}

/// A port is a weak sign: the first bytes have to agree with what it is for.
Skip unread_mirror_or_overlay(std::uint16_t to, std::span<const std::byte> bytes) {
  constexpr std::uint16_t kTzsp = 37008, kVxlanGpe = 4790, kIvxlan = 48879, kCapwapData = 5247,
                          kLispData = 4341, kGreInUdp = 4754;
  constexpr std::size_t kHeader = 8;
  if (bytes.size() <= kHeader) return Skip::not_tcp;
  base::ByteReader reader{bytes};
  const unsigned first = reader.u8(), second = reader.u8();
  const unsigned type = reader.u16();
  const unsigned inner = std::to_integer<unsigned>(bytes[kHeader]) >> 4;
  constexpr unsigned kHasNetwork = 0x08, kHasProtocol = 0x04;
  switch (to) {
    case kTzsp:  // version, kind of packet, link type
      return first == 1 && second <= 1 ? Skip::tzsp : Skip::not_tcp;
    case kVxlanGpe:
      return (first & (kHasNetwork | kHasProtocol)) == (kHasNetwork | kHasProtocol)
                 ? Skip::vxlan_gpe
                 : Skip::not_tcp;
    case kIvxlan:
      return (first & kHasNetwork) != 0 ? Skip::ivxlan : Skip::not_tcp;
    case kCapwapData:  // version, and whether it is encrypted (RFC 5415 §4.2)
      return first <= 1 ? Skip::capwap : Skip::not_tcp;
    case kLispData:
      return inner == 4 || inner == 6 ? Skip::lisp : Skip::not_tcp;
    case kGreInUdp:  // version 0, and IP or Ethernet
      return (second & 7u) == 0 && (type == 0x0800 || type == 0x86dd || type == 0x6558)
                 ? Skip::gre_in_udp
                 : Skip::not_tcp;
    default:
      return Skip::not_tcp;
  }
}

Skip unread_udp(const Datagram& datagram) {
  constexpr std::uint16_t kMplsInUdp = 6635, kEspInUdp = 4500;
  constexpr std::size_t kUdpHeader = 8;
  if (datagram.payload.size() < kUdpHeader + 4) return Skip::not_tcp;
  base::ByteReader udp{datagram.payload};
  const std::uint16_t from = udp.u16();
  const std::uint16_t to = udp.u16();
  udp.skip(4);
  const auto rest = udp.rest();
  const std::uint32_t first = base::ByteReader{rest}.u32();
  // RFC 3948 §2.2: four bytes of zeros in front of IKE, which shares the port.
  if ((from == kEspInUdp || to == kEspInUdp) && first != 0) return Skip::esp;
  if ((from == kL2tp || to == kL2tp) && (first >> 16 & 0xfu) == 3) return Skip::l2tp_v3;
  if (to == kMplsInUdp && is_label_stack(rest)) return Skip::mpls_in_udp;
  return unread_mirror_or_overlay(to, rest);
}

}  // namespace

Skip unread_protocol(const Datagram& datagram) {
  constexpr std::uint8_t kEsp = 50, kL2tpV3 = 115;
  switch (datagram.protocol) {
    case kEsp:
      return Skip::esp;
    case kL2tpV3:
      return Skip::l2tp_v3;
    case kProtocolUdp:
      return unread_udp(datagram);
    default:
      return Skip::not_tcp;
  }
}

Opening open_udp_tunnel(const Datagram& datagram, Frame& frame) {
  constexpr std::size_t kUdpHeader = 8;
  if (datagram.payload.size() < kUdpHeader) return {};
  base::ByteReader udp{datagram.payload};
  const std::uint16_t from = udp.u16();
  const std::uint16_t port = port_of_tunnel(from, udp.u16());
  udp.skip(4);  // length, which the datagram knows, and checksum
  const UdpTunnel reader{udp.rest(), datagram.payload_length - kUdpHeader, frame};
  const std::optional<Skip> skip = read(reader, port);
  if (skip == Skip::truncated_header) return {Opened::unread, *skip};
  if (skip == Skip::nested_too_deep) return {Opened::unread, *skip};
  if (skip) return {};
  const bool right_version =
      frame.version == 0 || (!frame.datagram.empty() &&
                             std::to_integer<unsigned>(frame.datagram[0]) >> 4 == frame.version);
  switch (sound_datagram(frame)) {
    case Sound::yes:
      return right_version ? Opening{Opened::inside} : Opening{};
    case Sound::unknown:
      return {Opened::unread, Skip::truncated_header};
    case Sound::no:
      break;
  }
  return {};
}

}  // namespace httpdiag::decode
