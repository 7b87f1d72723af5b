// SPDX-License-Identifier: Apache-2.0
#include "support/wire.hpp"

#include <algorithm>

#include "support/wrap.hpp"

namespace httpdiag::test {

namespace {

std::uint64_t sum_words(std::string_view bytes, std::uint64_t sum) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto value = static_cast<std::uint8_t>(bytes[i]);
    sum += i % 2 == 0 ? std::uint64_t{value} << 8 : value;
  }
  return sum;
}

/// RFC 1071.
std::uint16_t checksum(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

/// RFC 9293 §3.1, RFC 8200 §8.1: the two pseudo headers add up to the same thing.
std::uint64_t pseudo_header(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
                            std::size_t length) {
  const std::string addresses = Bytes{}.address(from).address(to).take();
  return sum_words(addresses, std::uint64_t{protocol} + length);
}

void put_u16(std::string& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<char>(value >> 8);
  bytes[at + 1] = static_cast<char>(value & 0xff);
}

std::string ipv4_header(const IpHeader& header, std::size_t payload_bytes,
                        std::uint16_t fragment_field) {
  const std::size_t total = header.zero_length ? 0 : 20 + payload_bytes;
  std::string bytes = Bytes{}
                          .u8(0x45)
                          .u8(0)
                          .u16(total)
                          .u16(header.id)
                          .u16(fragment_field)
                          .u8(header.ttl)
                          .u8(header.protocol)
                          .u16(0)
                          .address(header.from)
                          .address(header.to)
                          .take();
  put_u16(bytes, 10, checksum(sum_words(bytes, 0)));
  return bytes;
}

std::string ipv6_header(const IpHeader& header, std::size_t payload_bytes, std::uint8_t next) {
  return Bytes{}
      .u32(0x60000000)
      .u16(header.zero_length ? 0 : payload_bytes)
      .u8(next)
      .u8(header.ttl)
      .address(header.from)
      .address(header.to)
      .take();
}

/// Locally administered, from the low bytes of the address.
std::string mac(const IpAddress& ip) {
  Bytes bytes;
  bytes.u8(0x02).u8(0);
  for (std::size_t i = 12; i < 16; ++i) bytes.u8(ip.bytes[i]);
  return bytes.take();
}

std::string ethernet_frame(const FrameHeader& header, std::uint16_t type, std::string_view ip) {
  Bytes bytes;
  bytes.text(mac(header.to)).text(mac(header.from));
  for (std::size_t i = 0; i < header.vlans.size(); ++i) {
    // The outer of two tags is a service tag (IEEE 802.1ad).
    bytes.u16(header.vlans.size() > 1 && i == 0 ? 0x88a8 : 0x8100).u16(header.vlans[i]);
  }
  return bytes.u16(type).text(ip).take();
}

}  // namespace

Bytes& Bytes::address(const IpAddress& ip) {
  for (std::size_t i = ip.is_v4() ? 12 : 0; i < ip.bytes.size(); ++i) u8(ip.bytes[i]);
  return *this;
}

std::string tcp_segment(const TcpHeader& header, std::string_view payload) {
  const std::size_t words = 5 + header.options.size() / 4;
  std::string bytes = Bytes{}
                          .u16(header.from.port)
                          .u16(header.to.port)
                          .u32(header.seq)
                          .u32(header.ack)
                          .u8(words << 4)
                          .u8(header.flags)
                          .u16(header.window)
                          .u16(0)
                          .u16(0)
                          .text(header.options)
                          .text(payload)
                          .take();
  const std::uint64_t pseudo = pseudo_header(header.from.ip, header.to.ip, kTcp, bytes.size());
  const std::uint16_t right = checksum(sum_words(bytes, pseudo));
  std::uint16_t sum = right;
  if (header.checksum == Checksum::wrong) sum = static_cast<std::uint16_t>(right ^ 0x5555);
  if (header.checksum == Checksum::partial) sum = static_cast<std::uint16_t>(~checksum(pseudo));
  put_u16(bytes, 16, sum);
  return bytes;
}

std::string udp_datagram(const Endpoint& from, const Endpoint& to, std::string_view payload) {
  std::string bytes =
      Bytes{}.u16(from.port).u16(to.port).u16(8 + payload.size()).u16(0).text(payload).take();
  put_u16(bytes, 6, checksum(sum_words(bytes, pseudo_header(from.ip, to.ip, kUdp, bytes.size()))));
  return bytes;
}

std::string dns_message(const DnsMessage& message) {
  using Outcome = DnsMessage::Outcome;
  const bool response = message.outcome != Outcome::query;
  const bool has_address = message.outcome == Outcome::address;
  const unsigned rcode = message.outcome == Outcome::nxdomain   ? 3
                         : message.outcome == Outcome::servfail ? 2
                                                                : 0;
  const unsigned type = message.aaaa ? 28 : 1;
  Bytes bytes;
  bytes.u16(message.id).u16((response ? 0x8180u : 0x0100u) | rcode).u16(1);
  bytes.u16(has_address ? 1 : 0).u16(0).u16(0);
  for (std::size_t at = 0; at <= message.name.size();) {
    const std::size_t end = std::min(message.name.find('.', at), message.name.size());
    bytes.u8(end - at).text(std::string_view{message.name}.substr(at, end - at));
    at = end + 1;
  }
  bytes.u8(0).u16(type).u16(1);
  if (has_address) {
    const std::string_view all{reinterpret_cast<const char*>(message.address.bytes.data()), 16};
    const std::string_view data = message.aaaa ? all : all.substr(12);
    bytes.u16(0xc00c).u16(type).u16(1).u16(0).u16(60).u16(data.size()).text(data);
  }
  return bytes.take();
}

