// SPDX-License-Identifier: Apache-2.0
// What the tracker says of flows: opening, closing, resets, probes, incarnations.
#include <gtest/gtest.h>

#include <stdexcept>

#include "tcp/script.hpp"

namespace httpdiag::tcp {
namespace {

TEST(Tracker, OrdinaryConnection) {
  Script t;
  t.handshake()
      .c(30, kAck, 1001, 5001, "ping")
      .s(40, kAck, 5001, 1005, "pong")
      .c(50, kAck, 1005, 5005);
  t.c(60, kFinAck, 1005, 5005).s(70, kFinAck, 5005, 1006).c(80, kAck, 1006, 5006).finish();
  EXPECT_EQ(t.recorder.text(),
            "C 0+4 'ping' by 4 at 4\nS 0+4 'pong' by 5 at 5\nC fin\nS fin\nend\n");
  EXPECT_EQ(t.recorder.flows.at(0), "1 ShADdFf complete client-fin TIME_WAIT/CLOSED");
  EXPECT_EQ(t.recorder.client + t.recorder.server, "");
  EXPECT_EQ(t.ledger.decoded, 9u);
}

TEST(Tracker, SynRetriesStayOneFlowAndAnIsnMakesAnother) {
  Script t;
  t.c(0, kSyn, 1000, 0)
      .c(1000, kSyn, 1000, 0)
      .c(3000, kSyn, 1000, 0)
      .c(9000, kSyn, 77777, 0)
      .finish();
  ASSERT_EQ(t.recorder.flows.size(), 2u);
  EXPECT_EQ(t.recorder.flows[0], "1 S unanswered none SYN_SENT/UNKNOWN");
  EXPECT_EQ(t.recorder.flows[1], "2 S unanswered none SYN_SENT/UNKNOWN");
}

TEST(Tracker, RefusedOnlyByARstThatAcknowledgesTheSyn) {
  Script refused;
  refused.c(0, kSyn, 1000, 0).s(1, kRstAck, 0, 1001).finish();
  EXPECT_EQ(refused.recorder.flows.at(0), "1 Sr refused server-rst CLOSED/CLOSED");

  Script bogus;  // a RST and a FIN that belong to nothing, then the real handshake
  bogus.c(0, kSyn, 1000, 0)
      .s(1, kRstAck, 99, 555)
      .s(2, kFinAck, 4000, 1001)
      .s(3, kSyn | kAck, 5000, 1001);
  bogus.c(4, kAck, 1001, 5001, "hi").s(5, kAck, 5001, 1003, "yo").finish();
  EXPECT_EQ(bogus.recorder.text(), "C 0+2 'hi' by 5 at 5\nS 0+2 'yo' by 6 at 6\nend\n");
  EXPECT_EQ(bogus.recorder.flows.at(0), "1 SrhDd complete none ESTABLISHED/ESTABLISHED");
}

TEST(Tracker, SynAckRecordedBeforeTheSyn) {
  Script t;
  t.s(0, kSyn | kAck, 5000, 1001).c(0, kSyn, 1000, 0).c(1, kAck, 1001, 5001, "x").finish();
  ASSERT_EQ(t.recorder.flows.size(), 1u);
  EXPECT_EQ(t.recorder.flows[0], "1 hSD complete none ESTABLISHED/ESTABLISHED");
  EXPECT_TRUE(t.recorder.odd(Oddity::synack_before_syn));
}

// IPv6 has no ids. The client asks again while its answer is on its way through the recording host:
// what another device has is that answer, what the same device has is a second one.
TEST(Tracker, ASynAckOnItsWayThroughIsOne) {
  for (const DeviceId device : {DeviceId{2}, DeviceId{3}}) {
    Script t;
    t.send(Side::client, 0, kSyn, 1000, 0, "", {.ip_id = 0, .device = 2});
    t.send(Side::server, 20, kSyn | kAck, 5000, 1001, "", {.ip_id = 0, .device = 3});
    t.send(Side::client, 20, kSyn, 1000, 0, "", {.ip_id = 0, .device = 2});
    t.send(Side::server, 21, kSyn | kAck, 5000, 1001, "", {.ip_id = 0, .device = device});
    t.finish();
    EXPECT_EQ(t.ledger.duplicates, device == 2 ? 1U : 0U) << device;
  }
}

// Files of two hosts on one timeline: each packet is in both, as far apart as the way is long.
TEST(Tracker, CapturesOfTwoHostsHoldEachPacketTwice) {
  for (const DeviceId there : {DeviceId{2}, DeviceId{3}}) {
    Script t;
    t.send(Side::client, 0, kSyn, 1000, 0, "", {.ip_id = 7, .device = 2});
    t.send(Side::client, 120, kSyn, 1000, 0, "", {.ip_id = 7, .device = there});
    t.send(Side::server, 120, kSyn | kAck, 5000, 1001, "", {.ip_id = 0, .device = there});
    t.send(Side::server, 240, kSyn | kAck, 5000, 1001, "", {.ip_id = 0, .device = 2});
    t.send(Side::client, 240, kAck, 1001, 5001, "hi", {.ip_id = 8, .device = 2});
    t.send(Side::client, 450, kAck, 1001, 5001, "hi", {.ip_id = 8, .device = there});  // sent again
    t.finish();
    EXPECT_EQ(t.ledger.duplicates, there == 2 ? 0U : 2U) << there;
  }
}

TEST(Tracker, MidstreamRolesFollowThePayload) {
  Script t;
  t.s(0, kAck, 5001, 1001, "GET / HTTP/1.1\r\n\r\n")
      .finish();  // port 80 asks: it is the client here
  EXPECT_EQ(t.recorder.lines.at(0).substr(0, 5), "C 0+1");
  EXPECT_TRUE(t.recorder.odd(Oddity::midstream));

  Script lower_port;
  lower_port.c(0, kAck, 1001, 5001, "\x01\x02\x03").finish();
  EXPECT_EQ(lower_port.recorder.lines.at(0).substr(0, 5), "C 0+3");
}

TEST(Tracker, RstMustBeExactToCount) {
  Script off_window;
  off_window.handshake()
      .s(30, kRst, 5900, 0)
      .c(40, kAck, 1001, 5001, "go")
      .s(50, kAck, 5001, 1003, "on")
      .finish();
  EXPECT_EQ(off_window.recorder.flows.at(0), "1 ShArDd complete none ESTABLISHED/ESTABLISHED");
  EXPECT_EQ(off_window.recorder.server, "ignored-rst=4");

  Script exact;
  exact.handshake().c(30, kAck, 1001, 5001, "go").s(40, kRst, 5001, 0).finish();
  EXPECT_EQ(exact.recorder.flows.at(0), "1 ShADr complete server-rst CLOSED/CLOSED");
}

TEST(Tracker, ARstThatNeitherSideHonoursIsTakenBack) {
  Script t;
  t.handshake().c(30, kAck, 1001, 5001, "go").s(40, kRst, 5001, 0).s(50, kAck, 5001, 1003, "on");
  t.c(60, kAck, 1003, 5003, "on").finish();
  EXPECT_EQ(t.recorder.flows.at(0).substr(0, 30), "1 ShADrd complete none ESTABLI");
  EXPECT_EQ(t.recorder.server, "ignored-rst=5");
}

TEST(Tracker, ProbesAreToldApartByThePeersWindow) {
  Script keepalive;
  keepalive.handshake()
      .c(30, kAck, 1001, 5001, "x")
      .s(40, kAck, 5001, 1002)
      .c(8000, kAck, 1001, 5001)
      .finish();
  EXPECT_EQ(keepalive.recorder.client, "keepalives=1");

  Script window;
  window.handshake().c(30, kAck, 1001, 5001, "x");
  window.send(Side::server, 40, kAck, 5001, 1002, "", {.window = 0})
      .c(300, kAck, 1001, 5001)
      .finish();
  EXPECT_EQ(window.recorder.client, "");
  EXPECT_EQ(window.recorder.server, "probed=1");

  Script one_byte;  // the keep-alive of other stacks carries the last byte again
  one_byte.handshake()
      .c(30, kAck, 1001, 5001, "x")
      .s(40, kAck, 5001, 1002)
      .c(8000, kAck, 1001, 5001, "x")
      .finish();
  EXPECT_EQ(one_byte.recorder.client, "keepalives=1");
}

TEST(Tracker, RetransmissionAndSpuriousRetransmission) {
  Script t;
  t.handshake()
      .c(30, kAck, 1001, 5001, "abc")
      .c(230, kAck, 1001, 5001, "abc")
      .s(240, kAck, 5001, 1004);
  t.c(650, kAck, 1001, 5001, "abc").finish();
  EXPECT_EQ(t.recorder.client, "retransmitted=2 spurious=1 head=1");
  EXPECT_EQ(t.recorder.tape[0], "abc");
}

TEST(Tracker, APacketCapturedTwiceIsNoRetransmission) {
  Script t;
  t.handshake().send(Side::client, 30, kAck, 1001, 5001, "abc", {.ip_id = 7});
  t.send(Side::client, 31, kAck, 1001, 5001, "abc", {.ip_id = 7, .ttl = 63}).finish();
  EXPECT_EQ(t.recorder.client, "");
  EXPECT_EQ(t.recorder.duplicates, 1u);
  EXPECT_EQ(t.ledger.duplicates, 1u);
  EXPECT_EQ(t.ledger.decoded, 4u);

  Script later;  // the same IP id, but an RTO later
  later.handshake().send(Side::client, 30, kAck, 1001, 5001, "abc", {.ip_id = 7});
  later.send(Side::client, 240, kAck, 1001, 5001, "abc", {.ip_id = 7}).finish();
  EXPECT_EQ(later.recorder.client, "retransmitted=1 head=1");

  Script other_vlan;
  other_vlan.handshake().send(Side::client, 30, kAck, 1001, 5001, "abc", {.ip_id = 7});
  other_vlan.send(Side::client, 130, kAck, 1001, 5001, "abc", {.ip_id = 7, .vlan = 42}).finish();
  EXPECT_EQ(other_vlan.recorder.duplicates, 1u);
}

// A tag or a tunnel takes its bytes from the same snaplen.
TEST(Tracker, CopiesThatWereCutToDifferentLengthsAreCopies) {
  struct Recorded {
    std::string first, second;
    std::uint32_t duplicates;
  };
  for (const auto& [first, second, duplicates] : {Recorded{"abcdefgh", "abcd", 1},
                                                  {"abcd", "abcdefgh", 1},
                                                  {"abcdef", "abcd", 1},
                                                  {"", "abcd", 1},
                                                  {"abcdefgh", "abcdefgX", 0}}) {
    Script t;
    t.handshake().send(Side::client, 30, kAck, 1001, 5001, first, {.ip_id = 7, .wire_length = 8});
    t.send(Side::client, 31, kAck, 1001, 5001, second, {.ip_id = 7, .wire_length = 8}).finish();
    EXPECT_EQ(t.recorder.duplicates, duplicates) << first << " " << second;
  }
}

// What a card is to cut up is recorded whole on one device and in pieces on the next.
class RecordedInPieces : public testing::Test {
 protected:
  static constexpr std::uint8_t kPush = kAck | TcpFlags::psh;
  static constexpr std::uint32_t kPiece = 1000, kPieces = 3;
  const std::string whole = std::string(kPiece, 'a') + std::string(kPiece, 'b') + "the rest";

