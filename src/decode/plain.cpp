// SPDX-License-Identifier: Apache-2.0
#include "decode/plain.hpp"

#include <algorithm>
#include <cstring>

#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "decode/tcp_header.hpp"

namespace httpdiag::decode {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kTcp = 20;

std::uint16_t u16(const std::byte* at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8 |
                                    std::to_integer<unsigned>(at[1]));
}
std::uint32_t u32(const std::byte* at) { return std::uint32_t{u16(at)} << 16 | u16(at + 2); }

}  // namespace

bool read_plain(const Packet& packet, Segment& segment) {
  if (packet.link != LinkType::ethernet) return false;
  if (packet.bytes.size() < kEthernet + kIpv4 + kTcp) return false;
  const std::byte* const ethernet = packet.bytes.data();
  const std::byte* const ip = ethernet + kEthernet;
  const std::byte* const tcp = ip + kIpv4;

  const bool plain_ipv4 = u16(ethernet + 12) == 0x0800 && ip[0] == std::byte{0x45} &&
                          (u16(ip + 6) & 0x3fffu) == 0 && ip[9] == std::byte{kProtocolTcp};
  if (!plain_ipv4) return false;
  const std::size_t length = u16(ip + 2);
  const std::size_t captured = packet.bytes.size() - kEthernet;
  const std::size_t tcp_header = (std::to_integer<unsigned>(tcp[12]) >> 4) * std::size_t{4};
  const std::size_t headers = kIpv4 + tcp_header;
  if (u16(tcp + 2) == kSttPort) [[unlikely]]
    return false;
  // Total length 0 (offload), a cut inside the options and contradictions are for the others.
  if (tcp_header < kTcp || headers > length || headers > captured) return false;

  segment.packet = packet.ref;
  segment.source.ip = IpAddress::v4(u32(ip + 12));
  segment.destination.ip = IpAddress::v4(u32(ip + 16));
  segment.source.port = u16(tcp);
  segment.destination.port = u16(tcp + 2);
  segment.seq = u32(tcp + 4);
  segment.ack = u32(tcp + 8);
  segment.flags.bits = std::to_integer<std::uint8_t>(tcp[13]);
  segment.ttl = std::to_integer<std::uint8_t>(ip[8]);
  segment.window = u16(tcp + 14);
  segment.ip_id = u16(ip + 4);
  segment.urgent = u16(tcp + 18);
  segment.device = packet.device;
  segment.time_guessed = packet.time_guessed;
  segment.vlan = 0;
  segment.tunnel = {};
  segment.options = {tcp + kTcp, tcp_header - kTcp};
  segment.payload = {tcp + tcp_header, std::min(captured, length) - headers};
  segment.payload_length = static_cast<std::uint32_t>(length - headers);
  read_options(segment);
  segment.hints.bits = direction_hint(packet.direction);
  if (segment.flags.has(TcpFlags::syn)) [[unlikely]] {
    segment.hints.bits |= checksum_hint(segment, packet.bytes.subspan(kEthernet + kIpv4));
  }
  return true;
}

}  // namespace httpdiag::decode
