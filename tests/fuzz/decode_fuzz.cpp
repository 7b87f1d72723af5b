// SPDX-License-Identifier: Apache-2.0
// A few packets of any link type through one Decoder. Input: a byte for the
// link type, then records of
//   captured length (2 bytes) · what the wire length adds to it (2, signed) ·
//   seconds since the packet before (1, signed) · the captured bytes.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "base/byte_reader.hpp"
#include "decode/decoder.hpp"
#include "decode/plain_twin.hpp"
#include "fuzz/require.hpp"

namespace {

using namespace httpdiag;

void check(const Segment& segment, const Packet& packet) {
  REQUIRE(segment.packet == packet.ref);
  REQUIRE(segment.payload.size() <= segment.payload_length);
  // Segments are cut from a datagram of 16 bits of length, the longest offload,
  // or what was captured.
  REQUIRE(segment.payload_length <= std::max<std::size_t>(8 * 65535, packet.bytes.size()));
  REQUIRE(segment.options.size() <= 40);
  REQUIRE(segment.window_scale >= -1 && segment.window_scale <= 14);
  REQUIRE(segment.flags.has(TcpFlags::syn) || (segment.mss == 0 && segment.window_scale == -1));
  REQUIRE(segment.payload.empty() || segment.options.empty() ||
          segment.options.data() + segment.options.size() == segment.payload.data());
  fuzz::touch(segment.options);
  fuzz::touch(segment.payload);
}

void check(const IcmpError& error, const Packet& packet) {
  REQUIRE(error.packet == packet.ref);
  REQUIRE(error.v6 ? error.type >= 1 && error.type <= 4
                   : error.type == 3 || error.type == 4 || error.type == 11 || error.type == 12);
  REQUIRE(error.mtu == 0 || error.type == (error.v6 ? 2 : 3));
  REQUIRE(error.has_seq || error.seq == 0);
  REQUIRE(error.v6 || (error.source.ip.is_v4() && error.destination.ip.is_v4()));
}

void check(const DnsDatagram& dns, const Packet& packet) {
  REQUIRE(dns.packet == packet.ref);
  REQUIRE(dns.source.port == 53 || dns.destination.port == 53);
  REQUIRE(dns.payload.size() <= 65535 - 8);
  REQUIRE(dns.error == DnsError::none || dns.error == DnsError::port_closed ||
          dns.destination.port == 53);
  fuzz::touch(dns.payload);
}

void check(Skip skip, const Packet& packet) {
  REQUIRE(static_cast<std::size_t>(skip) < kSkipCount);
  REQUIRE(skip != Skip::unrelated_icmp);  // the tracker's word
  const bool envelope = packet.link == LinkType::ppi || packet.link == LinkType::pktap;
  if (packet.link == LinkType::unsupported) REQUIRE(skip == Skip::unsupported_link);
  if (skip == Skip::unsupported_link) REQUIRE(packet.link == LinkType::unsupported || envelope);
}

/// A packet on its own, then with its last byte not captured: it must be the
/// same segment, less a byte at most, or a truncated header.
void check_shorter(const Packet& packet) {
  Packet whole = packet;
  whole.wire_length = std::max(packet.wire_length, static_cast<std::uint32_t>(packet.bytes.size()));
  decode::Decoder decoder{Limits{}};
  const auto* segment = std::get_if<Segment>(&decoder.on_packet(whole));
  if (segment == nullptr || packet.bytes.empty()) return;
  const Segment full = *segment;
  // The bytes that end at the cut may be copied: what is beyond must not be read.
  const std::size_t length = packet.bytes.size() - 1;
  const auto copy = std::make_unique<std::byte[]>(length);
  std::copy_n(packet.bytes.begin(), length, copy.get());
  whole.bytes = {copy.get(), length};
  const Decoded& decoded = decoder.on_packet(whole);
  if (const Skip* skip = std::get_if<Skip>(&decoded)) {
    REQUIRE(*skip == Skip::truncated_header);
    return;
  }
  const auto& cut = std::get<Segment>(decoded);
  REQUIRE(cut.source == full.source && cut.destination == full.destination);
  REQUIRE(cut.seq == full.seq && cut.vlan == full.vlan);
  REQUIRE(cut.payload_length == full.payload_length);
  REQUIRE(cut.payload.size() == full.payload.size() ||
          cut.payload.size() + 1 == full.payload.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::ByteReader input{std::as_bytes(std::span{data, size})};
  if (!input.has(1)) return 0;
  constexpr unsigned kLinkTypes = static_cast<unsigned>(LinkType::unsupported) + 1;
  const auto link = static_cast<LinkType>(input.u8() % kLinkTypes);

  Limits limits;
  limits.fragment_bytes = 64 << 10;  // low enough to be met
  decode::Decoder decoder{limits};
  Packet packet;
  packet.link = link;
  while (input.has(5)) {
    const std::size_t length = input.u16();
    const int more = static_cast<std::int16_t>(input.u16());
    const int seconds = static_cast<std::int8_t>(input.u8());
    packet.bytes = input.take(std::min(length, input.left()));
    const auto wire = static_cast<std::int64_t>(packet.bytes.size()) + more;
    packet.wire_length = static_cast<std::uint32_t>(wire);  // negative: absurdly long
    packet.ref.number += 1;
    packet.ref.time += std::chrono::seconds{seconds};

    REQUIRE(decode::compare_plain(packet) != decode::Plain::different);
    std::visit([&](const auto& result) { check(result, packet); }, decoder.on_packet(packet));
    for (std::size_t frames = 1; decoder.more(); ++frames) {
      REQUIRE(frames <= packet.bytes.size());
      std::visit([&](const auto& result) { check(result, packet); }, decoder.next(packet));
    }
    if (packet.wire_length <= 8 * 65535) check_shorter(packet);
  }
  return 0;
}
