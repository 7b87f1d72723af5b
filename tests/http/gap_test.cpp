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
  s.client(kGet).ack(kServer).fin(kServer, 2902);
  EXPECT_EQ(s.end(), "1: GET /a complete -> none missing=2902@p4 (end)\n");
}

TEST(Gap, BytesThatWereReadBeforeTheRequestAreNotItsAnswer) {
  Script s;
  s.client(kGet).gap(kServer, 40).client(kGetB).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none missing=40@p3 (end)\n"
            "2: GET /b complete -> none (end)\n");
}

TEST(Gap, PipelinedRequestsBehindAGapStayInOrder) {
  Script
      s;  // the second was sent without knowing of the gap: no evidence that the first was answered
  s.client(kGet).client(kGetB, 0).gap(kServer, 40).server(kOk).ack(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2 resync uncertain\n"
            "2: GET /b complete -> none pipelined (end)\n");
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
  EXPECT_EQ(s.end(), "1: GET /a complete -> 201 Created complete\n");
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

TEST(Midstream, TlsIsRecognised) {
  Script s;
  s.midstream().client(std::string{"\x17\x03\x03\x00\x20", 5} + std::string(32, 'x'));
  EXPECT_EQ(s.end(), "opaque p2 tls\n");
}

}  // namespace
}  // namespace httpdiag::http