std::string ip_packet(const IpHeader& header, std::string_view payload) {
  constexpr std::uint16_t kDontFragment = 0x4000;
  const std::string head = header.from.is_v4()
                               ? ipv4_header(header, payload.size(), kDontFragment)
                               : ipv6_header(header, payload.size(), header.protocol);
  return head + std::string{payload};
}

std::vector<std::string> ip_fragments(const IpHeader& header, std::string_view payload,
                                      std::size_t piece_bytes) {
  constexpr std::uint8_t kFragmentHeader = 44;  // RFC 8200 §4.5
  std::vector<std::string> packets;
  for (std::size_t at = 0; at < payload.size(); at += piece_bytes) {
    const std::string_view piece = payload.substr(at, piece_bytes);
    const bool more = at + piece.size() < payload.size();
    if (header.from.is_v4()) {
      const auto field = static_cast<std::uint16_t>((more ? 0x2000 : 0) | (at / 8));
      packets.push_back(ipv4_header(header, piece.size(), field) + std::string{piece});
    } else {
      const std::string extension =
          Bytes{}.u8(header.protocol).u8(0).u16(at | (more ? 1 : 0)).u32(header.id).take();
      packets.push_back(ipv6_header(header, extension.size() + piece.size(), kFragmentHeader) +
                        extension + std::string{piece});
    }
  }
  return packets;
}

std::string icmp_error(const IpAddress& from, const IpAddress& to, std::uint8_t type,
                       std::uint8_t code, std::uint32_t mtu, std::string_view packet) {
  const bool v6 = !to.is_v4();
  // Routers quote at least eight bytes behind an IPv4 header; most quote 28 bytes of TCP or more.
  const std::string_view quote = packet.substr(0, v6 ? 1200 : 20 + 40);
  std::string bytes = Bytes{}.u8(type).u8(code).u16(0).u32(mtu).text(quote).take();
  const std::uint64_t sum = v6 ? pseudo_header(from, to, kIcmp6, bytes.size()) : 0;
  put_u16(bytes, 2, checksum(sum_words(bytes, sum)));
  return bytes;
}

std::string frame(const FrameHeader& header, std::string_view ip) {
  const bool v6 = !header.from.is_v4();
  const std::uint16_t type = v6 ? 0x86dd : 0x0800;
  const std::uint64_t family = v6 ? 30 : 2;  // Darwin's AF_INET6
  switch (header.link) {
    case LinkType::ethernet:
      return ethernet_frame(header, type, ip);
    case LinkType::linux_sll:
      return Bytes{}
          .u16(header.packet_type)
          .u16(1)
          .u16(6)
          .text(mac(header.from))
          .u16(0)
          .u16(type)
          .text(ip)
          .take();
    case LinkType::linux_sll2:
      return Bytes{}
          .u16(type)
          .u16(0)
          .u32(header.interface_index)
          .u16(1)
          .u8(header.packet_type)
          .u8(6)
          .text(mac(header.from))
          .u16(0)
          .text(ip)
          .take();
    case LinkType::null:  // byte order of the capturing host: little-endian here
      return Bytes{}.u8(family).u8(0).u16(0).text(ip).take();
    case LinkType::loop:
      return Bytes{}.u32(family).text(ip).take();
    default:
      return wrap_in_link(header.link, ip);
  }
}

std::string arp_frame() {
  const std::string sender = std::string{"\x02\0\x0a\xff\xff\x01", 6};
  return Bytes{}
      .text("\xff\xff\xff\xff\xff\xff")
      .text(sender)
      .u16(0x0806)
      .u16(1)
      .u16(0x0800)
      .u8(6)
      .u8(4)
      .u16(1)
      .text(sender)
      .u32(0x0affff01)
      .u32(0)
      .u16(0)
      .u32(0x0affff02)
      .take();
}

std::uint32_t link_number(LinkType link) {
  switch (link) {
    case LinkType::ethernet:
      return 1;
    case LinkType::linux_sll:
      return 113;
    case LinkType::linux_sll2:
      return 276;
    case LinkType::null:
      return 0;
    case LinkType::loop:
      return 108;
    case LinkType::ppp:
      return 9;
    case LinkType::pppoe:
      return 51;
    case LinkType::cisco_hdlc:
      return 104;
    case LinkType::frame_relay:
      return 107;
    case LinkType::ieee802_11:
      return 105;
    case LinkType::radiotap:
      return 127;
    case LinkType::ppi:
      return 192;
    case LinkType::pktap:
      return 258;
    case LinkType::nflog:
      return 239;
    case LinkType::pflog:
      return 117;
    case LinkType::ipnet:
      return 226;
    case LinkType::mpls:
      return 219;
    default:
      return 101;
  }
}

}  // namespace httpdiag::test
