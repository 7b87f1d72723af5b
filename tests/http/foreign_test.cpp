// SPDX-License-Identifier: Apache-2.0
// What shares a connection with HTTP, or looks like it at first.
#include <gtest/gtest.h>

#include "http/script.hpp"

namespace httpdiag::http {
namespace {

constexpr Side kClient = Side::client;
constexpr Side kServer = Side::server;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kAnswered = "1: GET /a complete -> 200 OK complete body=2\n";

std::string proxy_header(std::size_t length) {
  std::string header{"\r\n\r\n\0\r\nQUIT\n\x21\x11", 14};
  header += static_cast<char>(length >> 8);
  header += static_cast<char>(length & 0xff);
  return header + std::string(length, 'x');
}

TEST(ProxyProtocol, TheHeaderIsSkipped) {
  for (const std::string& header :
       {std::string{"PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n"},
        std::string{"PROXY TCP6 2001:db8::1 2001:db8::2 5000 80\r\n"},
        std::string{"PROXY UNKNOWN\r\n"}, proxy_header(0), proxy_header(12), proxy_header(65535)}) {
    Script together;
    together.client(header + kGet).server(kOk).ack(kClient);
    EXPECT_EQ(together.end(), kAnswered) << header.substr(0, 20);
    EXPECT_EQ(together.recorder.exchanges[0].request.begin, header.size());
    Script apart;
    apart.client(header).client(kGet).server(kOk).ack(kClient);
    EXPECT_EQ(apart.end(), kAnswered) << header.substr(0, 20);
    EXPECT_EQ(apart.recorder.exchanges[0].request.first.number, 3u);
  }
}

TEST(ProxyProtocol, OnlyAtTheVeryFrontAndWellFormed) {
  Script longer;
  longer.client("PROXY TCP4 " + std::string(100, '1') + "\r\n" + kGet);
  EXPECT_EQ(longer.end(), "opaque p2 unknown\n");
  Script twice;
  twice.client("PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n" + kGet);
  EXPECT_EQ(twice.end(), "opaque p2 unknown\n");
  Script other;
  other.client("\r\n\r\n\x01");
  EXPECT_EQ(other.end(), "opaque p2 unknown\n");
}

TEST(ProxyProtocol, EmptyLinesBeforeARequestAreNone) {
  Script s;
  s.client("\r\n\r\n" + kGet).server(kOk).ack(kClient);
  EXPECT_EQ(s.end(), kAnswered);
}

TEST(ProxyProtocol, WhatIsBehindItMayBeTls) {
  Script s;
  s.client("PROXY UNKNOWN\r\n" + std::string{"\x16\x03\x01\x00\x05hello", 10});
  EXPECT_EQ(s.end(), "opaque p2 tls\n");
}

TEST(OtherProtocol, ALineWithoutAVersionAnsweredBySomethingElse) {
  for (const char* line : {"GET key\r\n", "GET /index\r\n", "GET key\n", "GET /\r\n\r\n"}) {
    Script s;
    s.client(line).server("$3\r\nabc\r\n").client("GET more\r\n").server("$-1\r\n").ack(kClient);
    EXPECT_EQ(s.end(), "opaque p2 unknown\n") << line;
  }
}

TEST(OtherProtocol, NotWhereTheServerSpeaksHttp) {
  Script s;
  s.client("GET /a\r\n").server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(s.end().substr(0, 34), "1: GET /a incomplete -> 400 Bad Re");
}

TEST(OtherProtocol, NotWhereTheServerSaysNothing) {
  Script s;
  s.client("GET /a\r\n").ack(kServer).fin(kServer);
  EXPECT_EQ(s.end(), "1: GET /a incomplete -> none (end)\n");
}

// RFC 9110 §7.8: what follows an upgrade is no HTTP, though the 101 was not seen.

const std::string kUpgrade =
    "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kFrame{"\x81\x85\x01\x02\x03\x04hello", 11};

TEST(UnseenUpgrade, FramesAreOpaque) {
  Script s;
  s.client(kUpgrade).gap(kServer, 100).client(kFrame).client(kFrame);
  EXPECT_EQ(s.end(), "opaque p4 upgrade\n1: GET /ws complete -> none missing=100@p3 (end)\n");
}

TEST(UnseenUpgrade, TheGapIsNoticedLater) {
  Script s;
  s.client(kUpgrade, 0).client(kFrame, 100).gap(kServer, 100).client(kFrame);
  EXPECT_EQ(s.end(), "opaque p3 upgrade\n1: GET /ws complete -> none missing=100@p4 (end)\n");
}

TEST(UnseenUpgrade, TooShortToTell) {
  Script s;
  s.client(kUpgrade).gap(kServer, 100).client("\x88\x80");
  EXPECT_EQ(s.end(), "opaque p4 upgrade\n1: GET /ws complete -> none missing=100@p3 (end)\n");
}

TEST(UnseenUpgrade, ARefusalThatWasSeenLeavesItHttp) {
  Script s;
  s.client(kUpgrade).server(kOk).client(kFrame + "\r\n\r\n").ack(kClient);
  EXPECT_EQ(s.end().find("opaque"), std::string::npos);
}

}  // namespace
}  // namespace httpdiag::http
