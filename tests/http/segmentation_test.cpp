// SPDX-License-Identifier: Apache-2.0
// Any re-segmentation of the same bytes gives the same exchanges.
#include <gtest/gtest.h>

#include "http/script.hpp"

namespace httpdiag::http {
namespace {

struct Turn {
  Side from;
  std::string bytes;
};

struct Talk {
  const char* name;
  std::vector<Turn> turns;
};

const std::vector<Talk>& talks() {
  constexpr Side c = Side::client;
  constexpr Side s = Side::server;
  static const std::vector<Talk> kTalks = {
      {"keep-alive",
       {{c, "POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"},
        {s, "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 7\r\n\r\nsuccess"},
        {c, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {s, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"}}},
      {"pipelined",
       {{c,
         "GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nTransfer-Encoding: "
         "chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\nHEAD /c HTTP/1.1\r\n\r\n"},
        {s,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;e=1\r\nok\r\n0\r\n\r\nHTTP/1.1 "
         "201 C\r\nContent-Length: 1\r\n\r\nx"
         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}}},
      {"continue",
       {{c, "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"},
        {s, "HTTP/1.1 100 Continue\r\n\r\n"},
        {c, "body"},
        {s, "HTTP/1.0 200 OK\r\n\r\nuntil close"}}},
      {"refused",
       {{c, "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 400\r\n\r\n"},
        {s, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"},
        {c, "PUT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"},
        {s, "HTTP/1.0 200 OK\r\n\r\nuntil close"}}},
      {"PROXY line",
       {{c, "PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {s, "HTTP/1.1 204 No Content\r\n\r\n"}}},
      {"PROXY header",
       {{c, std::string{"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16} + "GET / HTTP/1" +
                "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {s, "HTTP/1.1 204 No Content\r\n\r\n"}}},
      {"another protocol", {{c, "GET key\r\n"}, {s, "$3\r\nabc\r\n"}, {c, "GET b\r\n"}}},
      {"odd",
       {{c,
         "post /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.0.8\r\nHost: b\r\n\r\nQUERY "
         "/c HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"},
        {s,
         "HTTP/1.1 200 OK\nContent-Length: 2\n\nhiHTTP/1.1 200\r\nContent-Length: "
         "0\r\n\r\n\r\nHTTP/2 500 E\r\nContent-Length: 1\r\n\r\nz"}}},
      {"broken",
       {{c, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        {s, "<html>not HTTP"}}},
      {"upgrade",
       {{c, "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
        {s, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"}}},
      {"tls",
       {{c, std::string{"\x16\x03\x01\x00\x05hello", 10}},
        {s, std::string{"\x16\x03\x03\x00\x01x", 6}}}},
  };
  return kTalks;
}

/// The text without packet numbers, which do depend on segments.
std::string play(const Talk& talk, const std::vector<std::size_t>& cuts) {
  Script script;
  std::size_t at = 0;
  for (const Turn& turn : talk.turns) {
    std::size_t begin = 0;
    for (const std::size_t cut : cuts) {
      if (cut <= at + begin || cut >= at + turn.bytes.size()) continue;
      script.send(turn.from, std::string_view{turn.bytes}.substr(begin, cut - at - begin));
      begin = cut - at;
    }
    script.send(turn.from, std::string_view{turn.bytes}.substr(begin));
    at += turn.bytes.size();
  }
  script.ack(Side::client).fin(Side::server).end();
  std::string text;
  for (const Exchange& x : script.recorder.exchanges) {
    text +=
        fmt::format("{} [{},{}) {} {:x} {}\n", describe(x), x.request.begin, x.request.end,
                    x.request.host(), x.request.digest, x.response ? x.response->body_head : "-");
  }
  for (const std::string& line : script.recorder.lines) {
    if (line.find("->") == std::string::npos) text += line + "\n";
  }
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool packet = (text[i] == 'p' && i > 0 && (text[i - 1] == ' ' || text[i - 1] == '/'));
    result += text[i];
    while (packet && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') ++i;
  }
  return result;
}

std::size_t length(const Talk& talk) {
  std::size_t total = 0;
  for (const Turn& turn : talk.turns) total += turn.bytes.size();
  return total;
}

TEST(Segmentation, EveryCut) {
  for (const Talk& talk : talks()) {
    const std::string whole = play(talk, {});
    for (std::size_t cut = 1; cut < length(talk); ++cut) {
      ASSERT_EQ(play(talk, {cut}), whole) << talk.name << " cut at " << cut;
    }
  }
}

TEST(Segmentation, ManyPairsOfCuts) {
  for (const Talk& talk : talks()) {
    const std::string whole = play(talk, {});
    for (std::size_t a = 1; a < length(talk); a += 3) {
      for (std::size_t b = a + 1; b < length(talk); b += 7) {
        ASSERT_EQ(play(talk, {a, b}), whole) << talk.name << " cut at " << a << " and " << b;
      }
    }
  }
}

TEST(Segmentation, ByteByByte) {
  for (const Talk& talk : talks()) {
    std::vector<std::size_t> cuts;
    for (std::size_t cut = 1; cut < length(talk); ++cut) cuts.push_back(cut);
    EXPECT_EQ(play(talk, cuts), play(talk, {})) << talk.name;
  }
}

}  // namespace
}  // namespace httpdiag::http
