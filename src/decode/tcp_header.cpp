// SPDX-License-Identifier: Apache-2.0
#include "decode/tcp_header.hpp"

#include <algorithm>

#include "base/byte_reader.hpp"

namespace httpdiag::decode {
namespace {

using base::ByteReader;

constexpr std::size_t kTcpHeader = 20;

// Option kinds.
constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::uint8_t kWindowScale = 3;
constexpr std::uint8_t kSack = 5;

/// RFC 7323 §2.3: a greater shift count counts as 14.
constexpr std::uint8_t kMaxWindowScale = 14;

/// RFC 1071 §1: 16-bit words, not yet folded.
std::uint32_t sum_words(std::span<const std::byte> bytes) {
  ByteReader reader{bytes};
  std::uint32_t sum = 0;
  while (reader.has(2)) sum += reader.u16();
  if (reader.has(1)) sum += std::uint32_t{reader.u8()} << 8;
  return sum;
}

/// One's complement arithmetic counts modulo 0xffff, in which 0xffff is another 0.
std::uint32_t folded(std::uint32_t sum) { return sum % 0xffffu; }

}  // namespace

std::uint8_t checksum_hint(const Segment& segment, std::span<const std::byte> tcp) {
  constexpr std::size_t kLongest = 1500;  // nothing that a SYN needs
  const std::size_t length = segment.options.size() + kTcpHeader + segment.payload_length;
  if (!segment.flags.has(TcpFlags::syn) || length > kLongest || tcp.size() < length) return 0;
  // RFC 9293 §3.1: addresses, protocol, length. The ffff in front of an IPv4 address in its
  // IPv6 form adds nothing.
  const std::uint32_t pseudo = sum_words(std::as_bytes(std::span{segment.source.ip.bytes})) +
                               sum_words(std::as_bytes(std::span{segment.destination.ip.bytes})) +
                               kProtocolTcp + static_cast<std::uint32_t>(length);
  if (folded(pseudo + sum_words(tcp.first(length))) == 0) return Hints::sum_good;
  // Offload: the kernel leaves the sum of the pseudo-header there, or nothing at all.
  const std::uint32_t field = ByteReader{tcp.subspan(16, 2)}.u16();
  return field == 0 || folded(field) == folded(pseudo) ? Hints::sum_unfinished : std::uint8_t{0};
}

bool may_be_stt(const Segment& segment) {
  constexpr std::uint8_t kOther = TcpFlags::syn | TcpFlags::fin | TcpFlags::rst | TcpFlags::urg;
  const std::uint32_t length = segment.seq >> 16, at = segment.seq & 0xffffu;
  return segment.destination.port == kSttPort && segment.options.empty() &&
         segment.flags.has(TcpFlags::ack) && !segment.flags.has(kOther) &&
         segment.payload_length != 0 && at + segment.payload_length <= length;
}

bool begins_stt(const Segment& segment) {
  constexpr std::size_t kHeader = 18, kTypeAt = kHeader + 12;
  const std::span<const std::byte> frame = segment.payload;
  if (!may_be_stt(segment) || (segment.seq & 0xffffu) != 0 || frame.size() < kTypeAt + 2)
    return false;
  const bool version_0 = frame[0] == std::byte{0} && frame[3] == std::byte{0};
  const std::uint16_t type = ByteReader{frame.subspan(kTypeAt)}.u16();
  constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806, kVlan = 0x8100;
  return version_0 && (type == kIpv4 || type == kIpv6 || type == kArp || type == kVlan);
}

void read_each_option(Segment& segment) {
  const bool syn = segment.flags.has(TcpFlags::syn);
  ByteReader reader{segment.options};
  while (reader.has(1)) {
    const std::uint8_t kind = reader.u8();
    if (kind == kEndOfOptions) return;
    if (kind == kNoOperation) continue;
    if (!reader.has(1)) return;
    const std::uint8_t length = reader.u8();
    if (length < 2 || !reader.has(length - 2u)) return;
    ByteReader body{reader.take(length - 2u)};
    // MSS and window scale have no meaning outside a SYN (RFC 9293 §3.7.1, RFC 7323 §2.2).
    if (syn && kind == kMss && length == 4) {
      segment.mss = body.u16();
    } else if (syn && kind == kWindowScale && length == 3) {
      segment.window_scale = static_cast<std::int8_t>(std::min(body.u8(), kMaxWindowScale));
    } else if (kind == kSack && length >= 10) {
      segment.sack = true;
    }
  }
}

std::optional<Skip> read_tcp(const Datagram& datagram, Segment& segment) {
  const std::span<const std::byte> bytes = datagram.payload;
  if (datagram.payload_length < kTcpHeader) return Skip::malformed_tcp;
  if (bytes.size() < kTcpHeader) return Skip::truncated_header;

  // Field by field: a fresh Segment to copy from costs as much as all the rest.
  segment.source.ip = datagram.source;
  segment.destination.ip = datagram.destination;
  segment.ttl = datagram.ttl;
  segment.ip_id = datagram.id;

  ByteReader fixed{bytes.first(kTcpHeader)};
  segment.source.port = fixed.u16();
  segment.destination.port = fixed.u16();
  segment.seq = fixed.u32();
  segment.ack = fixed.u32();
  const std::size_t header_length = (fixed.u8() >> 4) * std::size_t{4};
  segment.flags.bits = fixed.u8();
  segment.window = fixed.u16();
  fixed.skip(2);  // checksum
  segment.urgent = fixed.u16();

  if (header_length < kTcpHeader || header_length > datagram.payload_length) {
    return Skip::malformed_tcp;
  }
  // A cut inside the options loses them, not the segment.
  const std::size_t captured_header = std::min(header_length, bytes.size());
  segment.options = bytes.subspan(kTcpHeader, captured_header - kTcpHeader);
  segment.payload = bytes.subspan(captured_header);
  segment.payload_length = static_cast<std::uint32_t>(datagram.payload_length - header_length);
  read_options(segment);
  const bool cut = captured_header < header_length;
  segment.hints.bits = cut ? std::uint8_t{0} : checksum_hint(segment, bytes);
  if (datagram.no_length) segment.hints.bits |= Hints::no_length;
  return std::nullopt;
}

}  // namespace httpdiag::decode
