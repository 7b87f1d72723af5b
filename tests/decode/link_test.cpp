// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "decode/packet_bytes.hpp"
#include "decode/plain_twin.hpp"

namespace httpdiag::decode {
namespace {

const Bytes kIpv4 = ipv4({}, tcp({}, text("hello")));
const Bytes kIpv6 = ipv6({}, tcp({}, text("hello")));

Bytes tags(int count) {
  Bytes bytes;
  for (int i = 0; i < count; ++i) bytes = bytes + be16(0x8100) + be16(100);
  return bytes;
}
Bytes addresses() { return filled(12, 2); }
Bytes frame(const Bytes& datagram, std::size_t type = 0x0800) {
  return httpdiag::decode::ethernet(datagram, type);
}

Bytes tags_before(const Bytes& datagram) { return addresses() + tags(1) + be16(0x0800) + datagram; }

struct Case {
  const char* name;
  LinkType link;
  Bytes bytes;
  std::string expected;
  std::optional<std::size_t> wire_length = {};
};

std::vector<Case> link_cases() {
  using enum LinkType;
  const std::string good = "segment 5/5";
  const Bytes sll = be16(0) + be16(1) + be16(6) + filled(8, 0);
  const Bytes sll2_rest = be16(0) + be32(3) + be16(1) + raw({0, 6}) + filled(8, 0);
  return {
      {"Ethernet, IPv4", ethernet, frame(kIpv4), good},
      {"Ethernet, IPv6", ethernet, frame(kIpv6, 0x86dd), good},
      {"ARP", ethernet, frame(filled(46, 0), 0x0806), "not_ip"},
      {"LLC, length 1500", ethernet, frame(kIpv4, 1500), "not_ip"},
      {"LLC, length 3", ethernet, frame(kIpv4, 3), "not_ip"},
      {"cut in the header", ethernet, filled(13), "truncated_header", 60},
      {"a runt", ethernet, filled(13), "malformed_link", 13},
      {"nothing captured", ethernet, {}, "truncated_header", 60},
      {"nothing at all", ethernet, {}, "malformed_link", 0},
      {"IP header not captured", ethernet, addresses() + be16(0x0800), "truncated_header", 60},
      {"IP header missing", ethernet, addresses() + be16(0x0800), "malformed_ip"},

      {"802.1Q", ethernet, addresses() + tags(1) + be16(0x0800) + kIpv4, good},
      {"802.1ad in 0x9100", ethernet,
       addresses() + be16(0x9100) + be16(5) + be16(0x88a8) + be16(6) + be16(0x86dd) + kIpv6, good},
      {"0x9200 in 0x9300", ethernet,
       addresses() + be16(0x9300) + be16(5) + be16(0x9200) + be16(6) + be16(0x0800) + kIpv4, good},
      {"16 tags", ethernet, addresses() + tags(16) + be16(0x0800) + kIpv4, good},
      {"17 tags", ethernet, addresses() + tags(17) + be16(0x0800) + kIpv4, "malformed_link"},
      {"LLC behind a tag", ethernet, addresses() + tags(1) + be16(40) + kIpv4, "not_ip"},
      {"cut in a tag", ethernet, addresses() + be16(0x8100) + raw({0}), "truncated_header", 90},
      {"tag without an end", ethernet, addresses() + be16(0x8100) + raw({0}), "malformed_link"},

      {"PPPoE, IPv4", ethernet,
       addresses() + be16(0x8864) + raw({0x11, 0}) + be16(9) + be16(2 + kIpv4.size()) +
           be16(0x0021) + kIpv4,
       good},
      {"PPPoE, IPv6, tagged", ethernet,
       addresses() + tags(2) + be16(0x8864) + raw({0x11, 0}) + be16(9) + be16(2 + kIpv6.size()) +
           be16(0x0057) + kIpv6,
       good},
      {"PPPoE, LCP", ethernet,
       addresses() + be16(0x8864) + raw({0x11, 0}) + be16(9) + be16(6) + be16(0xc021) + filled(40),
       "not_ip"},
      {"PPPoE, wrong version", ethernet,
       addresses() + be16(0x8864) + raw({0x21, 0}) + be16(9) + be16(6) + be16(0x0021) + kIpv4,
       "malformed_link"},
      {"PPPoE, cut", ethernet, addresses() + be16(0x8864) + raw({0x11, 0}), "truncated_header", 90},

      {"SLL, IPv4", linux_sll, sll + be16(0x0800) + kIpv4, good},
      {"SLL, IPv6", linux_sll, sll + be16(0x86dd) + kIpv6, good},
      {"SLL, tagged", linux_sll, sll + tags(1) + be16(0x0800) + kIpv4, good},
      {"SLL, LLC", linux_sll, sll + be16(4) + kIpv4, "not_ip"},
      {"SLL, cut", linux_sll, sll, "truncated_header", 90},
      {"SLL2, IPv4", linux_sll2, be16(0x0800) + sll2_rest + kIpv4, good},
      {"SLL2, IPv6", linux_sll2, be16(0x86dd) + sll2_rest + kIpv6, good},
      {"SLL2, tagged", linux_sll2, be16(0x8100) + sll2_rest + be16(100) + be16(0x0800) + kIpv4,
       good},
      {"SLL2, ARP", linux_sll2, be16(0x0806) + sll2_rest + filled(40), "not_ip"},
      {"SLL2, cut", linux_sll2, be16(0x0800) + filled(17), "truncated_header", 90},

      {"NULL, little-endian 2", null, raw({2, 0, 0, 0}) + kIpv4, good},
      {"NULL, big-endian 2", null, raw({0, 0, 0, 2}) + kIpv4, good},
      {"NULL, Linux", null, raw({10, 0, 0, 0}) + kIpv6, good},
      {"NULL, Windows", null, raw({23, 0, 0, 0}) + kIpv6, good},
      {"NULL, NetBSD", null, raw({0, 0, 0, 24}) + kIpv6, good},
      {"NULL, FreeBSD", null, raw({28, 0, 0, 0}) + kIpv6, good},
      {"NULL, Darwin", null, raw({30, 0, 0, 0}) + kIpv6, good},
      {"NULL, another family", null, raw({7, 0, 0, 0}) + kIpv4, "not_ip"},
      {"NULL, no family", null, raw({2, 0, 2, 0}) + kIpv4, "not_ip"},
      {"NULL, wrong version", null, raw({2, 0, 0, 0}) + kIpv6, "malformed_ip"},
      {"NULL, cut", null, raw({2, 0}), "truncated_header", 90},
      {"LOOP, IPv4", loop, raw({0, 0, 0, 2}) + kIpv4, good},
      {"LOOP, IPv6", loop, raw({0, 0, 0, 24}) + kIpv6, good},

      {"RAW, IPv4", raw_ip, kIpv4, good},
      {"RAW, IPv6", raw_ip, kIpv6, good},
      {"RAW, version 5", raw_ip, raw({0x55}) + filled(60), "malformed_ip"},
      {"IPV4", ipv4, kIpv4, good},
      {"IPV4 with a 6", ipv4, kIpv6, "malformed_ip"},
      {"IPV6", ipv6, kIpv6, good},
      {"IPV6 with a 4", ipv6, kIpv4, "malformed_ip"},
      {"unsupported", unsupported, frame(kIpv4), "unsupported_link"},
  };
}

TEST(Link, FindsTheDatagramOrSaysWhyNot) {
  for (const Case& c : link_cases()) {
    EXPECT_EQ(outcome_of(c.bytes, c.link, c.wire_length), c.expected) << c.name;
  }
}

std::uint32_t vlan_of(std::initializer_list<std::size_t> tcis) {
  Bytes bytes = addresses();
  for (const std::size_t tci : tcis) bytes = bytes + be16(0x8100) + be16(tci);
  bytes = bytes + be16(0x0800) + kIpv4;
  Decoder decoder{Limits{}};
  return std::get<Segment>(decoder.on_packet(packet_of(bytes))).vlan;
}

TEST(Link, VlanTellsTagStacksApart) {
  const std::set<std::uint32_t> distinct = {
      vlan_of({}),     vlan_of({1}),    vlan_of({2}),       vlan_of({0xfff}),   vlan_of({1, 2}),
      vlan_of({2, 1}), vlan_of({1, 1}), vlan_of({1, 2, 3}), vlan_of({3, 2, 1}), vlan_of({2, 2, 2})};
  EXPECT_EQ(distinct.size(), 10u);
  EXPECT_EQ(vlan_of({}), 0u);
}

TEST(Link, VlanIgnoresPriorityBits) {
  EXPECT_EQ(vlan_of({0xe005}), vlan_of({5}));
  EXPECT_EQ(vlan_of({0xe000}), 0u) << "a priority tag names no VLAN";
}

// As pcapng says it; a cooked header says it of its own.
TEST(Link, TheDirectionOfThePacketIsAHint) {
  const struct {
    Direction direction;
    std::uint8_t hint;
  } cases[] = {{Direction::unknown, 0},
               {Direction::in, Hints::to_here},
               {Direction::out, Hints::from_here},
               {Direction::overheard, Hints::to_other}};
  for (const auto& each : cases) {
    for (const Bytes& bytes : {frame(kIpv4), tags_before(kIpv4)}) {
      Packet packet = packet_of(bytes);
      packet.direction = each.direction;
      Decoder decoder{Limits{}};
      const auto* segment = std::get_if<Segment>(&decoder.on_packet(packet));
      ASSERT_NE(segment, nullptr);
      EXPECT_EQ(segment->hints.bits, each.hint);
      // The shortcut says what the long way says.
      EXPECT_NE(compare_plain(packet), Plain::different);
    }
  }
}

TEST(Link, VlanOfOnePacketDoesNotStickToTheNext) {
  Decoder decoder{Limits{}};
  const Bytes tagged = addresses() + tags(1) + be16(0x0800) + kIpv4;
  const Bytes plain = frame(kIpv4);
  EXPECT_NE(std::get<Segment>(decoder.on_packet(packet_of(tagged))).vlan, 0u);
  EXPECT_EQ(std::get<Segment>(decoder.on_packet(packet_of(plain))).vlan, 0u);
}

}  // namespace
}  // namespace httpdiag::decode
