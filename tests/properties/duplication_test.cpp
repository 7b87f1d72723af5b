// SPDX-License-Identifier: Apache-2.0
// A packet that was recorded twice is one packet (taxonomy 3): nothing but the
// remark that it was may change.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

using std::chrono::microseconds;

bool is_about_copies(Label label) { return label == Label::capture_duplicate_packets; }

/// As a router's other interface would have recorded it: one hop on, a moment later.
RecordedPacket copy_of(const Recording& recording, const RecordedPacket& packet) {
  RecordedPacket copy = packet;
  copy.at += microseconds{8};
  if (const auto view = find_tcp(recording, packet)) {
    const std::size_t ttl = view->ip + (view->v4 ? 8 : 7);
    put(copy.bytes, ttl, 1, get(copy.bytes, ttl, 1) - 1);
  }
  return copy;
}

/// Records the chosen packets twice, each copy in its place by time.
template <typename Chosen>
Recording twice(const Recording& recording, Chosen chosen) {
  Recording changed{.name = recording.name, .link = recording.link, .packets = {}};
  std::vector<RecordedPacket> waiting;
  for (std::size_t i = 0; i < recording.packets.size(); ++i) {
    const RecordedPacket& packet = recording.packets[i];
    // A clock that stepped back must not keep a copy waiting either.
    const auto due = [&](const RecordedPacket& copy) {
      return copy.at <= packet.at || packet.at + microseconds{8} < copy.at;
    };
    while (!waiting.empty() && due(waiting.front())) {
      changed.packets.push_back(std::move(waiting.front()));
      waiting.erase(waiting.begin());
    }
    changed.packets.push_back(packet);
    if (chosen(i)) waiting.push_back(copy_of(recording, packet));
  }
  for (RecordedPacket& copy : waiting) changed.packets.push_back(std::move(copy));
  return changed;
}

/// Verdicts, and what TCP counts without the copies.
std::string told(const Outcome& outcome) {
  std::string text = joined(verdicts(outcome, is_about_copies));
  for (const FlowReport& flow : outcome.flows) {
    for (const SideReport& side : flow.sides) {
      text += fmt::format("{} bytes, {} retransmitted\n", side.payload_bytes, side.retransmitted);
    }
  }
  for (const Finding& finding : outcome.report.findings) {
    if (!is_about_copies(finding.label)) text += fmt::format("{}\n", info(finding.label).id);
  }
  return text;
}

TEST(DuplicationProperty, OfEveryPacketChangesNothing) {
  for (const Recording& recording : recordings()) {
    const Outcome expected = analyse(recording);
    const Outcome actual = analyse(twice(recording, [](std::size_t) { return true; }));
    EXPECT_EQ(faults_of(actual), "") << recording.name;
    EXPECT_EQ(told(actual), told(expected)) << recording.name;
    EXPECT_EQ(actual.report.ledger.packets, 2 * expected.report.ledger.packets);
  }
}

TEST(DuplicationProperty, OfAnyPacketChangesNothing) {
  for (const Recording& recording : recordings()) {
    const std::string expected = told(analyse(recording));
    const std::size_t step = std::max<std::size_t>(1, recording.packets.size() / 15);
    for (std::size_t i = 0; i < recording.packets.size(); i += step) {
      const Outcome outcome = analyse(twice(recording, [i](std::size_t at) { return at == i; }));
      EXPECT_EQ(faults_of(outcome), "") << recording.name;
      const std::string actual = told(outcome);
      EXPECT_EQ(actual, expected) << recording.name << ", packet " << i + 1 << " twice";
      if (actual != expected) break;
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
