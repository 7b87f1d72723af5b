// SPDX-License-Identifier: Apache-2.0
// Packets may be recorded in another order than they were sent: two neighbours
// change places while the times stay, as with several queues of a network card.
#include <gtest/gtest.h>

#include <algorithm>

#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// The other order is loss recovery or odd recording to whoever looks at TCP.
bool is_transport(Label label) {
  const Phase phase = info(label).phase;
  return phase == Phase::transport || phase == Phase::capture;
}

Recording swapped(const Recording& recording, std::size_t first) {
  Recording changed = recording;
  RecordedPacket& a = changed.packets[first];
  RecordedPacket& b = changed.packets[first + 1];
  std::swap(a, b);
  std::swap(a.at, b.at);
  return changed;
}

struct Neighbours {
  Duration apart{};
  bool same_direction = false;
  bool same_ttl = true;  // else they may be of two senders, who have no order
};

std::uint32_t ttl_of(const RecordedPacket& packet, const TcpView& view) {
  return get(packet.bytes, view.ip + (view.v4 ? 8 : 7), 1);
}

/// The packet `first` and the next one, if both are segments of one flow.
std::optional<Neighbours> neighbours(const Recording& recording, std::size_t first) {
  const RecordedPacket& a = recording.packets[first];
  const RecordedPacket& b = recording.packets[first + 1];
  const auto view_a = find_tcp(recording, a);
  const auto view_b = find_tcp(recording, b);
  if (!view_a || !view_b || view_a->quoted || view_b->quoted) return std::nullopt;
  const bool same = direction_of(a, *view_a) == direction_of(b, *view_b);
  if (!same && direction_of(a, *view_a) != direction_of(b, *view_b, true)) return std::nullopt;
  return Neighbours{.apart = b.at - a.at,
                    .same_direction = same,
                    .same_ttl = ttl_of(a, *view_a) == ttl_of(b, *view_b)};
}

std::vector<Label> errors_in(const Outcome& outcome) {
  std::vector<Label> labels;
  const auto add = [&](const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      if (finding.severity == Severity::error) labels.push_back(finding.label);
    }
  };
  for (const FlowReport& flow : outcome.flows) {
    add(flow.findings);
    for (const ExchangeReport& exchange : flow.exchanges) add(exchange.findings);
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

/// Packet `number` carries other bytes than another one: which came first is all that tells them
/// apart.
bool is_differing_copy(const Outcome& outcome, PacketNumber number) {
  for (const FlowReport& flow : outcome.flows) {
    for (const OddityReport& odd : flow.oddities) {
      if (odd.oddity != Oddity::differing_copy) continue;
      for (const PacketRef& packet : odd.packets) {
        if (packet.number == number) return true;
      }
    }
  }
  return false;
}

TEST(ReorderingProperty, WithinADirectionKeepsEveryExchange) {
  std::size_t swaps = 0;
  for (const Recording& recording : recordings()) {
    const Outcome as_recorded = analyse(recording);
    const std::string expected = joined(exchanges(as_recorded, is_transport));
    for (std::size_t i = 0; i + 1 < recording.packets.size(); ++i) {
      const auto pair = neighbours(recording, i);
      if (!pair || !pair->same_direction || !pair->same_ttl) continue;
      if (pair->apart < Duration{0} || pair->apart >= milliseconds{100}) continue;
      if (is_differing_copy(as_recorded, i + 1) && is_differing_copy(as_recorded, i + 2)) continue;
      const Outcome outcome = analyse(swapped(recording, i));
      EXPECT_EQ(faults_of(outcome), "") << recording.name;
      EXPECT_EQ(joined(exchanges(outcome, is_transport)), expected)
          << recording.name << ", packets " << i + 1 << " and " << i + 2 << " swapped";
      ++swaps;
    }
  }
  EXPECT_GT(swaps, 100U);
}

TEST(ReorderingProperty, AcrossDirectionsAccusesNobody) {
  for (const Recording& recording : recordings()) {
    const std::vector<Label> before = errors_in(analyse(recording));
    for (std::size_t i = 0; i + 1 < recording.packets.size(); ++i) {
      const auto pair = neighbours(recording, i);
      if (!pair || pair->same_direction) continue;
      const Outcome outcome = analyse(swapped(recording, i));
      EXPECT_EQ(faults_of(outcome), "") << recording.name;
      if (pair->apart < Duration{0} || pair->apart >= microseconds{200}) continue;
      for (const Label label : errors_in(outcome)) {
        EXPECT_TRUE(std::binary_search(before.begin(), before.end(), label))
            << recording.name << ", packets " << i + 1 << " and " << i + 2
            << " swapped: " << info(label).id;
      }
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
