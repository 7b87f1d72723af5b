// SPDX-License-Identifier: Apache-2.0
// Captures that follow each other, analysed one by one and merged, are what analyze says of all of
// them: also of connections that were open when their capture ended.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include "properties/recording.hpp"
#include "support/command.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Between other addresses: 10 more in the second number of each.
Recording elsewhere(Recording recording, unsigned by) {
  for (RecordedPacket& packet : recording.packets) {
    const auto view = find_tcp(recording, packet);
    if (!view || !view->v4) continue;
    for (const std::size_t address : {view->ip + 12, view->ip + 16}) {
      put(packet.bytes, address + 1, 1, get(packet.bytes, address + 1, 1) + 10 * by);
    }
  }
  return recording;
}

Recording beginning_at(Recording recording, Timestamp begin) {
  const Duration shift = begin - recording.packets.front().at;
  for (RecordedPacket& packet : recording.packets) packet.at += shift;
  return recording;
}

class CapturesInARow : public testing::Test {
 protected:
  CapturesInARow() : folder_{fs::path{testing::TempDir()} / fmt::format("row-{}", ::getpid())} {
    fs::create_directories(folder_);
  }
  ~CapturesInARow() override { fs::remove_all(folder_); }

  std::string path(std::size_t index, std::string_view ending) const {
    return (folder_ / fmt::format("{}.{}", index, ending)).string();
  }
  std::string write(std::size_t index, const Recording& recording) const {
    std::ofstream{path(index, "pcap"), std::ios::binary} << to_pcap(recording, all_of(recording));
    return path(index, "pcap");
  }
  /// Reports of all shards of each capture; the first capture has two.
  Arguments reports_of(const Arguments& captures) const {
    Arguments reports;
    for (std::size_t i = 0; i < captures.size(); ++i) {
      const unsigned count = i == 0 ? 2 : 1;
      for (unsigned shard = 0; shard < count; ++shard) {
        reports.push_back(path(i, fmt::format("{}.json", shard)));
        const CommandOutcome outcome =
            run({"analyze", captures[i], "--format", "json", "-q", "--shard",
                 fmt::format("{}/{}", shard, count), "-o", reports.back()});
        EXPECT_EQ(outcome.status, 0) << outcome.err;
      }
    }
    std::reverse(reports.begin(), reports.end());
    return reports;
  }
  /// A report of each, of all of it.
  Arguments whole_reports_of(const Arguments& captures, const Arguments& options = {}) const {
    Arguments reports;
    for (std::size_t i = 0; i < captures.size(); ++i) {
      reports.push_back(path(i, "whole.json"));
      const CommandOutcome outcome = run(Arguments{"analyze", captures[i], "--format", "json", "-q",
                                                   "--shard", "0/1", "-o", reports.back()} +
                                         options);
      EXPECT_EQ(outcome.status, 0) << outcome.err;
    }
    return reports;
  }
  /// `options` are those that the reports were made with.
  void expect_read_again(const Arguments& captures, const Arguments& reports,
                         const std::string& why, const Arguments& shown = {"--format", "json"},
                         const Arguments& options = {}) const {
    const CommandOutcome whole = run(Arguments{"analyze"} + captures + options + shown);
    const CommandOutcome merged = run(Arguments{"merge"} + reports + shown);
    EXPECT_EQ(merged.status, whole.status) << merged.err;
    EXPECT_TRUE(merged.out == whole.out) << why;
    EXPECT_NE(merged.err.find(why), std::string::npos) << merged.err;
    EXPECT_TRUE(merged.err.ends_with(": the captures were read again\n")) << merged.err;
  }
  void expect_same(const Arguments& captures, const std::string& what,
                   const Arguments& shown = {"--format", "json", "--flows", "all"}) const {
    const CommandOutcome whole = run(Arguments{"analyze"} + captures + shown);
    const CommandOutcome merged = run(Arguments{"merge"} + reports_of(captures) + shown);
    EXPECT_EQ(merged.status, whole.status) << what << ": " << merged.err;
    EXPECT_EQ(merged.err, whole.err) << what;
    if (merged.out == whole.out) return;
    const auto [a, b] = std::ranges::mismatch(whole.out, merged.out);
    const auto at = static_cast<std::size_t>(a - whole.out.begin());
    const std::size_t from = at < 200 ? 0 : at - 200;
    ADD_FAILURE() << what << " at byte " << at << ":\n"
                  << whole.out.substr(from, 400) << "\nmerged:\n"
                  << merged.out.substr(from, 400);
  }

