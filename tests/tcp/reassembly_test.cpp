// SPDX-License-Identifier: Apache-2.0
// What the tracker delivers: order, holes, gaps, limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "tcp/script.hpp"

namespace httpdiag::tcp {
namespace {

TEST(Reassembly, LateBytesAreDeliveredInOrder) {
  Script t;
  t.handshake().c(30, kAck, 1004, 5001, "def").c(31, kAck, 1001, 5001, "abc").finish();
  EXPECT_EQ(t.recorder.text(), "C 0+3 'abc' by 5 at 5\nC 3+3 'def' by 4 at 5\nend\n");
  EXPECT_EQ(t.recorder.client, "out-of-order=1");
}

TEST(Reassembly, AHoleThatIsFilledAfterAnRtoIsRecovery) {
  Script t;
  t.handshake().c(30, kAck, 1004, 5001, "def").c(300, kAck, 1001, 5001, "abc").finish();
  EXPECT_EQ(t.recorder.tape[0], "abcdef");
  EXPECT_EQ(t.recorder.client, "retransmitted=1");
}

TEST(Reassembly, AnAcknowledgedHoleIsAGapOfTheCapture) {
  Script t;
  t.handshake()
      .c(30, kAck, 1004, 5001, "def")
      .s(40, kAck, 5001, 1007)
      .c(500, kAck, 1007, 5001, "ghi")
      .finish();
  EXPECT_EQ(t.recorder.text(),
            "C 0+3 gap not-captured\nC 3+3 'def' by 4 at 5\nC 6+3 'ghi' by 6 at 6\nend\n");
  EXPECT_EQ(t.recorder.client, "gap=3");
}

TEST(Reassembly, AnAckRecordedBeforeItsDataIsNoGap) {
  Script t;
  t.handshake()
      .s(30, kAck, 5001, 1004)
      .c(31, kAck, 1001, 5001, "abc")
      .s(32, kAck, 5001, 1004, "x")
      .finish();
  EXPECT_EQ(t.recorder.text(), "C 0+3 'abc' by 5 at 5\nS 0+1 'x' by 6 at 6\nend\n");
}

TEST(Reassembly, AFinShowsBytesThatTheCaptureLacks) {
  Script t;
  t.handshake().c(30, kAck, 1001, 5001, "abc").s(40, kAck, 5001, 1004).s(50, kFinAck, 7903, 1004);
  t.c(60, kAck, 1004, 7904).finish();
  EXPECT_EQ(t.recorder.text(), "C 0+3 'abc' by 4 at 4\nS 0+2902 gap not-captured\nS fin\nend\n");
}

TEST(Reassembly, AHoleThatNobodyAcknowledgedIsLost) {
  Script t;
  t.handshake().c(30, kAck, 1004, 5001, "def").s(40, kAck, 5001, 1001).finish();
  EXPECT_EQ(t.recorder.text(), "C 0+3 gap lost\nend\n");
  EXPECT_EQ(t.recorder.client, "lost=3");
}

TEST(Reassembly, SnaplenCutsAreGapsOfKnownSize) {
  Script t;
  t.handshake()
      .send(Side::client, 30, kAck, 1001, 5001, "abc", {.wire_length = 10})
      .c(40, kAck, 1011, 5001, "k")
      .finish();
  EXPECT_EQ(t.recorder.text(),
            "C 0+3 'abc' by 4 at 4\nC 3+7 gap snaplen\nC 10+1 'k' by 5 at 5\nend\n");
  EXPECT_EQ(t.recorder.client, "cut=7");
}

// Of a merged capture one file may have a longer snaplen than the other.
TEST(Reassembly, ACopyThatWasCapturedToAnotherLengthDoesNotDiffer) {
  Script t;
  t.handshake()
      .send(Side::client, 30, kAck, 1001, 5001, "abc", {.wire_length = 10})
      .c(330, kAck, 1001, 5001, "abcdefghij")
      .finish();
  EXPECT_FALSE(t.recorder.odd(Oddity::differing_copy));
  EXPECT_EQ(t.recorder.client, "retransmitted=1 head=1 cut=7");
}

TEST(Reassembly, ACopyWithOtherBytesDiffers) {
  Script t;
  t.handshake()
      .send(Side::client, 30, kAck, 1001, 5001, "abc", {.wire_length = 10})
      .send(Side::client, 330, kAck, 1001, 5001, "abd", {.wire_length = 10})
      .finish();
  EXPECT_TRUE(t.recorder.odd(Oddity::differing_copy));
}

TEST(Reassembly, GivesUpAHoleWhenTheBufferIsFull) {
  Settings settings;
  settings.limits.reassembly_side_bytes = 300;
  Script t{settings};
  t.handshake();
  for (std::uint32_t i = 0; i < 4; ++i)
    t.c(30 + i, kAck, 1011 + i * 100, 5001, std::string(100, 'x'));
  t.finish();
  EXPECT_TRUE(t.recorder.odd(Oddity::buffer_limit));
  EXPECT_EQ(t.recorder.tape[0].size(), 410u);
  EXPECT_EQ(t.recorder.lines.at(0), "C 0+10 gap buffer-limit");
}

TEST(Reassembly, SurvivesWraparound) {
  Script t;
  t.c(0, kSyn, 0xfffffffd, 0).s(10, kSyn | kAck, 0xffffffff, 0xfffffffe).c(20, kAck, 0xfffffffe, 0);
  t.c(30, kAck, 0xfffffffe, 0, "abcd").s(40, kAck, 0, 2, "xy").c(50, kAck, 2, 2, "ef").finish();
  EXPECT_EQ(t.recorder.tape[0], "abcdef");
  EXPECT_EQ(t.recorder.tape[1], "xy");
  EXPECT_EQ(t.recorder.client + t.recorder.server, "");
}

TEST(Reassembly, DataBehindTheFinIsIgnored) {
  Script t;
  t.handshake().c(30, kFinAck, 1001, 5001, "abc").c(40, kAck, 1005, 5001, "evil").finish();
  EXPECT_EQ(t.recorder.tape[0], "abc");
  EXPECT_TRUE(t.recorder.odd(Oddity::data_after_fin));
}

// All orders of five overlapping segments of one text, through the whole tracker: the text comes
// out once and in order.
TEST(Reassembly, AnyOrderOfOverlappingSegmentsGivesTheSameTape) {
  const std::string text = "abcdefghijkl";
  struct Part {
    std::size_t offset, length;
  };
  const std::array<Part, 5> parts = {{{0, 4}, {3, 4}, {6, 3}, {2, 8}, {9, 3}}};
  std::array<std::size_t, 5> order = {0, 1, 2, 3, 4};
  do {
    Script t;
    t.handshake();
    std::int64_t ms = 30;
    for (const std::size_t i : order) {
      t.c(++ms, kAck, static_cast<std::uint32_t>(1001 + parts[i].offset), 5001,
          text.substr(parts[i].offset, parts[i].length));
    }
    t.finish();
    ASSERT_EQ(t.recorder.tape[0], text);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Reassembly, ChunksAndGapsTileTheTape) {
  Script t;
  t.handshake()
      .c(30, kAck, 1010, 5001, "jkl")
      .s(35, kAck, 5001, 1013)
      .c(36, kAck, 1004, 5001, "def");
  t.c(400, kAck, 1020, 5001, "tuv").s(410, kAck, 5001, 1023).c(900, kAck, 1023, 5001, "w").finish();
  EXPECT_EQ(t.recorder.tape[0], "???def???jkl???????tuvw");
}

}  // namespace
}  // namespace httpdiag::tcp
