// SPDX-License-Identifier: Apache-2.0
#include "decode/tcp_header.hpp"

#include <gtest/gtest.h>

#include "decode/packet_bytes.hpp"

namespace httpdiag::decode {
namespace {

const Bytes kTimestamps = raw({1, 1, 8, 10}) + be32(111) + be32(222);
const Bytes kSackBlock = raw({1, 1, 5, 10}) + be32(3000) + be32(4000);
const Bytes kSynOptions =
    raw({2, 4}) + be16(1460) + raw({4, 2, 8, 10}) + be32(1) + be32(0) + raw({1, 3, 3, 7});

/// Decodes a segment and keeps its bytes.
class OneSegment {
 public:
  explicit OneSegment(const Tcp& header, const Bytes& payload = {})
      : bytes_{ipv4({}, tcp(header, payload))} {
    segment_ = std::get<Segment>(decoder_.on_packet(packet_of(bytes_, LinkType::raw_ip)));
  }
  const Segment* operator->() const { return &segment_; }

 private:
  Bytes bytes_;
  Decoder decoder_{Limits{}};
  Segment segment_;
};

TEST(TcpHeader, Fields) {
  const OneSegment segment{{.source = 1,
                            .destination = 65535,
                            .seq = 0xfffffff0,
                            .ack = 0x80000001,
                            .flags = TcpFlags::psh | TcpFlags::ack | TcpFlags::urg,
                            .window = 0xfffe,
                            .urgent = 0x1234},
                           text("hello")};
  EXPECT_EQ(segment->packet.number, 1u);
  EXPECT_EQ(segment->source.port, 1);
  EXPECT_EQ(segment->destination.port, 65535);
  EXPECT_EQ(segment->seq, 0xfffffff0u);
  EXPECT_EQ(segment->ack, 0x80000001u);
  EXPECT_EQ(segment->flags.bits, TcpFlags::psh | TcpFlags::ack | TcpFlags::urg);
  EXPECT_EQ(segment->window, 0xfffe);
  EXPECT_EQ(segment->urgent, 0x1234);
  EXPECT_EQ(as_text(segment->payload), "hello");
  EXPECT_EQ(segment->payload_length, 5u);
  EXPECT_TRUE(segment->options.empty());
}

struct OptionCase {
  const char* name;
  unsigned flags;
  Bytes options;
  int mss, window_scale;
  bool sack;
};

TEST(TcpHeader, Options) {
  constexpr unsigned kSyn = TcpFlags::syn, kAck = TcpFlags::ack;
  const std::vector<OptionCase> cases = {
      {"none", kSyn, {}, 0, -1, false},
      {"of a SYN", kSyn, kSynOptions, 1460, 7, false},
      {"of a SYN-ACK", kSyn | kAck, kSynOptions, 1460, 7, false},
      {"of a SYN, without SYN", kAck, kSynOptions, 0, -1, false},
      {"timestamps", kAck, kTimestamps, 0, -1, false},
      {"timestamps in a SYN", kSyn, kTimestamps, 0, -1, false},
      {"SACK alone", kAck, kSackBlock, 0, -1, true},
      {"SACK behind timestamps", kAck, kTimestamps + kSackBlock, 0, -1, true},
      {"empty SACK", kAck, raw({5, 2, 1, 1}), 0, -1, false},
      {"window scale 0", kSyn, raw({3, 3, 0, 0}), 0, 0, false},
      {"window scale 14", kSyn, raw({3, 3, 14, 0}), 0, 14, false},
      {"window scale beyond 14", kSyn, raw({3, 3, 200, 0}), 0, 14, false},
      {"MSS of another length", kSyn, raw({2, 3, 9, 1, 3, 3, 5, 0}), 0, 5, false},
      {"nothing behind the end", kSyn, raw({0, 3, 3, 5}), 0, -1, false},
      {"length 0", kSyn, raw({8, 0, 3, 3, 5, 0, 0, 0}), 0, -1, false},
      {"length 1", kSyn, raw({8, 1, 3, 3, 5, 0, 0, 0}), 0, -1, false},
      {"longer than the header", kSyn, raw({3, 3, 5, 5, 200, 0, 0, 0}), 0, 5, false},
      {"kind without length", kSyn, raw({1, 1, 1, 2}), 0, -1, false},
  };
  for (const OptionCase& c : cases) {
    const OneSegment segment{{.flags = c.flags, .options = c.options}, text("x")};
    EXPECT_EQ(segment->mss, c.mss) << c.name;
    EXPECT_EQ(segment->window_scale, c.window_scale) << c.name;
    EXPECT_EQ(segment->sack, c.sack) << c.name;
    EXPECT_EQ(segment->options.size(), c.options.size()) << c.name;
    EXPECT_EQ(as_text(segment->payload), "x") << c.name;
  }
}

struct LengthCase {
  const char* name;
  Bytes bytes;
  std::size_t wire_length;
  std::string expected;
};

TEST(TcpHeader, LengthsAndCuts) {
  const Bytes plain = ipv4({}, tcp({.options = kTimestamps}, text("12345")));  // 20 + 32 + 5
  const std::vector<LengthCase> cases = {
      {"whole", plain, 57, "segment 5/5"},
      {"cut in the payload", cut(plain, 53), 57, "segment 1/5"},
      {"cut behind the header", cut(plain, 52), 57, "segment 0/5"},
      {"cut in the options", cut(plain, 45), 57, "segment 0/5"},
      {"cut behind the fixed header", cut(plain, 40), 57, "segment 0/5"},
      {"cut in the fixed header", cut(plain, 39), 57, "truncated_header"},
      {"cut behind the IP header", cut(plain, 20), 57, "truncated_header"},
      {"data offset 4", ipv4({}, tcp({.data_offset = 4}, filled(40))), 80, "malformed_tcp"},
      {"data offset 0", ipv4({}, tcp({.data_offset = 0}, filled(40))), 80, "malformed_tcp"},
      {"data offset beyond the datagram", ipv4({}, tcp({.data_offset = 6})), 40, "malformed_tcp"},
      {"data offset into the padding", ipv4({}, tcp({.data_offset = 6})) + filled(6), 46,
       "malformed_tcp"},
      {"data offset 15", ipv4({}, tcp({.data_offset = 15}, filled(41, 0))), 81, "segment 1/1"},
      {"no room", ipv4({}, filled(19)), 39, "malformed_tcp"},
  };
  for (const LengthCase& c : cases) {
    EXPECT_EQ(outcome_of(c.bytes, LinkType::raw_ip, c.wire_length), c.expected) << c.name;
  }
}

TEST(TcpHeader, OptionsAreThoseCaptured) {
  const Bytes bytes = cut(ipv4({}, tcp({.flags = TcpFlags::syn, .options = kSynOptions})), 44);
  Decoder decoder{Limits{}};
  const auto& segment =
      std::get<Segment>(decoder.on_packet(packet_of(bytes, LinkType::raw_ip, 60)));
  EXPECT_EQ(segment.options.size(), 4u);
  EXPECT_EQ(segment.mss, 1460);
  EXPECT_EQ(segment.window_scale, -1) << "not captured";
}

TEST(TcpHeader, NothingOfASegmentSticksToTheNext) {
  const Bytes rich =
      ethernet(ipv4({.id = 99, .ttl = 3}, tcp({.flags = TcpFlags::syn | TcpFlags::urg,
                                               .urgent = 9,
                                               .options = kSynOptions + kSackBlock},
                                              text("hello"))));
  const Bytes bare = ethernet(ipv6({.hop_limit = 1}, tcp({.flags = 0, .window = 0})), 0x86dd);
  Decoder decoder{Limits{}};
  std::ignore = decoder.on_packet(packet_of(rich));
  const auto& segment = std::get<Segment>(decoder.on_packet(packet_of(bare)));
  EXPECT_EQ(segment.mss, 0);
  EXPECT_EQ(segment.window_scale, -1);
  EXPECT_FALSE(segment.sack);
  EXPECT_EQ(segment.urgent, 0);
  EXPECT_EQ(segment.flags.bits, 0);
  EXPECT_EQ(segment.ip_id, 0);
  EXPECT_TRUE(segment.options.empty());
  EXPECT_TRUE(segment.payload.empty());
  EXPECT_EQ(segment.payload_length, 0u);
}

TEST(TcpHeader, SegmentBorrowsFromThePacket) {
  const Bytes bytes = ethernet(ipv4({}, tcp({.options = kTimestamps}, text("hello"))));
  Decoder decoder{Limits{}};
  const auto& segment = std::get<Segment>(decoder.on_packet(packet_of(bytes)));
  EXPECT_EQ(segment.options.data(), bytes.data() + 14 + 20 + 20);
  EXPECT_EQ(segment.payload.data(), bytes.data() + 14 + 20 + 32);
}

}  // namespace
}  // namespace httpdiag::decode