  fs::path folder_;
};

/// Those whose addresses can be changed, and all of what is told about them.
std::vector<Recording> movable() {
  std::vector<Recording> usable;
  for (const Recording& each : recordings()) {
    const bool all_tcp = std::ranges::all_of(each.packets, [&](const RecordedPacket& packet) {
      const auto view = find_tcp(each, packet);
      return view ? view->v4 && !view->quoted : packet.bytes.substr(12, 2) == "\x08\x06";
    });
    if (all_tcp && in_order(each) && !has_tunnels(each)) usable.push_back(each);
  }
  return usable;
}

TEST_F(CapturesInARow, AreWhatAnalyzeSaysOfAllOfThem) {
  const std::vector<Recording> usable = movable();
  ASSERT_GT(usable.size(), 100u);
  const std::array<Duration, 4> pauses{milliseconds{200}, seconds{70}, minutes{10}, hours{3}};
  for (std::size_t i = 0; i + 2 < usable.size(); i += 3) {
    Arguments captures;
    Timestamp begin = usable[i].packets.front().at;
    for (std::size_t k = 0; k < 3; ++k) {
      const Recording one = beginning_at(elsewhere(usable[i + k], static_cast<unsigned>(k)), begin);
      captures.push_back(write(k, one));
      begin = one.packets.back().at + pauses[(i / 3 + k) % pauses.size()];
    }
    expect_same(captures,
                fmt::format("{}, {}, {}", usable[i].name, usable[i + 1].name, usable[i + 2].name));
  }
}

const Recording& recording(std::string_view name) {
  const auto found =
      std::ranges::find_if(recordings(), [&](const Recording& each) { return each.name == name; });
  if (found == recordings().end()) throw std::runtime_error{"no such recording"};
  return *found;
}

TEST_F(CapturesInARow, InAllFormats) {
  const Recording& first = recording("delivery-rejected--after-six-attempts");
  const Recording second = beginning_at(elsewhere(recording("close-wait-lingering"), 1),
                                        first.packets.back().at + seconds{30});
  const Arguments captures{write(0, first), write(1, second)};
  expect_same(captures, "text", {});
  expect_same(captures, "text of all", {"--flows", "all"});
  expect_same(captures, "ndjson", {"--format", "ndjson", "--show-payload"});
  expect_same(captures, "a label", {"--label", "close-wait-lingering", "--fail-on", "warning"});
}

// What is missing behind its break may be the end of everything that was open.
TEST_F(CapturesInARow, OneOfThemBreaksOff) {
  Recording first = recording("no-response");
  first.packets.back().bytes.resize(first.packets.back().bytes.size() / 2);
  const Recording second =
      beginning_at(elsewhere(recording("client-timeout"), 1), first.packets.back().at + minutes{5});
  const Recording third =
      beginning_at(elsewhere(recording("connect-refused"), 2), second.packets.back().at + hours{3});
  const Arguments captures{write(0, first), write(1, second), write(2, third)};
  for (const std::size_t broken : {0u, 1u, 2u}) {
    fs::resize_file(captures[broken], fs::file_size(captures[broken]) - 5);
    expect_same(captures, fmt::format("{} breaks off, too", broken));
  }
}

// How long what is open has waited does not go by a clock that was set back.
TEST_F(CapturesInARow, TheClockOfTheLastOneIsSetBack) {
  const Recording& first = recording("not-no-response--capture-ended");
  for (const std::string_view name :
       {"not-close-wait-lingering--clock-stepped-back", "capture-clock-anomaly"}) {
    const Recording second =
        beginning_at(elsewhere(recording(name), 1), first.packets.back().at + seconds{100});
    expect_same({write(0, first), write(1, second)}, std::string{name});
  }
}

