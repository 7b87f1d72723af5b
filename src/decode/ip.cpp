// SPDX-License-Identifier: Apache-2.0
#include "decode/ip.hpp"

#include <algorithm>
#include <cstring>

#include "base/byte_reader.hpp"

namespace httpdiag::decode {
namespace {

using base::ByteReader;

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kMaxDatagram = 65535;

// Linux's GSO_MAX_SIZE, the longest super-segment of any offload. A wire length
// beyond it is a lie.
constexpr std::size_t kMaxOffload = 8 * 65535;

// RFC 8200 §4.1 has six kinds, each once; more than this is an attempt to keep us busy.
constexpr int kMaxExtensions = 32;

// Extension headers, by the number that announces them.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;  // RFC 4302
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kMobility = 135;  // RFC 6275
constexpr std::uint8_t kHip = 139;       // RFC 7401
constexpr std::uint8_t kShim6 = 140;     // RFC 5533

constexpr bool is_extension(std::uint8_t version, std::uint8_t protocol) {
  if (version == 4) return protocol == kAuthentication;
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kFragment:
    case kAuthentication:
    case kDestinationOptions:
    case kMobility:
    case kHip:
    case kShim6:
      return true;
    default:
      return false;
  }
}

/// Not captured, or never there?
constexpr Skip missing(std::size_t wire_length, std::size_t needed) {
  return wire_length >= needed ? Skip::truncated_header : Skip::malformed_ip;
}

/// The rest of a frame whose IP length is 0: a segment recorded before the
/// network card cut it up. Without a credible wire length, what was captured.
std::size_t offload_length(std::size_t captured, std::size_t wire_length) {
  return wire_length <= kMaxOffload ? wire_length : captured;
}

/// Bytes copied as bytes: an address has no byte order to convert.
template <std::size_t kLength>
IpAddress read_address(ByteReader& reader) {
  IpAddress address = IpAddress::v4(0);
  std::memcpy(&address.bytes[address.bytes.size() - kLength], reader.take(kLength).data(), kLength);
  return address;
}

void set_payload(Datagram& datagram, std::span<const std::byte> captured, std::size_t length) {
  datagram.payload = captured.first(std::min(captured.size(), length));
  datagram.payload_length = length;
}

std::optional<Skip> read_ipv4(std::span<const std::byte> bytes, std::size_t wire_length,
                              Lengths lengths, Datagram& datagram) {
  if (bytes.size() < kIpv4Header) return missing(wire_length, kIpv4Header);
  ByteReader fixed{bytes.first(kIpv4Header)};
  const std::size_t header_length = (fixed.u8() & 0x0fu) * std::size_t{4};
  if (header_length < kIpv4Header) return Skip::malformed_ip;
  fixed.skip(1);  // DSCP, ECN
  std::size_t total_length = fixed.u16();
  datagram.id = fixed.u16();
  const std::uint16_t fragment = fixed.u16();
  datagram.ttl = fixed.u8();
  datagram.protocol = fixed.u8();
  fixed.skip(2);  // checksum
  datagram.source = read_address<4>(fixed);
  datagram.destination = read_address<4>(fixed);
  datagram.version = 4;
  datagram.no_length = total_length == 0;

  datagram.is_piece = (fragment & 0x3fffu) != 0;  // "more fragments", or an offset
  if (datagram.is_piece) {
    datagram.more_pieces = (fragment & 0x2000u) != 0;
    datagram.piece_id = datagram.id;
    datagram.piece_offset = (fragment & 0x1fffu) * 8u;
    datagram.piece_room = static_cast<std::uint32_t>(kMaxDatagram - header_length);
  }

  if (lengths == Lengths::from_quote) {
    total_length = wire_length;
  } else if (total_length == 0) {
    if (datagram.is_piece) return Skip::malformed_ip;
    total_length = offload_length(bytes.size(), wire_length);
  }
  // More than the recorded wire length is believed: tools that shorten packets
  // often forget the original length, and no sender gets the header wrong.
  if (total_length < header_length) return Skip::malformed_ip;
  if (bytes.size() < header_length) return Skip::truncated_header;
  set_payload(datagram, bytes.subspan(header_length), total_length - header_length);
  const bool plain = datagram.protocol != kAuthentication || datagram.is_piece;
  return plain ? std::nullopt : skip_extensions(datagram);
}

std::optional<Skip> read_ipv6(std::span<const std::byte> bytes, std::size_t wire_length,
                              Lengths lengths, Datagram& datagram) {
  if (bytes.size() < kIpv6Header) return missing(wire_length, kIpv6Header);
  ByteReader fixed{bytes.first(kIpv6Header)};
  fixed.skip(4);  // version, traffic class, flow label
  std::size_t length = fixed.u16();
  datagram.protocol = fixed.u8();
  datagram.ttl = fixed.u8();
  datagram.source = read_address<16>(fixed);
  datagram.destination = read_address<16>(fixed);
  datagram.version = 6;
  datagram.id = 0;
  datagram.is_piece = false;

  // 0 with something behind it: offload, or a jumbogram (RFC 2675), whose
  // length the frame tells as well as its option does.
  const bool no_length = length == 0;
  datagram.no_length = no_length;
  if (lengths == Lengths::from_quote) {
    length = wire_length - kIpv6Header;
  } else if (no_length) {
    length = offload_length(bytes.size(), wire_length) - kIpv6Header;
  }
  set_payload(datagram, bytes.subspan(kIpv6Header), length);
  const std::optional<Skip> skip = skip_extensions(datagram);
  if (!skip && no_length && datagram.is_piece && lengths == Lengths::from_header) {
    return Skip::malformed_ip;
  }
  return skip;
}

/// Length of the extension header that starts with this byte pair, if its kind
/// has no fixed one.
constexpr std::size_t extension_length(std::uint8_t kind, std::uint8_t length_field) {
  if (kind == kFragment) return 8;
  if (kind == kAuthentication) return (length_field + std::size_t{2}) * 4;  // RFC 4302 §2.2
  return (length_field + std::size_t{1}) * 8;
}

}  // namespace

