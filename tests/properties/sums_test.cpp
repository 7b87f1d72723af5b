// SPDX-License-Identifier: Apache-2.0
// Every packet is accounted for, every claim names its packets, and the same
// capture always yields the same bytes of report.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "httpdiag/segment.hpp"
#include "properties/capture_bytes.hpp"
#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

TEST(SumsProperty, AccountsBalanceAndFindingsHaveEvidence) {
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording)) continue;
    const Outcome outcome = analyse(recording);
    EXPECT_EQ(faults_of(outcome), "") << recording.name;
    EXPECT_EQ(outcome.report.ledger.packets, recording.packets.size()) << recording.name;
  }
}

/// Distinct payload bytes per direction, by their sequence numbers alone.
std::map<std::string, std::uint64_t> distinct_bytes(const Recording& recording, bool& certain) {
  std::map<std::string, std::set<std::uint32_t>> seen;
  std::map<std::string, std::set<std::uint32_t>> numbers;  // of SYNs
  for (const RecordedPacket& packet : recording.packets) {
    const auto view = find_tcp(recording, packet);
    if (!view || view->quoted) continue;
    if (!view->whole) certain = false;  // its bytes come elsewhere, or are known by length only
    const std::string direction = direction_of(packet, *view);
    std::uint32_t seq = get(packet.bytes, view->tcp + kSeqAt, 4);
    const std::uint32_t flags = get(packet.bytes, view->tcp + kFlagsAt, 1);
    if ((flags & TcpFlags::rst) != 0 && view->length() > 0) certain = false;
    if ((flags & TcpFlags::syn) != 0) numbers[direction].insert(seq++);
    for (std::size_t i = 0; i < view->length(); ++i) seen[direction].insert(seq++);
  }
  std::map<std::string, std::uint64_t> sums;
  for (const auto& [direction, bytes] : seen) sums[direction] = bytes.size();
  for (const auto& [direction, isns] : numbers) certain = certain && isns.size() == 1;
  return sums;
}

TEST(SumsProperty, PayloadBytesAreThoseOfTheCapture) {
  std::size_t compared = 0;
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording)) continue;
    bool certain = true;  // one incarnation per tuple, and every packet whole
    const auto sums = distinct_bytes(recording, certain);
    if (!certain) continue;
    std::uint64_t expected = 0;
    for (const auto& [direction, bytes] : sums) expected += bytes;
    std::uint64_t actual = 0;
    bool translated = false;  // two tuples, whose bytes count once
    for (const FlowReport& flow : analyse(recording).flows) {
      translated = translated || flow.translated;
      for (const SideReport& side : flow.sides) actual += side.payload_bytes;
    }
    if (translated) continue;
    EXPECT_EQ(actual, expected) << recording.name;
    ++compared;
  }
  EXPECT_GT(compared, recordings().size() / 2);
}

TEST(DeterminismProperty, TwoRunsGiveTheSameBytes) {
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording)) continue;
    for (const auto format : {report::Format::text, report::Format::json, report::Format::ndjson}) {
      Replay first{recording};
      Replay second{recording};
      const std::string bytes = render(first, format).text;
      EXPECT_FALSE(bytes.empty()) << recording.name;
      EXPECT_TRUE(bytes == render(second, format).text) << recording.name;
    }
  }
}

// More packets within a few milliseconds than the duplicate filter remembers: which
// of them it forgets must not depend on the run.
TEST(DeterminismProperty, ABurstOfCopiesGivesTheSameBytes) {
  const Recording* model = nullptr;  // any whole IPv4 segment will do
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording)) continue;
    if (recording.packets.empty()) continue;
    const auto view = find_tcp(recording, recording.packets.front());
    if (view && view->whole && view->v4) model = &recording;
  }
  ASSERT_NE(model, nullptr);
  constexpr std::uint32_t kPackets = 12'000;
  Recording burst{.name = "burst", .link = model->link, .packets = {}};
  for (std::uint32_t i = 0; i < 2 * kPackets; ++i) {
    RecordedPacket packet = model->packets.front();
    const auto view = find_tcp(*model, packet);
    const std::uint32_t which = i % kPackets;
    put(packet.bytes, view->tcp, 2, 40'000 + which);
    put(packet.bytes, view->ip + 4, 2, 1 + which);
    packet.at += std::chrono::nanoseconds{300} * i;
    burst.packets.push_back(std::move(packet));
  }
  const Ledger first = analyse(burst).report.ledger;
  const Ledger second = analyse(burst).report.ledger;
  EXPECT_EQ(first.duplicates, second.duplicates);
  EXPECT_EQ(first.decoded, second.decoded);
}

}  // namespace
}  // namespace httpdiag::test