/// Whether no connection has packets on both sides of `cut`; errors about one may come later.
bool parts_no_connection(const Recording& whole, std::size_t cut) {
  std::set<std::string> before;
  for (std::size_t i = 0; i < whole.packets.size(); ++i) {
    const auto view = find_tcp(whole, whole.packets[i]);
    if (!view || view->quoted) continue;
    const std::string ends = std::min(direction_of(whole.packets[i], *view),
                                      direction_of(whole.packets[i], *view, true));
    if (i < cut) before.insert(ends);
    if (i >= cut && before.contains(ends)) return false;
  }
  return true;
}

// Names that are looked up in one capture, and answered, refused or used in the next; ICMP errors
// about what was asked before; the other IP version instead of the one that was refused.
TEST_F(CapturesInARow, WhatIsBetweenConnectionsGoesOn) {
  std::size_t cuts = 0;
  for (const Recording& whole : recordings()) {
    const bool any = std::ranges::any_of(
        std::array{"dns-", "unreachable", "happy-eyeballs"},
        [&](const char* part) { return whole.name.find(part) != std::string::npos; });
    if (!any || !in_order(whole)) continue;
    const std::vector<std::size_t> all = all_of(whole);
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
      if (!parts_no_connection(whole, cut)) continue;
      ++cuts;
      const auto at = all.begin() + static_cast<std::ptrdiff_t>(cut);
      std::ofstream{path(0, "pcap"), std::ios::binary} << to_pcap(whole, {all.begin(), at});
      std::ofstream{path(1, "pcap"), std::ios::binary} << to_pcap(whole, {at, all.end()});
      expect_same({path(0, "pcap"), path(1, "pcap")}, fmt::format("{} cut at {}", whole.name, cut));
    }
  }
  EXPECT_GT(cuts, 30u);
}

/// The same between the same ends again, by other sequence numbers.
Recording again(Recording recording) {
  constexpr std::uint32_t kFurther = 1'000'000'007;
  for (RecordedPacket& packet : recording.packets) {
    const auto view = find_tcp(recording, packet);
    if (!view) continue;
    for (const std::size_t at : {kSeqAt, kAckAt}) {
      const std::uint32_t number = get(packet.bytes, view->tcp + at, 4);
      if (number != 0) put(packet.bytes, view->tcp + at, 4, number + kFurther);
    }
  }
  return recording;
}

/// It has each connection from its first SYN on, those too that use ports again, and the clock
/// jumps in none.
bool begins_with_syns(const Recording& recording) {
  for (std::size_t i = 1; i < recording.packets.size(); ++i) {
    if (recording.packets[i].at - recording.packets[i - 1].at > hours{24}) return false;
  }
  std::map<std::string, std::set<std::uint32_t>> known;  // sequence numbers of a direction's SYNs
  return std::ranges::all_of(recording.packets, [&](const RecordedPacket& packet) {
    const auto view = find_tcp(recording, packet);
    if (!view) return packet.bytes.substr(12, 2) == "\x08\x06";
    if (!view->v4 || !view->whole || view->quoted) return false;
    constexpr unsigned kSyn = 2, kAck = 16;
    const unsigned flags = get(packet.bytes, view->tcp + kFlagsAt, 1);
    const std::string back = direction_of(packet, *view, true);
    if ((flags & kSyn) != 0 && (flags & kAck) == 0) {
      known[direction_of(packet, *view)].insert(get(packet.bytes, view->tcp + kSeqAt, 4));
      return true;
    }
    if ((flags & kSyn) != 0) {
      const auto syns = known.find(back);
      return syns != known.end() &&
             syns->second.contains(get(packet.bytes, view->tcp + kAckAt, 4) - 1);
    }
    return known.contains(direction_of(packet, *view)) || known.contains(back);
  });
}

TEST_F(CapturesInARow, PortsAreUsedAgain) {
  std::size_t rows = 0;
  const std::array<Duration, 3> pauses{seconds{20}, minutes{4}, hours{3}};
  for (const Recording& first : recordings()) {
    if (!in_order(first) || has_tunnels(first) || !begins_with_syns(first)) continue;
    const Recording second =
        beginning_at(again(first), first.packets.back().at + pauses[rows++ % pauses.size()]);
    expect_same({write(0, first), write(1, second)}, first.name);
  }
  EXPECT_GT(rows, 30u);
}