std::optional<Skip> skip_extensions(Datagram& datagram) {
  ByteReader reader{datagram.payload};
  const auto stop = [&] {
    datagram.payload_length -= reader.position();
    datagram.payload = reader.rest();
    return std::nullopt;
  };
  for (int headers = 0; is_extension(datagram.version, datagram.protocol); ++headers) {
    if (headers == kMaxExtensions) return Skip::malformed_ip;
    const std::size_t wire_left = datagram.payload_length - reader.position();
    const std::uint8_t kind = datagram.protocol;
    if (!reader.has(8)) return missing(wire_left, 8);  // the shortest there is
    const std::size_t start = reader.position();
    const std::uint8_t next = reader.u8();
    const std::size_t length = extension_length(kind, reader.u8());
    if (length < 8 || length > wire_left) return Skip::malformed_ip;
    datagram.protocol = next;
    if (kind != kFragment) {
      if (!reader.has(length - 2)) return Skip::truncated_header;
      reader.skip(length - 2);
      continue;
    }
    const std::uint16_t place = reader.u16();
    const std::uint32_t id = reader.u32();
    if ((place & 0xfff9u) == 0) continue;              // an atomic fragment is whole (RFC 6946)
    if (datagram.is_piece) return Skip::malformed_ip;  // a piece within a piece
    datagram.is_piece = true;
    datagram.more_pieces = (place & 1u) != 0;
    datagram.piece_offset = place & 0xfff8u;
    datagram.piece_id = id;
    datagram.piece_room = static_cast<std::uint32_t>(kMaxDatagram - std::min(start, kMaxDatagram));
    return stop();
  }
  return stop();
}

std::optional<Skip> read_ip(std::span<const std::byte> bytes, std::size_t wire_length,
                            std::uint8_t version, Lengths lengths, Datagram& datagram) {
  if (bytes.empty()) return missing(wire_length, 1);
  const std::uint8_t nibble = ByteReader{bytes}.u8() >> 4;
  if (version != 0 && version != nibble) return Skip::malformed_ip;
  if (nibble == 4) return read_ipv4(bytes, wire_length, lengths, datagram);
  if (nibble == 6) return read_ipv6(bytes, wire_length, lengths, datagram);
  return Skip::malformed_ip;
}

