// SPDX-License-Identifier: Apache-2.0
// Records that a capture lost hide what they held and nothing else: no answer moves to another
// request than its own, and nobody is accused of an error.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

constexpr std::size_t kMostLost = 4;
constexpr std::size_t kMostPackets = 400;
constexpr unsigned kTrials = 40;  // of each capture

/// The packets that carried a message, by their numbers in the whole capture.
struct Carried {
  std::uint64_t first = 0, last = 0;
  bool has(std::uint64_t packet) const { return first <= packet && packet <= last; }
};

struct Pair {
  Carried request, response;
  // Not in front of what is said to be beside a gap, in a conversation whose beginning the capture
  // lacks, or where requests wait together: which of them was lost, only the number of answers can
  // tell, and it need not.
  bool in_doubt = false;
};

struct Told {
  std::vector<Pair> pairs;
  std::set<Label> errors;
};

bool has(const std::vector<Label>& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

/// `kept[n - 1]`: the number in the whole capture of the packet with the number n.
Told told(const Outcome& outcome, const std::vector<std::uint64_t>& kept, bool pipelined) {
  Told all;
  const auto carried = [&](const auto& message) {
    return Carried{kept[message.first.number - 1], kept[message.last.number - 1]};
  };
  const auto note = [&](const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      if (finding.severity >= Severity::error) all.errors.insert(finding.label);
    }
  };
  for (const FlowReport& flow : outcome.flows) {
    note(flow.findings);
    bool in_doubt = false;
    for (const ExchangeReport& exchange : flow.exchanges) {
      note(exchange.findings);
      in_doubt = in_doubt || (has(exchange.labels, Label::capture_gap) &&
                              (pipelined || flow.handshake != Handshake::complete));
      if (!exchange.response) continue;
      all.pairs.push_back({.request = carried(exchange.request),
                           .response = carried(*exchange.response),
                           .in_doubt = in_doubt});
    }
  }
  return all;
}

std::vector<std::uint64_t> all_numbers_of(const Recording& recording) {
  std::vector<std::uint64_t> numbers(recording.packets.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i + 1;
  return numbers;
}

Recording only(const Recording& recording, const std::vector<std::uint64_t>& kept) {
  Recording less{.name = recording.name, .link = recording.link, .packets = {}};
  for (const std::uint64_t number : kept) less.packets.push_back(recording.packets[number - 1]);
  return less;
}

bool is_refused(const ExchangeReport& exchange) {
  return !exchange.response || exchange.response->status >= 400;
}

/// A connection with several exchanges, and nothing wrong with any of them. A refusal that was
/// made good later is none: what made it good may be what is lost.
bool is_healthy_conversation(const Recording& recording, const Outcome& outcome) {
  std::size_t most = 0;
  for (const FlowReport& flow : outcome.flows) {
    const bool whole = flow.handshake == Handshake::complete && flow.omitted_exchanges == 0;
    const bool smooth = flow.sides[0].retransmitted + flow.sides[1].retransmitted == 0;
    if (!whole || !smooth || flow.worst > Severity::info) return false;
    if (std::any_of(flow.exchanges.begin(), flow.exchanges.end(), is_refused)) return false;
    most = std::max(most, flow.exchanges.size());
  }
  return most >= 2 && recording.packets.size() <= kMostPackets;
}

std::string numbers(const std::vector<std::uint64_t>& lost) {
  return fmt::format("without packets {}", fmt::join(lost, ", "));
}

/// A piece of an IPv4 datagram: "more fragments", or an offset.
bool is_piece(const RecordedPacket& packet) {
  constexpr std::size_t kFlagsAt = 14 + 6;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(packet.bytes[i]); };
  return packet.bytes.size() > kFlagsAt + 1 && at(12) == 0x08 && at(13) == 0x00 &&
         ((at(kFlagsAt) & 0x3fu) != 0 || at(kFlagsAt + 1) != 0);
}

// Whether the missing piece was lost on its way (then nothing is acknowledged, and nothing
// answered) or was not recorded: what the others held is a gap.
TEST(HolesProperty, WithoutAPieceOfADatagramNobodyIsBlamed) {
  const auto found = std::find_if(recordings().begin(), recordings().end(),
                                  [](const auto& each) { return each.name == "ok--fragments"; });
  ASSERT_NE(found, recordings().end());
  std::uint64_t pieces = 0;
  for (const std::uint64_t left_out : all_numbers_of(*found)) {
    if (!is_piece(found->packets[left_out - 1])) continue;
    ++pieces;
    for (const bool lost : {false, true}) {
      std::vector<std::uint64_t> kept = all_numbers_of(*found);
      std::erase_if(kept, [&](std::uint64_t number) {
        return number == left_out ||
               (lost && number > left_out && !is_piece(found->packets[number - 1]));
      });
      Recording less = only(*found, kept);
      if (lost) {  // somebody else's packet much later: it was watched
        less.packets.push_back(found->packets.front());
        less.packets.back().at += std::chrono::minutes{2};
        less.packets.back().bytes[14 + 20] ^= 1;  // from another port
      }
      const Outcome outcome = analyse(less);
      SCOPED_TRACE(fmt::format("without piece {}, {}", left_out, lost ? "lost" : "not recorded"));
      EXPECT_EQ(told(outcome, all_numbers_of(less), false).errors, std::set<Label>{})
          << joined(verdicts(outcome));
      if (pieces > 1) {  // the first one has its head
        ASSERT_EQ(outcome.flows.size(), lost ? 2u : 1u);
        ASSERT_EQ(outcome.flows[0].exchanges.size(), 1u);
        EXPECT_EQ(outcome.flows[0].exchanges[0].request.target, "/upload");
      }
    }
  }
  EXPECT_GE(pieces, 3u);
}

TEST(HolesProperty, NoAnswerMovesToAnotherRequest) {
  std::size_t conversations = 0;
  for (const Recording& recording : recordings()) {
    const Outcome outcome = analyse(recording);
    if (!is_healthy_conversation(recording, outcome)) continue;
    ++conversations;
    const bool pipelined = std::any_of(
        outcome.flows.begin(), outcome.flows.end(),
        [](const FlowReport& flow) { return has(flow.labels, Label::pipelined_requests); });
    const Told whole = told(outcome, all_numbers_of(recording), pipelined);
    std::mt19937 random{static_cast<std::mt19937::result_type>(recording.packets.size())};
    for (unsigned trial = 0; trial < kTrials; ++trial) {
      std::vector<std::uint64_t> kept = all_numbers_of(recording), lost;
      for (std::size_t left = 1 + random() % kMostLost; left > 0; --left) {
        const std::size_t at = random() % kept.size();
        lost.push_back(kept[at]);
        kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(at));
      }
      const Outcome less = analyse(only(recording, kept));
      SCOPED_TRACE(recording.name + " " + numbers(lost) + "\n" + joined(verdicts(less)));
      EXPECT_EQ(faults_of(less), "");
      const Told seen = told(less, kept, pipelined);
      for (const Pair& pair : seen.pairs) {
        const bool known =
            std::any_of(whole.pairs.begin(), whole.pairs.end(), [&](const Pair& other) {
              return other.request.has(pair.request.first) &&
                     other.response.has(pair.response.first);
            });
        EXPECT_TRUE(known || pair.in_doubt)
            << pair.request.first << " is answered by " << pair.response.first;
      }
      for (const Label label : seen.errors) {
        EXPECT_TRUE(whole.errors.contains(label)) << info(label).id;
      }
    }
  }
  EXPECT_GE(conversations, 20U);
}

}  // namespace
}  // namespace httpdiag::test