// What nobody answered when the capture ended has no answer in the next one either; where nobody
// may have recorded in between, it may have had one.
TEST_F(CapturesInARow, LookupsWithoutAnAnswerFail) {
  const Recording& first = recording("not-dns-failed--capture-ended");
  const auto labels = [&](Duration pause) {
    const Recording second =
        beginning_at(elsewhere(recording("no-response"), 1), first.packets.back().at + pause);
    const Arguments captures{write(0, first), write(1, second)};
    expect_same(captures, "a lookup that is open");
    return run(Arguments{"merge"} + reports_of(captures)).out;
  };
  const std::string failed = "dns-failed: ";
  EXPECT_NE(labels(seconds{1}).find(failed), std::string::npos);
  EXPECT_EQ(labels(minutes{1}).find(failed), std::string::npos);
  EXPECT_EQ(labels(hours{3}).find(failed), std::string::npos);
}

// A state does not hold packets: both halves are flows of their own, and merge says so, where the
// packets are gone.
TEST_F(CapturesInARow, ConnectionsThatGoOnAreTold) {
  const Recording& whole = recording("slow-response");
  const std::vector<std::size_t> all = all_of(whole);
  const auto half = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::ofstream{path(0, "pcap"), std::ios::binary} << to_pcap(whole, {all.begin(), half});
  std::ofstream{path(1, "pcap"), std::ios::binary} << to_pcap(whole, {half, all.end()});
  const Arguments captures{path(0, "pcap"), path(1, "pcap")};
  const std::string told = "1 connection goes on from one capture to the next";
  const auto said = [&](const Arguments& reports) {
    const CommandOutcome outcome = run(Arguments{"merge"} + reports);
    EXPECT_EQ(outcome.status, 0);
    return outcome.err;
  };
  const std::string why = "connections may go on from one capture to the next";
  expect_read_again(captures, reports_of(captures), why);
  const Arguments reports = whole_reports_of(captures);
  expect_read_again(captures, reports, why);
  fs::rename(captures[1], path(2, "pcap"));
  EXPECT_NE(said(reports).find(told), std::string::npos);
}

// A SYN with a number of its own begins another connection.
TEST_F(CapturesInARow, PortsThatAreUsedAgainAreNoReasonToReadAgain) {
  const Recording& first = recording("slow-response");
  const Recording second = beginning_at(again(first), first.packets.back().at + seconds{20});
  const Arguments captures{write(0, first), write(1, second)};
  const CommandOutcome whole = run(Arguments{"analyze"} + captures);
  const CommandOutcome merged = run(Arguments{"merge"} + whole_reports_of(captures));
  EXPECT_TRUE(merged.out == whole.out);
  EXPECT_EQ(merged.err, whole.err);
}

// Connections in common, filters of packets, breaks: the packets know what the states do not.
TEST_F(CapturesInARow, CapturesThatAreThereAreReadAgain) {
  const Recording& first = recording("no-response");
  Arguments captures{write(0, first), write(1, again(first))};
  const Arguments json{"--format", "json"};
  const std::string why = "overlap in time, and ";
  expect_read_again(captures, whole_reports_of(captures), why + "have connections in common");
  expect_read_again(captures, whole_reports_of(captures), why, {"--why", "1"});
  expect_read_again(captures, whole_reports_of(captures), why, {"--format", "ndjson"});
  const Arguments filters{"--port", "8080", "--time", "..+1h", "--bpf", "ip and tcp"};
  expect_read_again(captures, whole_reports_of(captures, filters), why + "were made with a filter",
                    json, filters);
  // Behind the damage --recover finds more.
  std::string bytes = read_file(captures[1]);
  bytes.replace(24 + 8, 4, "\xff\xff\xff\xff");
  std::ofstream{captures[1], std::ios::binary} << bytes;
  expect_read_again(captures, whole_reports_of(captures, {"--recover"}), why + "of one packets",
                    json, {"--recover"});
  // All shards of both, though one is divided.
  write(1, again(first));
  expect_read_again(captures, reports_of(captures), why);
}