  void part(std::uint32_t number, std::uint16_t id, DeviceId device = 2, std::int64_t ms = 30,
            std::uint8_t ttl = 63) {
    const std::string bytes = whole.substr(number * kPiece, kPiece);
    t.send(Side::client, ms, number + 1 == kPieces ? kPush : kAck, 1001 + number * kPiece, 5001,
           bytes, {.ip_id = id, .ttl = ttl, .device = device});
  }
  void all(std::uint16_t id, DeviceId device = 1, std::int64_t ms = 30) {
    t.send(Side::client, ms, kPush, 1001, 5001, whole, {.ip_id = id, .device = device});
  }
  void expect(std::uint32_t copies, std::string_view trouble) {
    t.finish();
    EXPECT_EQ(t.recorder.duplicates, copies);
    EXPECT_EQ(t.recorder.client, trouble);
    EXPECT_EQ(t.recorder.tape[0], whole);
  }

  Script t;
  RecordedInPieces() { t.handshake(); }
};

TEST_F(RecordedInPieces, BehindTheWhole) {
  all(70);
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, static_cast<std::uint16_t>(70 + i));
  expect(3, "");
}
TEST_F(RecordedInPieces, BehindTheWholeWithOneId) {
  all(70);
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, 70);
  expect(3, "");
}
TEST_F(RecordedInPieces, BehindTheWholeWithoutIds) {
  all(0);
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, 0);
  expect(3, "");
}
TEST_F(RecordedInPieces, BeforeTheWhole) {
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, static_cast<std::uint16_t>(70 + i));
  all(70);
  expect(1, "");
}
TEST_F(RecordedInPieces, BeforeTheWholeWithoutIds) {
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, 0);
  all(0);
  expect(1, "");
}
// The same bytes under other ids were sent again, however soon.
TEST_F(RecordedInPieces, SentAgainInPieces) {
  all(70);
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, static_cast<std::uint16_t>(73 + i));
  expect(0, "retransmitted=3 head=1");
}
TEST_F(RecordedInPieces, OneOfThemSentAgain) {
  all(70);
  part(1, 71);  // by a stack that counts a super-segment as one
  expect(0, "retransmitted=1");
}
TEST_F(RecordedInPieces, SentAgainWhole) {
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, static_cast<std::uint16_t>(70 + i));
  all(73);
  expect(0, "retransmitted=1 head=1");
}
TEST_F(RecordedInPieces, SentAgainByATimer) {
  all(70);
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, static_cast<std::uint16_t>(70 + i), 2, 240);
  expect(0, "retransmitted=3 head=1");
}
// Without an id nothing but the place tells one from the other.
TEST_F(RecordedInPieces, SentAgainWithoutIdsAtOneDevice) {
  all(0, 1);
  for (std::uint32_t i = 0; i < kPieces; ++i) part(i, 0, 1, 30, 64);
  expect(0, "retransmitted=3 head=1");
}
// A piece that is missing was not recorded: the whole is no copy of the others.
TEST_F(RecordedInPieces, NotAllOfThem) {
  part(0, 70);
  part(2, 72);
  all(70);
  t.finish();
  EXPECT_EQ(t.recorder.duplicates, 0u);
}

