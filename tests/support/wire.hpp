// SPDX-License-Identifier: Apache-2.0
// Builds the bytes of packets, layer by layer, with correct checksums unless told
// otherwise. Knows nothing of scenarios or of what a connection is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/packet.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::test {

/// Appends big-endian numbers.
class Bytes {
 public:
  Bytes& u8(std::uint64_t value) {
    out_ += static_cast<char>(value & 0xff);
    return *this;
  }
  Bytes& u16(std::uint64_t value) { return u8(value >> 8).u8(value); }
  Bytes& u32(std::uint64_t value) { return u16(value >> 16).u16(value); }
  Bytes& text(std::string_view value) {
    out_ += value;
    return *this;
  }
  Bytes& address(const IpAddress& ip);
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// partial: of the pseudo-header alone, as a kernel leaves it to its network card.
enum class Checksum : std::uint8_t { right, wrong, partial };

struct TcpHeader {
  Endpoint from, to;
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::string options;  // a multiple of four bytes
  Checksum checksum = Checksum::right;
};
std::string tcp_segment(const TcpHeader& header, std::string_view payload);

inline constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58;

struct IpHeader {
  IpAddress from, to;
  std::uint8_t protocol = kTcp;
  std::uint8_t ttl = 64;
  std::uint16_t id = 0;
  bool zero_length = false;  // as segmentation offload leaves it
};
std::string ip_packet(const IpHeader& header, std::string_view payload);
/// Pieces of `piece_bytes` (a multiple of 8) of IP payload.
std::vector<std::string> ip_fragments(const IpHeader& header, std::string_view payload,
                                      std::size_t piece_bytes);

/// The payload of an ICMP (or ICMPv6) error that quotes the head of `packet`.
std::string icmp_error(const IpAddress& from, const IpAddress& to, std::uint8_t type,
                       std::uint8_t code, std::uint32_t mtu, std::string_view packet);
/// One question, and at most one address in answer to it (RFC 1035 §4.1).
struct DnsMessage {
  enum class Outcome : std::uint8_t { query, address, empty, nxdomain, servfail };
  std::uint16_t id = 0;
  bool aaaa = false;
  std::string name;
  Outcome outcome = Outcome::query;
  IpAddress address;
};
std::string dns_message(const DnsMessage& message);

std::string udp_datagram(const Endpoint& from, const Endpoint& to, std::string_view payload);

struct FrameHeader {
  LinkType link = LinkType::ethernet;
  IpAddress from, to;
  std::vector<std::uint16_t> vlans;   // outermost first
  std::uint32_t interface_index = 2;  // SLL2
  std::uint8_t packet_type = 0;       // SLL, SLL2: 4 is sent by the capturing host
};
std::string frame(const FrameHeader& header, std::string_view ip);
/// "Who has 10.255.255.2?"
std::string arp_frame();

std::uint32_t link_number(LinkType link);

}  // namespace httpdiag::test