TEST_F(CapturesInARow, WhyTheyAreNotReadAgainIsSaid) {
  const Recording& first = recording("no-response");
  const Arguments captures{write(0, first), write(1, again(first))};
  const auto why = [&](const Arguments& reports) {
    const CommandOutcome table = run(Arguments{"merge"} + reports);
    EXPECT_EQ(table.status, 0) << table.err;
    const std::string common = "have connections in common; ", end = ": for one report";
    const std::size_t begin = table.out.find(common) + common.size();
    return table.out.substr(begin, table.out.find(end) - begin);
  };
  Arguments reports = whole_reports_of(captures);
  std::ofstream{captures[1], std::ios::binary | std::ios::app} << 'x';
  EXPECT_EQ(why(reports), captures[1] + " is not what it was");
  fs::remove(captures[1]);
  EXPECT_EQ(why(reports), captures[1] + " is not there");
  write(1, again(first));
  EXPECT_EQ(run({"analyze", captures[1], "--recover", "--shard", "0/1", "--format", "json", "-o",
                 reports[1]})
                .status,
            0);
  EXPECT_EQ(why(reports), "one was read with --recover, another without");
  reports.front() = path(3, "json");
  EXPECT_EQ(run({"analyze", captures[0], captures[1], "--recover", "--shard", "0/1", "--format",
                 "json", "-o", reports.front()})
                .status,
            0);
  EXPECT_EQ(why(reports), captures[1] + " is in two reports");
}

// Folders, given in another order than that of their times.
TEST_F(CapturesInARow, WhatWasNotReadIsInOrder) {
  const Recording& first = recording("no-response");
  const Recording second = beginning_at(elsewhere(recording("connect-refused"), 1),
                                        first.packets.back().at + minutes{1});
  const std::string one = folder_ / "b", other = folder_ / "a";
  for (const std::string& each : {one, other}) {
    fs::create_directories(each);
    std::ofstream{each + "/notes.txt"} << "what somebody wrote";
  }
  fs::rename(write(0, first), one + "/0.pcap");
  fs::rename(write(1, second), other + "/1.pcap");
  expect_same({one, other}, "in order of time");
  expect_same({other, one}, "in order of names");
}

/// Between no others' ends, and by other sequence numbers, from within the first one on.
TEST_F(CapturesInARow, OrAtTheSameTime) {
  const std::vector<Recording> usable = movable();
  std::size_t overlaps = 0, others = 0;
  for (std::size_t i = 0; i + 2 < usable.size(); i += 5) {
    const Recording& first = usable[i];
    const Duration length = first.packets.back().at - first.packets.front().at;
    const Timestamp within = first.packets.front().at + length / 3;
    const Recording second = beginning_at(again(elsewhere(usable[i + 1], 1)), within);
    // A third one goes on behind them, or begins after a pause.
    const Timestamp end = std::max(first.packets.back().at, second.packets.back().at);
    const Recording third = beginning_at(again(again(elsewhere(usable[i + 2], 2))),
                                         i % 2 == 0 ? end - length / 5 : end + minutes{10});
    overlaps += within <= first.packets.back().at;
    const Arguments captures{write(0, first), write(1, second), write(2, third)};
    const std::string said = run(Arguments{"merge"} + reports_of(captures)).err;
    if (said.find("overlap in time, and one has no packet") != std::string::npos) {
      ++others;
      continue;
    }
    expect_same(captures,
                fmt::format("{}, {}, {}", first.name, usable[i + 1].name, usable[i + 2].name));
  }
  EXPECT_GT(overlaps, 50u);
  EXPECT_LT(others * 20, overlaps);
}

// What one of them was given to find goes for all.
TEST_F(CapturesInARow, OrAtTheSameTimeInAllFormats) {
  const Recording& first = recording("delivery-rejected--after-six-attempts");
  const Recording second = beginning_at(again(elsewhere(recording("close-wait-lingering"), 1)),
                                        first.packets.front().at + seconds{2});
  const Arguments captures{write(0, first), write(1, second)};
  expect_same(captures, "text", {});
  expect_same(captures, "text of all", {"--flows", "all"});
  expect_same(captures, "ndjson", {"--format", "ndjson", "--show-payload"});
  expect_same(captures, "why", {"--why", "2"});
}