TEST(Tracker, ARetransmissionWithOtherBytesIsNamed) {
  Script t;
  t.handshake().c(30, kAck, 1001, 5001, "abc").c(300, kAck, 1001, 5001, "xyz").finish();
  EXPECT_EQ(t.recorder.tape[0], "abc");
  EXPECT_TRUE(t.recorder.odd(Oddity::differing_copy));
  EXPECT_EQ(t.recorder.client, "retransmitted=1 head=1 differing=5");
}

TEST(Tracker, HalfClosedThenRequestThenRst) {
  Script t;
  t.handshake()
      .s(30, kFinAck, 5001, 1001)
      .c(70, kAck, 1001, 5002)
      .c(2700, kAck, 1001, 5002, "POST")
      .s(2701, kRst, 5002, 0);
  t.finish();
  EXPECT_EQ(t.recorder.flows.at(0), "1 ShAfDr complete server-fin CLOSED/CLOSED");
}

TEST(Tracker, TupleReuseKeepsLatePacketsOfTheOldIncarnation) {
  Script t;
  t.handshake().c(30, kFinAck, 1001, 5001).s(40, kFinAck, 5001, 1002).c(50, kAck, 1002, 5002);
  t.c(5000, kSyn, 900'000'000, 0).s(5010, kSyn | kAck, 3'000'000'000u, 900'000'001);
  t.s(5015, kFinAck, 5001, 1002);  // the old FIN again
  t.c(5020, kAck, 900'000'001, 3'000'000'001u, "new").finish();
  ASSERT_EQ(t.recorder.flows.size(), 2u);
  EXPECT_EQ(t.recorder.tape[0], "new");
  EXPECT_EQ(t.recorder.flows[1], "2 ShD complete none ESTABLISHED/ESTABLISHED");
}

TEST(Tracker, CloseWaitAndFinWait) {
  Script t;
  t.handshake().s(30, kFinAck, 5001, 1001).c(40, kAck, 1001, 5002).finish();
  EXPECT_EQ(t.recorder.flows.at(0), "1 ShAf complete server-fin CLOSE_WAIT/FIN_WAIT_2");
}

TEST(Tracker, AHandshakeNeedsTheRightAck) {
  Script t;
  t.c(0, kSyn, 1000, 0).s(10, kSyn | kAck, 5000, 1001).c(20, kAck, 1001, 5001 + 500'000).finish();
  EXPECT_EQ(t.recorder.flows.at(0).substr(0, 16), "1 Sh incomplete ");
}

// Five clients wait for an answer, one has had it; all are silent. Of those who wait only the two
// youngest may do so for longer than a minute.
TEST(Tracker, LetsGoOfClientsThatWaitInSilenceAboveALimit) {
  Settings settings;
  settings.limits.max_unanswered = 2;
  settings.limits.unanswered = std::chrono::seconds{60};
  Script t{settings};
  for (std::uint16_t i = 0; i < 6; ++i) {
    t.client_port = static_cast<std::uint16_t>(40000 + i);
    const std::int64_t begin = i * 1000;
    t.c(begin, kSyn, 1000, 0).s(begin + 1, kSyn | kAck, 5000, 1001);
    t.c(begin + 2, kAck, 1001, 5001, "ask").s(begin + 3, kAck, 5001, 1004);
    if (i == 0) t.s(begin + 4, kAck, 5001, 1004, "answer");
  }
  t.client_port = 41000;
  t.c(50'000, kSyn, 1000, 0);
  EXPECT_EQ(t.recorder.flows.size(), 0u);
  t.c(90'000, kSyn, 1000, 0).c(130'000, kSyn, 1000, 0);
  ASSERT_EQ(t.recorder.flows.size(), 3u);
  EXPECT_TRUE(t.recorder.flows[0].starts_with("2 "));
  EXPECT_TRUE(t.recorder.flows[1].starts_with("3 "));
  EXPECT_TRUE(t.recorder.flows[2].starts_with("4 "));
  t.finish();
  EXPECT_EQ(t.recorder.flows.size(), 7u);
}

/// A report that cannot be written.
class FullDisk final : public StreamSink, public FlowSink {
 public:
  void on_chunk(const FlowRecord&, const StreamChunk&) override {}
  void on_gap(const FlowRecord&, const StreamGap&) override {}
  void on_ack(const FlowRecord&, Side) override {}
  void on_fin(const FlowRecord&, Side) override {}
  void on_rst(const FlowRecord&, Side) override {}
  void on_end(const FlowRecord&, EndCause, Timestamp) override {}
  void on_flow(const FlowRecord&, EndCause, Timestamp) override {
    throw std::runtime_error{"no space left"};
  }
};

TEST(Tracker, OutlivesASinkThatThrows) {
  const Settings settings;
  Ledger ledger;
  FullDisk disk;
  Tracker tracker{settings, ledger, disk, disk};
  Segment syn;
  syn.packet = {1, Timestamp{std::chrono::seconds{1000}}};
  syn.source = {IpAddress::v4(0x0a000001), 40000};
  syn.destination = {IpAddress::v4(0x0a000002), 80};
  syn.flags.bits = kSyn;
  tracker.on_segment(syn);
  EXPECT_THROW(tracker.finish(), std::runtime_error);
}

TEST(Tracker, FlowsAreFreedByCaptureTimeAndLimits) {
  Settings settings;
  settings.limits.idle_attempt = std::chrono::seconds{10};
  settings.limits.max_attempts = 3;
  Script t{settings};
  for (std::uint16_t i = 0; i < 5; ++i) {
    t.client_port = static_cast<std::uint16_t>(30000 + i);
    t.c(i, kSyn, 1000u + i, 0);
  }
  EXPECT_EQ(t.recorder.flows.size(), 2u);  // the oldest two gave way
  t.client_port = 50000;
  t.c(60'000, kSyn, 1, 0);
  EXPECT_EQ(t.recorder.flows.size(), 5u);  // and the others had waited long enough
  t.finish();
  EXPECT_EQ(t.recorder.flows.size(), 6u);
}

// What it stands on is told apart from its connection, which goes on.
TEST(Tracker, OneAbsurdTimestampEndsNothing) {
  Script t;
  t.handshake().c(30, kAck, 1001, 5001, "a");
  t.s(365LL * 86'400'000 * 50, kAck, 5001, 1002);
  t.c(60, kAck, 1002, 5001, "b").finish();
  ASSERT_EQ(t.recorder.flows.size(), 2u);
  EXPECT_EQ(t.recorder.tape[0], "ab");
}

TEST(Tracker, AJumpOfTheClockCutsWhatIsUnderWay) {
  constexpr std::int64_t kDay = 86'400'000;
  Script t;
  t.handshake().c(30, kAck, 1001, 5001, "a");
  t.s(2 * kDay, kAck, 5001, 1002).s(2 * kDay + 20, kAck, 5001, 1002, "b").finish();
  ASSERT_EQ(t.recorder.flows.size(), 2u);
}

TEST(Tracker, APacketWithoutATimeCameWhenTheOneInFrontDid) {
  constexpr std::int64_t kDay = 86'400'000, kNoTime = -1'000'000;  // the epoch
  Script t;
  t.handshake().c(3 * kDay, kAck, 1001, 5001, "a");
  t.s(3 * kDay + 10, kAck, 5001, 1002)
      .s(kNoTime, kAck, 5001, 1002, "b")
      .c(3 * kDay + 60, kAck, 1002, 5002, "c")
      .finish();
  ASSERT_EQ(t.recorder.flows.size(), 1u);
  EXPECT_EQ(t.recorder.tape[0], "ac");
  EXPECT_EQ(t.recorder.tape[1], "b");
}

// A capture of this connection alone, over a weekend.
TEST(Tracker, OneAtRestMayHaveBeenIdleForDays) {
  constexpr std::int64_t kDay = 86'400'000;
  Script t;
  t.handshake().c(30, kAck, 1001, 5001, "a").s(40, kAck, 5001, 1002, "b").c(41, kAck, 1002, 5002);
  t.c(3 * kDay, kAck, 1002, 5002, "c").s(3 * kDay + 20, kAck, 5002, 1003).finish();
  ASSERT_EQ(t.recorder.flows.size(), 1u);
  EXPECT_EQ(t.recorder.tape[0], "ac");
}

// Others go on all the time. Above the limit those that have rested longest go, and one that was
// used again does not rest.
TEST(Tracker, FlowsAtRestAreKeptUpToALimit) {
  constexpr std::int64_t kHour = 3'600'000;
  Settings settings;
  settings.limits.max_resting = 2;
  Script t{settings};
  const auto busy_until = [&](std::int64_t& at, std::int64_t until) {
    t.client_port = 50000;
    for (; at < until; at += kHour / 4) t.c(at, kAck, 1001, 5001, "x");
  };
  for (std::uint16_t i = 0; i < 4; ++i) {
    t.client_port = static_cast<std::uint16_t>(40000 + i);
    t.c(i * 10, kSyn, 1000, 0).s(i * 10 + 1, kSyn | kAck, 5000, 1001);
    t.c(i * 10 + 2, kAck, 1001, 5001);
    if (i == 3) t.c(i * 10 + 3, kAck, 1001, 5001, "ask").s(i * 10 + 4, kAck, 5001, 1004);
  }
  std::int64_t at = kHour / 4;
  busy_until(at, 2 * kHour);
  t.client_port = 40000;
  t.c(2 * kHour, kAck, 1001, 5001, "a").s(2 * kHour + 1, kAck, 5001, 1002, "b");
  t.c(2 * kHour + 2, kAck, 1002, 5002);
  busy_until(at, 6 * kHour);
  // The one that waits for its answer is not at rest; of three that are, two may be.
  ASSERT_EQ(t.recorder.flows.size(), 2u);
  EXPECT_TRUE(t.recorder.flows[0].starts_with("4 ")) << t.recorder.flows[0];
  EXPECT_TRUE(t.recorder.flows[1].starts_with("2 ")) << t.recorder.flows[1];
  t.client_port = 40002;
  t.c(6 * kHour, kAck, 1001, 5001, "c");
  t.finish();
  EXPECT_EQ(t.recorder.flows.size(), 5u);
}

// No SYN waits for hours, and neither do bytes without an ACK.
TEST(Tracker, WhatTcpItselfWaitsForIsCutSooner) {
  constexpr std::int64_t kHours = 3 * 3'600'000;
  Script syn;
  syn.c(0, kSyn, 1000, 0).s(kHours, kSyn | kAck, 5000, 1001).c(kHours + 1, kAck, 1001, 5001);
  syn.finish();
  EXPECT_EQ(syn.recorder.flows.size(), 2u);
  Script unacked;
  unacked.handshake().c(30, kAck, 1001, 5001, "a").s(kHours, kAck, 5001, 1002).finish();
  EXPECT_EQ(unacked.recorder.flows.size(), 2u);
  Script asked;
  asked.handshake().c(30, kAck, 1001, 5001, "a").s(31, kAck, 5001, 1002);
  asked.s(kHours, kAck, 5001, 1002, "b").finish();
  EXPECT_EQ(asked.recorder.flows.size(), 1u);
  // Another connection that takes the ports over is no later part of the first.
  Script again;
  again.c(0, kSyn, 1000, 0).c(kHours, kSyn, 9000, 0).finish();
  ASSERT_EQ(again.recorder.flows.size(), 2u);
}

}  // namespace
}  // namespace httpdiag::tcp