namespace {

/// A header without a length, as segmentation offload leaves it: what it announces has to begin
/// behind it. `protocol` and `place` (the fragment's) are the header's.
Sound sound_offload(std::span<const std::byte> behind, std::uint8_t protocol, unsigned place) {
  constexpr std::size_t kOffsetAt = 12;
  constexpr unsigned kShortest = 5;  // 32-bit words of a TCP header
  if ((place & 0x3fffu) != 0) return Sound::no;
  switch (protocol) {
    case kProtocolTcp:
      if (behind.size() <= kOffsetAt) return Sound::unknown;
      return std::to_integer<unsigned>(behind[kOffsetAt]) >> 4 >= kShortest ? Sound::yes
                                                                            : Sound::no;
    case kProtocolUdp:
    case kProtocolGre:
    case kProtocolIpv4:
    case kProtocolIpv6:
      return Sound::yes;
    default:
      return Sound::no;
  }
}

/// RFC 1071, over a header that is there.
bool right_checksum(std::span<const std::byte> header) {
  ByteReader reader{header};
  std::uint32_t sum = 0;
  while (reader.has(2)) sum += reader.u16();
  sum = (sum & 0xffffu) + (sum >> 16);
  return (sum & 0xffffu) + (sum >> 16) == 0xffffu;
}

/// The datagram is longer than what holds it. A mirror session cuts the packets that it wraps up
/// and leaves their headers as they were; other bytes under the port of a tunnel must not look
/// like that by chance. IPv4 has a checksum for it.
Sound sound_cut_ipv4(std::span<const std::byte> bytes, std::size_t header) {
  if (bytes.size() < header) return Sound::unknown;
  return right_checksum(bytes.first(header)) ? Sound::yes : Sound::no;
}

/// IPv6 has none: what it announces has to begin behind it.
Sound sound_cut_ipv6(std::span<const std::byte> behind, std::uint8_t protocol, std::size_t length) {
  constexpr std::size_t kTcpHeader = 20, kUdpHeader = 8, kOffsetAt = 12;
  ByteReader reader{behind};
  switch (protocol) {
    case kProtocolTcp: {
      if (length < kTcpHeader) return Sound::no;
      if (behind.size() <= kOffsetAt) return Sound::unknown;
      reader.skip(kOffsetAt);
      const unsigned word = reader.u8();
      const std::size_t header = (word >> 4) * std::size_t{4};
      const bool unused = (word & 0x0eu) == 0;
      return unused && header >= kTcpHeader && header <= length ? Sound::yes : Sound::no;
    }
    case kProtocolUdp:
      if (behind.size() < kUdpHeader) return Sound::unknown;
      reader.skip(4);
      return reader.u16() == length ? Sound::yes : Sound::no;
    default:
      return Sound::no;
  }
}

}  // namespace

Sound sound_ip(std::span<const std::byte> bytes, std::size_t wire_length) {
  if (bytes.empty()) return wire_length == 0 ? Sound::no : Sound::unknown;
  const unsigned version = std::to_integer<unsigned>(bytes[0]) >> 4;
  if (version != 4 && version != 6) return Sound::no;
  const std::size_t fixed = version == 4 ? kIpv4Header : kIpv6Header;
  if (wire_length < fixed) return Sound::no;
  if (bytes.size() < fixed) return Sound::unknown;
  ByteReader reader{bytes};
  if (version == 6) {
    reader.skip(4);
    const std::size_t length = reader.u16();
    if (kIpv6Header + length <= wire_length) return Sound::yes;
    const std::uint8_t next = reader.u8();
    const bool alive = reader.u8() != 0;
    return alive ? sound_cut_ipv6(bytes.subspan(kIpv6Header), next, length) : Sound::no;
  }
  const std::size_t header = (reader.u8() & 0x0fu) * std::size_t{4};
  reader.skip(1);
  const std::size_t total = reader.u16();
  reader.skip(2);
  const unsigned place = reader.u16();
  const bool alive = reader.u8() != 0;
  if (total == 0) {
    if (header < kIpv4Header || header > wire_length || !alive) return Sound::no;
    const std::uint8_t protocol = reader.u8();
    return sound_offload(bytes.subspan(std::min(header, bytes.size())), protocol, place);
  }
  if (header < kIpv4Header || total < header || !alive) return Sound::no;
  return total <= wire_length ? Sound::yes : sound_cut_ipv4(bytes, header);
}

bool is_ipv4_throughout(std::span<const std::byte> bytes, std::size_t wire_length) {
  constexpr std::byte kPlain{0x45};  // version 4 without options
  if (bytes.size() < kIpv4Header || bytes[0] != kPlain) return false;
  ByteReader reader{bytes};
  reader.skip(2);
  if (reader.u16() != wire_length) return false;
  reader.skip(5);
  return reader.u8() == kProtocolTcp && right_checksum(bytes.first(kIpv4Header));
}

bool may_carry_tcp(const Datagram& piece) {
  switch (piece.protocol) {
    case kProtocolTcp:
    case kProtocolUdp:
    case kProtocolIpv4:
    case kProtocolIpv6:
    case kProtocolGre:
    case kProtocolEtherIp:
    case kProtocolMpls:
      return true;
    case kProtocolIcmp:
      return piece.version == 4;
    case kProtocolIcmpv6:
      return piece.version == 6;
    default:
      return is_extension(piece.version, piece.protocol);
  }
}

}  // namespace httpdiag::decode