// Where the undivided run may make other flows of the packets than the states tell of.
TEST_F(CapturesInARow, WhyNotIsSaid) {
  const Recording& first = recording("no-response");
  const auto why = [&](const Recording& second, const Arguments& filter = {},
                       const Recording& beside = recording("no-response")) {
    const Arguments captures{write(0, beside), write(1, second)};
    Arguments reports;
    for (std::size_t i = 0; i < captures.size(); ++i) {
      reports.push_back(path(i, "json"));
      EXPECT_EQ(run(Arguments{"analyze", captures[i], "--format", "json", "-q", "--shard", "0/1",
                              "-o", reports.back()} +
                    filter)
                    .status,
                0);
    }
    const std::string said = run(Arguments{"merge"} + reports).err;
    const std::string overlap = "overlap in time, and ";
    const std::size_t begin = said.find(overlap);
    if (begin == std::string::npos) return said;
    return said.substr(begin + overlap.size(),
                       said.find(": the captures", begin) - begin - overlap.size());
  };
  const Timestamp begin = first.packets.front().at;
  EXPECT_EQ(why(again(first)), "have connections in common");
  EXPECT_EQ(why(elsewhere(first, 1)), "a connection of one may be in the other by other addresses");
  const Recording apart = again(elsewhere(first, 1));
  EXPECT_EQ(why(apart, {"--port", "8080"}), "were made with a filter of packets");
  Recording back = apart;
  back.packets.back().at = begin - seconds{10};
  EXPECT_EQ(why(back), "the clock of one goes back");
  // Its last packet is in front of all of the other's.
  EXPECT_EQ(why(beginning_at(apart, begin + milliseconds{10}), {}, elsewhere(back, 2)),
            "the clock of one goes back");
  Recording jump = apart;
  jump.packets.back().at += hours{2};
  Recording on = first;
  on.packets.back().at += hours{1};
  EXPECT_EQ(why(jump, {}, on), "one has no packet for more than an hour");
}

TEST_F(CapturesInARow, CapturesThatOverlapAndAreGoneAreATable) {
  const Arguments captures{path(0, "pcap"), path(1, "pcap")};
  const auto bring = [&] {
    fs::copy_file("pcaps/no-response.pcap", captures[0]);
    fs::copy_file("pcaps/connect-refused.pcap", captures[1]);
  };
  const auto take_away = [&] {
    for (const std::string& each : captures) fs::remove(each);
  };
  bring();
  const auto whole = [&](std::size_t i, const char* shard) {
    EXPECT_EQ(run({"analyze", captures[i], "--format", "json", "-q", "--shard", shard, "-o",
                   path(i, "json")})
                  .status,
              0);
  };
  whole(0, "0/1");
  whole(1, "0/1");
  take_away();
  const CommandOutcome table = run({"merge", path(0, "json"), path(1, "json")});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_TRUE(table.out.starts_with("2 captures: ")) << table.out;
  EXPECT_NE(
      table.out.find("are of captures that overlap in time, and have connections in common; " +
                     captures[0] +
                     " is not there: for one report of them give the captures to analyze."),
      std::string::npos)
      << table.out;
  EXPECT_NE(run({"merge", path(0, "json"), path(1, "json"), "--flow", "1"})
                .err.find("--flow is for one report, and of these there is a table only: "),
            std::string::npos);
  // The table counts reports, of which shards are parts.
  bring();
  whole(1, "0/2");
  EXPECT_EQ(run({"analyze", captures[1], "--format", "json", "-q", "--shard", "1/2", "-o",
                 path(2, "json")})
                .status,
            0);
  take_away();
  const CommandOutcome parts = run({"merge", path(0, "json"), path(1, "json"), path(2, "json")});
  EXPECT_EQ(parts.status, 2);
  EXPECT_NE(parts.err.find("is not there: give all captures to each shard"), std::string::npos)
      << parts.err;
}

}  // namespace
}  // namespace httpdiag::test
