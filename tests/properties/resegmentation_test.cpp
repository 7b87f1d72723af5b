// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a message are divided into packets is up to TCP and says
// nothing about HTTP: any other division gives the same verdicts.
#include <gtest/gtest.h>

#include <algorithm>

#include "httpdiag/segment.hpp"
#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

constexpr std::uint32_t kFirstOnly = TcpFlags::syn;
constexpr std::uint32_t kLastOnly = TcpFlags::fin | TcpFlags::psh;

// What a piece gets beside its bytes: a length, a sequence number, an IP id of its own.
void shorten(const TcpView& view, std::size_t from, std::size_t length, RecordedPacket& packet) {
  const std::size_t removed = view.length() - length;
  packet.bytes =
      packet.bytes.substr(0, view.payload) + packet.bytes.substr(view.payload + from, length);
  packet.wire_length = static_cast<std::uint32_t>(packet.bytes.size());
  const std::size_t field = view.ip + (view.v4 ? 2 : 4);
  const std::uint32_t total = get(packet.bytes, field, 2);
  if (total != 0) put(packet.bytes, field, 2, total - removed);  // 0: segmentation offload
}

void split(const RecordedPacket& packet, const TcpView& view, std::size_t at,
           std::vector<RecordedPacket>& into) {
  RecordedPacket head = packet;
  RecordedPacket tail = packet;
  shorten(view, 0, at, head);
  shorten(view, at, view.length() - at, tail);
  const std::uint32_t flags = get(packet.bytes, view.tcp + kFlagsAt, 1);
  const bool syn = (flags & TcpFlags::syn) != 0;
  put(head.bytes, view.tcp + kFlagsAt, 1, flags & ~kLastOnly);
  put(tail.bytes, view.tcp + kFlagsAt, 1, flags & ~kFirstOnly);
  const std::uint32_t seq = get(packet.bytes, view.tcp + kSeqAt, 4);
  put(tail.bytes, view.tcp + kSeqAt, 4, std::uint64_t{seq} + at + (syn ? 1 : 0));
  if (view.v4) put(tail.bytes, view.ip + 4, 2, get(packet.bytes, view.ip + 4, 2) ^ 0x8000U);
  into.push_back(std::move(head));
  into.push_back(std::move(tail));
}

/// Every payload longer than `at` becomes two packets, copies of a packet included.
/// Fragments and packets cut by the snaplen stay: their pieces would not be TCP's.
Recording split_all(const Recording& recording, std::size_t at) {
  Recording changed{.name = recording.name, .link = recording.link, .packets = {}};
  for (const RecordedPacket& packet : recording.packets) {
    const auto view = find_tcp(recording, packet);
    if (view && view->whole && !view->quoted && view->length() > at) {
      split(packet, *view, at, changed.packets);
    } else {
      changed.packets.push_back(packet);
    }
  }
  return changed;
}

std::size_t longest_payload(const Recording& recording) {
  std::size_t longest = 0;
  for (const RecordedPacket& packet : recording.packets) {
    const auto view = find_tcp(recording, packet);
    if (view && view->whole && !view->quoted) longest = std::max(longest, view->length());
  }
  return longest;
}

/// Where bytes in front of it are not in the capture, a start line is looked for at
/// the beginning of a segment only, and must be long enough there to be recognised.
bool lacks_bytes(const Outcome& outcome) {
  return std::any_of(outcome.flows.begin(), outcome.flows.end(), [](const FlowReport& flow) {
    const bool gap =
        std::any_of(flow.findings.begin(), flow.findings.end(),
                    [](const Finding& finding) { return finding.label == Label::capture_gap; });
    return gap || flow.handshake == Handshake::not_captured;
  });
}
constexpr std::size_t kRecognisable = 13;  // "HTTP/1.1 200 "

/// A hole that nothing filled: whether it was the length of the segments is told from the others.
bool only_short_ones_arrived(const ExchangeReport& exchange) {
  return std::any_of(exchange.findings.begin(), exchange.findings.end(), [](const Finding& found) {
    return std::any_of(found.facts.begin(), found.facts.end(),
                       [](const NamedFact& fact) { return fact.name == "lost_bytes"; });
  });
}

/// What is concluded from the lengths of segments, their number or the ids of their packets is no
/// more true when they have been cut up.
bool tells_of_segments(const Outcome& outcome) {
  const auto about = [](Label label) {
    return label == Label::pmtu_blackhole || label == Label::delayed_ack_stall ||
           label == Label::rst_injection_suspect;
  };
  return std::any_of(outcome.flows.begin(), outcome.flows.end(), [&](const FlowReport& flow) {
    const auto any = [&](const std::vector<Label>& labels) {
      return std::any_of(labels.begin(), labels.end(), about);
    };
    return about(flow.label) || any(flow.labels) ||
           std::any_of(flow.exchanges.begin(), flow.exchanges.end(), [&](const ExchangeReport& x) {
             return about(x.label) || any(x.labels) || only_short_ones_arrived(x);
           });
  });
}

TEST(ResegmentationProperty, KeepsEveryVerdict) {
  std::size_t splits = 0;
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording) || recording.link == LinkType::nflog)
      continue;  // has its own length
    const Outcome whole = analyse(recording);
    if (tells_of_segments(whole)) continue;
    const std::string expected = joined(verdicts(whole));
    const std::size_t longest = longest_payload(recording);
    // A prime step, so that captures of the same shape are not all cut at the same places.
    const std::size_t step = longest <= 16 ? 1 : std::max<std::size_t>(7, longest / 20);
    const std::size_t first = lacks_bytes(whole) ? kRecognisable : 1;
    for (std::size_t at = first; at < longest; at += step) {
      const Outcome outcome = analyse(split_all(recording, at));
      EXPECT_EQ(faults_of(outcome), "") << recording.name;
      const std::string actual = joined(verdicts(outcome));
      EXPECT_EQ(actual, expected) << recording.name << ", cut at " << at;
      ++splits;
      if (actual != expected) break;  // one place is enough to look at
    }
  }
  EXPECT_GT(splits, 500U);
}

// The hardest case for a parser: one byte at a time.
TEST(ResegmentationProperty, IntoSingleBytesKeepsEveryVerdict) {
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording) || recording.link == LinkType::nflog)
      continue;                                      // has its own length
    if (longest_payload(recording) > 300) continue;  // thousands of packets, nothing new
    const Outcome whole = analyse(recording);
    if (tells_of_segments(whole)) continue;
    const std::size_t first = lacks_bytes(whole) ? kRecognisable : 1;
    Recording changed = recording;
    for (std::size_t at = longest_payload(recording); at-- > first;) {
      changed = split_all(changed, at);
    }
    EXPECT_EQ(joined(exchanges(analyse(changed))), joined(exchanges(whole))) << recording.name;
  }
}

}  // namespace
}  // namespace httpdiag::test
