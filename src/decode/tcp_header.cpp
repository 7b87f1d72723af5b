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

}  // namespace

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
  return std::nullopt;
}

}  // namespace httpdiag::decode
