// SPDX-License-Identifier: Apache-2.0
// A capture cut anywhere is refused in one line or analysed to the cut, and what is
// said about a connection that was over by then does not change with what follows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "httpdiag/error.hpp"
#include "properties/capture_bytes.hpp"
#include "properties/recording.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

constexpr std::size_t kFileHeader = 24, kRecordHeader = 16;

/// Where each record begins, and the end of the last one that is whole.
std::vector<std::size_t> boundaries(const Recording& recording) {
  std::vector<std::size_t> at{kFileHeader};
  for (const RecordedPacket& packet : recording.packets) {
    at.push_back(at.back() + kRecordHeader + packet.bytes.size());
  }
  return at;
}

std::string reading(const std::string& path) {
  try {
    const auto source = open_capture(path, {});
    std::size_t packets = 0;
    while (source->next() != nullptr) ++packets;
    const auto& damage = source->summary().damage;
    if (!damage) return fmt::format("{} packets", packets);
    return fmt::format("{} packets, after {} damage at {}", packets, damage->after_packet,
                       damage->byte_offset);
  } catch (const Error&) {
    return "refused";
  }
}

TEST(TruncationProperty, AtEveryByteIsTold) {
  for (std::size_t file = 0; file < recordings().size(); ++file) {
    const std::string bytes = read_file(capture_paths()[file]);
    const auto at = boundaries(recordings()[file]);
    const MemoryFile cut{bytes};
    // The smallest at every byte; of the others each has its own remainder, so that
    // together they are cut everywhere.
    const std::size_t step = bytes.size() < 440 ? 1 : bytes.size() < 6144 ? 47 : 997;
    for (std::size_t left = bytes.size() - file % step;;) {
      cut.set_size(left);
      std::string expected = "refused";
      if (left >= kFileHeader) {
        const auto next = std::upper_bound(at.begin(), at.end(), left);
        const std::size_t packets = static_cast<std::size_t>(next - at.begin()) - 1;
        expected = fmt::format("{} packets", packets);
        if (at[packets] != left) {
          expected += fmt::format(", after {} damage at {}", packets, at[packets]);
        }
      }
      EXPECT_EQ(reading(cut.path()), expected) << recordings()[file].name << " cut at " << left;
      if (left < step) break;
      left -= step;
    }
  }
}

TEST(TruncationProperty, InsideEveryRecordGivesAReport) {
  for (std::size_t file = 0; file < recordings().size(); ++file) {
    const std::string bytes = read_file(capture_paths()[file]);
    const auto at = boundaries(recordings()[file]);
    const MemoryFile cut{bytes};
    const std::size_t step = std::max<std::size_t>(1, at.size() / 12);
    // Backwards, as a file only gets shorter. At least one packet is whole.
    for (std::size_t record = at.size() - 1; record-- > 1;) {
      if (record % step != file % step) continue;
      const std::size_t size = at[record] + 1 + record * 37 % (at[record + 1] - at[record] - 1);
      cut.set_size(size);
      SCOPED_TRACE(fmt::format("{} cut at {}", recordings()[file].name, size));
      const auto source = open_capture(cut.path(), {});
      const auto [text, outcome] = render(*source, report::Format::json);
      EXPECT_TRUE(nlohmann::json::accept(text));
      EXPECT_EQ(faults_of(outcome), "");
      EXPECT_EQ(outcome.report.ledger.packets, record);
      EXPECT_TRUE(
          std::any_of(outcome.report.findings.begin(), outcome.report.findings.end(),
                      [](const Finding& f) { return f.label == Label::capture_file_truncated; }));
    }
  }
}

bool at_rest(const FlowReport& flow) {
  const auto over = [](const SideReport& side) {
    return side.state == TcpState::closed || side.state == TcpState::time_wait;
  };
  const bool by_fin = flow.ended_by == EndedBy::client_fin || flow.ended_by == EndedBy::server_fin;
  return by_fin && over(flow.sides[0]) && over(flow.sides[1]);
}

Recording first_packets(const Recording& recording, std::size_t count) {
  Recording prefix{.name = recording.name, .link = recording.link, .packets = {}};
  prefix.packets.assign(recording.packets.begin(),
                        recording.packets.begin() + static_cast<std::ptrdiff_t>(count));
  return prefix;
}

/// `second` after `first`, on ports of its own.
Recording followed_by(const Recording& first, const Recording& second) {
  Recording both = first;
  both.name += " and " + second.name;
  Timestamp end = first.packets.front().at;
  for (const RecordedPacket& packet : first.packets) end = std::max(end, packet.at);
  const Duration shift = end + std::chrono::seconds{5} - second.packets.front().at;
  for (RecordedPacket packet : second.packets) {
    if (const auto view = find_tcp(second, packet)) {
      for (const std::size_t port : {view->tcp, view->tcp + 2}) {
        put(packet.bytes, port, 2, get(packet.bytes, port, 2) ^ 0x0100U);
      }
    }
    packet.at += shift;
    both.packets.push_back(std::move(packet));
  }
  return both;
}

/// A late RST may add a remark, but none goes.
void expect_all_of(const std::vector<Label>& wanted, const std::vector<Label>& in) {
  for (const Label label : wanted) {
    EXPECT_NE(std::find(in.begin(), in.end(), label), in.end()) << "lost: " << info(label).id;
  }
}

/// Whatever is said of a flow that was at rest after `count` packets is still said
/// when the capture goes on.
void expect_kept(const Recording& recording, std::size_t count, const Outcome& whole) {
  for (const FlowReport& before : analyse(first_packets(recording, count)).flows) {
    if (!at_rest(before)) continue;
    const auto after = std::find_if(whole.flows.begin(), whole.flows.end(),
                                    [&](const FlowReport& flow) { return flow.id == before.id; });
    ASSERT_NE(after, whole.flows.end());
    SCOPED_TRACE(fmt::format("{}, after {} packets", recording.name, count));
    EXPECT_EQ(info(after->label).id, info(before.label).id);
    expect_all_of(before.labels, after->labels);
    ASSERT_EQ(after->exchanges.size(), before.exchanges.size());
    for (std::size_t i = 0; i < before.exchanges.size(); ++i) {
      EXPECT_EQ(info(after->exchanges[i].label).id, info(before.exchanges[i].label).id);
      expect_all_of(before.exchanges[i].labels, after->exchanges[i].labels);
    }
  }
}

TEST(TruncationProperty, KeepsWhatWasSaidOfClosedFlows) {
  for (const Recording& recording : recordings()) {
    const Outcome whole = analyse(recording);
    const std::size_t step = std::max<std::size_t>(1, recording.packets.size() / 15);
    for (std::size_t count = 1; count < recording.packets.size(); count += step) {
      expect_kept(recording, count, whole);
    }
  }
}

TEST(TruncationProperty, KeepsWhatWasSaidBeforeOtherTraffic) {
  std::size_t pairs = 0;
  for (std::size_t i = 0; i + 1 < recordings().size(); ++i) {
    const Recording& first = recordings()[i];
    const Recording& second = recordings()[i + 1];
    if (first.link != second.link || first.packets.empty() || second.packets.empty()) continue;
    const Recording both = followed_by(first, second);
    const Outcome whole = analyse(both);
    EXPECT_EQ(faults_of(whole), "") << both.name;
    expect_kept(both, first.packets.size(), whole);
    ++pairs;
  }
  EXPECT_GT(pairs, 50U);
}

}  // namespace
}  // namespace httpdiag::test
