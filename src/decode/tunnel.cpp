// SPDX-License-Identifier: Apache-2.0
#include "decode/tunnel.hpp"

#include "decode/framing.hpp"

namespace httpdiag::decode {
namespace {

/// RFC 2784, RFC 2890, and with version 1 RFC 2637 (PPTP).
class Gre : public Framing {
 public:
  using Framing::Framing;

  std::optional<Skip> read() {
    if (!has(4)) return missing(4);
    flags_ = reader_.u16();
    type_ = reader_.u16();
    switch (flags_ & 7u) {
      case 0:
        return version_0();
      case 1:
        return version_1();
      default:
        return Skip::malformed_link;
    }
  }

 private:
  static constexpr unsigned kChecksum = 0x8000, kRouting = 0x4000, kKey = 0x2000,
                            kSequence = 0x1000, kAcknowledgment = 0x0080;

  bool flag(unsigned bit) const { return (flags_ & bit) != 0; }

  std::optional<Skip> version_0() {
    constexpr std::uint16_t kErspan = 0x88be, kErspan3 = 0x22eb, kBridged = 0x6558;
    if (flag(kRouting)) return Skip::malformed_link;  // RFC 2784 §2.3
    if (flag(kChecksum)) {
      if (const auto skip = pass(4)) return skip;
    }
    if (flag(kKey) && !has(4)) return missing(4);
    const std::uint32_t key = flag(kKey) ? reader_.u32() : 0;
    if (flag(kSequence)) {
      if (const auto skip = pass(4)) return skip;
    }
    if (type_ == kErspan) return erspan();
    if (type_ == kErspan3) return erspan_3();
    if (!flag(kKey)) {
      note_tunnel(frame_, TunnelKind::gre);
    } else {
      note_network(frame_, TunnelKind::gre, type_ == kBridged ? network_of(key) : key);
    }
    return ether_type(type_);
  }

  /// RFC 7637 §3.2: the lowest byte of NVGRE's key belongs to the flow and not to the network. Its
  /// network numbers begin at 0x1000; below that it is somebody else's key.
  static std::uint32_t network_of(std::uint32_t key) {
    return key >= 0x1000u << 8 ? key >> 8 : key;
  }

  std::optional<Skip> version_1() {
    constexpr std::uint16_t kPpp = 0x880b;
    if (type_ != kPpp || !flag(kKey)) return Skip::malformed_link;
    if (!has(4)) return missing(4);
    reader_.skip(2);  // payload length
    note_session(frame_, TunnelKind::pptp, reader_.u16());
    if (const auto skip = pass((flag(kSequence) ? 4u : 0u) + (flag(kAcknowledgment) ? 4u : 0u)))
      return skip;
    return ppp();
  }

  /// Mirrored frames. The first form has no header of its own, and no sequence numbers in GRE
  /// (draft-foschiano-erspan-03 §4.1).
  std::optional<Skip> erspan() {
    if (!flag(kSequence)) {
      note_tunnel(frame_, TunnelKind::erspan);
      return ethernet();
    }
    constexpr std::size_t kHeader = 8;
    if (!has(kHeader)) return missing(kHeader);
    note_session(frame_, TunnelKind::erspan, reader_.u32() & 0x3ffu);
    reader_.skip(kHeader - 4);
    return ethernet();
  }

  std::optional<Skip> erspan_3() {
    constexpr std::size_t kHeader = 12, kPlatform = 8;
    constexpr unsigned kIpFrame = 2;
    if (!has(kHeader)) return missing(kHeader);
    note_session(frame_, TunnelKind::erspan, reader_.u32() & 0x3ffu);
    reader_.skip(6);  // timestamp, group tag
    const unsigned last = reader_.u16();
    if ((last & 1u) != 0) {
      if (const auto skip = pass(kPlatform)) return skip;
    }
    return (last >> 10 & 0x1fu) == kIpFrame ? ip(0) : ethernet();
  }

  unsigned flags_ = 0;
  std::uint16_t type_ = 0;
};

/// RFC 3378: a version and nothing else in front of the frame.
class EtherIp : public Framing {
 public:
  using Framing::Framing;
  std::optional<Skip> read() {
    if (!has(2)) return missing(2);
    if (reader_.u16() >> 12 != 3) return Skip::malformed_link;
    note_tunnel(frame_, TunnelKind::ether_ip);
    return ethernet();
  }
};

Opening opening(std::optional<Skip> skip) {
  if (!skip) return {Opened::inside};
  return {Opened::unread, *skip};
}

}  // namespace

bool may_be_tunnel(const Datagram& datagram) {
  switch (datagram.protocol) {
    case kProtocolIpv4:
    case kProtocolIpv6:
    case kProtocolUdp:
    case kProtocolGre:
    case kProtocolEtherIp:
    case kProtocolMpls:
      return true;
    default:
      return false;
  }
}

Opening open_tunnel(const Datagram& datagram, Frame& frame) {
  const auto payload = datagram.payload;
  const std::size_t length = datagram.payload_length;
  Framing plain{payload, length, frame};
  const bool over_ipv6 = datagram.version == 6;
  switch (datagram.protocol) {
    case kProtocolUdp:
      return open_udp_tunnel(datagram, frame);
    case kProtocolGre:
      return opening(Gre{payload, length, frame}.read());
    case kProtocolEtherIp:
      return opening(EtherIp{payload, length, frame}.read());
    case kProtocolMpls:
      return opening(plain.mpls());
    case kProtocolIpv4:
      note_tunnel(frame, over_ipv6 ? TunnelKind::ipv4_in_ipv6 : TunnelKind::ip_in_ip);
      return opening(plain.ip(4));
    case kProtocolIpv6:
      note_tunnel(frame, over_ipv6 ? TunnelKind::ip_in_ip : TunnelKind::ipv6_in_ip);
      return opening(plain.ip(6));
    default:
      return {};
  }
}

}  // namespace httpdiag::decode
