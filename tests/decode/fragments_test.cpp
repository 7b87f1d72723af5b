// SPDX-License-Identifier: Apache-2.0
#include "decode/fragments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "decode/packet_bytes.hpp"

namespace httpdiag::decode {
namespace {

/// Feeds packets to one decoder, one millisecond apart unless told otherwise.
class Wire {
 public:
  explicit Wire(const Limits& limits = {}) : decoder_{limits} {}

  std::string send(Bytes bytes, Duration later = std::chrono::milliseconds{1},
                   std::optional<std::size_t> wire_length = {}) {
    now_ += later;
    bytes_ = std::move(bytes);
    Packet packet = packet_of(bytes_, LinkType::raw_ip, wire_length);
    packet.ref = {++number_, now_};
    last_ = &decoder_.on_packet(packet);
    return outcome(*last_);
  }
  std::uint64_t incomplete() const { return decoder_.incomplete_pieces(); }
  /// The held first piece that is due in front of a segment of its own sender's (`ahead`: that many
  /// bytes behind its own sequence number) or of its peer's (acknowledging so many).
  std::string held_before(bool same_way, std::uint32_t ahead, Duration later,
                          std::uint8_t flags = TcpFlags::ack) {
    Segment next;
    const Segment first = std::get<Segment>(Decoder{Limits{}}.on_packet(whole_));
    next.source = same_way ? first.source : first.destination;
    next.destination = same_way ? first.destination : first.source;
    next.seq = same_way ? first.seq + ahead : first.ack;
    next.ack = same_way ? first.ack : first.seq + ahead;
    next.flags.bits = flags;
    next.payload_length = same_way ? 20 : 0;
    next.packet = {number_ + 1, now_ + later};
    const Segment* held = decoder_.next_held(next);
    return held == nullptr ? "none" : outcome(*held) + " of " + std::to_string(held->packet.number);
  }
  std::string held() {
    const Segment* held = decoder_.next_held();
    return held == nullptr ? "none" : outcome(*held) + " of " + std::to_string(held->packet.number);
  }
  const Segment& segment() const { return std::get<Segment>(*last_); }
  std::string payload() const { return std::string{as_text(segment().payload)}; }

