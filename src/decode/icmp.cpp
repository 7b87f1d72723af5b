// SPDX-License-Identifier: Apache-2.0
#include "decode/icmp.hpp"

#include "base/byte_reader.hpp"
#include "decode/framing.hpp"
#include "decode/tunnel.hpp"
#include "decode/udp_header.hpp"

namespace httpdiag::decode {
namespace {

using base::ByteReader;

constexpr std::size_t kIcmpHeader = 8;

constexpr std::uint8_t kUnreachable = 3;
constexpr std::uint8_t kFragmentationNeeded = 4;  // code of kUnreachable
constexpr std::uint8_t kPacketTooBigV6 = 2;
constexpr std::uint8_t kUnreachableV6 = 1;  // RFC 4443 §3.1
constexpr std::uint8_t kTimeExceeded = 11, kTimeExceededV6 = 3;

constexpr bool is_error(std::uint8_t version, std::uint8_t type) {
  if (version == 6) return type >= 1 && type <= 4;  // RFC 4443 §3
  switch (type) {
    case kUnreachable:
    case 4:   // source quench, obsolete (RFC 6633)
    case 11:  // time exceeded
    case 12:  // parameter problem
      return true;
    default:
      return false;
  }
}

/// Not captured, or not quoted?
constexpr Skip missing(std::size_t wire_length, std::size_t needed) {
  return wire_length >= needed ? Skip::truncated_header : Skip::icmp_other;
}

/// RFC 1191 §4: the lower half of an otherwise unused word. RFC 4443 §3.2: all of it.
std::uint32_t next_hop_mtu(const IcmpError& error, std::uint32_t word) {
  if (error.v6) return error.type == kPacketTooBigV6 ? word : 0;
  const bool told = error.type == kUnreachable && error.code == kFragmentationNeeded;
  return told ? word & 0xffffu : 0;
}

/// One datagram of the quote. Only the first piece of a fragmented one tells what it carries; in
/// IPv6 further extension headers may stand before that.
std::optional<Skip> read_quoted(const Frame& frame, Datagram& quoted) {
  std::optional<Skip> skip =
      read_ip(frame.datagram, frame.wire_length, frame.version, Lengths::from_quote, quoted);
  if (!skip && quoted.is_piece) {
    if (quoted.piece_offset != 0) return Skip::icmp_other;
    if (quoted.version == 6) skip = skip_extensions(quoted);
  }
  return skip;
}

/// The datagram that the error is about, as far as its ports.
std::optional<Skip> read_quote(std::span<const std::byte> quote, std::size_t wire_length,
                               const Tunnel& tunnel, IcmpError& error) {
  Frame frame{.datagram = quote,
              .wire_length = wire_length,
              .vlan = 0,
              .version = static_cast<std::uint8_t>(error.v6 ? 6 : 4),
              .hints = {},
              .tunnel = tunnel,
              .quoted = true};
  Datagram quoted;
  for (int depth = 0;; ++depth) {
    const std::optional<Skip> skip = read_quoted(frame, quoted);
    if (skip) return *skip == Skip::truncated_header ? skip : Skip::icmp_other;
    if (quoted.protocol == kProtocolTcp) break;
    const bool inside = may_be_tunnel(quoted) && depth < kMaxNesting &&
                        open_tunnel(quoted, frame).what == Opened::inside;
    if (!inside) return Skip::icmp_other;
  }

  ByteReader tcp{quoted.payload};
  if (!tcp.has(4)) return missing(quoted.payload_length, 4);
  error.source = {quoted.source, tcp.u16()};
  error.destination = {quoted.destination, tcp.u16()};
  error.network = frame.tunnel.network;
  error.has_seq = tcp.has(4);
  if (error.has_seq) error.seq = tcp.u32();
  return std::nullopt;
}

DnsError meaning_v4(std::uint8_t type, std::uint8_t code) {  // RFC 792, RFC 1812 §5.2.7.1
  if (type == kTimeExceeded && code == 0) return DnsError::unreachable;
  if (type != kUnreachable || code == kFragmentationNeeded) return DnsError::none;
  if (code == 2 || code == 3) return DnsError::port_closed;  // protocol, port
  return code == 9 || code == 10 || code == 13 ? DnsError::forbidden : DnsError::unreachable;
}

DnsError meaning_v6(std::uint8_t type, std::uint8_t code) {  // RFC 4443 §3
  if (type == kTimeExceededV6 && code == 0) return DnsError::unreachable;
  if (type != kUnreachableV6) return DnsError::none;
  if (code == 4) return DnsError::port_closed;
  return code == 1 || code == 5 || code == 6 ? DnsError::forbidden : DnsError::unreachable;
}

}  // namespace

std::optional<Skip> read_icmp(const Datagram& datagram, const Tunnel& tunnel, IcmpError& error) {
  error = IcmpError{};
  error.reporter = datagram.source;
  error.v6 = datagram.version == 6;
  ByteReader reader{datagram.payload};
  if (!reader.has(1)) return missing(datagram.payload_length, 1);
  error.type = reader.u8();
  if (!is_error(datagram.version, error.type)) return Skip::icmp_other;
  if (!reader.has(kIcmpHeader - 1)) return missing(datagram.payload_length, kIcmpHeader);
  error.code = reader.u8();
  reader.skip(2);  // checksum
  error.mtu = next_hop_mtu(error, reader.u32());
  return read_quote(reader.rest(), datagram.payload_length - kIcmpHeader, tunnel, error);
}

bool read_dns_error(const Datagram& datagram, DnsDatagram& dns) {
  ByteReader reader{datagram.payload};
  if (!reader.has(kIcmpHeader)) return false;
  const std::uint8_t type = reader.u8(), code = reader.u8();
  const DnsError error = datagram.version == 6 ? meaning_v6(type, code) : meaning_v4(type, code);
  if (error == DnsError::none) return false;
  reader.skip(kIcmpHeader - 2);
  const Frame frame{.datagram = reader.rest(),
                    .wire_length = datagram.payload_length - kIcmpHeader,
                    .vlan = 0,
                    .version = datagram.version,
                    .hints = {},
                    .tunnel = {},
                    .quoted = true};
  Datagram quoted;
  if (read_quoted(frame, quoted) || quoted.protocol != kProtocolUdp) return false;
  if (read_udp(quoted, dns)) return false;
  // A host knows its own ports, and the way to itself.
  const bool own = quoted.destination == datagram.source;
  const bool closed = error == DnsError::port_closed && own;
  dns.error = closed || (error == DnsError::unreachable && !own) ? error : DnsError::forbidden;
  dns.reporter = datagram.source;
  return dns.destination.port == kDomain || closed;
}

}  // namespace httpdiag::decode
