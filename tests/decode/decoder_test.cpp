// SPDX-License-Identifier: Apache-2.0
// What holds for every packet, whatever is in it.
#include "decode/decoder.hpp"

#include <gtest/gtest.h>

#include "decode/packet_bytes.hpp"

namespace httpdiag::decode {
namespace {

const Bytes kTimestamps = raw({1, 1, 8, 10}) + be32(111) + be32(222);

std::vector<Bytes> frames() {
  const Bytes segment = tcp({.options = kTimestamps}, text("GET / HTTP/1.1"));
  const Bytes error = raw({3, 1, 0, 0, 0, 0, 0, 0}) + ipv4({}, segment);
  return {
      ethernet(ipv4({}, segment)),
      ethernet(ipv4({.options = filled(12, 1)}, segment)),
      ethernet(ipv6({.next_header = 0}, extension(44) + fragment_header(6, 0, false) + segment),
               0x86dd),
      ethernet(be16(5) + be16(0x0800) + ipv4({}, segment), 0x8100),
      ethernet(ipv4({.protocol = 1}, error)),
  };
}

TEST(Decoder, EveryCutIsTheSamePacketOrATruncatedHeader) {
  for (const Bytes& whole : frames()) {
    const std::string full = outcome_of(whole);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const Bytes shorter = cut(whole, length);
      Decoder decoder{Limits{}};
      const Decoded& decoded =
          decoder.on_packet(packet_of(shorter, LinkType::ethernet, whole.size()));
      if (const auto* segment = std::get_if<Segment>(&decoded)) {
        EXPECT_EQ(full, "segment 14/14");
        EXPECT_EQ(segment->payload_length, 14u);
        EXPECT_LE(segment->payload.size(), 14u);
      } else if (std::holds_alternative<IcmpError>(decoded)) {
        EXPECT_EQ(full, "icmp error");
      } else {
        EXPECT_EQ(outcome(decoded), "truncated_header") << length;
      }
    }
  }
}

TEST(Decoder, ResultsOfDifferentKindsFollowEachOther) {
  const std::vector<Bytes> all = frames();
  const Bytes arp = ethernet(filled(46, 0), 0x0806);
  Decoder decoder{Limits{}};
  EXPECT_EQ(outcome(decoder.on_packet(packet_of(all[0]))), "segment 14/14");
  EXPECT_EQ(outcome(decoder.on_packet(packet_of(arp))), "not_ip");
  EXPECT_EQ(outcome(decoder.on_packet(packet_of(all[4]))), "icmp error");
  EXPECT_EQ(outcome(decoder.on_packet(packet_of(all[0]))), "segment 14/14");
  EXPECT_EQ(outcome(decoder.on_packet(packet_of(all[4]))), "icmp error");
  EXPECT_EQ(outcome(decoder.on_packet(packet_of(arp))), "not_ip");
}

TEST(Decoder, NamesThePacket) {
  const Bytes bytes = frames()[0];
  Packet packet = packet_of(bytes);
  packet.ref = {4711, Timestamp{std::chrono::nanoseconds{42}}};
  Decoder decoder{Limits{}};
  EXPECT_EQ(std::get<Segment>(decoder.on_packet(packet)).packet, packet.ref);
  const Bytes error = frames()[4];
  packet.bytes = error;
  packet.wire_length = static_cast<std::uint32_t>(error.size());
  EXPECT_EQ(std::get<IcmpError>(decoder.on_packet(packet)).packet, packet.ref);
}

}  // namespace
}  // namespace httpdiag::decode
