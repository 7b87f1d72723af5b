// SPDX-License-Identifier: Apache-2.0
// A capture in pieces is the same capture: rotated by count or by time, spread over files that
// overlap, with records written late. Whatever the clock does, no duration is absurd.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "capture/capture_files.hpp"
#include "properties/capture_bytes.hpp"
#include "properties/recording.hpp"
#include "support/testdata.hpp"
#include "support/wire.hpp"

namespace httpdiag::test {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Everything that is said but about the input, with packets numbered in the order of analysis.
json said_of(PacketSource& source) {
  Text out;
  const auto writer = report::make_writer(report::Format::json, {}, out);
  Report report = analyze(source, Settings{}, *writer);
  report.input = nullptr;
  writer->finish(report);
  json said = json::parse(out.text);
  said["input"].erase("files");
  // The reasons for the vantage are sentences, which name a packet as it is called in its file.
  if (json& vantage = said["input"]["vantage"]; !vantage.is_null()) {
    const std::regex packet{"first at packet [^)]*"};
    for (json& reason : vantage["because"]) {
      reason = std::regex_replace(reason.get<std::string>(), packet, "");
    }
  }
  return said;
}

/// In order, at times that a pcap of unsigned seconds can say.
bool can_be_rotated(const Recording& recording) {
  return in_order(recording) && recording.packets.front().at.time_since_epoch() > seconds{0} &&
         recording.packets.back().at.time_since_epoch() < seconds{0xffffffff};
}

class SeveralFiles : public testing_capture::CaptureFiles {
 protected:
  /// Writes the pieces under names that do not tell their order, and analyses them together.
  json said_of_pieces(const Recording& recording,
                      const std::vector<std::vector<std::size_t>>& pieces) {
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::string name = fmt::format("{}.pcap{}", (i * 7 + 3) % 10, i);
      paths.push_back(write(to_pcap(recording, pieces[i]), name));
    }
    std::reverse(paths.begin(), paths.end());
    const auto source = open_captures(paths, {});
    json said = said_of(*source);
    const std::vector<CaptureBorder>& borders = source->summary().borders;
    watched_ = std::all_of(borders.begin(), borders.end(),
                           [](const CaptureBorder& border) { return border.ordinary; });
    EXPECT_EQ(source->summary().damage, nullptr);
    EXPECT_EQ(source->summary().packets, recording.packets.size());
    EXPECT_EQ(source->summary().files.size(), pieces.size());
    for (PacketNumber n = 1; n <= recording.packets.size() && pieces.size() > 1; ++n) {
      const PacketPlace place = place_of(&source->summary(), n);
      const std::string& path = source->summary().files.at(place.file).name;
      const auto piece = static_cast<std::size_t>(path.back() - '0');
      EXPECT_EQ(pieces.at(piece).at(place.number - 1), n - 1) << recording.name;
    }
    return said;
  }

  /// Of the pieces that were analysed last: a pause between two of them that is longer than any
  /// within proves nothing (APauseBetweenThemIsHeldAgainstNobody).
  bool watched_ = true;

  json said_of_whole(const Recording& recording) {
    const auto source = open_capture(write(to_pcap(recording, all_of(recording))), {});
    return said_of(*source);
  }
};

std::string first_difference(const json& a, const json& b) {
  const json patch = json::diff(a, b);
  return patch.empty() ? "" : patch.front().dump().substr(0, 300);
}

TEST_F(SeveralFiles, RotatedByCountSayTheSame) {
  std::size_t compared = 0;
  for (const Recording& recording : recordings()) {
    if (!can_be_rotated(recording)) continue;
    const std::size_t size = recording.packets.size();
    for (const std::size_t count : {std::max<std::size_t>(1, size / 2), size / 5 + 1}) {
      std::vector<std::vector<std::size_t>> pieces(1);
      for (std::size_t i = 0; i < size; ++i) {
        // Files are put in order by their first packet, so no two may begin at the same time.
        const bool tie = i > 0 && recording.packets[i].at == recording.packets[i - 1].at;
        if (pieces.back().size() >= count && !tie && pieces.size() < 10) pieces.emplace_back();
        pieces.back().push_back(i);
      }
      const json said = said_of_pieces(recording, pieces);
      if (!watched_) continue;
      ++compared;
      EXPECT_EQ(first_difference(said_of_whole(recording), said), "")
          << recording.name << " every " << count;
    }
  }
  EXPECT_GT(compared, 300u);
}

