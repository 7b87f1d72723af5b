// SPDX-License-Identifier: Apache-2.0
// Bytes that the capture does not have: pairs must not shift, and nobody must be
// accused of an answer that is missing from the capture only.
#include <gtest/gtest.h>

#include "http/script.hpp"

namespace httpdiag::http {
namespace {

constexpr Side kClient = Side::client;
constexpr Side kServer = Side::server;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kGetB = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kCreated = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const std::string kTen = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";

TEST(Gap, InsideABodyOfKnownLengthIsSkipped) {
  for (const std::uint64_t length : {1u, 5u, 9u}) {
    Script s;
    s.client(kGet)
        .server(kTen + "1")
        .gap(kServer, length)
        .server(std::string(9 - length, 'x') + "\r\n")
        .client(kGetB)
        .server(kOk)
        .ack(kClient);
    EXPECT_EQ(s.end(),
              "1: GET /a complete -> 200 OK complete body=10 gap\n"
              "2: GET /b complete -> 200 OK complete body=2\n")
        << length;
  }
}

TEST(Gap, RightBehindTheHead) {
  Script s;
  s.client(kGet).server(kTen).gap(kServer, 10).client(kGetB).server(kOk).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=10 gap\n"
            "2: GET /b complete -> 200 OK complete body=2\n");
}

TEST(Gap, InsideAChunk) {
  Script s;
  s.client(kGet)
      .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12")
      .gap(kServer, 8);
  s.server("\r\n1\r\nx\r\n0\r\n\r\n").ack(kClient);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK complete body=11 chunked gap\n");
}

TEST(Gap, BeyondAChunkHidesTheEnd) {
  Script s;
  s.client(kGet)
      .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12")
      .gap(kServer, 20)
      .server("rest\r\n0\r\n\r\n");
  s.client(kGetB).server(kOk).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK unknown body=2 chunked gap\n"
            "2: GET /b complete -> 200 OK complete body=2 resync\n");
}

TEST(Gap, InABodyDelimitedByClose) {
  Script s;
  s.client(kGet)
      .server("HTTP/1.0 200 OK\r\n\r\nhel")
      .gap(kServer, 7)
      .server("lo")
      .ack(kClient)
      .fin(kServer);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK complete body=12 until-close close gap\n");
}

TEST(Gap, AWholeAnswerIsMissing) {
  Script s;  // the client goes on, knowing of the bytes that the capture lacks
  s.client(kGet).gap(kServer, 40).client(kGetB).server(kCreated).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=40@p3\n"
            "2: GET /b complete -> 201 Created complete resync uncertain\n");
}

TEST(Gap, NoticedOnlyAfterTheNextRequest) {
  Script s;
  s.client(kGet).client(kGetB, 40).gap(kServer, 40).server(kCreated).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=40@p4\n"
            "2: GET /b complete -> 201 Created complete resync uncertain\n");
}

TEST(Gap, TheLastAnswerIsMissing) {
  Script s;
  s.client(kGet).server(kOk).client(kGetB).gap(kServer, 40).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete -> none missing=40@p5 (end)\n");
}

TEST(Gap, OnlyTheFinCountsTheMissingAnswer) {
  Script s;
  s.client(kGet).ack(kServer).fin(kServer, 2902).ack(kClient, 2903);
  EXPECT_EQ(s.end(), "1: GET /a complete -> none missing=2902@p4 (end)\n");
}

TEST(Gap, BytesThatTheClientNeverHadAreNoAnswer) {
  Script s;
  s.client(kGet).ack(kServer).fin(kServer, 2902).ack(kClient, 0);
  EXPECT_EQ(s.end(), "1: GET /a complete -> none (end)\n");
}

TEST(Gap, BytesThatWereReadBeforeTheRequestAreNotItsAnswer) {
  Script s;
  s.client(kGet).gap(kServer, 40).client(kGetB).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=40@p3 (end)\n"
            "2: GET /b complete -> none (end)\n");
}

// Pipelining.

const std::string kGetC = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kMissing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

TEST(PipelineGap, BehindAWholeResponseItHidesTheNextOne) {
  Script s;
  s.client(kGet + kGetB + kGetC).server(kOk).gap(kServer, 40).server(kMissing).ack(kClient);
  s.fin(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete -> none pipelined missing=40@p4 uncertain\n"
            "3: GET /c complete -> 404 Not Found complete resync pipelined uncertain\n");
}

