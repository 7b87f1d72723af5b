// SPDX-License-Identifier: Apache-2.0
#include "support/wrap.hpp"

#include <algorithm>
#include <array>

#include "support/wire.hpp"

namespace httpdiag::test {
namespace {

constexpr std::size_t kAddressPair = 12;

bool is_v6(std::string_view ip) { return !ip.empty() && (ip[0] & 0xf0) == 0x60; }
std::uint16_t ether_type(std::string_view ip) { return is_v6(ip) ? 0x86dd : 0x0800; }
std::uint16_t ppp_protocol(std::string_view ip) { return is_v6(ip) ? 0x0057 : 0x0021; }

Bytes& little16(Bytes& bytes, std::uint64_t value) { return bytes.u8(value).u8(value >> 8); }
Bytes& little32(Bytes& bytes, std::uint64_t value) {
  little16(bytes, value);
  return little16(bytes, value >> 16);
}

std::string ethernet(std::string_view ip) {
  return Bytes{}.text(std::string(kAddressPair, '\2')).u16(ether_type(ip)).text(ip).take();
}

/// RFC 1042: SNAP with an Ethernet type.
std::string snap(std::string_view ip) {
  return Bytes{}.u8(0xaa).u8(0xaa).u8(3).u8(0).u16(0).u16(ether_type(ip)).text(ip).take();
}

std::string ppp(std::string_view ip) {
  return Bytes{}.u8(0xff).u8(3).u16(ppp_protocol(ip)).text(ip).take();
}

std::string pppoe(std::string_view ip) {
  return Bytes{}.u8(0x11).u8(0).u16(7).u16(2 + ip.size()).u16(ppp_protocol(ip)).text(ip).take();
}

/// A QoS data frame from a station, with its header filled up to `header_bytes`.
std::string ieee802_11(std::string_view ip, std::size_t header_bytes) {
  const std::string header =
      Bytes{}.u8(0x88).u8(0x01).u16(0).text(std::string(18, '\2')).u16(0).u16(0).take();
  return header + std::string(header_bytes - header.size(), '\0') + snap(ip);
}

std::string radiotap(std::string_view ip) {
  Bytes bytes;
  bytes.u8(0).u8(0);
  little16(bytes, 17);
  little32(bytes, 0x00000003);                // clock, flags
  bytes.text(std::string(8, '\1')).u8(0x20);  // padded behind the 802.11 header
  return bytes.take() + ieee802_11(ip, 28);
}

std::string ppi(std::string_view ip) {
  Bytes bytes;
  bytes.u8(0).u8(0);
  little16(bytes, 16);
  little32(bytes, 105);
  little16(bytes, 30000);  // a field of no standard, of four bytes
  little16(bytes, 4);
  little32(bytes, 0);
  return bytes.take() + ieee802_11(ip, 26);
}

std::string pktap(std::string_view ip) {
  Bytes bytes;
  little32(bytes, 108);
  little32(bytes, 1);
  little32(bytes, 1);
  return bytes.text(std::string(96, '\0')).take() + ethernet(ip);
}

std::string nflog(std::string_view ip) {
  Bytes bytes;
  bytes.u8(is_v6(ip) ? 10 : 2).u8(0).u16(5);
  little16(bytes, 5);  // an attribute of one byte, padded
  little16(bytes, 10);
  bytes.text(std::string_view{"x\0\0\0", 4});
  little16(bytes, 4 + ip.size());
  little16(bytes, 9);
  return bytes.text(ip).take();
}

std::string pflog(std::string_view ip) {
  Bytes bytes;
  bytes.u8(61).u8(is_v6(ip) ? 24 : 2).text(std::string(62, '\0'));
  return bytes.text(ip).take();
}

std::string ipnet(std::string_view ip) {
  Bytes bytes;
  bytes.u8(1).u8(is_v6(ip) ? 26 : 2).text(std::string(22, '\0'));
  return bytes.text(ip).take();
}

std::string frame_relay(std::string_view ip) {
  return Bytes{}.u8(0x18).u8(0x41).u8(3).u8(is_v6(ip) ? 0x8e : 0xcc).text(ip).take();
}

std::string mpls(std::uint32_t label, std::string_view inside) {
  const std::uint32_t outer = 99;
  return Bytes{}.u32(outer << 12 | 64).u32(label << 12 | 0x100 | 64).text(inside).take();
}

const Endpoint kNear{.ip = IpAddress::v4(0xc0a80001), .port = 50123};
const Endpoint kFar{.ip = IpAddress::v4(0xc0a80002), .port = 0};
const IpAddress kNear6{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const IpAddress kFar6{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

std::string over_ip(std::uint8_t protocol, std::string_view payload) {
  return ip_packet({.from = kNear.ip, .to = kFar.ip, .protocol = protocol, .ttl = 64, .id = 0x4242},
                   payload);
}
std::string over_ipv6(std::uint8_t protocol, std::string_view payload) {
  return ip_packet({.from = kNear6, .to = kFar6, .protocol = protocol, .ttl = 64}, payload);
}
std::string over_udp(std::uint16_t port, std::string_view payload) {
  return over_ip(kUdp, udp_datagram(kNear, {.ip = kFar.ip, .port = port}, payload));
}

constexpr std::uint8_t kGre = 47;

std::string vxlan(std::uint32_t id, std::string_view ip) {
  return Bytes{}.u32(0x08000000).u32(id << 8).text(ethernet(ip)).take();
}
/// With an option of four bytes.
std::string geneve(std::uint32_t id, std::uint16_t type, std::string_view inside) {
  return Bytes{}.u8(1).u8(0).u16(type).u32(id << 8).u32(0).text(inside).take();
}
/// Sequence number and one extension header of four bytes.
std::string gtp_u(std::uint32_t id, std::string_view ip) {
  return Bytes{}
      .u8(0x36)
      .u8(255)
      .u16(8 + ip.size())
      .u32(id)
      .u16(1)
      .u8(0)
      .u8(0x85)
      .u8(1)
      .u16(0)
      .u8(0)
      .text(ip)
      .take();
}
std::string teredo(std::string_view ip) {
  return Bytes{}
      .u16(1)
      .u16(0)
      .text(std::string(9, '\0'))
      .u16(0)
      .text(std::string(6, '\1'))
      .text(ip)
      .take();
}
std::string l2tp(std::uint32_t id, std::string_view ip) {
  return Bytes{}.u16(0x4a02).u16(18 + ip.size()).u32(id).u32(0).u16(2).u16(0).text(ppp(ip)).take();
}
std::string erspan_2(std::uint32_t id, std::string_view ip) {
  return Bytes{}
      .u16(0x1000)
      .u16(0x88be)
      .u32(7)
      .u32(0x10000000 | id)
      .u32(0)
      .text(ethernet(ip))
      .take();
}
std::string erspan_3(std::uint32_t id, std::string_view ip) {
  return Bytes{}
      .u16(0x1000)
      .u16(0x22eb)
      .u32(7)
      .u32(0x20000000 | id)
      .u32(0)
      .u16(0)
      .u16(1)
      .u32(0)
      .u32(0)
      .text(ethernet(ip))
      .take();
}
std::string pptp(std::uint32_t id, std::string_view ip) {
  return Bytes{}
      .u16(0x3081)
      .u16(0x880b)
      .u16(ip.size() + 4)
      .u16(id)
      .u32(1)
      .u32(1)
      .text(ppp(ip))
      .take();
}

constexpr std::array<std::string_view, 23> kKinds = {
    "vxlan",   "vxlan-8472", "geneve",   "geneve-ip",  "gre",      "gre-checksum",
    "gre-key", "gretap",     "nvgre",    "erspan-1",   "erspan-2", "erspan-3",
    "pptp",    "gtp-u",      "ip-in-ip", "ip-in-ipv6", "mpls",     "mpls-pw",
    "l2tp",    "teredo",     "etherip",  "gue",        "gue-ip"};

std::string gre_of(std::string_view kind, std::uint32_t id, std::string_view ip) {
  const std::uint16_t type = ether_type(ip);
  if (kind == "gre") return Bytes{}.u16(0).u16(type).text(ip).take();
  if (kind == "gre-checksum") return Bytes{}.u16(0x8000).u16(type).u32(0).text(ip).take();
  if (kind == "gre-key") return Bytes{}.u16(0x3000).u16(type).u32(id).u32(1).text(ip).take();
  if (kind == "gretap") return Bytes{}.u16(0).u16(0x6558).text(ethernet(ip)).take();
  if (kind == "nvgre")
    return Bytes{}.u16(0x2000).u16(0x6558).u32(id << 8 | ip.size() % 7).text(ethernet(ip)).take();
  if (kind == "erspan-1") return Bytes{}.u16(0).u16(0x88be).text(ethernet(ip)).take();
  if (kind == "erspan-2") return erspan_2(id, ip);
  if (kind == "erspan-3") return erspan_3(id, ip);
  return kind == "pptp" ? pptp(id, ip) : std::string{};
}

}  // namespace

std::string wrap_in_link(LinkType link, std::string_view ip) {
  switch (link) {
    case LinkType::ethernet:
      return ethernet(ip);
    case LinkType::raw_ip:
      return std::string{ip};
    case LinkType::ppp:
      return ppp(ip);
    case LinkType::ppp_direction:
      return std::string(1, '\1') + ppp(ip);
    case LinkType::pppoe:
      return pppoe(ip);
    case LinkType::cisco_hdlc:
      return Bytes{}.u8(0x0f).u8(0).u16(ether_type(ip)).text(ip).take();
    case LinkType::cisco_hdlc_direction:
      return std::string(1, '\0') + wrap_in_link(LinkType::cisco_hdlc, ip);
    case LinkType::frame_relay:
      return frame_relay(ip);
    case LinkType::frame_relay_direction:
      return std::string(1, '\0') + frame_relay(ip);
    case LinkType::ieee802_11:
      return ieee802_11(ip, 26);
    case LinkType::radiotap:
      return radiotap(ip);
    case LinkType::ppi:
      return ppi(ip);
    case LinkType::pktap:
      return pktap(ip);
    case LinkType::nflog:
      return nflog(ip);
    case LinkType::pflog:
      return pflog(ip);
    case LinkType::ipnet:
      return ipnet(ip);
    case LinkType::mpls:
      return mpls(17, ip);
    default:
      return {};
  }
}

std::string wrap_in_tunnel(std::string_view kind, std::uint32_t id, std::string_view ip) {
  if (kind == "vxlan") return over_udp(4789, vxlan(id, ip));
  if (kind == "vxlan-8472") return over_udp(8472, vxlan(id, ip));
  if (kind == "geneve") return over_udp(6081, geneve(id, 0x6558, ethernet(ip)));
  if (kind == "geneve-ip") return over_udp(6081, geneve(id, ether_type(ip), ip));
  if (kind == "gtp-u") return over_udp(2152, gtp_u(id, ip));
  if (kind == "l2tp") return over_udp(1701, l2tp(id, ip));
  if (kind == "teredo") return over_udp(3544, teredo(ip));
  if (kind == "ip-in-ip") return over_ip(is_v6(ip) ? 41 : 4, ip);
  if (kind == "ip-in-ipv6") return over_ipv6(is_v6(ip) ? 41 : 4, ip);
  if (kind == "mpls") return over_ip(137, mpls(id, ip));
  if (kind == "mpls-pw") return over_ip(137, mpls(id, Bytes{}.u32(1).text(ethernet(ip)).take()));
  if (kind == "gue")
    return over_udp(6080, Bytes{}.u8(1).u8(is_v6(ip) ? 41 : 4).u16(0).u32(id).text(ip).take());
  if (kind == "gue-ip") return over_udp(6080, ip);
  if (kind == "etherip") return over_ip(97, Bytes{}.u16(0x3000).text(ethernet(ip)).take());
  const std::string gre = gre_of(kind, id, ip);
  return gre.empty() ? gre : over_ip(kGre, gre);
}

std::span<const std::string_view> tunnel_kinds() { return kKinds; }
bool tunnel_carries(std::string_view kind, bool v6) { return kind != "teredo" || v6; }

}  // namespace httpdiag::test
