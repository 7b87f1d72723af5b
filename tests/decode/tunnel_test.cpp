// SPDX-License-Identifier: Apache-2.0
// Tunnels and the links that need more than a header of fixed length: what is inside comes out,
// what is cut or lies does not, and nothing is read that is not there.
#include <gtest/gtest.h>

#include <memory>

#include "decode/packet_bytes.hpp"
#include "support/wire.hpp"
#include "support/wrap.hpp"

namespace httpdiag::decode {
namespace {

std::string text_of(const Bytes& bytes) { return std::string{as_text(bytes)}; }
Bytes bytes_of(std::string_view text) { return decode::text(text); }

const std::string kIpv4 = text_of(ipv4({}, tcp({}, text("hello"))));
const std::string kIpv6 = text_of(ipv6({}, tcp({}, text("hello"))));

const Decoded& decoded_of(Decoder& decoder, std::string_view bytes,
                          LinkType link = LinkType::raw_ip) {
  static Bytes kept;
  kept = bytes_of(bytes);
  return decoder.on_packet(packet_of(kept, link));
}

Tunnel tunnel_of(std::string_view bytes) {
  Decoder decoder{Limits{}};
  const auto* segment = std::get_if<Segment>(&decoded_of(decoder, bytes));
  return segment == nullptr ? Tunnel{} : segment->tunnel;
}

Bytes udp(std::size_t to, const Bytes& payload, std::size_t from = 50000) {
  return be16(from) + be16(to) + be16(8 + payload.size()) + be16(0) + payload;
}
std::string outcome_of_udp(std::size_t to, const Bytes& payload) {
  return outcome_of(ipv4({.protocol = 17}, udp(to, payload)), LinkType::raw_ip);
}

TEST(Tunnel, EveryKindGivesWhatIsInside) {
  for (const std::string_view kind : test::tunnel_kinds()) {
    for (const std::string& inner : {kIpv4, kIpv6}) {
      const bool v6 = inner == kIpv6;
      if (!test::tunnel_carries(kind, v6)) continue;
      const std::string outer = test::wrap_in_tunnel(kind, 77, inner);
      EXPECT_EQ(outcome_of(bytes_of(outer), LinkType::raw_ip), "segment 5/5") << kind << v6;
      EXPECT_EQ(tunnel_of(outer).depth, 1) << kind;
    }
  }
}

// At every length the answer is the same segment with fewer bytes, or that its headers were cut.
TEST(Tunnel, CutAnywhereIsCutAndNothingElse) {
  for (const std::string_view kind : test::tunnel_kinds()) {
    const std::string outer = test::wrap_in_tunnel(kind, 77, kIpv6);
    for (std::size_t length = 0; length < outer.size(); ++length) {
      // A buffer of its own, so that a sanitizer sees a byte read behind its end.
      const auto bytes = std::make_unique<std::byte[]>(length);
      std::copy_n(std::as_bytes(std::span{outer}).begin(), length, bytes.get());
      Packet packet;
      packet.ref = {1, Timestamp{}};
      packet.link = LinkType::raw_ip;
      packet.wire_length = static_cast<std::uint32_t>(outer.size());
      packet.bytes = {bytes.get(), length};
      Decoder decoder{Limits{}};
      const std::string result = outcome(decoder.on_packet(packet));
      const std::size_t missing = outer.size() - length;
      // Without its ports a UDP datagram is just that.
      const bool ports_cut = outer[9] == 17 && length >= 20 && length < 28;
      const std::string expected = ports_cut      ? "not_tcp"
                                   : missing < 5  ? "segment " + std::to_string(5 - missing) + "/5"
                                   : missing == 5 ? "segment 0/5"
                                                  : "truncated_header";
      EXPECT_EQ(result, expected) << kind << " at " << length;
    }
  }
}

// A header that ends where its packet does never had more.
TEST(Tunnel, ShortenedAnywhereIsNoSegment) {
  for (const std::string_view kind : test::tunnel_kinds()) {
    const std::string outer = test::wrap_in_tunnel(kind, 77, kIpv6);
    const bool v4 = (outer[0] & 0xf0) == 0x40;
    for (std::size_t length = v4 ? 20 : 40; length < outer.size(); ++length) {
      std::string shorter = outer.substr(0, length);
      const std::size_t said = v4 ? length : length - 40;
      shorter[v4 ? 2 : 4] = static_cast<char>(said >> 8);
      shorter[v4 ? 3 : 5] = static_cast<char>(said & 0xff);
      const std::string result = outcome_of(bytes_of(shorter), LinkType::raw_ip);
      // An IP length beyond the packet is believed where all headers are there.
      if (outer.size() - length <= 5) continue;
      EXPECT_NE(result.substr(0, 7), "segment") << kind << " at " << length;
    }
  }
}

TEST(Tunnel, ThoseThatAreNotReadHaveNames) {
  const auto of_protocol = [](std::uint8_t protocol) {
    return outcome_of(ipv4({.protocol = protocol}, be32(0x1001) + be32(1) + be32(2)),
                      LinkType::raw_ip);
  };
  EXPECT_EQ(of_protocol(50), "esp");
  EXPECT_EQ(of_protocol(115), "l2tp_v3");
  EXPECT_EQ(of_protocol(89), "not_tcp");
  const Bytes ip = bytes_of(kIpv4);
  EXPECT_EQ(outcome_of_udp(4500, be32(0x1001) + be32(1) + ip), "esp");
  EXPECT_EQ(outcome_of_udp(4500, be32(0) + be32(1) + ip), "not_tcp");  // IKE
  EXPECT_EQ(outcome_of_udp(4500, bytes_of("\xff")), "not_tcp");        // keep-alive of a NAT
  EXPECT_EQ(outcome_of_udp(1701, be16(3) + be16(0) + be32(9) + ip), "l2tp_v3");
  EXPECT_EQ(outcome_of_udp(6635, be32(0x00011140) + ip), "mpls_in_udp");
  EXPECT_EQ(outcome_of_udp(6635, be32(0) + be32(0)), "not_tcp");
  EXPECT_EQ(outcome_of(ethernet(be32(0) + be16(0x0800) + ip, 0x8926), LinkType::ethernet),
            "vn_tag");
  EXPECT_EQ(outcome_of(ethernet(be32(0) + be32(1) + ip, 0x88e5), LinkType::ethernet), "macsec");
  const auto of_type = [&](std::size_t type) {
    return outcome_of(ethernet(be32(0) + be32(1) + ip, type), LinkType::ethernet);
  };
  EXPECT_EQ(of_type(0x894f), "nsh");
  EXPECT_EQ(of_type(0x22f3), "trill");
  EXPECT_EQ(of_type(0x88e7), "pbb");
  EXPECT_EQ(of_type(0x8903), "fabric_path");
  EXPECT_EQ(of_type(0x8909), "cisco_metadata");
  EXPECT_EQ(of_type(0xd28b), "arista_time");
  EXPECT_EQ(of_type(0xdada), "edsa");
  EXPECT_EQ(of_type(0x9999), "not_ip");
  EXPECT_EQ(
      outcome_of(ipv4({.protocol = 47}, be16(0) + be16(0x883e) + be32(0) + ip), LinkType::raw_ip),
      "wccp");
  struct Udp {
    std::size_t port;
    Bytes header;
    std::string_view name;
  };
  for (const auto& [port, header, name] : {Udp{37008, raw({1, 0, 0, 1}) + be32(1), "tzsp"},
                                           {4790, raw({0x0c, 0, 0, 1}) + be32(7 << 8), "vxlan_gpe"},
                                           {48879, raw({0xc8, 0, 0, 1}) + be32(7 << 8), "ivxlan"},
                                           {5247, raw({0, 0x10, 2, 0}) + be32(0), "capwap"},
                                           {4341, raw({0xc8, 0, 0, 1}) + be32(1), "lisp"},
                                           {4754, be16(0) + be16(0x0800), "gre_in_udp"}}) {
    EXPECT_EQ(outcome_of_udp(port, header + ip), name) << port;
    EXPECT_EQ(outcome_of_udp(port, filled(40, 0xf2)), "not_tcp") << port;
    EXPECT_EQ(outcome_of_udp(port, header), "not_tcp") << port;
  }
}

/// With the checksum that packet_bytes.hpp leaves out.
Bytes with_checksum(Bytes ip) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < 20; i += 2)
    sum += std::to_integer<unsigned>(ip[i]) << 8 | std::to_integer<unsigned>(ip[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  ip[10] = std::byte(~sum >> 8 & 0xff);
  ip[11] = std::byte(~sum & 0xff);
  return ip;
}

// Its port is anybody's: all else has to be right.
TEST(Tunnel, FooOverUdpIsADatagramToTheLastField) {
  Bytes ip = ipv4({}, tcp({}, text("hello")));
  ip[10] = ip[11] = std::byte{0};
  ip = with_checksum(ip);
  EXPECT_EQ(outcome_of_udp(5555, ip), "segment 5/5");
  EXPECT_EQ(outcome_of_udp(40000, ip), "segment 5/5");
  EXPECT_EQ(tunnel_of(text_of(ipv4({.protocol = 17}, udp(5555, ip)))).kind, TunnelKind::fou);
  EXPECT_EQ(outcome_of_udp(5555, ip + be16(0)), "not_tcp") << "something behind it";
  for (const std::size_t at : {0u, 3u, 8u, 10u, 12u}) {
    Bytes wrong = ip;
    wrong[at] ^= std::byte{1};
    EXPECT_EQ(outcome_of_udp(5555, wrong), "not_tcp") << at;
  }
}

TEST(Tunnel, GueControlMessagesAndOtherVariantsAreNone) {
  const Bytes ip = bytes_of(kIpv4);
  EXPECT_EQ(outcome_of_udp(6080, raw({0x00, 4, 0, 0}) + ip), "segment 5/5");
  EXPECT_EQ(outcome_of_udp(6080, raw({0x02, 4, 0, 0}) + be32(1) + be32(2) + ip), "segment 5/5");
  EXPECT_EQ(outcome_of_udp(6080, raw({0x20, 4, 0, 0}) + ip), "not_tcp");
  EXPECT_EQ(outcome_of_udp(6080, raw({0x80, 4, 0, 0}) + ip), "not_tcp");
  EXPECT_EQ(outcome_of_udp(6080, raw({0x00, 59, 0, 0}) + ip), "not_tcp");
}

// STT looks like TCP. A connection to its port is one all the same.
TEST(Tunnel, SttIsKnownByTheBeginningOfAFrame) {
  const auto stt = [](std::uint32_t frame, std::uint32_t at, const Bytes& payload) {
    return ipv4({}, tcp({.destination = 7471, .seq = frame << 16 | at}, payload));
  };
  const Bytes header = raw({0, 0, 0, 0}) + filled(14, 0);
  const Bytes frame = header + filled(12, 2) + be16(0x0800) + bytes_of(kIpv4);
  const auto size = static_cast<std::uint32_t>(frame.size());
  Decoder decoder{Limits{}};
  const auto outcome_of_stt = [&](const Bytes& bytes) {
    static Bytes kept;
    kept = bytes;
    return outcome(decoder.on_packet(packet_of(kept, LinkType::raw_ip)));
  };
  const Bytes middle = stt(9000, 1448, filled(100, 7));
  EXPECT_EQ(outcome_of_stt(middle), "segment 100/100") << "nothing says what it is";
  EXPECT_EQ(outcome_of_stt(stt(size, 1, frame)),
            "segment " + std::to_string(size) + "/" + std::to_string(size));
  EXPECT_EQ(outcome_of_stt(stt(size, 0, frame)), "stt");
  EXPECT_EQ(outcome_of_stt(middle), "stt");
  EXPECT_EQ(outcome_of_stt(stt(50, 0, filled(100, 7))), "segment 100/100") << "beyond its frame";
}

TEST(Tunnel, NumbersOfNetworksTellFlowsApart) {
  for (const std::string_view kind :
       {"vxlan", "vxlan-8472", "geneve", "geneve-ip", "gre-key", "nvgre"}) {
    const Tunnel one = tunnel_of(test::wrap_in_tunnel(kind, 0x2001, kIpv4));
    const Tunnel two = tunnel_of(test::wrap_in_tunnel(kind, 0x2002, kIpv4));
    EXPECT_EQ(one.id, 0x2001u) << kind;
    EXPECT_NE(one.network, two.network) << kind;
    EXPECT_NE(one.network, 0u) << kind;
  }
}

TEST(Tunnel, NumbersOfEitherEndDoNot) {
  for (const std::string_view kind : {"gtp-u", "mpls", "mpls-pw", "l2tp", "pptp", "erspan-2"}) {
    const Tunnel one = tunnel_of(test::wrap_in_tunnel(kind, 1, kIpv4));
    const Tunnel two = tunnel_of(test::wrap_in_tunnel(kind, 2, kIpv4));
    EXPECT_NE(one.id, two.id) << kind;
    EXPECT_EQ(one.network, 0u) << kind;
    EXPECT_EQ(two.network, 0u) << kind;
  }
}

TEST(Tunnel, OfOnePacketDoesNotStickToTheNext) {
  Decoder decoder{Limits{}};
  const auto& wrapped =
      std::get<Segment>(decoded_of(decoder, test::wrap_in_tunnel("vxlan", 5, kIpv4)));
  EXPECT_EQ(wrapped.tunnel.kind, TunnelKind::vxlan);
  const auto& plain = std::get<Segment>(decoded_of(decoder, kIpv4));
  EXPECT_EQ(plain.tunnel.kind, TunnelKind::none);
  EXPECT_EQ(plain.tunnel.network, 0u);
  static_cast<void>(decoded_of(decoder, test::wrap_in_tunnel("vxlan", 5, kIpv4)));
  const auto& quick = std::get<Segment>(
      decoded_of(decoder, text_of(ethernet(bytes_of(kIpv4))), LinkType::ethernet));
  EXPECT_EQ(quick.tunnel.network, 0u);
}

TEST(Tunnel, NestingIsBounded) {
  std::string packet = kIpv4;
  for (int depth = 1; depth <= 8; ++depth) packet = test::wrap_in_tunnel("gre", 0, packet);
  EXPECT_EQ(tunnel_of(packet).depth, 8);
  packet = test::wrap_in_tunnel("gre", 0, packet);
  EXPECT_EQ(outcome_of(bytes_of(packet), LinkType::raw_ip), "nested_too_deep");
}

// Whatever else uses these ports is left alone.
TEST(Tunnel, APortAloneIsNone) {
  for (const std::size_t port : {4789u, 8472u, 6081u, 2152u, 3544u, 1701u}) {
    EXPECT_EQ(outcome_of_udp(port, text("GET / HTTP/1.1 and whatever else there may be")),
              "not_tcp")
        << port;
    EXPECT_EQ(outcome_of_udp(port, filled(200, 0)), "not_tcp") << port;
    EXPECT_EQ(outcome_of_udp(port, filled(200, 0x45)), "not_tcp") << port;
    EXPECT_EQ(outcome_of_udp(port, {}), port == 0 ? "" : "not_tcp") << port;
  }
}

TEST(Tunnel, WhatIsInsideMustBeSound) {
  const Bytes vxlan_header = be32(0x08000000) + be32(42 << 8) + filled(12, 2) + be16(0x0800);
  const auto inside = [&](const Bytes& inner) {
    return outcome_of_udp(4789, vxlan_header + inner);
  };
  const Bytes segment = tcp({}, text("hello"));
  EXPECT_EQ(inside(ipv4({}, segment)), "segment 5/5");
  EXPECT_EQ(inside(ipv4({.header_words = 4}, segment)), "not_tcp");
  EXPECT_EQ(inside(ipv4({.total_length = 46}, segment)), "not_tcp") << "longer than the tunnel";
  EXPECT_EQ(inside(ipv4({.total_length = 19}, segment)), "not_tcp");
  EXPECT_EQ(inside(ipv4({.ttl = 0}, segment)), "not_tcp");
  EXPECT_EQ(inside(ipv6({}, segment)), "not_tcp") << "another version than announced";
  EXPECT_EQ(outcome_of_udp(
                4789, be32(0) + be32(42 << 8) + filled(12, 2) + be16(0x0800) + ipv4({}, segment)),
            "not_tcp")
      << "no network named";
}

// A mirror session may send the first bytes of each packet only: its own headers are whole, those
// inside announce more than there is.
TEST(Tunnel, WhatAMirrorCutIsReadAsFarAsItGoes) {
  const IpAddress one6{kClient6}, two6{kServer6};
  const auto mirrored = [](std::string_view kind, std::string inner, std::size_t kept) {
    inner.resize(kept);
    return outcome_of(bytes_of(test::wrap_in_tunnel(kind, 7, inner)), LinkType::raw_ip);
  };
  const std::string segment = text_of(tcp({}, filled(300)));
  const std::string v4 = test::ip_packet({.from = kClient, .to = kServer, .id = 5}, segment);
  const std::string v6 = test::ip_packet({.from = one6, .to = two6}, segment);
  for (const std::string_view kind : test::tunnel_kinds()) {
    if (test::tunnel_carries(kind, false)) {
      EXPECT_EQ(mirrored(kind, v4, 100), "segment 60/300") << kind;
      EXPECT_EQ(mirrored(kind, v4, 40), "segment 0/300") << kind;
      EXPECT_NE(mirrored(kind, v4, 30).substr(0, 7), "segment") << kind;
    }
    if (test::tunnel_carries(kind, true)) {
      EXPECT_EQ(mirrored(kind, v6, 100), "segment 40/300") << kind;
      EXPECT_EQ(mirrored(kind, v6, 60), "segment 0/300") << kind;
      EXPECT_NE(mirrored(kind, v6, 50).substr(0, 7), "segment") << kind;
    }
  }
  // What only looks a little like IP is no packet that was cut.
  std::string other = v4;
  other[5] = static_cast<char>(other[5] + 1);  // one bit that the checksum does not know of
  EXPECT_EQ(mirrored("vxlan", other, 100), "not_tcp");
  other = v6;
  other[40 + 12] = 0x10;  // a TCP header of four bytes
  EXPECT_EQ(mirrored("vxlan", other, 100), "not_tcp");
  other = v6;
  other[6] = 59;  // nothing follows
  EXPECT_EQ(mirrored("vxlan", other, 100), "not_tcp");
  const std::string datagram = test::udp_datagram(
      {.ip = one6, .port = 53}, {.ip = two6, .port = 40000}, std::string(300, '\0'));
  const std::string udp = test::ip_packet({.from = one6, .to = two6, .protocol = 17}, datagram);
  EXPECT_EQ(mirrored("geneve", udp, 100), "dns 52");
}

TEST(Tunnel, EncryptedOnesAreNotLookedInto) {
  EXPECT_EQ(outcome_of(ipv4({.protocol = 50}, filled(60)), LinkType::raw_ip), "esp");
}

TEST(Tunnel, AuthenticationHeaderIsStepped) {
  const Bytes header = raw({6, 4}) + filled(22, 0);
  EXPECT_EQ(outcome_of(ipv4({.protocol = 51}, header + tcp({}, text("hello"))), LinkType::raw_ip),
            "segment 5/5");
}

TEST(Tunnel, OuterPiecesArePutTogetherFirst) {
  const std::string inner = text_of(ipv4({}, tcp({}, filled(600))));
  const std::string whole = test::wrap_in_tunnel("vxlan", 42, inner);
  const test::IpHeader header{.from = kClient, .to = kServer, .protocol = 17, .id = 9};
  Decoder decoder{Limits{}};
  const auto pieces = test::ip_fragments(header, std::string_view{whole}.substr(20), 400);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(outcome(decoded_of(decoder, pieces[0])), "ip_fragment");
  const Decoded& last = decoded_of(decoder, pieces[1]);
  ASSERT_EQ(outcome(last), "segment 600/600");
  EXPECT_EQ(std::get<Segment>(last).tunnel.id, 42u);
}

// Both the tunnel's packets and what is in them came in pieces.
TEST(Tunnel, PiecesWithinPieces) {
  const std::string segment = text_of(tcp({}, filled(2000)));
  const test::IpHeader inner{.from = kClient, .to = kServer, .protocol = 6, .id = 5};
  const test::IpHeader outer{.from = kServer, .to = kClient, .protocol = 17, .id = 6};
  Limits limits;
  Decoder decoder{limits};
  std::string last;
  for (const std::string& piece : test::ip_fragments(inner, segment, 1000)) {
    const std::string whole = test::wrap_in_tunnel("geneve", 3, piece);
    test::IpHeader header = outer;
    header.id = static_cast<std::uint16_t>(header.id + piece.size());
    for (const std::string& part :
         test::ip_fragments(header, std::string_view{whole}.substr(20), 400)) {
      last = outcome(decoded_of(decoder, part));
    }
  }
  EXPECT_EQ(last, "segment 2000/2000");
}

TEST(Tunnel, PiecesOfTwoNetworksAreNotMixed) {
  const std::string segment = text_of(tcp({}, filled(1000)));
  const test::IpHeader inner{.from = kClient, .to = kServer, .protocol = 6, .id = 5};
  const auto pieces = test::ip_fragments(inner, segment, 800);
  Decoder decoder{Limits{}};
  static_cast<void>(decoded_of(decoder, test::wrap_in_tunnel("vxlan", 1, pieces[0])));
  EXPECT_EQ(outcome(decoded_of(decoder, test::wrap_in_tunnel("vxlan", 2, pieces[1]))),
            "ip_fragment");
}

// RFC 1812 §4.3.2.3: routers quote as much as fits into 576 bytes, so the inner ports are there.
TEST(Tunnel, IcmpErrorAboutATunnelReachesTheSegmentInside) {
  const std::string outer =
      test::wrap_in_tunnel("vxlan", 42, text_of(ipv4({}, tcp({}, filled(900)))));
  const std::string quote = outer.substr(0, 120);
  const Bytes icmp = raw({3, 4}) + be16(0) + be32(1400) + bytes_of(quote);
  Decoder decoder{Limits{}};
  const Decoded& decoded = decoded_of(decoder, text_of(ipv4({.protocol = 1}, icmp)));
  ASSERT_TRUE(std::holds_alternative<IcmpError>(decoded)) << outcome(decoded);
  const auto& error = std::get<IcmpError>(decoded);
  EXPECT_EQ(error.source.port, 40000);
  EXPECT_EQ(error.network, tunnel_of(outer).network);
  EXPECT_TRUE(error.has_seq);
}

TEST(Tunnel, IcmpQuoteThatEndsInTheTunnelIsOther) {
  const std::string outer = test::wrap_in_tunnel("vxlan", 42, kIpv4);
  const Bytes icmp = raw({3, 4}) + be16(0) + be32(1400) + bytes_of(outer.substr(0, 28));
  EXPECT_EQ(outcome_of(ipv4({.protocol = 1}, icmp), LinkType::raw_ip), "icmp_other");
}

// Links that need more than a fixed header.
TEST(Links, EveryOneGivesWhatIsInsideAndIsCutLikeATunnel) {
  using enum LinkType;
  for (const LinkType link :
       {ethernet, ppp, ppp_direction, pppoe, cisco_hdlc, cisco_hdlc_direction, frame_relay,
        frame_relay_direction, ieee802_11, radiotap, ppi, pktap, nflog, pflog, ipnet, mpls}) {
    for (const std::string& inner : {kIpv4, kIpv6}) {
      const std::string frame = test::wrap_in_link(link, inner);
      const auto number = static_cast<int>(link);
      EXPECT_EQ(outcome_of(bytes_of(frame), link), "segment 5/5") << number;
      for (std::size_t length = 0; length + 5 < frame.size(); ++length) {
        EXPECT_EQ(outcome_of(bytes_of(frame.substr(0, length)), link, frame.size()),
                  "truncated_header")
            << number << " at " << length;
        const std::string runt = outcome_of(bytes_of(frame.substr(0, length)), link);
        EXPECT_NE(runt.substr(0, 7), "segment") << number << " at " << length;
      }
    }
  }
}

TEST(Links, WirelessFramesThatHoldNoPacketAreNamed) {
  const std::string frame = test::wrap_in_link(LinkType::ieee802_11, kIpv4);
  const auto with = [&](std::size_t at, char value) {
    std::string changed = frame;
    changed[at] = value;
    return outcome_of(bytes_of(changed), LinkType::ieee802_11);
  };
  EXPECT_EQ(with(1, 0x41), "protected_frame");
  EXPECT_EQ(with(0, static_cast<char>(0x80)), "not_ip") << "a beacon";
  EXPECT_EQ(with(0, static_cast<char>(0xc8)), "not_ip") << "no data";
  EXPECT_EQ(with(0, static_cast<char>(0x89)), "malformed_link") << "version 1";
  EXPECT_EQ(with(1, 0x05), "fragment_refused") << "more fragments";
  EXPECT_EQ(with(22, 0x01), "fragment_refused") << "a later fragment";
}

// IEEE 802.11: several frames that are sent as one (A-MSDU).
class Aggregate : public testing::Test {
 protected:
  std::string frame = test::wrap_in_link(LinkType::ieee802_11, kIpv4);
  Bytes header() const {
    std::string bytes = frame.substr(0, 26);
    bytes[24] = static_cast<char>(0x80);
    return bytes_of(bytes);
  }
  static Bytes subframe(const std::string& ip) {
    const Bytes snap = raw({0xaa, 0xaa, 3, 0, 0, 0, 8, 0});
    return filled(12, 2) + be16(snap.size() + ip.size()) + snap + bytes_of(ip);
  }
  static Bytes padded(Bytes bytes) {
    while (bytes.size() % 4 != 0) bytes.push_back(std::byte{0});
    return bytes;
  }
  static std::string outcomes(const Bytes& bytes, std::optional<std::size_t> wire = {}) {
    const Packet packet = packet_of(bytes, LinkType::ieee802_11, wire);
    Decoder decoder{Limits{}};
    std::string all = outcome(decoder.on_packet(packet));
    while (decoder.more()) all += ", " + outcome(decoder.next(packet));
    return all;
  }
  static std::string with_payload(std::size_t bytes) {
    return text_of(ipv4({}, tcp({}, filled(bytes))));
  }
};

TEST_F(Aggregate, EveryFrameIsRead) {
  const Bytes three = header() + padded(subframe(with_payload(5))) +
                      padded(subframe(with_payload(1460))) + subframe(with_payload(7));
  EXPECT_EQ(outcomes(three), "segment 5/5, segment 1460/1460, segment 7/7");
  EXPECT_EQ(outcomes(three + filled(4, 9)), "segment 5/5, segment 1460/1460, segment 7/7")
      << "a checksum behind them";
  EXPECT_EQ(outcomes(header() + subframe(with_payload(5))), "segment 5/5");
}

TEST_F(Aggregate, IsCutWhereverItIsCut) {
  const Bytes two = header() + padded(subframe(with_payload(5))) + subframe(with_payload(9));
  EXPECT_EQ(outcomes(cut(two, two.size() - 3), two.size()), "segment 5/5, segment 6/9");
  EXPECT_EQ(outcomes(cut(two, two.size() - 20), two.size()), "segment 5/5, truncated_header");
  EXPECT_EQ(outcomes(cut(two, 26 + 14 + 8 + 45), two.size()), "segment 5/5");
}

TEST_F(Aggregate, ALengthThatLiesEndsIt) {
  Bytes bytes = header() + padded(subframe(with_payload(5))) + subframe(with_payload(9));
  bytes[26 + 12] = std::byte{0x20};
  EXPECT_EQ(outcomes(bytes), "malformed_link");
}

TEST(Links, NflogOfEitherByteOrder) {
  const auto attribute = [](std::size_t length, std::size_t type) {
    return be16(length) + be16(type);
  };
  const Bytes inner = bytes_of(kIpv4);
  EXPECT_EQ(outcome_of(raw({2, 0, 0, 5}) + attribute(4 + inner.size(), 9) + inner, LinkType::nflog),
            "segment 5/5");
  EXPECT_EQ(outcome_of(raw({2, 0, 0, 5}) + attribute(0, 9) + inner, LinkType::nflog),
            "malformed_link");
}

TEST(Links, SerialLinesMayLeaveBytesOut) {
  const Bytes inner = bytes_of(kIpv4);
  EXPECT_EQ(outcome_of(raw({0x21}) + inner, LinkType::ppp), "segment 5/5");
  EXPECT_EQ(outcome_of(raw({0xff, 3, 0x21}) + inner, LinkType::ppp), "segment 5/5");
  EXPECT_EQ(outcome_of(raw({0, 0x21}) + inner, LinkType::ppp), "segment 5/5");
  EXPECT_EQ(outcome_of(raw({0x0f, 0}) + be16(0x0800) + inner, LinkType::ppp), "segment 5/5");
  EXPECT_EQ(outcome_of(raw({0xff, 3, 0xc0, 0x21}) + filled(30), LinkType::ppp), "not_ip");
}

TEST(Links, FrameRelayInBothManners) {
  const Bytes inner = bytes_of(kIpv4);
  const LinkType link = LinkType::frame_relay;
  EXPECT_EQ(outcome_of(raw({0x18, 0x41}) + be16(0x0800) + inner, link), "segment 5/5");
  const Bytes snap = raw({3, 0, 0x80, 0, 0, 0}) + be16(0x0800) + inner;
  EXPECT_EQ(outcome_of(raw({0x18, 0x40, 0x40, 0x41}) + snap, link), "segment 5/5");
  EXPECT_EQ(outcome_of(raw({0x18, 0x40, 0x40, 0x40, 0x41}) + snap, link), "malformed_link");
}

TEST(Links, EnvelopeAroundAnotherLinkIsNotRead) {
  const Bytes frame = raw({0, 0, 8, 0, 0xff, 0, 0, 0}) + bytes_of(kIpv4);
  EXPECT_EQ(outcome_of(frame, LinkType::ppi), "unsupported_link");
}

TEST(Links, LlcCarriesIpInTwoWays) {
  const Bytes inner = bytes_of(kIpv4);
  const Bytes addresses = filled(12, 2);
  const Bytes snap = raw({0xaa, 0xaa, 3, 0, 0, 0}) + be16(0x0800) + inner;
  EXPECT_EQ(outcome_of(addresses + be16(snap.size()) + snap), "segment 5/5");
  const Bytes own = raw({6, 6, 3}) + inner;
  EXPECT_EQ(outcome_of(addresses + be16(own.size()) + own), "segment 5/5");
  EXPECT_EQ(outcome_of(addresses + be16(3) + raw({0x42, 0x42, 3}) + inner), "not_ip") << "STP";
}

}  // namespace
}  // namespace httpdiag::decode
