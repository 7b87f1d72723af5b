// SPDX-License-Identifier: Apache-2.0
// Odd and broken syntax: what is kept as an error, what is read all the same,
// what is no HTTP at all.
#include <gtest/gtest.h>

#include "http/head_repair.hpp"
#include "http/script.hpp"
#include "http/start_line.hpp"

namespace httpdiag::http {
namespace {

using std::string_literals::operator""s;

const std::string kNext = "GET /next HTTP/1.1\r\n\r\n";
const std::string kEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string first_request(const std::string& bytes) {
  Script s;
  s.client(bytes)
      .server(kEmpty)
      .ack(Side::client)
      .client(kNext)
      .server(kEmpty)
      .ack(Side::client)
      .end();
  EXPECT_GE(s.recorder.lines.size(), 1u);
  if (s.recorder.lines.size() == 2 && !bytes.starts_with("PRI")) {
    EXPECT_TRUE(s.recorder.lines[1].starts_with("2: GET /next complete")) << s.recorder.lines[1];
  }
  const std::string line = s.recorder.lines.at(0);
  return line.substr(0, line.find(" -> "));
}

std::string first_response(const std::string& bytes) {
  Script s;
  s.client(kNext).server(bytes).ack(Side::client).end();
  const std::string line = s.recorder.lines.at(0);
  const std::size_t arrow = line.find(" -> ");
  return arrow == std::string::npos ? line : line.substr(arrow + 4);
}

struct Case {
  std::string bytes, expected;
  std::string with_9 = {};  // llhttp 9 finds another error, or one that 8.1 lets pass
};

void expect(const std::string& found, const Case& c) {
  if (!c.with_9.empty() && found == c.with_9) return;
  EXPECT_EQ(found, c.expected) << c.bytes;
}

TEST(Syntax, RequestsThatAreReadLeniently) {
  const std::vector<Case> cases = {
      {"post /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
       "1: post /x complete body=2 HPE_INVALID_METHOD@0/p2"},
      {"GET /x HTTP/1.0.8\r\nHost: a\r\n\r\n",
       "1: GET /x complete close HPE_INVALID_VERSION@15/p2"},
      {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "1: GET /a b complete HPE_INVALID_CONSTANT@7/p2"},
      {"GET / HTTP/1.1\r\nX: a\x01z\r\n\r\n"s, "1: GET / complete HPE_INVALID_HEADER_TOKEN@20/p2"},
      {"POST /x HTTP/1.1\r\nContent-Length : 2\r\n\r\nhi",
       "1: POST /x complete body=2 HPE_INVALID_HEADER_TOKEN@33/p2"},
      {"POST /x HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\nhi",
       "1: POST /x complete body=2 HPE_INVALID_CONTENT_LENGTH@35/p2"},
      {"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
       "1: POST /x complete body=2 HPE_UNEXPECTED_CONTENT_LENGTH@53/p2"},
      {"POST /x HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
       "1: POST /x complete body=2 chunked HPE_UNEXPECTED_CONTENT_LENGTH@67/p2",
       "1: POST /x complete body=2 chunked HPE_INVALID_TRANSFER_ENCODING@55/p2"},
      // A method that llhttp does not know is no error.
      {"QUERY /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", "1: QUERY /x complete body=2"},
      {"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n", "1: GET / complete",
       "1: GET / complete HPE_INVALID_HEADER_TOKEN@22/p2"},
  };
  for (const Case& c : cases) expect(first_request(c.bytes), c);
}

TEST(Syntax, RequestsOfUncertainExtentAreFatal) {
  const std::vector<Case> cases = {
      {"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
       "1: POST /x unknown HPE_UNEXPECTED_CONTENT_LENGTH@53/p2 fatal"},
      {"POST /x HTTP/1.1\r\nContent-Length: +2\r\n\r\nhi",
       "1: POST /x unknown HPE_INVALID_CONTENT_LENGTH@34/p2 fatal"},
      {"POST /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
       "1: POST /x unknown HPE_INVALID_TRANSFER_ENCODING@49/p2 fatal"},
      {"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi",
       "1: POST /x unknown chunked HPE_INVALID_CHUNK_SIZE@48/p2 fatal"},
  };
  for (const Case& c : cases) expect(first_request(c.bytes), c);
}

TEST(Syntax, Responses) {
  const std::vector<Case> cases = {
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200  complete"},
      {"HTTP/1.1 2 OK\r\nContent-Length: 2\r\n\r\nhi", "2 OK complete body=2",
       "2 OK complete body=2 HPE_INVALID_STATUS@10/p3"},
      {"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nhi",
       "2000 OK complete body=2 HPE_INVALID_STATUS@13/p3",
       "2000 OK complete body=2 HPE_INVALID_STATUS@12/p3"},
      {"HTTP/2 200\r\nContent-Length: 0\r\n\r\n", "200  complete HPE_INVALID_VERSION@6/p3"},
      {"<html>hello</html>", "0  unknown HPE_INVALID_CONSTANT@0/p3 fatal (end)"},
      {"\x15\x03\x01\x00\x02\x02\x28"s, "0  unknown HPE_INVALID_CONSTANT@0/p3 fatal (end)"},
  };
  for (const Case& c : cases) expect(first_response(c.bytes), c);
}

TEST(Syntax, FirstPayloadThatIsNoHttp) {
  const std::vector<Case> cases = {
      {"\x16\x03\x01\x02\x00\x01\x00"s, "opaque p2 tls"},
      {"\x80\x2e\x01\x03\x01\x00"s, "opaque p2 tls"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "opaque p2 http2"},
      {"PING\r\n", "opaque p2 unknown"},
      {"SET key value\r\n", "opaque p2 unknown"},
      {"\xda\xbb\xc2\x00\x00"s, "opaque p2 unknown"},
      {"OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n", "opaque p2 unknown"},
      {"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", "opaque p2 unknown"},
      {"INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", "opaque p2 unknown"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(first_request(c.bytes), c.expected) << c.bytes;
    Script slow;  // a byte at a time
    for (const char byte : c.bytes) slow.client({&byte, 1});
    EXPECT_EQ(slow.end(), c.expected + "\n");
  }
}

TEST(Syntax, AnswerToHttp2InHttp11) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  Script s, slow, http2;
  EXPECT_EQ(s.client(preface).server("HTTP/1.1 505 No\r\n\r\n").end(),
            "opaque p2 http2\nunsolicited p3 505\n");
  slow.client(preface);
  for (const char byte : "HTTP/1.1 505"s) slow.server({&byte, 1});
  EXPECT_EQ(slow.end(), "opaque p2 http2\nunsolicited p3 505\n");
  EXPECT_EQ(http2.client(preface).server("\0\0\0\4\0\0\0\0\0"s).server("HTTP/1.1 505 No\r\n").end(),
            "opaque p2 http2\n");
}

TEST(Syntax, AServerThatSpeaksFirstIsNoHttp) {
  Script s;
  s.server("220 mail ready\r\n").client("HELO x\r\n").server("250 ok\r\n");
  EXPECT_EQ(s.end(), "opaque p2 unknown\n");
}

TEST(Syntax, AnEndlessHeadIsAnError) {
  Limits limits;
  limits.max_head_bytes = 1000;
  Script s{limits};
  s.client("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 200; ++i) s.client("X-Header: value\r\n");
  s.end();
  ASSERT_EQ(s.recorder.exchanges.size(), 1u);
  EXPECT_EQ(s.recorder.exchanges[0].request.error, "HPE_HEADER_OVERFLOW");
  EXPECT_TRUE(s.recorder.exchanges[0].request.fatal);
  EXPECT_EQ(s.recorder.exchanges[0].request.start(), "/");
}

TEST(Syntax, LongTargetsAndFieldsAreCut) {
  Script s;
  s.client("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: " + std::string(9000, 'h') +
           "\r\n\r\n")
      .end();
  EXPECT_EQ(s.recorder.exchanges[0].request.start().size(), Limits{}.max_target_bytes);
  EXPECT_EQ(s.recorder.exchanges[0].request.host().size(), Limits{}.max_field_bytes);
}

TEST(Syntax, AMalformedRequestDoesNotHideTheNext) {
  Script s;
  s.client("POST /x HTTP/1.1\r\nContent-Length: x\r\n\r\n")
      .server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  s.client(kNext).server(kEmpty).ack(Side::client);
  EXPECT_EQ(
      s.end(),
      "1: POST /x unknown HPE_INVALID_CONTENT_LENGTH@34/p2 fatal -> 400 Bad Request complete\n"
      "2: GET /next complete -> 200 OK complete\n");
}

TEST(StartLine, Recognition) {
  EXPECT_TRUE(starts_message(Kind::request, "GET / HTTP/1.1\r\n"));
  EXPECT_TRUE(starts_message(Kind::request, "POST /noti"));
  EXPECT_TRUE(starts_message(Kind::request, "QUERY /x HTTP/1.0\r\n"));
  EXPECT_TRUE(starts_message(Kind::request, "OPTIONS * HTTP/1.1\r\n"));
  EXPECT_FALSE(starts_message(Kind::request, "QUERY /x"));
  EXPECT_FALSE(starts_message(Kind::request, "OST /notify HTTP/1.1\r\n"));
  EXPECT_FALSE(starts_message(Kind::request, "TIONS * HTTP/1.1\r\n"));
  EXPECT_TRUE(starts_message(Kind::request, "LINK /x HTTP/1.1\r\n"));
  EXPECT_FALSE(starts_message(Kind::request, "GET away from here\r\n"));
  EXPECT_FALSE(starts_message(Kind::request, "GET \x01\x02"));
  EXPECT_FALSE(starts_message(Kind::request, "{\"a\": 1}"));
  EXPECT_TRUE(starts_message(Kind::response, "HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(starts_message(Kind::response, "HTTP/1.1 20"));
  EXPECT_TRUE(starts_message(Kind::response, "HTTP/"));
  EXPECT_FALSE(starts_message(Kind::response, "HTTP"));
  EXPECT_FALSE(starts_message(Kind::response, "HTTP/1.1 2000"));
  EXPECT_FALSE(starts_message(Kind::response, "HTTP/1.1 is old"));
}

TEST(HeadRepair, FindsTheEndWhereverTheSearchResumes) {
  for (const std::string head : {"a\r\n\r\n", "a\n\n", "a\r\n\n", "a\n\r\n"}) {
    const std::string bytes = head + "body\r\n\r\n";
    for (std::size_t known = 0; known < head.size(); ++known) {
      EXPECT_EQ(find_head_end(std::string_view{bytes}.substr(0, known)), std::string::npos);
      EXPECT_EQ(find_head_end(bytes, known), head.size()) << known;
    }
  }
}

}  // namespace
}  // namespace httpdiag::http
