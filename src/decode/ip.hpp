// SPDX-License-Identifier: Apache-2.0
// IPv4 (RFC 791) and IPv6 (RFC 8200) headers: addresses, what is carried, and
// how much of it. Lengths come from the IP header, never from the frame, except
// where offload left the length 0. Checksums are not looked at: captures of
// sent packets hold wrong ones as a rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "decode/link.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolIpv4 = 4;  // in IP: RFC 2003, RFC 2473
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIpv6 = 41;  // RFC 4213
inline constexpr std::uint8_t kProtocolGre = 47;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kProtocolEtherIp = 97;  // RFC 3378
inline constexpr std::uint8_t kProtocolMpls = 137;    // RFC 4023

/// One IP datagram, or a piece of one; borrowed from the packet.
struct Datagram {
  IpAddress source, destination;
  std::span<const std::byte> payload;  // captured part of what the IP header says is carried
  std::size_t payload_length = 0;      // the same on the wire; payload.size() <= payload_length
  std::uint8_t version = 0;            // 4 or 6
  std::uint8_t protocol = 0;           // what `payload` starts with
  std::uint8_t ttl = 0;
  std::uint16_t id = 0;    // IPv4
  bool no_length = false;  // the header says 0, as segmentation offload leaves it

  // Fragmentation; the rest is valid if is_piece.
  bool is_piece = false;
  bool more_pieces = false;
  std::uint32_t piece_id = 0;
  std::uint32_t piece_offset = 0;
  std::uint32_t piece_room = 0;  // bytes that all pieces together may have (65535 less the headers)
};

/// Whether the lengths inside the header bound the payload, or only the bytes
/// that are there: routers quote a datagram cut short, some with altered lengths.
enum class Lengths : std::uint8_t { from_header, from_quote };

/// Reads the headers up to the transport protocol. `wire_length` is at least
/// bytes.size(); `version` 0 takes either. A piece of an IPv6 datagram stops
/// behind its fragment header: `payload` is the piece.
[[nodiscard]] std::optional<Skip> read_ip(std::span<const std::byte> bytes, std::size_t wire_length,
                                          std::uint8_t version, Lengths lengths,
                                          Datagram& datagram);

/// Whether an IP header in its right mind begins here, where only a port number or a few bits say
/// that there is one. `unknown`: not enough of it was captured. A datagram longer than
/// `wire_length` was cut by whoever wrapped it up, if more than its lengths says so.
enum class Sound : std::uint8_t { no, yes, unknown };
[[nodiscard]] Sound sound_ip(std::span<const std::byte> bytes, std::size_t wire_length);

/// Whether bytes that nothing announces are an IPv4 datagram, for they are one to the last field: a
/// right checksum, a length that is theirs, and TCP inside.
[[nodiscard]] bool is_ipv4_throughout(std::span<const std::byte> bytes, std::size_t wire_length);

/// Steps over IPv6 extension headers at the start of `payload`, as far as the
/// transport protocol or a fragment header; over an authentication header in IPv4 too. For a
/// datagram put together from pieces; read_ip() has done it for the others.
[[nodiscard]] std::optional<Skip> skip_extensions(Datagram& datagram);

/// Whether a piece may belong to a datagram that we decode, tunnels included. Others are not kept.
bool may_carry_tcp(const Datagram& piece);

}  // namespace httpdiag::decode
