// SPDX-License-Identifier: Apache-2.0
// What decode makes of a packet: a TCP segment, an ICMP error that quotes one,
// or the reason why it is neither. Numbers are in host byte order.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "httpdiag/packet.hpp"

namespace httpdiag {

/// IPv4 is held as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so that one type serves both.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static constexpr IpAddress v4(std::uint32_t host_order) {
    // In two words, as it will be read: a load that spans several fresh stores has to wait.
    struct Words {
      std::uint64_t first, second;
    };
    constexpr bool kLittle = std::endian::native == std::endian::little;
    const std::uint64_t mapped =
        kLittle ? std::uint64_t{__builtin_bswap32(host_order)} << 32 | 0xffff0000
                : std::uint64_t{0xffff} << 32 | host_order;
    return std::bit_cast<IpAddress>(Words{0, mapped});
  }
  constexpr bool is_v4() const {
    for (std::size_t i = 0; i < 10; ++i) {
      if (bytes[i] != 0) return false;
    }
    return bytes[10] == 0xff && bytes[11] == 0xff;
  }
  /// 127.0.0.0/8 or ::1.
  constexpr bool is_loopback() const {
    if (is_v4()) return bytes[12] == 127;
    for (std::size_t i = 0; i < 15; ++i) {
      if (bytes[i] != 0) return false;
    }
    return bytes[15] == 1;
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
  /// Two words instead of a call of memcmp: every packet is compared with its flow.
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    struct Words {  // no array: it would have the stack protector guard every comparison
      std::uint64_t first, second;
    };
    const auto x = std::bit_cast<Words>(a.bytes);
    const auto y = std::bit_cast<Words>(b.bytes);
    return x.first == y.first && x.second == y.second;
  }
};

