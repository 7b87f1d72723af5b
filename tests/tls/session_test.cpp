// SPDX-License-Identifier: Apache-2.0
// The same session, however it was segmented, and what gaps leave of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/analyse.hpp"
#include "support/scenario.hpp"
#include "support/testdata.hpp"
#include "tls/reader.hpp"

namespace httpdiag::tls {
namespace {

class Kept final : public TlsSink {
 public:
  std::shared_ptr<const TlsSession> session;
  std::vector<Endpoint> servers;
  void on_tls_server(const Endpoint& server) override { servers.push_back(server); }
  void on_tls(const FlowRecord&, std::shared_ptr<const TlsSession> each) override {
    session = std::move(each);
  }
};

struct Piece {
  Side from;
  std::string bytes;
};

/// The payloads of a scenario's pcap, by direction, as the tapes of one flow.
std::vector<Piece> pieces_of(const std::string& scenario) {
  std::vector<Piece> pieces;
  for (const test::Recorded& record :
       test::play(test::read_file("scenarios/" + scenario + ".txt")).records) {
    const std::string& frame = record.bytes;
    if (frame.size() < 54 || frame[23] != 6) continue;
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(frame[i]); };
    const std::size_t header = 34u + (at(46) >> 4) * 4u;
    const Side from = at(34) * 256u + at(35) < 1024 ? Side::server : Side::client;
    if (frame.size() > header) pieces.push_back({from, frame.substr(header)});
  }
  return pieces;
}

/// Feeds them in chunks of at most `most` bytes; `lost` of the tapes is a gap instead.
std::shared_ptr<const TlsSession> read(const std::vector<Piece>& pieces, std::size_t most,
                                       const std::function<bool(Side, Offset)>& lost = {}) {
  const Limits limits;
  Kept kept;
  Reader reader{limits, kept};
  FlowRecord flow;
  flow.id = FlowId{1};
  EXPECT_TRUE(reader.on_opaque(flow, "tls"));
  std::array<Offset, 2> at{};
  PacketRef packet;
  for (const Piece& piece : pieces) {
    ++packet.number;
    Offset& offset = at[index(piece.from)];
    for (std::size_t i = 0; i < piece.bytes.size(); i += most) {
      const std::string part = piece.bytes.substr(i, most);
      if (lost && lost(piece.from, offset)) {
        reader.on_gap(flow, {piece.from, offset, part.size(), GapCause::not_captured, packet});
      } else {
        reader.on_chunk(flow, {.from = piece.from,
                               .offset = offset,
                               .bytes = std::as_bytes(std::span{part}),
                               .carried_by = packet,
                               .released_by = packet,
                               .peer_acked = at[index(other(piece.from))]});
      }
      offset += part.size();
    }
  }
  reader.on_end(flow);
  return kept.session;
}

TEST(TlsSession, DoesNotDependOnSegments) {
  const auto pieces = pieces_of("late-response--tls");
  ASSERT_GE(pieces.size(), 7u);
  for (const std::size_t most :
       {std::size_t{1}, std::size_t{3}, std::size_t{5}, std::size_t{1460}, std::size_t{65536}}) {
    const auto session = read(pieces, most);
    ASSERT_TRUE(session) << most;
    EXPECT_EQ(session->sni, "pay.example") << most;
    EXPECT_EQ(session->version, 0x0303) << most;
    EXPECT_EQ(session->offered_alpn, std::vector<std::string>{"http/1.1"}) << most;
    EXPECT_EQ(session->stage, TlsStage::done) << most;
    ASSERT_TRUE(session->certificate) << most;
    EXPECT_EQ(session->certificate->subject, "pay.example");
    EXPECT_EQ(session->certificate->issuer, "Lab CA");
    EXPECT_EQ(tls_date(session->certificate->not_after), "2024-04-01");
    EXPECT_EQ(session->certificate->covers_sni, true);
    EXPECT_EQ(session->bursts, 1u) << most;
    EXPECT_EQ(session->burst.end - session->burst.begin, 210u) << most;
    EXPECT_FALSE(session->hidden) << most;
  }
}

TEST(TlsSession, GapInTheHandshakeHidesItAndNothingElse) {
  const auto pieces = pieces_of("late-response--tls");
  const auto session = read(pieces, 16, [](Side from, Offset offset) {
    return from == Side::server && offset >= 32 && offset < 64;
  });
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->hidden);
  EXPECT_EQ(session->version, 0);
  EXPECT_EQ(session->bursts, 1u);
  EXPECT_FALSE(session->unreadable);
}

TEST(TlsSession, GapOverARecordOfTheServersMayHaveBeenTheAnswer) {
  const auto pieces = pieces_of("client-timeout--tls");
  EXPECT_FALSE(read(pieces, 65536)->burst.answered);
  // The second of two tickets, header and all.
  const auto session = read(
      pieces, 239, [](Side from, Offset offset) { return from == Side::server && offset > 1000; });
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->burst.answered);
}

TEST(TlsSession, GapOverARecordOfTheClientsEndsTheReading) {
  const auto pieces = pieces_of("client-timeout--tls");
  const auto session = read(pieces, 100000, [](Side from, Offset offset) {
    return from == Side::client && offset > 300;
  });
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->unreadable);
}

TEST(TlsSession, SessionsAreBounded) {
  Limits limits;
  limits.max_tls_sessions = 1;
  Kept kept;
  Reader reader{limits, kept};
  FlowRecord first, second;
  first.id = FlowId{1};
  second.id = FlowId{2};
  EXPECT_TRUE(reader.on_opaque(first, "tls"));
  EXPECT_FALSE(reader.on_opaque(second, "tls"));
  reader.on_end(first);
  EXPECT_TRUE(reader.on_opaque(second, "connect-tunnel"));
  EXPECT_FALSE(reader.on_opaque(first, "http2"));
}

TEST(TlsSession, MessagesWithoutBudgetAreHidden) {
  Limits limits;
  limits.tls_total_bytes = 40;
  Kept kept;
  Reader reader{limits, kept};
  FlowRecord flow;
  flow.id = FlowId{1};
  ASSERT_TRUE(reader.on_opaque(flow, "tls"));
  const auto pieces = pieces_of("late-response--tls");
  reader.on_chunk(flow, {.from = Side::client,
                         .offset = 0,
                         .bytes = std::as_bytes(std::span{pieces[0].bytes}),
                         .carried_by = {1, {}},
                         .released_by = {1, {}},
                         .peer_acked = 0});
  reader.on_end(flow);
  ASSERT_TRUE(kept.session);
  EXPECT_TRUE(kept.session->sni.empty());
}

}  // namespace
}  // namespace httpdiag::tls