// Each of three files lacks its end: what was open there is told of each of them, and the last one
// is not mixed up with the others.
TEST_F(SeveralFiles, EachThatBreaksOffSaysWhatWasOpenThere) {
  const auto found = std::find_if(recordings().begin(), recordings().end(), [](const auto& each) {
    return each.name == "request-on-half-closed";
  });
  ASSERT_NE(found, recordings().end());
  const std::vector<std::vector<std::size_t>> pieces{{0, 1, 2, 3}, {4, 5}, {6, 7}};
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string bytes = to_pcap(*found, pieces[i]);
    bytes.resize(bytes.size() - 3);
    paths.push_back(write(bytes, fmt::format("{}.pcap", i)));
  }
  const auto source = open_captures(paths, {});
  Text out;
  const auto writer = report::make_writer(report::Format::json, {}, out);
  const Report report = analyze(*source, Settings{}, *writer);
  ASSERT_EQ(report.open_at_damage.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(report.open_at_damage[i]) << i;
    ASSERT_EQ(report.open_at_damage[i]->count, 1u) << i;
    EXPECT_EQ(report.open_at_damage[i]->first.front(), FlowId{static_cast<std::uint32_t>(i + 1)});
  }
  writer->finish(report);
  const json said = json::parse(out.text);
  EXPECT_EQ(said["input"]["damage"]["open_flow_ids"], json::parse("[1]"));
  EXPECT_EQ(said["input"]["files"][1]["damage"]["open_flow_ids"], json::parse("[2]"));
}

// The request was sent, and acknowledged; then nothing of it. Where the link was at rest as long
// before, that is silence. Where the capture ended and another one began, nobody knows.
TEST_F(SeveralFiles, APauseBetweenThemIsHeldAgainstNobody) {
  const auto found = std::find_if(recordings().begin(), recordings().end(),
                                  [](const auto& each) { return each.name == "no-response"; });
  ASSERT_NE(found, recordings().end());
  const Recording& recording = *found;
  const std::size_t size = recording.packets.size();
  ASSERT_GT(recording.packets[size - 1].at - recording.packets[size - 2].at, seconds{5});
  std::vector<std::size_t> front = all_of(recording);
  const std::vector<std::size_t> behind{front.back()};
  front.pop_back();
  const json whole = said_of_whole(recording), pieces = said_of_pieces(recording, {front, behind});
  EXPECT_EQ(whole["summary"]["exchange_labels"].count("no-response"), 1u);
  EXPECT_EQ(pieces["summary"]["exchange_labels"].count("no-response"), 0u);
  EXPECT_EQ(pieces["summary"]["annotations"].count("capture-ended-early"), 1u) << pieces["summary"];
  // Its first packet came as long before the others.
  Recording slow = recording;
  slow.packets.front().at -= slow.packets.back().at - slow.packets[size - 2].at;
  EXPECT_EQ(first_difference(said_of_whole(slow), said_of_pieces(slow, {front, behind})), "");
}

TEST_F(SeveralFiles, RotatedByTimeSayTheSame) {
  std::size_t compared = 0;
  for (const Recording& recording : recordings()) {
    if (!can_be_rotated(recording)) continue;
    const auto begin = recording.packets.front().at;
    const Duration slice = (recording.packets.back().at - begin) / 4 + std::chrono::nanoseconds{1};
    std::vector<std::vector<std::size_t>> pieces;
    std::int64_t current = -1;
    for (std::size_t i = 0; i < recording.packets.size(); ++i) {
      const std::int64_t which = (recording.packets[i].at - begin) / slice;
      if (which != current) pieces.emplace_back();
      current = which;
      pieces.back().push_back(i);
    }
    const json said = said_of_pieces(recording, pieces);
    if (!watched_) continue;
    ++compared;
    EXPECT_EQ(first_difference(said_of_whole(recording), said), "") << recording.name;
  }
  EXPECT_GT(compared, 100u);
}

TEST_F(SeveralFiles, InterleavedSayTheSame) {
  for (const Recording& recording : recordings()) {
    if (!can_be_rotated(recording)) continue;
    std::vector<std::vector<std::size_t>> pieces(2);
    std::size_t next = 0;
    for (std::size_t i = 0; i < recording.packets.size(); ++i) {
      // What was recorded at the same time has no order across files.
      const bool tie = i > 0 && recording.packets[i].at == recording.packets[i - 1].at;
      if (!tie) next = 1 - next;
      pieces[next].push_back(i);
    }
    if (pieces[0].empty()) pieces.erase(pieces.begin());
    const json whole = said_of_whole(recording);
    // Files tell copies apart that the whole cannot.
    if (whole["input"]["ledger"]["duplicates"] != 0) continue;
    EXPECT_EQ(first_difference(whole, said_of_pieces(recording, pieces)), "") << recording.name;
  }
}

TEST_F(SeveralFiles, RecordedLateIsSortedIn) {
  std::size_t sorted = 0;
  for (const Recording& recording : recordings()) {
    if (!can_be_rotated(recording)) continue;
    for (std::size_t i = 0; i + 1 < recording.packets.size(); ++i) {
      const RecordedPacket& a = recording.packets[i];
      const RecordedPacket& b = recording.packets[i + 1];
      const auto view_a = find_tcp(recording, a), view_b = find_tcp(recording, b);
      // Of one conversation the order may be told otherwise. A batch that was handed on stays.
      if (!view_a || !view_b || view_a->quoted || view_b->quoted || !view_a->whole ||
          !view_b->whole)
        continue;
      if (direction_of(a, *view_a) == direction_of(b, *view_b)) continue;
      if (direction_of(a, *view_a) == direction_of(b, *view_b, true)) continue;
      if (a.at == b.at || b.at - a.at > milliseconds{100}) continue;
      if (i % PacketSource::kMostPackets == PacketSource::kMostPackets - 1) continue;
      std::vector<std::size_t> order = all_of(recording);
      std::swap(order[i], order[i + 1]);
      const auto source = open_capture(write(to_pcap(recording, order)), {});
      EXPECT_EQ(first_difference(said_of_whole(recording), said_of(*source)), "")
          << recording.name << " " << i;
      EXPECT_EQ(source->summary().reordered, 1u) << recording.name << " " << i;
      EXPECT_EQ(place_of(&source->summary(), i + 1).number, i + 2) << recording.name;
      EXPECT_EQ(place_of(&source->summary(), i + 2).number, i + 1) << recording.name;
      ++sorted;
      i += 5;
    }
  }
  EXPECT_GT(sorted, 50u);
}