 private:
  Decoder decoder_;
  Bytes whole_bytes_ = ipv4({}, tcp({}, text("0123456789abcdefghij")));
  Packet whole_ = packet_of(whole_bytes_, LinkType::raw_ip, {});
  const Decoded* last_ = nullptr;
  Bytes bytes_;
  PacketNumber number_ = 0;
  Timestamp now_{std::chrono::seconds{1700000000}};
};

const Bytes kWhole = tcp({}, text("0123456789abcdefghij"));  // 40 bytes

Bytes part(const Bytes& whole, std::size_t begin, std::size_t end) {
  end = std::min(end, whole.size());
  Bytes bytes;
  for (std::size_t i = begin; i < end; ++i) bytes.push_back(whole[i]);
  return bytes;
}
Bytes piece(std::size_t begin, std::size_t end, const Bytes& whole = kWhole, std::size_t id = 7,
            unsigned protocol = 6) {
  const std::size_t more = end < whole.size() ? 0x2000 : 0;
  return ipv4({.protocol = protocol, .id = id, .fragment = more | begin / 8},
              part(whole, begin, end));
}
Bytes piece6(std::size_t begin, std::size_t end, const Bytes& whole, unsigned next_header = 6,
             std::size_t id = 77) {
  return ipv6({.next_header = 44}, fragment_header(next_header, begin, end < whole.size(), id) +
                                       part(whole, begin, end));
}

constexpr Duration kSoon = std::chrono::milliseconds{20}, kLater = std::chrono::seconds{1};

TEST(Fragments, WhatIsAcknowledgedWasWholeAndNotRecorded) {
  Wire wire;
  wire.send(piece(0, 32));
  EXPECT_EQ(wire.held_before(false, 0, kSoon), "none") << "nothing of it is acknowledged";
  EXPECT_EQ(wire.held_before(true, 100, kSoon), "none") << "the sender goes on";
  EXPECT_EQ(wire.incomplete(), 1u);
  EXPECT_EQ(wire.held_before(false, 20, kSoon), "segment 12/20 of 1");
  EXPECT_EQ(wire.incomplete(), 0u);
  EXPECT_EQ(wire.held_before(false, 20, kSoon), "none") << "once";
  EXPECT_EQ(wire.send(piece(32, 40)), "ip_fragment") << "too late";
  EXPECT_EQ(wire.incomplete(), 1u);
}

TEST(Fragments, TheLastPieceTellsTheLengthOfTheOthers) {
  Wire wire;
  wire.send(piece(32, 40));
  wire.send(piece(0, 24));
  wire.send(piece(0, 24));  // a copy
  EXPECT_EQ(wire.held(), "segment 4/20 of 2");
  EXPECT_EQ(wire.held(), "none");
}

TEST(Fragments, ItsPiecesInARowAreReadTogether) {
  Wire wire;
  for (const std::size_t begin : {0u, 8u, 16u, 24u}) wire.send(piece(begin, begin + 8));
  EXPECT_EQ(wire.held(), "none") << "the TCP header is not whole in the first piece";
  Wire other;
  other.send(piece(0, 24));
  other.send(piece(24, 32));
  EXPECT_EQ(other.held(), "segment 12/13 of 1");
}

TEST(Fragments, WhatIsSentAgainBringsWhatIsMissing) {
  Wire wire;
  wire.send(piece(0, 32));
  EXPECT_EQ(wire.held_before(true, 0, kSoon), "none") << "a copy, whole on another device";
  EXPECT_EQ(wire.held_before(true, 0, kLater), "segment 12/12 of 1");
  wire.send(piece(0, 32, kWhole, 8));
  wire.send(piece(0, 32, kWhole, 9));
  EXPECT_EQ(wire.held_before(false, 20, kLater), "segment 12/12 of 2");
  EXPECT_EQ(wire.held_before(false, 20, kLater), "segment 12/20 of 3");
}

TEST(Fragments, AResetOrALongTimeEndsTheWait) {
  Wire wire;
  wire.send(piece(0, 32));
  EXPECT_EQ(wire.held_before(true, 5000, kSoon, TcpFlags::rst), "segment 12/5000 of 1");
  wire.send(piece(0, 32, kWhole, 8));
  EXPECT_EQ(wire.held_before(false, 0, kSoon, TcpFlags::rst), "segment 12/13 of 2");
  wire.send(piece(0, 32, kWhole, 9));
  EXPECT_EQ(wire.held_before(false, 0, std::chrono::seconds{10}), "none");
  EXPECT_EQ(wire.held_before(false, 0, std::chrono::seconds{16}), "segment 12/13 of 3");
}

TEST(Fragments, OfAWholeDatagramNothingIsHeld) {
  Wire wire;
  wire.send(piece(0, 32));
  EXPECT_EQ(wire.send(piece(32, 40)), "segment 20/20");
  EXPECT_EQ(wire.held(), "none");
}

// Within their bounds: a flood of first pieces takes no more than that.
TEST(Fragments, OfVeryManyFirstPiecesTheLastAreHeld) {
  Wire wire;
  for (std::size_t id = 1; id <= 5000; ++id) wire.send(piece(0, 32, kWhole, id), Duration{1});
  std::size_t held = 0;
  while (wire.held() != "none") ++held;
  EXPECT_EQ(held, 256u);
}

// Whatever becomes of it: given up, or still waiting for the others at the end.
TEST(Fragments, OnesWithoutTheOthersAreCounted) {
  Wire wire;
  wire.send(piece(0, 24));
  wire.send(piece(24, 40));
  EXPECT_EQ(wire.incomplete(), 0u);
  wire.send(piece(0, 24, kWhole, 8));
  EXPECT_EQ(wire.incomplete(), 1u);
  wire.send(piece(0, 24, kWhole, 9), std::chrono::minutes{5});
  wire.send(piece(0, 8, kWhole, 10));
  wire.send(piece(8, 16, kWhole, 10));
  EXPECT_EQ(wire.incomplete(), 4u);
  wire.send(piece(16, 40, kWhole, 10));
  EXPECT_EQ(wire.incomplete(), 2u);
}

TEST(Fragments, AnyOrder) {
  std::vector<std::pair<std::size_t, std::size_t>> cuts = {{0, 8}, {8, 24}, {24, 32}, {32, 40}};
  do {
    Wire wire;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(wire.send(piece(cuts[i].first, cuts[i].second)), "ip_fragment");
    }
    ASSERT_EQ(wire.send(piece(cuts[3].first, cuts[3].second)), "segment 20/20");
    EXPECT_EQ(wire.payload(), "0123456789abcdefghij");
    EXPECT_EQ(wire.segment().packet.number, 4u) << "the packet that completes it";
    EXPECT_EQ(wire.segment().ip_id, 7);
    EXPECT_EQ(wire.segment().source, (Endpoint{kClient, 40000}));
  } while (std::ranges::next_permutation(cuts).found);
}

TEST(Fragments, Ipv6) {
  const Bytes whole = extension(6) + kWhole;  // destination options go with the pieces
  Wire wire;
  EXPECT_EQ(wire.send(piece6(16, 48, whole, 132)), "not_tcp") << "judged by its own next header";
  EXPECT_EQ(wire.send(piece6(16, 48, whole, 60)), "ip_fragment");
  ASSERT_EQ(wire.send(piece6(0, 16, whole, 60)), "segment 20/20");
  EXPECT_EQ(wire.payload(), "0123456789abcdefghij");
  EXPECT_EQ(wire.segment().ip_id, 0);
}

TEST(Fragments, Ipv6PieceWithinAPiece) {
  const Bytes whole = fragment_header(6, 8, true) + kWhole;
  Wire wire;
  EXPECT_EQ(wire.send(piece6(0, 16, whole, 44)), "ip_fragment");
  EXPECT_EQ(wire.send(piece6(16, 48, whole, 44)), "malformed_ip");
}

TEST(Fragments, OtherProtocolsAreNotKept) {
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 8, kWhole, 7, 132)), "not_tcp");
  EXPECT_EQ(wire.send(piece(8, 40, kWhole, 7, 132)), "not_tcp");
}

