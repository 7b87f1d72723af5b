// SPDX-License-Identifier: Apache-2.0
// decode::read_plain() held against the layered readers that it is a shortcut for.
#pragma once

#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "decode/plain.hpp"
#include "decode/tcp_header.hpp"

namespace httpdiag::decode {

enum class Plain : std::uint8_t { left_to_others, alike, different };

inline bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || a.data() == b.data());
}

inline bool same_segment(const Segment& a, const Segment& b) {
  return a.source == b.source && a.destination == b.destination && a.seq == b.seq &&
         a.ack == b.ack && a.flags.bits == b.flags.bits && a.ttl == b.ttl && a.window == b.window &&
         a.ip_id == b.ip_id && a.urgent == b.urgent && a.vlan == b.vlan &&
         a.tunnel.kind == b.tunnel.kind && a.tunnel.network == b.tunnel.network && a.mss == b.mss &&
         a.hints.bits == b.hints.bits && a.window_scale == b.window_scale && a.sack == b.sack &&
         same_bytes(a.options, b.options) && same_bytes(a.payload, b.payload) &&
         a.payload_length == b.payload_length;
}

inline Plain compare_plain(const Packet& packet) {
  // Both start from what another packet may have left behind.
  Segment quick;
  quick.mss = quick.urgent = 1;
  quick.vlan = 7;
  quick.tunnel = {.kind = TunnelKind::gre, .network = 3};
  quick.sack = true;
  quick.hints.bits = 255;
  quick.source.ip.bytes.fill(9);
  if (!read_plain(packet, quick)) return Plain::left_to_others;
  Frame frame;
  Datagram datagram;
  Segment slow;
  const bool read =
      !read_link(packet, frame) &&
      !read_ip(frame.datagram, frame.wire_length, frame.version, Lengths::from_header, datagram) &&
      !datagram.is_piece && datagram.protocol == kProtocolTcp && !read_tcp(datagram, slow);
  slow.vlan = frame.vlan;
  slow.hints.bits |= frame.hints.bits;
  slow.tunnel = frame.tunnel;
  return read && quick.packet == packet.ref && same_segment(quick, slow) ? Plain::alike
                                                                         : Plain::different;
}

}  // namespace httpdiag::decode
