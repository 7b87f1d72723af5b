// SPDX-License-Identifier: Apache-2.0
// The rules of docs/http-pairing.md, one by one.
#include <gtest/gtest.h>

#include "http/script.hpp"

namespace httpdiag::http {
namespace {

constexpr Side kClient = Side::client;
constexpr Side kServer = Side::server;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kGetB = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kCreated = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const std::string k408 =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

TEST(Pairer, FillsTheFieldsOfBothMessages) {
  Script s;
  s.client(
      "POST /n?x=1 HTTP/1.1\r\nHost: cb.example\r\nUser-Agent: okhttp/4\r\nContent-Type: "
      "application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  s.server(
      "HTTP/1.1 302 Found\r\nServer: nginx\r\nLocation: /login\r\nKeep-Alive: max=9, timeout=15\r\n"
      "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody");
  s.ack(kClient).end();
  ASSERT_EQ(s.recorder.exchanges.size(), 1u);
  const Exchange& x = s.recorder.exchanges[0];
  EXPECT_TRUE(s.recorder.settled_early[0]);
  EXPECT_EQ(x.request.start(), "/n?x=1");
  EXPECT_EQ(x.request.host(), "cb.example");
  EXPECT_TRUE(x.request.expect_continue);
  EXPECT_EQ(x.request.content_length, 5u);
  EXPECT_EQ(x.request.body_head, "hello");
  EXPECT_EQ(x.request.markers, 0u);
  EXPECT_NE(x.request.digest, 0u);
  EXPECT_EQ(x.request.first.number, 2u);
  EXPECT_EQ(x.acked_by.number, 3u);
  EXPECT_EQ(x.active_before.number, 1u);
  EXPECT_EQ(x.response->host(), "nginx");
  EXPECT_EQ(x.response->content_encoding(), "gzip");
  EXPECT_EQ(x.response->keep_alive_timeout_s, 15u);
  EXPECT_EQ(x.response->body_head, "body");
  EXPECT_EQ(x.response->peer_acked, x.request.end);
}

TEST(Pairer, KeepsTheIdOfTheDeliveryAndNotesTheMarkers) {
  Script s;
  s.client(
      "POST /n HTTP/1.1\r\nHost: h\r\nIDEMPOTENCY-KEY: k1\r\nX-Github-Delivery: g1\r\n"
      "x-hub-signature-256: s\r\nwebhook-id: w1\r\nContent-Length: 0\r\n\r\n");
  s.client("GET /n HTTP/1.1\r\nX-Request-Id: 7\r\nContent-Length: 5\r\n\r\nhello").end();
  const Message& post = s.recorder.exchanges[0].request;
  EXPECT_EQ(post.delivery_id(), "g1");  // the more specific one, wherever it stands
  EXPECT_EQ(post.id_marker, Marker::github_delivery);
  EXPECT_EQ(post.markers, bit(Marker::idempotency_key) | bit(Marker::github_delivery) |
                              bit(Marker::hub_signature) | bit(Marker::webhook_id));
  const Message& get = s.recorder.exchanges[1].request;
  EXPECT_EQ(get.markers, 0u);
  EXPECT_EQ(get.body_head, "");  // of callbacks only
}

TEST(Pairer, KeepsWhatFollowsARequestThroughProxies) {
  for (const std::string name : {"traceparent", "X-Request-Id", "x-correlation-ID"}) {
    Script s;
    s.client("POST /n HTTP/1.1\r\nHost: h\r\n" + name + ": r-1\r\nContent-Length: 0\r\n\r\n").end();
    EXPECT_EQ(s.recorder.exchanges[0].request.trace_id(), "r-1") << name;
  }
  for (const std::string name : {"X-Forwarded-For", "x-real-ip", "Forwarded"}) {
    Script s;
    s.client("POST /n HTTP/1.1\r\n" + name + ": 192.0.2.1\r\nContent-Length: 0\r\n\r\n").end();
    EXPECT_EQ(s.recorder.exchanges[0].request.forwarded_for(), "192.0.2.1") << name;
  }
  for (const std::string_view name : kMarkerNames) {
    Script s;
    s.client(std::string{"POST /n HTTP/1.1\r\n"}.append(name) + ": v\r\nContent-Length: 0\r\n\r\n");
    s.end();
    EXPECT_NE(s.recorder.exchanges[0].request.markers, 0u) << name;
  }
}

TEST(Pairer, NotesCredentialsAndWhoAsksForThem) {
  for (const std::string name : {"Authorization", "Proxy-Authorization"}) {
    Script s;
    s.client("GET /a HTTP/1.1\r\n" + name + ": Basic eA==\r\n\r\n");
    s.server("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").end();
    EXPECT_TRUE(s.recorder.exchanges[0].request.authorized) << name;
    EXPECT_FALSE(s.recorder.exchanges[0].response->asks_credentials);
  }
  for (const std::string name : {"WWW-Authenticate", "proxy-authenticate"}) {
    Script s;
    s.client("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    s.server("HTTP/1.1 401 No\r\n" + name + ": Basic\r\nContent-Length: 0\r\n\r\n").end();
    EXPECT_FALSE(s.recorder.exchanges[0].request.authorized);
    EXPECT_TRUE(s.recorder.exchanges[0].response->asks_credentials) << name;
  }
}

TEST(Pairer, HostComesFromAnAbsoluteTargetIfThereIsNoField) {
  Script s;
  s.client("GET http://user@h.example:81/p HTTP/1.1\r\n\r\n").end();
  EXPECT_EQ(s.recorder.exchanges[0].request.host(), "h.example:81");
}

TEST(Pairer, TrailersDoNotChangeTheHead) {
  Script s;
  s.client(
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2\r\nhi\r\n0\r\nKeep-Alive: timeout=9\r\n\r\n")
      .end();
  EXPECT_EQ(s.recorder.exchanges[0].request.keep_alive_timeout_s, 0u);
  EXPECT_EQ(s.recorder.lines[0], "1: POST / complete body=2 chunked -> none (end)");
}

TEST(Pairer, BodyDigestDoesNotDependOnFramingOrSegments) {
  const auto digest = [](std::vector<std::string> parts) {
    Script s;
    for (const std::string& part : parts) s.client(part);
    s.end();
    return s.recorder.exchanges[0].request.digest;
  };
  const std::uint64_t whole = digest({kPost});
  EXPECT_EQ(digest({kPost.substr(0, kPost.size() - 3), "llo"}), whole);
  EXPECT_EQ(digest({"POST / HTTP/1.1\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"}),
            whole);
  EXPECT_NE(digest({"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhullo"}), whole);
}

TEST(Pairer, EmptyLinesBetweenMessagesBelongToNone) {
  Script s;
  s.client("\r\n" + kGet + "\r\n")
      .server(kOk + "\r\n")
      .client("\r\n" + kGetB)
      .server(kCreated)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete -> 201 Created complete\n");
  EXPECT_EQ(s.recorder.exchanges[0].request.begin, 2u);
}

// Framing of responses (RFC 9112 §6.3).

TEST(Pairer, ResponseToHeadHasNoBody) {
  Script s;
  s.client("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
      .server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
      .client(kGet)
      .server(kOk)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: HEAD /a complete -> 200 OK complete\n"
            "2: GET /a complete -> 200 OK complete body=2\n");
}

TEST(Pairer, NoBodyWith204And304) {
  for (const std::string status : {"204", "304"}) {
    Script s;
    s.client(kGet).server("HTTP/1.1 " + status + " X\r\nContent-Length: 99\r\n\r\n").ack(kClient);
    EXPECT_EQ(s.end(), "1: GET /a complete -> " + status + " X complete\n");
  }
}

TEST(Pairer, InterimResponsesAreNotTheAnswer) {
  Script s;
  s.client("POST /n HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  s.server("HTTP/1.1 100 Continue\r\n\r\n").client("hello");
  s.server("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + kOk).ack(kClient);
  EXPECT_EQ(s.end(), "1: POST /n complete body=5 -> 200 OK complete body=2 interim=100\n");
  EXPECT_EQ(s.recorder.exchanges[0].interim.number, 3u);
}

TEST(Pairer, NothingBehindAnInterimResponseIsNoAnswer) {
  Script s;
  s.client(kPost).server("HTTP/1.1 100 Continue\r\n\r\n").fin(kServer);
  EXPECT_EQ(s.end(), "1: POST /n complete body=5 -> none interim=100 (end)\n");
}

TEST(Pairer, FinCompletesABodyDelimitedByClose) {
  Script s;
  s.client(kGet).server("HTTP/1.0 200 OK\r\n\r\nhel").server("lo").ack(kClient).fin(kServer);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK complete body=5 until-close close\n");
}

TEST(Pairer, RstDoesNotCompleteABodyDelimitedByClose) {
  Script s;
  s.client(kGet).server("HTTP/1.1 200 OK\r\n\r\nhel").ack(kClient).rst(kServer);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK incomplete body=3 until-close (end)\n");
}

TEST(Pairer, FinDoesNotCompleteAShortBody) {
  Script s;
  s.client(kGet)
      .server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel")
      .ack(kClient)
      .fin(kServer);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK incomplete body=3 (end)\n");
}

TEST(Pairer, ChunkedWithoutItsLastChunk) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Script whole;
  whole.client(kGet).server(head + "3\r\nabc\r\n").fin(kServer);
  EXPECT_EQ(whole.end(),
            "1: GET /a complete -> 200 OK incomplete body=3 chunked no-last-chunk (end)\n");
  Script inside;
  inside.client(kGet).server(head + "3\r\nab").fin(kServer);
  EXPECT_EQ(inside.end(), "1: GET /a complete -> 200 OK incomplete body=2 chunked (end)\n");
}

TEST(Pairer, UpgradeEndsHttpOnTheFlow) {
  Script s;
  s.client("GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  s.server(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n\x81\x02hi");
  s.client("\x81\x82xxxxxx").server(kOk).ack(kClient);
  EXPECT_EQ(s.end(),
            "opaque p3 upgrade\n"
            "1: GET /ws complete -> 101 Switching Protocols complete\n");
}

TEST(Pairer, ConnectOpensATunnelOnlyWith2xx) {
  const std::string connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
  Script open;
  open.client(connect)
      .client("\x16\x03\x01")
      .server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
      .client("\x16\x03\x01")
      .server("\x16")
      .ack(kClient);
  EXPECT_EQ(open.end(), "opaque p4 connect-tunnel\n1: CONNECT h:443 complete -> 200 OK complete\n");
  Script refused;
  refused.client(connect)
      .server("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
      .client(kGet)
      .server(kOk)
      .ack(kClient);
  EXPECT_EQ(refused.end(),
            "1: CONNECT h:443 complete -> 407 No complete\n"
            "2: GET /a complete -> 200 OK complete body=2\n");
}

// Pairing.

TEST(Pairer, PipelinedRequestsPairInOrder) {
  Script s;
  s.client(kGet + kPost).client(kGetB).server(kOk + kCreated).ack(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: POST /n complete body=5 -> 201 Created complete pipelined\n"
            "3: GET /b complete -> none pipelined (end)\n");
}

TEST(Pairer, ARequestRecordedBeforeTheAnswerItAcknowledgesIsNotPipelined) {
  Script s;
  s.client(kGet).client(kGetB, kOk.size()).server(kOk, kGet.size()).server(kCreated).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete -> 201 Created complete\n");
}

TEST(Pairer, EarlyResponseBelongsToTheUnfinishedRequest) {
  Script s;
  s.client("POST /n HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello");
  s.server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
      .client("world")
      .client(kGetB)
      .server(kOk)
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: POST /n complete body=10 -> 413 Too Large complete\n"
            "2: GET /b complete -> 200 OK complete body=2\n");
  EXPECT_LT(s.recorder.exchanges[0].response->first.number,
            s.recorder.exchanges[0].request.last.number);
}

TEST(Pairer, UnfinishedRequestStaysUnfinished) {
  Script s;
  s.client("POST /n HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello").ack(kServer).fin(kClient);
  EXPECT_EQ(s.end(), "1: POST /n incomplete body=5 -> none (end)\n");
  EXPECT_FALSE(s.recorder.exchanges[0].acked_by);
}

TEST(Pairer, UnsolicitedResponseIsNotTheAnswerToTheNextRequest) {
  Script s;
  s.client(kGet).server(kOk).ack(kClient).server(k408).client(kGetB, kOk.size()).rst(kServer);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "unsolicited p5 408\n"
            "2: GET /b complete -> none unsolicited=408 (end)\n");
  EXPECT_FALSE(s.recorder.exchanges[1].previous_said_close);
}

TEST(Pairer, UnsolicitedBeforeAnyRequest) {
  Script s;
  s.server("HT").server(k408.substr(2)).fin(kServer).client(kGet);
  EXPECT_EQ(s.end(), "unsolicited p2 408\n1: GET /a complete -> none unsolicited=408 (end)\n");
}

TEST(Pairer, AResponseThatCrossedTheRequestIsUnsolicited) {
  Script later;  // a request before proves that the ACK numbers mean something
  later.client(kGet).server(kOk).ack(kClient).client(kGetB).server(k408, kGet.size()).fin(kServer);
  EXPECT_EQ(later.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "unsolicited p6 408\n"
            "2: GET /b complete -> none unsolicited=408 (end)\n");
  Script first;
  first.client(kGet).server(k408, 0).fin(kServer);
  EXPECT_EQ(first.end(), "unsolicited p3 408\n1: GET /a complete -> none unsolicited=408 (end)\n");
}

TEST(Pairer, ACaptureWithMeaninglessAckNumbersIsPairedInOrder) {
  Script s;
  s.client(kGet).server(kOk, 0).ack(kClient);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK complete body=2\n");
}

TEST(Pairer, AResponseRecordedBeforeItsRequestIsItsAnswer) {
  Script s;
  s.client(kGet)
      .server(kOk)
      .ack(kClient)
      .server(kCreated, kGet.size() + kGetB.size())
      .client(kGetB, kOk.size())
      .ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete -> 201 Created complete\n");
}

TEST(Pairer, HeadResponseRecordedBeforeItsRequest) {
  const std::string head = "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n";
  Script s;
  s.server("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", head.size())
      .client(head, 0)
      .ack(kClient);
  EXPECT_EQ(s.end(), "1: HEAD /a complete -> 200 OK complete\n");
}

TEST(Pairer, GarbageBehindAResponseIsTold) {
  Script s;
  s.client(kGet).server(kOk + "trailing").client(kGetB).server(kCreated).ack(kClient);
  EXPECT_EQ(s.end(),
            "garbage p3\n"
            "1: GET /a complete -> 200 OK complete body=2\n"
            "2: GET /b complete -> 201 Created complete\n");
}

TEST(Pairer, ClientCloseBeforeTheResponseKeepsTheExchangeOpen) {
  Script s;
  s.client(kPost).fin(kClient).server(kOk).ack(kClient);
  EXPECT_TRUE(s.recorder.lines.empty());
  EXPECT_EQ(s.end(),
            "1: POST /n complete body=5 -> 200 OK complete body=2 client-closed=p3 (end)\n");
}

TEST(Pairer, RequestAfterAResponseThatSaidClose) {
  const std::string closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  Script after;
  after.client(kGet).server(closing).client(kGetB).end();
  EXPECT_EQ(after.recorder.text(),
            "1: GET /a complete -> 200 OK complete close\n"
            "2: GET /b complete -> none said-close (end)\n");
  EXPECT_EQ(after.recorder.exchanges[1].close_token_in.number, 3u);
  Script crossing;
  crossing.client(kGet).client(kGetB, 0).server(closing, kGet.size()).end();
  EXPECT_EQ(crossing.recorder.lines[1],
            "2: GET /b complete -> none pipelined said-close(in-flight) (end)");
}

TEST(Pairer, ExchangesAreSettledWhenTheResponseIsAcknowledged) {
  Script s;
  s.client(kGet).server(kOk);
  EXPECT_TRUE(s.recorder.lines.empty());
  s.ack(kClient);
  EXPECT_EQ(s.recorder.lines.size(), 1u);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK complete body=2\n");
}

TEST(Pairer, UnacknowledgedResponseIsToldAtTheEnd) {
  Script s;
  s.client(kGet).server(kOk);
  EXPECT_EQ(s.end(), "1: GET /a complete -> 200 OK complete body=2 (end)\n");
}

TEST(Pairer, EndlessPipeliningIsBounded) {
  Limits limits;
  limits.max_pipelined = 2;
  Script s{limits};
  s.client(kGet + kGet + kGet)
      .server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
      .client(kGet)
      .server("defghi" + kOk);
  s.ack(kClient);
  EXPECT_EQ(s.end(),
            "1: GET /a complete -> none (end)\n"
            "2: GET /a complete -> 200 OK incomplete body=3 pipelined (end)\n"
            "3: GET /a complete -> 200 OK complete body=2 pipelined\n"
            "4: GET /a complete -> none pipelined (end)\n");
}

TEST(Pairer, APipelinedRequestNamesTheOneInFront) {
  Script s;
  s.client(kGet).client(kGetB, 0).server(kOk).server(kOk).client(kGet).server(kOk).ack(kClient);
  s.end();
  const auto& x = s.recorder.exchanges;
  EXPECT_TRUE(x[1].pipelined);
  EXPECT_EQ(x[1].pipelined_behind.number, 2u);
  EXPECT_FALSE(x[2].pipelined);
  EXPECT_FALSE(x[2].pipelined_behind);
}

// RFC 9110 §10.1.1.

const std::string kAsks = "POST /n HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n";
const std::string kRefusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";

TEST(ExpectRefused, TheNextRequestIsNotTheBody) {
  Script s;
  s.client(kAsks).server(kRefusal).client(kPost).server(kOk).ack(kClient);
  EXPECT_EQ(s.end(),
            "1: POST /n complete body-omitted -> 417 Expectation Failed complete\n"
            "2: POST /n complete body=5 -> 200 OK complete body=2\n");
}

TEST(ExpectRefused, NothingMoreComes) {
  Script s;
  s.client(kAsks).server(kRefusal).ack(kClient).fin(kServer);
  EXPECT_EQ(s.end(),
            "1: POST /n incomplete body-omitted -> 417 Expectation Failed complete (end)\n");
}

TEST(ExpectRefused, TheBodyIsSentAllTheSame) {
  Script s;
  s.client(kAsks).server(kRefusal).client(std::string(50, '{')).ack(kServer).ack(kClient);
  EXPECT_EQ(s.end(), "1: POST /n complete body=50 -> 417 Expectation Failed complete\n");
}

TEST(ExpectRefused, NotAfterAHundred) {
  Script s;
  s.client(kAsks).server("HTTP/1.1 100 Continue\r\n\r\n").server(kRefusal).client(kGetB);
  EXPECT_EQ(s.end(),
            "1: POST /n incomplete body=28 -> 417 Expectation Failed complete interim=100 (end)\n");
}

TEST(ExpectRefused, NotBeforeTheClientKnows) {
  Script s;
  s.client(kAsks).server(kRefusal).client(kGetB, 0);
  EXPECT_EQ(s.end(), "1: POST /n incomplete body=28 -> 417 Expectation Failed complete (end)\n");
}

TEST(Pairer, StallsAndRetransmissionsAreThoseOfTheExchange) {
  Script s;
  s.flow.sides[0].trouble_ptr = std::make_unique<SideTrouble>();
  SideTrouble& trouble = *s.flow.sides[0].trouble_ptr;
  trouble.retransmitted = 2;
  s.client(kGet);
  trouble.retransmitted = 5;
  trouble.longest_stall = std::chrono::seconds{3};
  trouble.stall_begin = {2, {}};
  trouble.stall_end = {3, {}};
  s.server(kOk).ack(kClient).client(kGetB).server(kOk).ack(kClient).end();
  EXPECT_EQ(s.recorder.exchanges[0].retransmits_before, 2u);
  EXPECT_EQ(s.recorder.exchanges[0].retransmits_after, 5u);
  EXPECT_EQ(s.recorder.exchanges[0].longest_stall, Duration{std::chrono::seconds{3}});
  EXPECT_EQ(s.recorder.exchanges[1].longest_stall, Duration{0});
}

}  // namespace
}  // namespace httpdiag::http