TEST(Fragments, IcmpErrorInPieces) {
  const Bytes error = raw({3, 1, 0, 0, 0, 0, 0, 0}) + ipv4({}, kWhole);
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 24, error, 7, 1)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(24, 68, error, 7, 1)), "icmp error");
}

TEST(Fragments, LaterPieceIsNeverReadAsTcp) {
  Wire wire;
  const Bytes disguised = tcp({.flags = TcpFlags::rst}, filled(20));
  EXPECT_EQ(wire.send(ipv4({.fragment = 1}, disguised)), "ip_fragment");
}

TEST(Fragments, DatagramsAreToldApart) {
  const Bytes other = tcp({.source = 40001}, text("ABCDEFGHIJKLMNOPQRST"));
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(0, 16, other, 8)), "ip_fragment");
  ASSERT_EQ(wire.send(piece(16, 40)), "segment 20/20");
  EXPECT_EQ(wire.payload(), "0123456789abcdefghij");
  ASSERT_EQ(wire.send(piece(16, 40, other, 8)), "segment 20/20");
  EXPECT_EQ(wire.payload(), "ABCDEFGHIJKLMNOPQRST");
  EXPECT_EQ(wire.segment().source.port, 40001);
}

TEST(Fragments, CopiesOfPiecesAreTolerated) {
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(16, 40)), "segment 20/20");
  EXPECT_EQ(wire.send(piece(16, 40)), "ip_fragment") << "late copy of a complete datagram";
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
}

TEST(Fragments, IdUsedAgainAfterCompletion) {
  const Bytes other = tcp({.seq = 5000}, text("ABCDEFGHIJKLMNOPQRST"));
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(16, 40)), "segment 20/20");
  EXPECT_EQ(wire.send(piece(0, 16, other)), "ip_fragment");
  ASSERT_EQ(wire.send(piece(16, 40, other)), "segment 20/20");
  EXPECT_EQ(wire.payload(), "ABCDEFGHIJKLMNOPQRST");
  // The same bytes much later are a new datagram, not a copy.
  EXPECT_EQ(wire.send(piece(0, 16, other), std::chrono::seconds{5}), "ip_fragment");
  EXPECT_EQ(wire.send(piece(16, 40, other)), "segment 20/20");
}

