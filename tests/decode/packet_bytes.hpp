// SPDX-License-Identifier: Apache-2.0
// Packets written byte by byte, for the decode tests. Every length field can be
// made to lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "decode/decoder.hpp"

namespace httpdiag::decode {

using Bytes = std::vector<std::byte>;

inline Bytes raw(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}
inline Bytes be16(std::size_t value) {
  return raw({static_cast<unsigned>(value >> 8) & 0xff, static_cast<unsigned>(value) & 0xff});
}
inline Bytes text(std::string_view characters) {
  Bytes bytes;
  for (const char c : characters) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}
inline Bytes filled(std::size_t count, unsigned value = 0x41) {
  return Bytes(count, static_cast<std::byte>(value));
}
inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
inline Bytes be32(std::size_t value) { return be16(value >> 16) + be16(value & 0xffff); }
inline Bytes cut(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  return bytes;
}

inline const IpAddress kClient = IpAddress::v4(0x0a000005);  // 10.0.0.5
inline const IpAddress kServer = IpAddress::v4(0x0a000009);
inline const IpAddress kClient6{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}};
inline const IpAddress kServer6{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};

struct Tcp {
  std::size_t source = 40000, destination = 80;
  std::size_t seq = 1000, ack = 2000;
  unsigned flags = TcpFlags::ack;
  std::size_t window = 502, urgent = 0;
  Bytes options = {};
  std::optional<unsigned> data_offset = {};  // in words
};
inline Bytes tcp(const Tcp& f, const Bytes& payload = {}) {
  const unsigned words = f.data_offset.value_or(5 + static_cast<unsigned>(f.options.size() / 4));
  return be16(f.source) + be16(f.destination) + be32(f.seq) + be32(f.ack) +
         raw({words << 4, f.flags}) + be16(f.window) + be16(0xbad) + be16(f.urgent) + f.options +
         payload;
}

struct Ipv4 {
  unsigned protocol = 6;
  std::size_t id = 7;
  std::size_t fragment = 0x4000;  // the whole field: flags and offset
  unsigned ttl = 64;
  Bytes options = {};
  std::optional<unsigned> header_words = {};
  std::optional<std::size_t> total_length = {};
};
inline Bytes ipv4(const Ipv4& f, const Bytes& payload) {
  const std::size_t header = 20 + f.options.size();
  return raw({0x40 | f.header_words.value_or(static_cast<unsigned>(header / 4)), 0}) +
         be16(f.total_length.value_or(header + payload.size())) + be16(f.id) + be16(f.fragment) +
         raw({f.ttl, f.protocol}) + be16(0xbad) + be32(0x0a000005) + be32(0x0a000009) + f.options +
         payload;
}

struct Ipv6 {
  unsigned next_header = 6;
  unsigned hop_limit = 64;
  std::optional<std::size_t> payload_length = {};
};
inline Bytes ipv6(const Ipv6& f, const Bytes& payload) {
  Bytes bytes = be32(0x60000000) + be16(f.payload_length.value_or(payload.size())) +
                raw({f.next_header, f.hop_limit});
  for (const IpAddress& address : {kClient6, kServer6}) {
    for (const std::uint8_t byte : address.bytes) bytes.push_back(std::byte{byte});
  }
  return bytes + payload;
}
/// An extension header of 8 * (1 + more) bytes.
inline Bytes extension(unsigned next_header, unsigned more = 0) {
  return raw({next_header, more}) + filled(6 + 8 * more, 0);
}
inline Bytes fragment_header(unsigned next_header, std::size_t offset, bool more,
                             std::size_t id = 77) {
  return raw({next_header, 0}) + be16(offset | (more ? 1 : 0)) + be32(id);
}

inline Bytes ethernet(const Bytes& datagram, std::size_t type = 0x0800) {
  return filled(12, 2) + be16(type) + datagram;
}

/// A packet borrowed from `bytes`; the wire length is theirs unless given.
inline Packet packet_of(const Bytes& bytes, LinkType link = LinkType::ethernet,
                        std::optional<std::size_t> wire_length = {}) {
  Packet packet;
  packet.ref = {1, Timestamp{std::chrono::seconds{1700000000}}};
  packet.link = link;
  packet.wire_length = static_cast<std::uint32_t>(wire_length.value_or(bytes.size()));
  packet.bytes = bytes;
  return packet;
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What became of one packet, for comparison in tables: "segment 5/9" is a
/// segment with 5 of 9 payload bytes captured.
inline std::string outcome(const Decoded& decoded) {
  if (const auto* segment = std::get_if<Segment>(&decoded)) {
    return "segment " + std::to_string(segment->payload.size()) + "/" +
           std::to_string(segment->payload_length);
  }
  if (std::holds_alternative<IcmpError>(decoded)) return "icmp error";
  if (const auto* dns = std::get_if<DnsDatagram>(&decoded))
    return "dns " + std::to_string(dns->payload.size());
  switch (std::get<Skip>(decoded)) {
    case Skip::not_ip:
      return "not_ip";
    case Skip::not_tcp:
      return "not_tcp";
    case Skip::icmp_other:
      return "icmp_other";
    case Skip::ip_fragment:
      return "ip_fragment";
    case Skip::fragment_refused:
      return "fragment_refused";
    case Skip::truncated_header:
      return "truncated_header";
    case Skip::malformed_link:
      return "malformed_link";
    case Skip::malformed_ip:
      return "malformed_ip";
    case Skip::malformed_tcp:
      return "malformed_tcp";
    case Skip::unsupported_link:
      return "unsupported_link";
    case Skip::unrelated_icmp:
      return "unrelated_icmp";
    case Skip::protected_frame:
      return "protected_frame";
    case Skip::nested_too_deep:
      return "nested_too_deep";
    case Skip::esp:
      return "esp";
    case Skip::l2tp_v3:
      return "l2tp_v3";
    case Skip::mpls_in_udp:
      return "mpls_in_udp";
    case Skip::vn_tag:
      return "vn_tag";
    case Skip::macsec:
      return "macsec";
    case Skip::nsh:
      return "nsh";
    case Skip::trill:
      return "trill";
    case Skip::pbb:
      return "pbb";
    case Skip::fabric_path:
      return "fabric_path";
    case Skip::cisco_metadata:
      return "cisco_metadata";
    case Skip::arista_time:
      return "arista_time";
    case Skip::edsa:
      return "edsa";
    case Skip::wccp:
      return "wccp";
    case Skip::tzsp:
      return "tzsp";
    case Skip::vxlan_gpe:
      return "vxlan_gpe";
    case Skip::ivxlan:
      return "ivxlan";
    case Skip::capwap:
      return "capwap";
    case Skip::lisp:
      return "lisp";
    case Skip::gre_in_udp:
      return "gre_in_udp";
    case Skip::fragment_incomplete:
      return "fragment_incomplete";
    case Skip::stt:
      return "stt";
  }
  return "?";
}

/// Decodes one packet on its own.
inline std::string outcome_of(const Bytes& bytes, LinkType link = LinkType::ethernet,
                              std::optional<std::size_t> wire_length = {}) {
  Decoder decoder{Limits{}};
  return outcome(decoder.on_packet(packet_of(bytes, link, wire_length)));
}

}  // namespace httpdiag::decode
