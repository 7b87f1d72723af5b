// SPDX-License-Identifier: Apache-2.0
#include "decode/ip.hpp"

#include <gtest/gtest.h>

#include "decode/packet_bytes.hpp"

namespace httpdiag::decode {
namespace {

constexpr std::size_t kEthernet = 14;

struct Case {
  const char* name;
  Bytes bytes;
  std::string expected;
  std::optional<std::size_t> wire_length = {};
};

void check(const std::vector<Case>& cases, LinkType link) {
  for (const Case& c : cases)
    EXPECT_EQ(outcome_of(c.bytes, link, c.wire_length), c.expected) << c.name;
}

TEST(Ipv4, LengthsComeFromTheHeader) {
  const Bytes segment = tcp({}, text("12345"));
  check(
      {
          {"plain", ipv4({}, segment), "segment 5/5"},
          {"options", ipv4({.options = filled(40, 1)}, segment), "segment 5/5"},
          {"Ethernet padding", ipv4({}, tcp({})) + filled(6, 0), "segment 0/0"},
          {"padding and trailer", ipv4({}, segment) + filled(9, 0), "segment 5/5"},
          {"snaplen", cut(ipv4({}, segment), 42), "segment 2/5", 45},
          {"shortened, original length lost", cut(ipv4({}, segment), 42), "segment 2/5", 42},
          {"wire length below captured", ipv4({}, segment), "segment 5/5", 3},
          {"wire length 0", ipv4({}, segment), "segment 5/5", 0},
          {"wire length absurd", ipv4({}, segment), "segment 5/5", 0xffffffff},
          {"longer than the frame", ipv4({.total_length = 1500}, segment), "segment 5/1460", 45},
      },
      LinkType::raw_ip);
}

TEST(Ipv4, OffloadedLength0IsTheWireLength) {
  const Bytes segment = tcp({}, filled(3000));
  check(
      {
          {"whole", ethernet(ipv4({.total_length = 0}, segment)), "segment 3000/3000"},
          {"snaplen", cut(ethernet(ipv4({.total_length = 0}, segment)), 254), "segment 200/70000",
           kEthernet + 40 + 70000},
          {"wire length below captured", ethernet(ipv4({.total_length = 0}, segment)),
           "segment 3000/3000", 60},
          {"wire length beyond any offload", ethernet(ipv4({.total_length = 0}, segment)),
           "segment 3000/3000", 0xffffffff},
          {"in a fragment", ethernet(ipv4({.fragment = 0x2000, .total_length = 0}, segment)),
           "malformed_ip"},
      },
      LinkType::ethernet);
}

TEST(Ipv4, HeaderThatLies) {
  const Bytes segment = tcp({}, text("12345"));
  check(
      {
          {"header of 4 words", ipv4({.header_words = 4}, segment), "malformed_ip"},
          {"header of 0 words", ipv4({.header_words = 0}, segment), "malformed_ip"},
          {"total length within the header", ipv4({.total_length = 19}, segment), "malformed_ip"},
          {"total length within the options",
           ipv4({.options = filled(8, 1), .total_length = 24}, segment), "malformed_ip"},
          {"total length without room for TCP", ipv4({.total_length = 39}, segment),
           "malformed_tcp"},
          {"19 bytes on the wire", cut(ipv4({}, segment), 19), "malformed_ip"},
          {"19 bytes captured", cut(ipv4({}, segment), 19), "truncated_header", 45},
          {"options not captured", cut(ipv4({.options = filled(8, 1)}, segment), 24),
           "truncated_header", 53},
      },
      LinkType::raw_ip);
}

TEST(Ipv4, OtherProtocolsAreNotTcp) {
  for (const unsigned protocol : {0u, 2u, 17u, 49u, 58u, 132u, 255u}) {
    EXPECT_EQ(outcome_of(ipv4({.protocol = protocol}, filled(40)), LinkType::raw_ip), "not_tcp")
        << protocol;
  }
}

TEST(Ipv4, FieldsOfTheSegment) {
  Decoder decoder{Limits{}};
  const Bytes bytes = ipv4({.id = 0xabcd, .ttl = 57}, tcp({}));
  const auto& segment = std::get<Segment>(decoder.on_packet(packet_of(bytes, LinkType::raw_ip)));
  EXPECT_EQ(segment.source, (Endpoint{kClient, 40000}));
  EXPECT_EQ(segment.destination, (Endpoint{kServer, 80}));
  EXPECT_EQ(segment.ip_id, 0xabcd);
  EXPECT_EQ(segment.ttl, 57);
}

TEST(Ipv6, FieldsOfTheSegment) {
  Decoder decoder{Limits{}};
  const Bytes before = ipv4({.id = 0xabcd}, tcp({}));
  std::ignore = decoder.on_packet(packet_of(before, LinkType::raw_ip));
  const Bytes bytes = ipv6({.hop_limit = 57}, tcp({}));
  const auto& segment = std::get<Segment>(decoder.on_packet(packet_of(bytes, LinkType::raw_ip)));
  EXPECT_EQ(segment.source, (Endpoint{kClient6, 40000}));
  EXPECT_EQ(segment.destination, (Endpoint{kServer6, 80}));
  EXPECT_EQ(segment.ip_id, 0) << "IPv6 has none";
  EXPECT_EQ(segment.ttl, 57);
}

TEST(Ipv6, LengthsComeFromTheHeader) {
  const Bytes segment = tcp({}, text("12345"));
  check(
      {
          {"plain", ipv6({}, segment), "segment 5/5"},
          {"padding", ipv6({}, segment) + filled(9, 0), "segment 5/5"},
          {"snaplen", cut(ipv6({}, segment), 62), "segment 2/5", 65},
          {"shortened, original length lost", cut(ipv6({}, segment), 62), "segment 2/5", 62},
          {"offload", ipv6({.payload_length = 0}, segment), "segment 5/5"},
          {"offload, snaplen", ipv6({.payload_length = 0}, segment), "segment 5/70000", 70060},
          {"jumbogram",
           ipv6({.next_header = 0, .payload_length = 0},
                raw({6, 0, 0xc2, 4}) + be32(8 + segment.size()) + segment),
           "segment 5/5"},
          {"39 bytes on the wire", cut(ipv6({}, segment), 39), "malformed_ip"},
          {"39 bytes captured", cut(ipv6({}, segment), 39), "truncated_header", 65},
          {"no room for TCP", ipv6({.payload_length = 19}, segment), "malformed_tcp"},
      },
      LinkType::raw_ip);
}

Bytes chain(int count, unsigned last) {
  Bytes bytes;
  for (int i = 1; i <= count; ++i) bytes = bytes + extension(i == count ? last : 60);
  return bytes;
}

TEST(Ipv6, ExtensionHeaders) {
  const Bytes segment = tcp({}, text("12345"));
  const Bytes ah = raw({6, 4}) + filled(22, 0);  // (4 + 2) * 4 bytes
  check(
      {
          {"hop-by-hop", ipv6({.next_header = 0}, extension(6, 2) + segment), "segment 5/5"},
          {"routing", ipv6({.next_header = 43}, extension(6, 1) + segment), "segment 5/5"},
          {"destination options", ipv6({.next_header = 60}, extension(6) + segment), "segment 5/5"},
          {"mobility", ipv6({.next_header = 135}, extension(6) + segment), "segment 5/5"},
          {"HIP", ipv6({.next_header = 139}, extension(6) + segment), "segment 5/5"},
          {"shim6", ipv6({.next_header = 140}, extension(6) + segment), "segment 5/5"},
          {"authentication", ipv6({.next_header = 51}, ah + segment), "segment 5/5"},
          {"authentication at its shortest",
           ipv6({.next_header = 51}, raw({6, 0}) + filled(6, 0) + segment), "segment 5/5"},
          {"several",
           ipv6({.next_header = 0}, extension(43) + extension(60) + extension(51) + ah + segment),
           "segment 5/5"},
          {"atomic fragment", ipv6({.next_header = 44}, fragment_header(6, 0, false) + segment),
           "segment 5/5"},
          {"32 of them", ipv6({.next_header = 60}, chain(32, 6) + segment), "segment 5/5"},
          {"33 of them", ipv6({.next_header = 60}, chain(33, 6) + segment), "malformed_ip"},
          {"no next header", ipv6({.next_header = 59}, segment), "not_tcp"},
          {"no next header in the chain", ipv6({.next_header = 0}, extension(59) + segment),
           "not_tcp"},
          {"UDP", ipv6({.next_header = 17}, filled(40)), "not_tcp"},
          {"ESP", ipv6({.next_header = 50}, filled(40)), "esp"},
          {"ICMPv4", ipv6({.next_header = 1}, filled(40)), "not_tcp"},
          {"longer than the datagram",
           ipv6({.next_header = 0}, raw({6, 200}) + filled(6, 0) + segment), "malformed_ip"},
          {"nothing behind the announced header", ipv6({.next_header = 0}, {}), "malformed_ip"},
          {"cut in the chain", cut(ipv6({.next_header = 0}, extension(6, 4) + segment), 60),
           "truncated_header", 105},
          {"cut before the chain", cut(ipv6({.next_header = 0}, extension(6, 4) + segment), 41),
           "truncated_header", 105},
      },
      LinkType::raw_ip);
}

}  // namespace
}  // namespace httpdiag::decode