struct Endpoint {
  IpAddress ip;
  std::uint16_t port = 0;
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

std::string to_string(const IpAddress& address);  // "10.0.0.5", "::1" (RFC 5952)
std::string to_string(const Endpoint& endpoint);  // "10.0.0.5:80", "[::1]:80"
/// As to_string() writes it, and in every other form of RFC 4291 §2.2.
std::optional<IpAddress> parse_ip(std::string_view text);

/// Flag bits of the TCP header (RFC 9293 §3.1).
struct TcpFlags {
  static constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10,
                                urg = 0x20;
  std::uint8_t bits = 0;
  constexpr bool has(std::uint8_t flag) const { return (bits & flag) != 0; }
};

/// What a packet tells of where it was recorded; a bit each.
struct Hints {
  static constexpr std::uint8_t from_here = 1,  // sent by the capturing host (SLL packet type 4)
      to_here = 2,                              // received by it (type 0)
      to_other = 4,                             // overheard: meant for another host (type 3)
      loopback = 8,                             // recorded on a loopback device
      sum_good = 16,                            // checksum right; of SYNs only, as the two below
      sum_unfinished = 32,  // only what a host leaves to its network card: the packet is on its way
                            // out of it
      no_length = 64,       // IP length 0: recorded before the network card cut it up
      piece = 128;          // of its IP datagram later pieces were not recorded
  std::uint8_t bits = 0;
  constexpr bool has(std::uint8_t hint) const { return (bits & hint) != 0; }
};

enum class TunnelKind : std::uint8_t {
  none,
  mpls,
  gre,
  pptp,
  erspan,
  vxlan,
  geneve,
  gtp_u,
  ip_in_ip,
  ipv6_in_ip,
  ipv4_in_ipv6,
  teredo,
  l2tp,
  ether_ip,
  fou,
  gue,
};
std::string_view name(TunnelKind kind);  // "gtp-u"

/// How the IP datagram of a segment was wrapped up in others.
struct Tunnel {
  TunnelKind kind = TunnelKind::none;  // the innermost
  std::uint8_t depth = 0;              // how many
  bool has_id = false;
  std::uint32_t id = 0;  // VNI, key, TEID, label, session; of the innermost that has one
  // In which of several networks with addresses of their own it is: the VNIs and keys on the way,
  // folded together as VLAN tags are. 0: none is named. What either end of a tunnel numbers as it
  // likes (TEIDs, labels, L2TP sessions) differs with the direction and names none.
  std::uint32_t network = 0;
};

/// A borrowed view of one TCP segment; dies with its packet.
struct Segment {
  PacketRef packet;
  Endpoint source, destination;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;  // meaningless unless flags has ack
  TcpFlags flags;
  std::uint8_t ttl = 0;      // hop limit for IPv6
  std::uint16_t window = 0;  // unscaled
  std::uint16_t ip_id = 0;   // IPv4 identification; 0 for IPv6
  std::uint16_t urgent = 0;
  // All tags and tunnels folded together, 0 = neither; equal iff the stacks are equal in practice.
  std::uint32_t vlan = 0;
  Tunnel tunnel;
  std::uint16_t mss = 0;          // from a SYN; 0 = option absent
  std::int8_t window_scale = -1;  // from a SYN; -1 = option absent
  bool sack = false;              // carries SACK blocks (RFC 2018)
  bool time_guessed = false;      // as Packet::time_guessed
  Hints hints;
  DeviceId device = 0;                 // as Packet::device
  std::span<const std::byte> options;  // raw TCP options
  std::span<const std::byte>
      payload;  // captured payload: padding removed, may be shorter than payload_length
  std::uint32_t payload_length =
      0;  // payload bytes on the wire, from the IP header (TSO: from the wire length)
};

/// An ICMP or ICMPv6 error about a TCP segment (RFC 792, RFC 4443 §3).
struct IcmpError {
  PacketRef packet;
  IpAddress reporter;  // who sent the error
  bool v6 = false;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;         // next-hop MTU of "fragmentation needed"/"packet too big"; else 0
  Endpoint source, destination;  // of the quoted segment
  std::uint32_t seq = 0;         // of the quoted segment; valid if has_seq
  std::uint32_t network = 0;     // of the quoted segment, as Tunnel::network
  bool has_seq = false;
};

/// Why a packet is not analysed. One account of the ledger each; names are in report.hpp's order.
enum class Skip : std::uint8_t {
  not_ip,       // ARP, LLDP, …
  not_tcp,      // UDP but for DNS, other IP protocols
  icmp_other,   // ICMP that quotes no TCP segment
  ip_fragment,  // piece of a datagram; its content is accounted with the packet that completes it
  fragment_refused,  // overlapping, oversized or beyond the fragment budget
  truncated_header,  // snaplen cut inside the link, IP or TCP header
  malformed_link,    // link header that contradicts itself, or too many tags
  malformed_ip,
  malformed_tcp,
  unsupported_link,
  unrelated_icmp,   // ICMP error about a TCP segment that is in no flow of the capture
  protected_frame,  // IEEE 802.11 frame whose content is encrypted
  nested_too_deep,  // more tunnels within each other than anybody builds
  // Known by name, and not looked into.
  esp,                  // IPsec's encryption (RFC 4303), in UDP too (RFC 3948)
  l2tp_v3,              // RFC 3931: only its ends know how long its headers are
  mpls_in_udp,          // RFC 7510
  vn_tag,               // a tag of network cards and the switches that extend them
  macsec,               // IEEE 802.1AE
  nsh,                  // RFC 8300
  trill,                // RFC 6325
  pbb,                  // IEEE 802.1ah
  fabric_path,          // Cisco's, between switches
  cisco_metadata,       // a tag with a security group
  arista_time,          // a time between addresses and type
  edsa,                 // a tag of switch chips
  wccp,                 // in GRE, with a header of its own
  tzsp,                 // MikroTik's mirror
  vxlan_gpe,            // draft-ietf-nvo3-vxlan-gpe
  ivxlan,               // Cisco ACI's
  capwap,               // RFC 5415
  lisp,                 // RFC 9300
  gre_in_udp,           // RFC 8086
  fragment_incomplete,  // as ip_fragment, of a datagram of which other pieces are not there
  stt,                  // draft-davie-stt: looks like TCP, and is none
};
inline constexpr std::size_t kSkipCount = 34;

/// What an ICMP error says of the datagram from or to port 53 that it quotes.
enum class DnsError : std::uint8_t {
  none,         // it is no quote
  port_closed,  // its destination: nobody has that port
  unreachable,  // somebody on the way: there is no way, or nobody is there
  forbidden,    // a rule is against it
};

/// A borrowed view of one UDP datagram from or to port 53.
struct DnsDatagram {
  PacketRef packet;
  Endpoint source, destination;
  std::span<const std::byte> payload;  // captured part
  // Of a datagram from port 53 only that its destination has closed its port.
  DnsError error = DnsError::none;
  IpAddress reporter{};  // who sent that error
};

using Decoded = std::variant<Segment, IcmpError, DnsDatagram, Skip>;

}  // namespace httpdiag