TEST(PipelineGap, AnswersBehindItBelongToTheLastRequests) {
  Script s;  // 80 bytes may hide one answer or two: one is missing
  s.client(kGet + kGetB + kGetC).gap(kServer, 80).server(kMissing).server(kOk).ack(kClient);
  s.fin(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=80@p3 uncertain\n"
            "2: GET /b complete -> 404 Not Found complete resync pipelined uncertain\n"
            "3: GET /c complete -> 200 OK complete body=2 pipelined uncertain\n");
}

TEST(PipelineGap, TwoHiddenOneSeen) {
  Script s;
  s.client(kGet + kGetB + kGetC).gap(kServer, 80).server(kCreated).ack(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=80@p3 uncertain\n"
            "2: GET /b complete -> none pipelined missing=80@p3 uncertain (end)\n"
            "3: GET /c complete -> 201 Created complete resync pipelined uncertain (end)\n");
}

TEST(PipelineGap, TheClientGoesOnHavingReadAll) {
  Script s;
  s.client(kGet + kGetB + kGetC).gap(kServer, 80).server(kCreated).client(kGet).server(kOk);
  s.ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=80@p3 uncertain\n"
            "2: GET /b complete -> none pipelined missing=80@p3 uncertain\n"
            "3: GET /c complete -> 201 Created complete resync pipelined uncertain\n"
            "4: GET /a complete -> 200 OK complete body=2\n");
}

TEST(PipelineGap, TooShortForAnAnswerShiftsNothing) {
  Script s;
  s.client(kGet + kGetB).gap(kServer, 10).server(kOk).ack(kClient).fin(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2 resync uncertain\n"
            "2: GET /b complete -> none pipelined (end)\n");
}

TEST(PipelineGap, AnAckNumberThatCoversOnlyTheFirstRequestDecides) {
  Script s;
  s.client(kGet).client(kGetB, 0).gap(kServer, 40).server(kOk, kGet.size()).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2 resync uncertain\n"
            "2: GET /b complete -> none pipelined (end)\n");
}

TEST(PipelineGap, ASecondGapLeavesItOpenAndAccusesNobody) {
  Script s;
  s.client(kGet + kGetB + kGetC + kGet).gap(kServer, 80).server(kOk).gap(kServer, 10);
  s.server(kCreated).ack(kClient).fin(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=80@p3 uncertain\n"
            "2: GET /b complete -> 200 OK complete body=2 resync pipelined uncertain (end)\n"
            "3: GET /c complete -> 201 Created complete resync pipelined uncertain (end)\n"
            "4: GET /a complete -> none pipelined missing=80@p3 uncertain (end)\n");
}

TEST(Gap, OneWayEachAnswerHasItsOwnBytes) {
  Script s;  // the tracker notices the gap when the client acknowledges it
  s.client(kGet, 0).gap(kServer, 45).client(kGetB, 45).gap(kServer, 50).client(kGetC, 95);
  s.gap(kServer, 60).fin(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=45@p3 (end)\n"
            "2: GET /b complete -> none missing=50@p5 (end)\n"
            "3: GET /c complete -> none missing=60@p7 (end)\n");
}

TEST(Gap, OneWayNoticedLateIsStillNotPipelining) {
  Script s;
  s.client(kGet, 0).client(kGetB, 45).client(kGetC, 95).gap(kServer, 95).fin(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=45@p5 (end)\n"
            "2: GET /b complete -> none missing=50@p5 (end)\n"
            "3: GET /c complete -> none (end)\n");
}

TEST(Gap, AResponseToALostRequestShiftsNothing) {
  Script s;
  s.client(kGet)
      .server(kOk)
      .gap(kClient, 60)
      .server(kCreated)
      .client(kGetB)
      .server(kOk)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "alone p5 201\n"
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete resync -> 200 OK complete body=2 uncertain\n");
}

TEST(Gap, InARequestHead) {
  Script s;
  s.client("GET /long")
      .gap(kClient, 30)
      .client("tail\r\n\r\n")
      .server(kOk)
      .client(kGetB)
      .server(kCreated)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /long unknown gap -> 200 OK complete body=2\n"
            "2: GET /b complete resync -> 201 Created complete uncertain\n");
}

TEST(Gap, LostBytesLeaveTheMessageIncomplete) {
  Script s;
  s.client(kGet).server(kTen + "123").gap(kServer, 4, GapCause::lost);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK incomplete body=3 (end)\n");
}

