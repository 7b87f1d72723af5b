// SPDX-License-Identifier: Apache-2.0
#include "decode/icmp.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "decode/packet_bytes.hpp"

namespace httpdiag::decode {
namespace {

const Bytes kSegment = tcp({.seq = 0xdeadbeef}, text("POST /notify"));
const Bytes kQuote = ipv4({}, kSegment);
const Bytes kQuote6 = ipv6({}, kSegment);

Bytes icmp(unsigned type, unsigned code, const Bytes& quote, std::size_t word = 0) {
  return raw({type, code}) + be16(0xbad) + be32(word) + quote;
}
Bytes v4(unsigned type, unsigned code, const Bytes& quote, std::size_t word = 0) {
  return ipv4({.protocol = 1}, icmp(type, code, quote, word));
}
Bytes v6(unsigned type, unsigned code, const Bytes& quote, std::size_t word = 0) {
  return ipv6({.next_header = 58}, icmp(type, code, quote, word));
}

struct Case {
  const char* name;
  Bytes bytes;
  std::string expected;
  std::optional<std::size_t> wire_length = {};
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(outcome_of(c.bytes, LinkType::raw_ip, c.wire_length), c.expected) << c.name;
  }
}

IcmpError decoded(const Bytes& bytes) {
  Decoder decoder{Limits{}};
  return std::get<IcmpError>(decoder.on_packet(packet_of(bytes, LinkType::raw_ip)));
}

TEST(Icmp, Types) {
  for (unsigned type = 0; type < 256; ++type) {
    const bool error4 = type == 3 || type == 4 || type == 11 || type == 12;
    const bool error6 = type >= 1 && type <= 4;
    EXPECT_EQ(outcome_of(v4(type, 0, kQuote), LinkType::raw_ip),
              error4 ? "icmp error" : "icmp_other")
        << type;
    EXPECT_EQ(outcome_of(v6(type, 0, kQuote6), LinkType::raw_ip),
              error6 ? "icmp error" : "icmp_other")
        << type;
  }
}

TEST(Icmp, FieldsV4) {
  const IcmpError error = decoded(v4(3, 13, kQuote));
  EXPECT_EQ(error.packet.number, 1u);
  EXPECT_EQ(error.reporter, kClient);  // the outer source
  EXPECT_FALSE(error.v6);
  EXPECT_EQ(error.type, 3);
  EXPECT_EQ(error.code, 13);
  EXPECT_EQ(error.mtu, 0u);
  EXPECT_EQ(error.source, (Endpoint{kClient, 40000}));
  EXPECT_EQ(error.destination, (Endpoint{kServer, 80}));
  EXPECT_TRUE(error.has_seq);
  EXPECT_EQ(error.seq, 0xdeadbeefu);
}

TEST(Icmp, FieldsV6) {
  const IcmpError error = decoded(v6(1, 4, kQuote6));
  EXPECT_EQ(error.reporter, kClient6);
  EXPECT_TRUE(error.v6);
  EXPECT_EQ(error.type, 1);
  EXPECT_EQ(error.code, 4);
  EXPECT_EQ(error.source, (Endpoint{kClient6, 40000}));
  EXPECT_EQ(error.destination, (Endpoint{kServer6, 80}));
  EXPECT_TRUE(error.has_seq);
  EXPECT_EQ(error.seq, 0xdeadbeefu);
}

TEST(Icmp, NextHopMtu) {
  EXPECT_EQ(decoded(v4(3, 4, kQuote, 0x00051400 + 100)).mtu, 0x1400u + 100) << "lower half only";
  EXPECT_EQ(decoded(v4(3, 3, kQuote, 1400)).mtu, 0u);
  EXPECT_EQ(decoded(v4(12, 4, kQuote, 1400)).mtu, 0u);
  EXPECT_EQ(decoded(v6(2, 0, kQuote6, 0x00011400)).mtu, 0x00011400u);
  EXPECT_EQ(decoded(v6(4, 0, kQuote6, 40)).mtu, 0u) << "a pointer";
}

TEST(Icmp, QuotesOfFewBytes) {
  EXPECT_TRUE(decoded(v4(3, 1, cut(kQuote, 28))).has_seq);
  EXPECT_FALSE(decoded(v4(3, 1, cut(kQuote, 27))).has_seq);
  const IcmpError ports_only = decoded(v4(3, 1, cut(kQuote, 24)));
  EXPECT_FALSE(ports_only.has_seq);
  EXPECT_EQ(ports_only.source.port, 40000);
  EXPECT_EQ(ports_only.destination.port, 80);
  check({
      {"3 bytes of TCP", v4(3, 1, cut(kQuote, 23)), "icmp_other"},
      {"IP header cut short", v4(3, 1, cut(kQuote, 19)), "icmp_other"},
      {"nothing", v4(3, 1, {}), "icmp_other"},
      {"no whole ICMP header", ipv4({.protocol = 1}, raw({3, 1, 0, 0, 0})), "icmp_other"},
      {"no ICMP header", ipv4({.protocol = 1}, {}), "icmp_other"},
      {"v6, 3 bytes of TCP", v6(1, 0, cut(kQuote6, 43)), "icmp_other"},
      {"v6, IP header cut short", v6(1, 0, cut(kQuote6, 39)), "icmp_other"},
  });
}

TEST(Icmp, QuotesCutByTheSnaplen) {
  const Bytes whole = v4(3, 1, kQuote);  // 20 + 8 + 20 + 4 to the ports
  const std::size_t wire = whole.size();
  check({
      {"behind the ports", cut(whole, 52), "icmp error", wire},
      {"in the ports", cut(whole, 51), "truncated_header", wire},
      {"in the quoted IP header", cut(whole, 40), "truncated_header", wire},
      {"in the ICMP header", cut(whole, 24), "truncated_header", wire},
      {"before the ICMP header", cut(whole, 20), "truncated_header", wire},
      {"of an echo", cut(v4(8, 0, filled(40)), 22), "icmp_other", 68},
  });
}

TEST(Icmp, QuotedHeaders) {
  check({
      {"UDP", v4(3, 3, ipv4({.protocol = 17}, filled(20))), "icmp_other"},
      {"ICMP", v4(11, 0, ipv4({.protocol = 1}, icmp(8, 0, {}))), "icmp_other"},
      {"options", v4(3, 1, ipv4({.options = filled(12, 1)}, kSegment)), "icmp error"},
      {"altered total length", v4(3, 1, ipv4({.total_length = 5}, kSegment)), "icmp error"},
      {"total length 0", v4(3, 1, ipv4({.total_length = 0}, kSegment)), "icmp error"},
      {"total length of the whole", v4(3, 1, cut(ipv4({.total_length = 1500}, kSegment), 28)),
       "icmp error"},
      {"header of 4 words", v4(3, 1, ipv4({.header_words = 4}, kSegment)), "icmp_other"},
      {"of another version", v4(3, 1, kQuote6), "icmp_other"},
      {"v6 quoting v4", v6(1, 0, kQuote), "icmp_other"},
      {"first piece", v4(11, 1, ipv4({.fragment = 0x2000}, kSegment)), "icmp error"},
      {"later piece", v4(11, 1, ipv4({.fragment = 0x2001}, kSegment)), "icmp_other"},
      {"extension header", v6(3, 0, ipv6({.next_header = 0}, extension(6, 1) + kSegment)),
       "icmp error"},
      {"payload length 0", v6(1, 0, ipv6({.payload_length = 0}, kSegment)), "icmp error"},
      {"v6 first piece",
       v6(3, 1, ipv6({.next_header = 44}, fragment_header(60, 0, true) + extension(6) + kSegment)),
       "icmp error"},
      {"v6 later piece",
       v6(3, 1, ipv6({.next_header = 44}, fragment_header(6, 8, false) + kSegment)), "icmp_other"},
      {"v6 UDP", v6(1, 4, ipv6({.next_header = 17}, filled(20))), "icmp_other"},
      {"v6 chain cut by the router", v6(1, 0, cut(ipv6({.next_header = 0}, extension(6)), 44)),
       "icmp_other"},
  });
}

TEST(Icmp, NothingOfAnErrorSticksToTheNext) {
  Decoder decoder{Limits{}};
  const Bytes rich = v4(3, 4, kQuote, 1400);
  const Bytes bare = v6(3, 0, cut(kQuote6, 44));
  std::ignore = decoder.on_packet(packet_of(rich, LinkType::raw_ip));
  const auto& error = std::get<IcmpError>(decoder.on_packet(packet_of(bare, LinkType::raw_ip)));
  EXPECT_EQ(error.mtu, 0u);
  EXPECT_FALSE(error.has_seq);
  EXPECT_EQ(error.seq, 0u);
  EXPECT_TRUE(error.v6);
}

/// `datagram` (IPv4 without options) sent the other way.
Bytes backwards(Bytes datagram) {
  std::rotate(datagram.begin() + 12, datagram.begin() + 16, datagram.begin() + 20);
  return datagram;
}

TEST(Icmp, RefusedDnsAnswers) {
  const auto udp = [](std::size_t from, std::size_t to) {
    return be16(from) + be16(to) + be16(8 + 4) + be16(0xbad) + text("dns!");
  };
  const Bytes answer = ipv4({.protocol = 17}, udp(53, 50000));
  const Bytes quote = backwards(answer);
  check({
      {"the answer's receiver has closed its port", v4(3, 3, quote), "dns 4"},
      {"quoted as far as the ports", v4(3, 3, cut(quote, 28)), "dns 0"},
      {"cut in front of them", v4(3, 3, cut(quote, 24)), "icmp_other"},
      {"another code", v4(3, 1, quote), "icmp_other"},
      {"somebody else says so", v4(3, 3, answer), "icmp_other"},
      {"a query", v4(3, 3, backwards(ipv4({.protocol = 17}, udp(50000, 53)))), "dns 4"},
      {"a query, from a router", v4(3, 1, ipv4({.protocol = 17}, udp(50000, 53))), "dns 4"},
      {"a query that is too long", v4(3, 4, ipv4({.protocol = 17}, udp(50000, 53))), "icmp_other"},
      {"another protocol", v4(3, 3, backwards(ipv4({.protocol = 17}, udp(54, 50000)))),
       "icmp_other"},
  });
  Decoder decoder{Limits{}};
  const Bytes bytes = v4(3, 3, quote);
  const Decoded& decoded = decoder.on_packet(packet_of(bytes, LinkType::raw_ip));
  const auto& dns = std::get<DnsDatagram>(decoded);
  EXPECT_EQ(dns.error, DnsError::port_closed);
  EXPECT_EQ(dns.packet.number, 1u);
  EXPECT_EQ(dns.source, (Endpoint{kServer, 53}));
  EXPECT_EQ(dns.destination, (Endpoint{kClient, 50000}));
}

}  // namespace
}  // namespace httpdiag::decode
