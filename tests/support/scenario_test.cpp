// SPDX-License-Identifier: Apache-2.0
// The scenario language: what the packets of a line look like, and what is said
// about a line that cannot be read.
#include "support/scenario.hpp"

#include <gtest/gtest.h>

#include <variant>

#include "decode/decoder.hpp"
#include "httpdiag/settings.hpp"
#include "support/expectations.hpp"

namespace httpdiag::test {
namespace {

constexpr const char* kPeers = "client 10.0.0.1:40000 server 10.0.0.2:80\n";

/// A segment without its borrowed parts.
struct Seen {
  std::uint32_t seq = 0, ack = 0, length = 0;
  std::uint8_t flags = 0, ttl = 0;
  std::uint16_t window = 0, ip_id = 0;
  std::string payload;
  std::int64_t at_us = 0;  // since the first packet
};

std::vector<Decoded> decode_all(const Capture& capture, std::vector<Seen>* segments) {
  const Limits limits;
  decode::Decoder decoder{limits};
  std::vector<Decoded> all;
  for (const Recorded& record : capture.records) {
    Packet packet;
    packet.ref = {all.size() + 1, Timestamp{record.at}};
    packet.link = capture.link_type == 276 ? LinkType::linux_sll2
                  : capture.link_type == 0 ? LinkType::null
                                           : LinkType::ethernet;
    packet.wire_length = record.wire_length;
    packet.bytes = std::as_bytes(std::span{record.bytes});
    all.push_back(decoder.on_packet(packet));
    const auto* s = std::get_if<Segment>(&all.back());
    if (s == nullptr || segments == nullptr) continue;
    segments->push_back(
        {s->seq, s->ack, s->payload_length, s->flags.bits, s->ttl, s->window, s->ip_id,
         std::string{reinterpret_cast<const char*>(s->payload.data()), s->payload.size()},
         (record.at - capture.records.front().at) / std::chrono::microseconds{1}});
  }
  return all;
}

std::vector<Seen> segments_of(const std::string& lines) {
  std::vector<Seen> segments;
  decode_all(play(kPeers + lines), &segments);
  return segments;
}

constexpr std::uint8_t kSyn = TcpFlags::syn, kAck = TcpFlags::ack, kFin = TcpFlags::fin,
                       kRst = TcpFlags::rst, kPsh = TcpFlags::psh;

TEST(Scenario, NumbersFollowTheTraffic) {
  const auto s =
      segments_of("+0ms handshake 20ms\n+1ms C \"abc\"\n+20ms S ack\n+1ms S fin\n+0ms C fin\n");
  ASSERT_EQ(s.size(), 7U);
  EXPECT_EQ(s[0].flags, kSyn);
  EXPECT_EQ(s[1].flags, kSyn | kAck);
  EXPECT_EQ(s[1].ack, s[0].seq + 1);
  EXPECT_EQ(s[2].ack, s[1].seq + 1);
  EXPECT_EQ(s[3].flags, kPsh | kAck);
  EXPECT_EQ(s[3].payload, "abc");
  EXPECT_EQ(s[4].ack, s[3].seq + 3);
  EXPECT_EQ(s[5].flags, kFin | kAck);
  EXPECT_EQ(s[6].ack, s[5].seq + 1);
  EXPECT_EQ(s[6].at_us, 42'020);
}

TEST(Scenario, AckCoversOnlyWhatHasArrived) {
  const auto s = segments_of(
      "+0ms handshake 20ms\n+1ms C \"abc\" lose\n+1ms C \"def\"\n+1ms S ack\n+1ms C retransmit\n"
      "+1ms C \"ghi\" arrives 10ms\n+5ms S ack\n+5ms S ack\n");
  ASSERT_EQ(s.size(), 10U);
  const std::uint32_t first = s[0].seq + 1;
  EXPECT_EQ(s[5].ack, first) << "a hole in front";
  EXPECT_EQ(s[6].payload, "def") << "the last segment is retransmitted";
  EXPECT_EQ(s[8].ack, first);
  const auto named = segments_of(
      "+0ms handshake 20ms\n+1ms C \"abc\" lose as one\n+1ms C \"def\"\n+1ms C retransmit "
      "one\n+1ms S ack\n"
      "+1ms C \"ghi\" arrives 10ms\n+5ms S ack\n+5ms S ack\n");
  EXPECT_EQ(named[5].payload, "abc");
  EXPECT_EQ(named[5].seq, named[3].seq);
  EXPECT_NE(named[5].ip_id, named[3].ip_id);
  EXPECT_EQ(named[6].ack, first + 6);
  EXPECT_EQ(named[8].ack, first + 6) << "still on its way";
  EXPECT_EQ(named[9].ack, first + 9);
}

TEST(Scenario, DroppedArrivesUnrecorded) {
  const auto s = segments_of("+0ms handshake 20ms\n+1ms C \"abc\" drop\n+1ms S ack\n");
  ASSERT_EQ(s.size(), 4U);
  EXPECT_EQ(s[3].ack, s[0].seq + 4);
}

TEST(Scenario, ResetsAreLinuxs) {
  const auto refused = segments_of("+0ms C syn\n+1ms S rst ack\n");
  EXPECT_EQ(refused[1].seq, 0U);
  EXPECT_EQ(refused[1].ack, refused[0].seq + 1);
  EXPECT_EQ(refused[1].window, 0U);
  const auto bare = segments_of("+0ms handshake 20ms\n+1ms C \"abc\"\n+1ms S rst\n");
  EXPECT_EQ(bare[4].flags, kRst);
  EXPECT_EQ(bare[4].seq, bare[3].ack);
  EXPECT_EQ(bare[4].ip_id, 0U);
  const auto live = segments_of("+0ms handshake 20ms\n+1ms C \"abc\"\n+1ms S rst ack\n");
  EXPECT_EQ(live[4].ack, live[3].seq + 3);
  EXPECT_NE(live[4].window, 0U);
}

TEST(Scenario, RepeatedSynAndFinKeepTheirNumbers) {
  const auto s =
      segments_of("+0s C syn\n+1s C syn\n+20ms S syn ack\n+0ms C ack\n+1s C fin lose\n+1s C fin\n");
  EXPECT_EQ(s[0].seq, s[1].seq);
  EXPECT_EQ(s[4].seq, s[5].seq);
}

TEST(Scenario, ProbesRepeatTheLastByteOnly) {
  const auto s = segments_of(
      "+0ms handshake 20ms\n+1ms C \"abc\"\n+1ms S ack\n+9s C keepalive\n+1ms C \"d\"\n");
  EXPECT_EQ(s[5].seq, s[3].seq + 2);
  EXPECT_EQ(s[5].length, 0U);
  EXPECT_EQ(s[6].seq, s[3].seq + 3);
}

TEST(Scenario, Overrides) {
  const auto s = segments_of(
      "+0ms handshake 20ms\n+1ms C \"abc\" seq 10 ack 5 win 12800 ttl 9 id 77\n+1ms C ack win 0\n");
  EXPECT_EQ(s[3].seq, s[0].seq + 11);
  EXPECT_EQ(s[3].ack, s[1].seq + 6);
  EXPECT_EQ(s[3].window, 100U) << "scaled by 7";
  EXPECT_EQ(s[3].ttl, 9);
  EXPECT_EQ(s[3].ip_id, 77);
  EXPECT_EQ(s[4].window, 0U);
}

TEST(Scenario, PayloadIsBuiltFromParts) {
  const auto s = segments_of(
      "+0ms handshake 20ms\n+1ms C \"a\\r\\n\\x7f\" body 3 \"xy\" * 2 split 5 gap 10us\n");
  ASSERT_EQ(s.size(), 6U);
  EXPECT_EQ(s[3].payload,
            "a\r\n\x7f"
            "a");
  EXPECT_EQ(s[4].payload, "bcxyx");
  EXPECT_EQ(s[5].payload, "y");
  EXPECT_EQ(s[3].flags, kAck);
  EXPECT_EQ(s[5].flags, kAck | kPsh);
  EXPECT_EQ(s[5].at_us - s[3].at_us, 20);
}

TEST(Scenario, DelayChangesTheOrderAndDupTheCount) {
  const auto s =
      segments_of("+0ms C syn delay 100us\n+20us S syn ack\n+1ms C ack dup 30us dup-ttl 63\n");
  ASSERT_EQ(s.size(), 4U);
  EXPECT_EQ(s[0].flags, kSyn | kAck);
  EXPECT_EQ(s[1].flags, kSyn);
  EXPECT_EQ(s[2].ip_id, s[3].ip_id);
  EXPECT_EQ(s[3].ttl, 63);
  EXPECT_EQ(s[3].at_us - s[2].at_us, 30);
}

TEST(Scenario, ClockAndStampMoveTimesButNotOrder) {
  const Capture capture =
      play(std::string{kPeers} + "+0ms C syn\nclock -5s\n+1s C syn\n+1s C syn stamp -1ms\n");
  using std::chrono::milliseconds;
  EXPECT_EQ(capture.records[1].at - capture.records[0].at, milliseconds{-4000});
  EXPECT_EQ(capture.records[2].at - capture.records[0].at, milliseconds{-3001});
}

TEST(Scenario, LinkTypesAndTagsDecode) {
  for (const char* link : {"ethernet", "sll2", "null"}) {
    SCOPED_TRACE(link);
    std::vector<Seen> s;
    decode_all(
        play("link " + std::string{link} + "\n" + kPeers + "+0ms handshake 1ms\n+1ms C \"abc\"\n"),
        &s);
    ASSERT_EQ(s.size(), 4U);
    EXPECT_EQ(s[3].payload, "abc");
  }
  const auto tagged = segments_of("set C vlan 30,200\n+0ms C syn\n");
  EXPECT_EQ(tagged.size(), 1U);
}

TEST(Scenario, FragmentsAndOffloadCarryThePayload) {
  const auto fragments = segments_of("+0ms handshake 1ms\n+1ms C body 100 fragment 48\n");
  ASSERT_EQ(fragments.size(), 4U);
  EXPECT_EQ(fragments[3].length, 100U);
  const auto offload = segments_of("+0ms handshake 1ms\n+1ms C body 20000 tso badsum\n");
  EXPECT_EQ(offload[3].length, 20000U);
}

TEST(Scenario, SnapCutsTheRecordNotTheLength) {
  const Capture capture =
      play(std::string{kPeers} + "+0ms handshake 1ms\n+1ms C body 100 snap 96\n");
  EXPECT_EQ(capture.records[3].bytes.size(), 96U);
  EXPECT_EQ(capture.records[3].wire_length, 166U);
  std::vector<Seen> s;
  decode_all(capture, &s);
  EXPECT_EQ(s[3].length, 100U);
  EXPECT_EQ(s[3].payload.size(), 30U);
}

TEST(Scenario, IcmpQuotesTheLastSegment) {
  for (const char* peers : {"client 10.0.0.1:40000 server 10.0.0.2:80\n+0ms C syn\n+1ms icmp 3 1 "
                            "from 10.0.0.254 to C\n",
                            "client [2001:db8::1]:40000 server [2001:db8::2]:80\n+0ms C syn\n+1ms "
                            "icmp 1 3 from 2001:db8::f to C\n"}) {
    const auto all = decode_all(play(peers), nullptr);
    ASSERT_EQ(all.size(), 2U);
    const auto* error = std::get_if<IcmpError>(&all[1]);
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(error->source.port, 40000);
    EXPECT_EQ(error->destination.port, 80);
    EXPECT_TRUE(error->has_seq);
  }
}

TEST(Scenario, FlowsHaveNamesAndNewNumbersEachTime) {
  std::vector<Seen> s;
  decode_all(
      play(
          "flow a client 10.0.0.1:1 server 10.0.0.2:80\nflow b client 10.0.0.1:2 server "
          "10.0.0.2:80\n"
          "+0ms a.C syn\n+0ms b.C syn\nflow a client 10.0.0.1:1 server 10.0.0.2:80\n+1s a.C syn\n"),
      &s);
  ASSERT_EQ(s.size(), 3U);
  EXPECT_NE(s[0].seq, s[1].seq);
  EXPECT_GT(s[2].seq, s[0].seq);
}

TEST(Scenario, EndMarksTheEndAndTheFileCanBeCut) {
  const std::string lines = std::string{kPeers} + "+0ms C syn\nend +5s\n";
  const Capture capture = play(lines);
  ASSERT_EQ(capture.records.size(), 2U);
  EXPECT_EQ(capture.records[1].at - capture.records[0].at, std::chrono::seconds{5});
  EXPECT_EQ(to_pcap(capture).size() - to_pcap(play(lines + "truncate-file 7\n")).size(), 7U);
  EXPECT_EQ(to_pcap(capture).substr(0, 4), "\x4d\x3c\xb2\xa1");
}

TEST(Scenario, ErrorsNameLineAndReason) {
  struct Case {
    const char* lines;
    const char* says;
  };
  const Case cases[] = {
      {"+0ms C shout\n", "line 2: unknown word \"shout\""},
      {"+0ms C \"abc\n", "line 2: missing closing quote"},
      {"+0ms C \"abc\"\n", "line 2: this side has sent no SYN"},
      {"+0ms X syn\n", "line 2: expected C or S"},
      {"+0ms b.C syn\n", "line 2: unknown flow \"b\""},
      {"+0parsec C syn\n", "line 2: \"+0parsec\" is no time"},
      {"@1s C syn\n\n# comment\n@0s C syn\n", "line 5: \"@0s\" lies before the line above"},
      {"+0ms C syn ttl 300\n", "line 2: 300 is not within 1 and 255"},
      {"+0ms C syn win many\n", "line 2: \"many\" is no number"},
      {"+0ms C ttl 3\n", "line 2: nothing is sent in this line"},
      {"+0ms C retransmit\n", "line 2: this side has sent nothing to retransmit"},
      {"+0ms icmp 3 1 from 10.0.0.9 to C\n", "line 2: that side has sent nothing"},
      {"link token-ring\n", "line 2: unknown link type"},
      {"hurry\n", "line 2: unknown directive \"hurry\""},
      {"client 10.0.0.1:1 server [::1]:2\n", "line 2: one address is IPv4, the other IPv6"},
      {"client 10.0.0.1 server 10.0.0.2:80\n", "line 2: \"10.0.0.1\" is no ADDRESS:PORT"},
      {"+0ms C \"\\q\"\n", "line 2: unknown escape \\q"},
      {"+0ms C syn as\n", "line 2: expected a name at the end of the line"},
      {"+0ms handshake 1ms\n+0ms C body 70000\n", "line 3: too much for one packet"},
      {"+0ms C syn \\\n", "line 2: nothing follows the \\"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.lines);
    try {
      play(std::string{kPeers} + each.lines);
      ADD_FAILURE() << "no error";
    } catch (const ScenarioError& error) {
      EXPECT_NE(std::string_view{error.what()}.find(each.says), std::string_view::npos)
          << error.what();
    }
  }
}

TEST(Expectations, AreReadFromComments) {
  using Kind = Expectation::Kind;
  const auto all = expectations_of(
      "# Prose. Never mind.\n# expect flow 2: ok\n# evidence 1.2: 3 14\n# never: a, b\n# expect "
      "annotation 1*: c\n");
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0].kind, Kind::flow);
  EXPECT_EQ(all[0].place.flow, 2U);
  EXPECT_EQ(all[1].place.exchange, 2U);
  EXPECT_EQ(all[1].numbers, (std::vector<std::uint64_t>{3, 14}));
  EXPECT_EQ(all[3].word, "b");
  EXPECT_TRUE(all[4].place.any);
  EXPECT_EQ(all[4].line, 5U);
  EXPECT_THROW(expectations_of("# expect flow x: ok\n"), ScenarioError);
  EXPECT_THROW(expectations_of("# expect nothing\n"), ScenarioError);
}

}  // namespace
}  // namespace httpdiag::test