TEST(Fragments, IdUsedAgainAfterALostPiece) {
  const Bytes other = tcp({.seq = 5000}, text("ABCDEFGHIJKLMNOPQRST"));
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(0, 16, other), std::chrono::seconds{5}), "ip_fragment");
  ASSERT_EQ(wire.send(piece(16, 40, other)), "segment 20/20");
  EXPECT_EQ(wire.segment().seq, 5000u);
}

struct Refusal {
  const char* name;
  std::vector<Bytes> pieces;  // the last of them is refused
};

TEST(Fragments, Refused) {
  const Bytes differing = tcp({.seq = 1}, text("0123456789abcdefghij"));
  const Bytes longer = kWhole + filled(24);
  const std::vector<Refusal> cases = {
      {"differing copy", {piece(0, 16), piece(0, 16, differing)}},
      {"overlap with the same bytes", {piece(0, 16), piece(8, 24)}},
      {"teardrop: inside another", {piece(0, 24), piece(8, 16)}},
      {"around another", {piece(8, 16), piece(0, 24)}},
      {"copy that claims to be the last",
       {piece(16, 24), ipv4({.fragment = 2}, part(kWhole, 16, 24))}},
      {"two ends", {piece(32, 40), piece(40, 64, longer)}},
      {"beyond the end", {piece(32, 40), piece(40, 56, longer)}},
      {"end before what is known", {piece(40, 56, longer), piece(24, 40)}},
      {"no multiple of 8", {ipv4({.fragment = 0x2000}, part(kWhole, 0, 15))}},
      {"empty", {ipv4({.fragment = 0x2000}, {})}},
      {"empty end", {ipv4({.fragment = 5}, {})}},
      {"beyond 65535", {ipv4({.fragment = 0x1fff}, filled(8))}},
      {"beyond 65535 with the header", {ipv4({.fragment = 8187}, filled(24))}},
      {"v6 beyond 65535",
       {ipv6({.next_header = 44}, fragment_header(6, 65528, false) + filled(8))}},
      {"v6 no multiple of 8",
       {ipv6({.next_header = 44}, fragment_header(6, 0, true) + filled(15))}},
  };
  for (const Refusal& c : cases) {
    Wire wire;
    for (std::size_t i = 0; i + 1 < c.pieces.size(); ++i) {
      EXPECT_EQ(wire.send(c.pieces[i]), "ip_fragment") << c.name;
    }
    EXPECT_EQ(wire.send(c.pieces.back()), "fragment_refused") << c.name;
  }
}

TEST(Fragments, LargestDatagramIsTaken) {
  const Bytes whole = tcp({}, filled(65535 - 20 - 20));
  Wire wire;
  for (std::size_t begin = 0; begin + 1480 < whole.size(); begin += 1480) {
    ASSERT_EQ(wire.send(piece(begin, begin + 1480, whole)), "ip_fragment");
  }
  EXPECT_EQ(wire.send(piece(whole.size() / 1480 * 1480, whole.size(), whole)),
            "segment 65495/65495");
}