TEST(Gap, AResponseIsFoundInsideASegment) {
  Script s;
  s.client(kGet)
      .client(kGetB, 0)
      .server("HTTP/1.1 200 OK\r\nX: ")
      .gap(kServer, 20)
      .server("y\r\n\r\n" + kCreated)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK unknown gap\n"
            "2: GET /b complete -> 201 Created complete resync pipelined uncertain\n");
}

// Snaplen.

TEST(Snaplen, ARequestCutInItsFirstLineIsStillARequest) {
  Script s;
  s.client("POST /noti").gap(kClient, 200, GapCause::snaplen);
  s.client("{\"id\":1,").gap(kClient, 300, GapCause::snaplen);
  s.server("HTTP/1.1 200").gap(kServer, 90, GapCause::snaplen).ack(kClient);
  s.client("POST /noti").gap(kClient, 200, GapCause::snaplen);
  s.server("HTTP/1.1 500").gap(kServer, 90, GapCause::snaplen).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: POST /noti unknown gap cut -> 200  unknown gap cut\n"
            "2: POST /noti unknown gap cut resync -> 500  unknown gap cut resync (end)\n");
  const Exchange& first = s.recorder.exchanges[0];
  EXPECT_EQ(first.request.end, 518u);
  EXPECT_EQ(first.request.last.number, 3u);
  EXPECT_EQ(first.acked_by.number, 4u);
}

TEST(Snaplen, ACutBodyIsOfKnownLength) {
  Script s;
  s.client(kGet)
      .server(kTen + "12")
      .gap(kServer, 8, GapCause::snaplen)
      .client(kGetB)
      .server(kOk)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=10 gap cut\n"
            "2: GET /b complete -> 200 OK complete body=2\n");
}

// Captures that begin in the middle.

TEST(Midstream, TheFirstResponseBelongsToARequestBeforeTheCapture) {
  Script s;
  s.midstream().server(kOk).client(kGet).server(kCreated).ack(kClient);
  EXPECT_EQ(s.end(), "alone p2 200\n1: GET /a complete -> 201 Created complete\n");
}

// The first answer says by its ACK number that it answers a request which is not there yet; the
// next one answers what waits. Both cannot be: a server answers in order.
TEST(Gap, AnAnswerInFrontOfTheOneThatWasWaitedForIsOfNoLaterRequest) {
  Script s;
  s.client(kGet).gap(kServer, 77).server(kOk, kGet.size() + 9).server(kCreated, kGet.size());
  s.client(kGetB, 0).ack(kClient);
  EXPECT_EQ(s.end(),
            "alone p4 200\n"
            "1: GET /a complete -> 201 Created complete uncertain\n"
            "2: GET /b complete -> none (end)\n");
}

TEST(Midstream, BytesBeforeTheFirstStartLineAreSkipped) {
  Script s;
  s.midstream()
      .client("rest of a body")
      .server("and of another")
      .client(kGet)
      .server(kOk)
      .ack(kClient);
  EXPECT_EQ(s.end(), "1: GET /a complete resync -> 200 OK complete body=2 resync uncertain\n");
}

// Whether a response has a body depends on its request, and that was not seen.
TEST(Midstream, TheAnswerToAnUnseenHeadSwallowsNothing) {
  for (const std::string& head :
       {kTen, std::string{"HTTP/1.1 200 OK\r\n\r\n"},
        std::string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}}) {
    Script s;
    s.midstream().server(head).client(kGet).server(kOk).client(kGetB).server(kCreated).ack(kClient);
    EXPECT_EQ(s.end(),
              "alone p2 200\n"
              "1: GET /a complete -> 200 OK complete body=2\n"
              "2: GET /b complete -> 201 Created complete\n")
        << head;
  }
}

TEST(Midstream, ABodyThatIsThereIsRead) {
  Script s;
  s.midstream().server(kTen).server("HTTP/1.1 i").client(kGet).server(kOk).ack(kClient);
  EXPECT_EQ(s.end(), "alone p2 200\n1: GET /a complete -> 200 OK complete body=2\n");
}

TEST(Midstream, TlsIsRecognised) {
  Script s;
  s.midstream().client(std::string{"\x17\x03\x03\x00\x20", 5} + std::string(32, 'x'));
  EXPECT_EQ(s.end(), "opaque p2 tls\n");
}

}  // namespace
}  // namespace httpdiag::http