std::string copies_of(PacketSource& source) {
  const Outcome outcome = analyse(source);
  for (const Finding& finding : outcome.report.findings) {
    if (finding.label == Label::capture_duplicate_packets) return finding.detail;
  }
  return "";
}

TEST_F(SeveralFiles, CopiesSayWhereTheyComeFrom) {
  const auto any = open_capture("pcaps/capture-duplicate-packets.pcap", {});
  EXPECT_NE(copies_of(*any).find("by interface number 2 and interface number 3 ("),
            std::string::npos);
  const auto routed = open_capture("pcaps/not-connect-slow--recorded-twice.pcap", {});
  EXPECT_NE(copies_of(*routed).find("recorded one step of TTL apart, before and behind a router"),
            std::string::npos);
  const auto nat = open_capture("pcaps/ok--address-translation.pcap", {});
  EXPECT_NE(copies_of(*nat).find("under two names, as addresses are translated"),
            std::string::npos);
  const std::string path = "pcaps/request-on-half-closed.pcap";
  const auto twice = open_captures({path, write(read_file(path), "copy.pcap")}, {});
  EXPECT_NE(copies_of(*twice).find("copy.pcap and request-on-half-closed.pcap ("),
            std::string::npos)
      << copies_of(*twice);
}

TEST_F(SeveralFiles, CopiesInTwoVlansSayWhich) {
  const auto& all = recordings();
  const auto found = std::find_if(all.begin(), all.end(), [](const Recording& each) {
    return each.name == "request-on-half-closed";
  });
  ASSERT_NE(found, all.end());
  Recording mirrored = *found;
  mirrored.packets.clear();
  for (const RecordedPacket& packet : found->packets) {
    for (const char vlan : {char{10}, char{20}}) {
      RecordedPacket tagged = packet;
      tagged.bytes.insert(12, std::string{"\x81\x00\x00", 3} + vlan);  // IEEE 802.1Q
      tagged.wire_length += 4;
      mirrored.packets.push_back(tagged);
    }
  }
  Replay source{mirrored};
  const std::string detail = copies_of(source);
  EXPECT_NE(detail.find("They were recorded in VLAN 10 and 20 ("), std::string::npos) << detail;
}

/// Every member of the JSON that is a duration.
void check_durations(const json& value, std::int64_t longest, const std::string& where) {
  if (value.is_array()) {
    for (const json& each : value) check_durations(each, longest, where);
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    // A limit that somebody is known for was not measured here.
    const bool duration = key.ends_with("_us") && key != "matched_timeout_us";
    if (duration && member.is_number_integer()) {
      EXPECT_GE(member.get<std::int64_t>(), 0)
          << where << " " << key << " of " << value.dump().substr(0, 500);
      EXPECT_LE(member.get<std::int64_t>(), longest)
          << where << " " << key << " of " << value.dump().substr(0, 500);
    }
    check_durations(member, longest, where + "/" + key);
  }
}

void expect_sane_durations(const Recording& recording, const std::string& how) {
  Replay source{recording};
  json said = said_of(source);
  said.erase("settings");
  const auto [first, last] =
      std::minmax_element(recording.packets.begin(), recording.packets.end(),
                          [](const auto& a, const auto& b) { return a.at < b.at; });
  check_durations(said, (last->at - first->at) / std::chrono::microseconds{1},
                  recording.name + " " + how);
}

TEST(Durations, AreNeitherNegativeNorLongerThanTheCapture) {
  for (const Recording& recording : recordings()) {
    if (!recording.packets.empty()) expect_sane_durations(recording, "as it is");
  }
}

TEST(Durations, AreSaneWhereTheClockIsSet) {
  for (const Recording& recording : recordings()) {
    const std::size_t size = recording.packets.size();
    for (const Duration jump : {Duration{-milliseconds{50}}, Duration{-seconds{5}},
                                Duration{-hours{2}}, Duration{seconds{5}}}) {
      for (std::size_t from = 1; from < size; from += size / 3 + 1) {
        Recording set = recording;
        for (std::size_t i = from; i < size; ++i) set.packets[i].at += jump;
        expect_sane_durations(set,
                              fmt::format("from {} on by {} ms", from, jump / milliseconds{1}));
        Recording once = recording;
        once.packets[from].at += jump;
        expect_sane_durations(once, fmt::format("at {} by {} ms", from, jump / milliseconds{1}));
      }
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