TEST(Fragments, RefusedDatagramStaysRefused) {
  Wire wire;
  EXPECT_EQ(wire.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(wire.send(piece(8, 24)), "fragment_refused");
  EXPECT_EQ(wire.send(piece(16, 40)), "fragment_refused");
  EXPECT_EQ(wire.send(piece(0, 16)), "fragment_refused");
  // ... but not its id, for ever.
  EXPECT_EQ(wire.send(piece(0, 16), std::chrono::seconds{2}), "ip_fragment");
  EXPECT_EQ(wire.send(piece(16, 40)), "segment 20/20");
}

TEST(Fragments, CutBySnaplen) {
  Wire wire;
  const auto ms = std::chrono::milliseconds{1};
  // 24 of the first 32 bytes: the header and 4 bytes of payload are there.
  EXPECT_EQ(wire.send(cut(piece(0, 32), 20 + 24), ms, 20 + 32), "ip_fragment");
  ASSERT_EQ(wire.send(piece(32, 40), ms), "segment 4/20");
  EXPECT_EQ(wire.payload(), "0123") << "nothing behind the hole";
}

TEST(Fragments, CutInTheHeaderBySnaplen) {
  Wire wire;
  const auto ms = std::chrono::milliseconds{1};
  EXPECT_EQ(wire.send(cut(piece(0, 32), 20 + 16), ms, 20 + 32), "ip_fragment");
  EXPECT_EQ(wire.send(piece(32, 40), ms), "truncated_header");
}

TEST(Fragments, TimeoutByCaptureTime) {
  Limits limits;
  limits.fragment_timeout = std::chrono::seconds{30};
  const auto seconds = [](int count) { return std::chrono::seconds{count}; };
  Wire in_time{limits}, late{limits}, backwards{limits};
  EXPECT_EQ(in_time.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(in_time.send(piece(16, 40), seconds(29)), "segment 20/20");
  EXPECT_EQ(late.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(late.send(piece(16, 40), seconds(31)), "ip_fragment");
  EXPECT_EQ(backwards.send(piece(0, 16)), "ip_fragment");
  EXPECT_EQ(backwards.send(piece(16, 40), -seconds(31)), "ip_fragment");
}

TEST(Fragments, ExtremeTimes) {
  Limits limits;
  Decoder decoder{limits};
  for (const Timestamp time : {Timestamp::min(), Timestamp::max(), Timestamp{}, Timestamp::min()}) {
    const Bytes bytes = piece(0, 16);
    Packet packet = packet_of(bytes, LinkType::raw_ip);
    packet.ref.time = time;
    EXPECT_EQ(outcome(decoder.on_packet(packet)), "ip_fragment");
  }
}

TEST(Fragments, PiecesOfOneDatagramAreBounded) {
  Wire wire;
  int taken = 0;
  for (std::size_t begin = 0; begin < 8 * 200; begin += 8) {
    const std::string result =
        wire.send(ipv4({.fragment = 0x2000 | begin / 8}, filled(8)), std::chrono::microseconds{1});
    if (result == "ip_fragment") ++taken;
  }
  EXPECT_EQ(taken, 128);
}

Datagram loose_piece(std::size_t id, std::size_t offset, const Bytes& bytes) {
  Datagram datagram;
  datagram.version = 4;
  datagram.protocol = 6;
  datagram.payload = bytes;
  datagram.payload_length = bytes.size();
  datagram.is_piece = datagram.more_pieces = true;
  datagram.piece_id = static_cast<std::uint32_t>(id);
  datagram.piece_offset = static_cast<std::uint32_t>(offset);
  datagram.piece_room = 65515;
  return datagram;
}

TEST(Fragments, HeldBytesAreBounded) {
  Limits limits;
  limits.fragment_bytes = 1u << 20;
  FragmentTable table{limits};
  const Bytes bytes = filled(1480);
  for (std::size_t id = 0; id < 20000; ++id) {
    Datagram datagram = loose_piece(id, id % 2 == 0 ? 0 : 60000, bytes);
    ASSERT_EQ(table.on_piece(datagram, 0, Timestamp{}), Skip::ip_fragment);
    ASSERT_LE(table.held_bytes(), limits.fragment_bytes);
  }
  EXPECT_GT(table.held_bytes(), limits.fragment_bytes / 2);
}

TEST(Fragments, OldestIsGivenUpForRoom) {
  Limits limits;
  limits.fragment_bytes = 64 << 10;
  Wire wire{limits};
  const Bytes whole = tcp({}, filled(1480));
  EXPECT_EQ(wire.send(piece(0, 1024, whole, 1)), "ip_fragment");
  for (std::size_t id = 2; id < 100; ++id) {
    EXPECT_EQ(wire.send(piece(0, 1024, whole, id)), "ip_fragment");
  }
  EXPECT_EQ(wire.send(piece(1024, 1500, whole, 99)), "segment 1480/1480");
  EXPECT_EQ(wire.send(piece(1024, 1500, whole, 1)), "ip_fragment") << "its first piece is gone";
}

TEST(Fragments, ADatagramBeyondTheBudgetIsRefused) {
  Limits limits;
  limits.fragment_bytes = 1000;
  FragmentTable table{limits};
  const Bytes bytes = filled(1480);
  Datagram datagram = loose_piece(1, 0, bytes);
  EXPECT_EQ(table.on_piece(datagram, 0, Timestamp{}), Skip::fragment_refused);
  EXPECT_EQ(table.held_bytes(), 0u);
}

}  // namespace
}  // namespace httpdiag::decode
