// SPDX-License-Identifier: Apache-2.0
// Several files as one: their order, their numbers, what is passed over, and what is told of
// damage in one of them. Nothing here is of any network: packets are words.
#include "capture/timeline.hpp"

#include <fmt/format.h>

#include "capture/capture_files.hpp"

namespace httpdiag::testing_capture {
namespace {

using capture::Places;

std::string text_of(const Packet& packet) {
  return {reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()};
}

class TimelineTest : public CaptureFiles {
 protected:
  struct Timed {
    std::string word;
    std::uint32_t second = 1, micro = 0;
  };
  static std::string pcap(const std::vector<Timed>& packets) {
    std::string bytes = pcap_header();
    for (const Timed& each : packets) bytes += pcap_record(each.word, each.second, each.micro);
    return bytes;
  }
  /// "a b c" in the order of analysis, read in batches; each packet's name behind it.
  static std::string words(PacketSource& source, bool with_names = false) {
    std::string text;
    PacketNumber last = 0;
    for (auto batch = source.next_packets(); !batch.empty(); batch = source.next_packets()) {
      for (const Packet& packet : batch) {
        EXPECT_EQ(packet.ref.number, ++last);
        text += (text.empty() ? "" : " ") + text_of(packet);
        if (with_names) text += "=" + packet_name(&source.summary(), packet.ref.number);
      }
    }
    return text;
  }
};

TEST_F(TimelineTest, OrdersByFirstPacketWhateverTheNames) {
  const auto late = write(pcap({{"c", 3}, {"d", 4}}), "a.pcap");
  const auto early = write(pcap({{"a", 1}, {"b", 2}}), "b.pcap");
  const auto source = open_captures({late, early}, {.digest = true});
  EXPECT_EQ(words(*source, true), "a=b.pcap:1 b=b.pcap:2 c=a.pcap:1 d=a.pcap:2");
  const CaptureSummary& summary = source->summary();
  ASSERT_EQ(summary.files.size(), 2u);
  EXPECT_EQ(summary.files[0].name, early);
  EXPECT_EQ(summary.files[0].packets, 2u);
  EXPECT_EQ(summary.files[0].sha256.size(), 64u);
  EXPECT_EQ(summary.files[1].first, Timestamp{std::chrono::seconds{3}});
  EXPECT_EQ(summary.files[1].last, Timestamp{std::chrono::seconds{4}});
  EXPECT_EQ(summary.packets, 4u);
}

TEST_F(TimelineTest, MergesFilesThatOverlap) {
  const auto one = write(pcap({{"a", 1}, {"d", 4}, {"f", 6}}), "one.pcap");
  const auto two = write(pcap({{"b", 2}, {"c", 3}, {"e", 5}}), "two.pcap");
  const auto three = write(pcap({{"g", 7}}), "three.pcap");
  const auto source = open_captures({three, two, one}, {});
  EXPECT_EQ(words(*source, true),
            "a=one.pcap:1 b=two.pcap:1 c=two.pcap:2 d=one.pcap:2 e=two.pcap:3 f=one.pcap:3 "
            "g=three.pcap:1");
}

TEST_F(TimelineTest, TellsFilesOfTheSameNameApart) {
  std::filesystem::create_directory(folder / "x");
  std::filesystem::create_directory(folder / "y");
  const auto one = write(pcap({{"a", 1}}), "x/t.pcap"), two = write(pcap({{"b", 2}}), "y/t.pcap");
  const auto source = open_captures({one, two}, {});
  EXPECT_EQ(words(*source, true), "a=" + one + ":1 b=" + two + ":1");
}

TEST_F(TimelineTest, ReadsAFolderByMagicAndNamesTheRest) {
  write(pcap({{"b", 2}}), "cap.1");
  write(section_header() + interface() + enhanced_packet("a", 1'000'000), "cap.2");
  write("not at all", "notes.txt");
  write("", "cap.3");
  std::filesystem::create_directory(folder / "below");
  write(pcap({{"z", 9}}), "below/z.pcap");
  std::filesystem::create_symlink(folder / "nothing", folder / "cap.4");
  const auto source = open_captures({folder.string()}, {});
  EXPECT_EQ(words(*source), "a b");
  const auto& not_read = source->summary().not_read;
  ASSERT_EQ(not_read.size(), 3u);
  EXPECT_EQ(not_read[0].name, (folder / "cap.3").string());
  EXPECT_EQ(not_read[0].reason, "empty file (0 bytes)");
  EXPECT_EQ(not_read[1].name, (folder / "cap.4").string());
  EXPECT_EQ(not_read[1].reason, "the link leads to no file");
  EXPECT_EQ(not_read[2].name, (folder / "notes.txt").string());
  EXPECT_NE(not_read[2].reason.find("not a capture file"), std::string::npos);
}

TEST_F(TimelineTest, RefusesWhatHoldsNoCapture) {
  write("text that is longer than the header of a capture", "notes.txt");
  EXPECT_THROW(open_captures({folder.string()}, {}), Error);
  const auto good = write(pcap({{"a"}}), "a.pcap");
  EXPECT_THROW(open_captures({good, (folder / "notes.txt").string()}, {}), Error);
  EXPECT_THROW(open_captures({good, (folder / "none.pcap").string()}, {}), Error);
  EXPECT_THROW(open_captures({"-", "-"}, {}), Error);
}

TEST_F(TimelineTest, PassesOverWhatARotationLeftEmpty) {
  const auto good = write(pcap({{"a"}}), "a.pcap0"), empty = write("", "a.pcap1");
  const auto source = open_captures({good, empty}, {});
  EXPECT_EQ(words(*source, true), "a=1");
  ASSERT_EQ(source->summary().not_read.size(), 1u);
  EXPECT_EQ(source->summary().not_read[0].name, empty);
}

TEST_F(TimelineTest, DamageInOneFileDoesNotStopTheOthers) {
  const std::string whole = pcap({{"a", 1}, {"b", 2}});
  const auto cut = write(whole.substr(0, whole.size() - 1), "one.pcap");
  const auto good = write(pcap({{"c", 3}, {"d", 4}}), "two.pcap");
  const auto source = open_captures({cut, good}, {});
  const auto first = source->next_packets();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(source->summary().holes, 0u);
  const auto second = source->next_packets();
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(text_of(second[0]), "c");
  EXPECT_EQ(source->summary().holes, 1u);  // "b" is missing in front of it
  EXPECT_TRUE(source->next_packets().empty());
  const CaptureSummary& summary = source->summary();
  ASSERT_NE(summary.damage, nullptr);
  EXPECT_EQ(summary.damage->file, cut);
  EXPECT_EQ(summary.damage->after_packet, 1u);
  EXPECT_NE(summary.files[0].damage, nullptr);
  EXPECT_EQ(summary.files[1].damage, nullptr);
  EXPECT_EQ(summary.places->last_of(0), 1u);
  EXPECT_EQ(summary.places->last_of(1), 3u);
}

TEST_F(TimelineTest, OpensMoreFilesThanItMayHaveOpenAtOnce) {
  std::vector<std::string> paths;
  std::string expected;
  for (unsigned i = 0; i < 150; ++i) {
    paths.push_back(write(pcap({{std::to_string(i), 1 + i}}), fmt::format("r{:03}", 149 - i)));
    expected += (i == 0 ? "" : " ") + std::to_string(i);
  }
  EXPECT_EQ(words(*open_captures(paths, {})), expected);
}

TEST_F(TimelineTest, SaysWhereTooManyOverlap) {
  std::vector<std::string> paths;
  for (unsigned i = 0; i < 70; ++i) {
    paths.push_back(write(pcap({{"a", 1, i}, {"b", 100}}), fmt::format("r{}", i)));
  }
  const auto source = open_captures(paths, {});
  EXPECT_THROW(words(*source), Error);
}

TEST_F(TimelineTest, GivesNotesTheirPlaceInTheOrder) {
  const auto ng =
      write(section_header() + interface() + packet_with("b", option(1, "look here"), 2'000'000) +
                enhanced_packet("c", 3'000'000),
            "n.pcapng");
  const auto old = write(pcap({{"a", 1}}), "o.pcap");
  const auto source = open_captures({ng, old}, {});
  EXPECT_EQ(words(*source), "a b c");
  ASSERT_EQ(source->summary().notes.size(), 1u);
  EXPECT_EQ(source->summary().notes[0].packet, 1u);
  EXPECT_EQ(source->summary().notes[0].order, 2u);
  EXPECT_EQ(source->summary().notes[0].file, 1u);
}

Sorting by_time(WireOrder (*order)(const Packet&)) {
  return {.window = std::chrono::milliseconds{100}, .most_packets = 100, .order = order};
}
WireOrder unrelated(const Packet&) { return {}; }

TEST_F(TimelineTest, SortsRecordsThatWereWrittenLate) {
  const auto path =
      write(pcap({{"a", 1, 0}, {"d", 1, 30}, {"b", 1, 10}, {"c", 1, 20}, {"e", 1, 40}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(unrelated));
  EXPECT_EQ(words(*source, true), "a=1 b=3 c=4 d=2 e=5");
  EXPECT_EQ(source->summary().reordered, 2u);
}

// dumpcap reads its interfaces in turn: what one recorded meanwhile comes late from the beginning,
// and the packets of two interfaces may contradict each other's order.
TEST_F(TimelineTest, InterfacesThatWereWrittenInTurnAreSortedFromTheFirstPacketOn) {
  std::string bytes = section_header() + interface(1) + interface(1);
  const auto add = [&](const std::string& word, std::uint64_t ms, std::uint32_t device) {
    bytes += enhanced_packet(word, 1'000'000 + ms * 1000, device);
  };
  for (std::uint64_t i = 0; i < 30; ++i) add("a" + std::to_string(i), i * 10, 0);
  add("b0", 5, 1);
  add("b1", 255, 1);
  const auto source = open_capture(write(bytes), {});
  // Every packet claims to come behind all others.
  source->sort_by(by_time([](const Packet&) { return WireOrder{.from = 1, .to = 2}; }));
  const std::string text = words(*source);
  EXPECT_TRUE(text.starts_with("a0 b0 a1 ")) << text;
  EXPECT_TRUE(text.ends_with(" a25 b1 a26 a27 a28 a29")) << text;
  EXPECT_EQ(source->summary().reordered, 2u);
}

TEST_F(TimelineTest, InterfacesAreSortedInTheSameWayWhereTheirCaptureLiesInPieces) {
  const std::string head = section_header() + interface(1) + interface(1);
  std::vector<std::string> packets;
  const auto add = [&](const std::string& word, std::uint64_t ms, std::uint32_t device) {
    packets.push_back(enhanced_packet(word, 1'000'000 + ms * 1000, device));
  };
  for (std::uint64_t i = 0; i < 30; ++i) add("a" + std::to_string(i), i * 10, 0);
  add("b0", 5, 1);
  add("b1", 255, 1);
  for (std::uint64_t i = 30; i < 60; ++i) add("a" + std::to_string(i), i * 10, 0);
  const auto all_behind = [](const Packet&) { return WireOrder{.from = 1, .to = 2}; };
  const auto read = [&](const std::vector<std::string>& paths) {
    const auto source = open_captures(paths, {});
    source->sort_by(by_time(all_behind));
    return words(*source);
  };
  const auto piece = [&](std::size_t begin, std::size_t end, const std::string& name) {
    std::string bytes = head;
    for (std::size_t i = begin; i < end; ++i) bytes += packets[i];
    return write(bytes, name);
  };
  const std::string whole = read({piece(0, packets.size(), "whole.pcapng")});
  EXPECT_TRUE(whole.starts_with("a0 b0 a1 ")) << whole;
  for (const std::size_t border : {1u, 15u, 30u, 31u, 32u, 61u}) {
    EXPECT_EQ(read({piece(0, border, "b"), piece(border, packets.size(), "a")}), whole) << border;
  }
  // Beside a capture of one interface, which began earlier.
  const auto other = write(pcap({{"x", 1}, {"y", 1, 700'000}}), "other.pcap");
  EXPECT_EQ(read({other, piece(0, packets.size(), "whole.pcapng")}), "x " + whole + " y");
}

using Borders = std::vector<std::string>;

/// "2-3 5s" for each border that is longer than a moment, with "?" where nobody may have watched.
Borders borders_of(PacketSource& source) {
  while (!source.next_packets().empty()) {
  }
  Borders borders;
  for (const CaptureBorder& each : source.summary().borders) {
    const auto pause = std::chrono::duration_cast<std::chrono::seconds>(each.pause());
    borders.push_back(fmt::format("{}-{} {}s{}", each.last.number, each.next.number, pause.count(),
                                  each.ordinary ? "" : "?"));
  }
  return borders;
}

TEST_F(TimelineTest, APauseBetweenFilesIsMeasuredByThoseWithin) {
  const auto read = [&](const std::vector<std::string>& files, bool sorts = false) {
    std::vector<std::string> paths;
    for (const std::string& bytes : files)
      paths.push_back(write(bytes, fmt::format("{}", paths.size())));
    const auto source = open_captures(paths, {});
    if (sorts) source->sort_by(by_time(unrelated));
    return borders_of(*source);
  };
  const std::string busy = pcap({{"a", 10}, {"b", 11}}), slow = pcap({{"a", 1}, {"b", 11}});
  const std::string behind = pcap({{"c", 16}, {"d", 17}}), last = pcap({{"e", 23}});
  EXPECT_EQ(read({busy, behind}), (Borders{"2-3 5s?"}));
  EXPECT_EQ(read({slow, behind}), (Borders{"2-3 5s"}));
  EXPECT_EQ(read({behind, slow, last}), (Borders{"2-3 5s", "4-5 6s"}));
  EXPECT_EQ(read({busy, behind, last}), (Borders{"2-3 5s?", "4-5 6s?"}));
  EXPECT_EQ(read({busy, pcap({{"c", 12}, {"d", 13}})}), Borders{});  // a moment
  // Another one goes on meanwhile, or begins before.
  EXPECT_EQ(read({busy, behind, pcap({{"x", 9}, {"y", 30}})}), Borders{});
  EXPECT_EQ(read({busy, pcap({{"x", 11}, {"y", 12}}), behind}), (Borders{"4-5 4s?"}));
  // In disorder, and one file.
  const std::string disorder = pcap({{"b", 10, 10}, {"a", 10, 0}, {"c", 11}});
  EXPECT_EQ(read({disorder, behind}, true), (Borders{"3-4 5s?"}));
  EXPECT_EQ(read({disorder + behind}, true), (Borders{"3-4 5s?"}));
  EXPECT_EQ(read({busy + behind + last}), (Borders{"2-3 5s?", "4-5 6s?"}));
  const auto section = [](std::uint64_t second) {
    return section_header() + interface() + enhanced_packet("a", second * 1'000'000) +
           enhanced_packet("b", (second + 1) * 1'000'000);
  };
  EXPECT_EQ(read({section(10) + section(16)}), (Borders{"2-3 5s?"}));
  EXPECT_EQ(read({section(10) + behind}), (Borders{"2-3 5s?"}));
  EXPECT_EQ(read({section(10), behind + last}), (Borders{"2-3 5s?", "4-5 6s?"}));
}

TEST_F(TimelineTest, InterfacesThatAreDescribedLateAreSortedFromThereOn) {
  std::string bytes = section_header() + interface(1);
  for (std::uint64_t i = 0; i < 20; ++i)
    bytes += enhanced_packet("a" + std::to_string(i), 1'000'000 + i * 10'000);
  bytes += interface(1) + enhanced_packet("a20", 1'200'000) + enhanced_packet("a21", 1'400'000);
  bytes += enhanced_packet("b", 1'205'000, 1);
  const auto source = open_capture(write(bytes), {});
  source->sort_by(by_time([](const Packet&) { return WireOrder{.from = 1, .to = 2}; }));
  EXPECT_TRUE(words(*source).ends_with(" a19 a20 b a21"));
}

TEST_F(TimelineTest, WithoutDisorderThereIsNothingToLookUp) {
  const auto path = write(pcap({{"a", 1}, {"b", 1}, {"c", 2}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(unrelated));
  EXPECT_EQ(words(*source), "a b c");
  EXPECT_EQ(source->summary().places, nullptr);
  EXPECT_EQ(source->summary().reordered, 0u);
}

TEST_F(TimelineTest, AClockThatWasSetIsNotSorted) {
  const auto path = write(pcap({{"a", 9}, {"b", 5}, {"c", 6}, {"d", 5, 999'990}, {"e", 7}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(unrelated));
  EXPECT_EQ(words(*source), "a b d c e");
}

TEST_F(TimelineTest, OneAbsurdTimeHoldsNothingUp) {
  const auto path = write(pcap({{"a", 1, 2}, {"z", 1, 1}, {"b", 4'000'000}, {"c", 2}, {"d", 3}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(unrelated));
  EXPECT_EQ(words(*source), "z a b c d");
}

// Upper and lower case are the directions of one conversation; "B" acknowledges "a".
WireOrder talk(const Packet& packet) {
  const bool upper = packet.bytes[0] < std::byte{'a'};
  WireOrder order{.from = upper ? 2u : 1u, .to = upper ? 1u : 2u};
  order.has_content = !upper;
  order.end = 100;
  order.has_ack = upper;
  order.acknowledges = packet.bytes[0] == std::byte{'B'} ? 100 : 50;
  return order;
}

TEST_F(TimelineTest, NothingIsPutInFrontOfWhatItAcknowledges) {
  const auto path = write(pcap({{"a", 1, 50}, {"B", 1, 40}, {"c", 1, 60}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(talk));
  EXPECT_EQ(words(*source), "a B c");
  EXPECT_EQ(source->summary().reordered, 0u);
}

TEST_F(TimelineTest, WhatDoesNotAcknowledgeItMayHaveBeenInFront) {
  const auto path = write(pcap({{"a", 1, 50}, {"C", 1, 40}, {"d", 1, 60}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(talk));
  EXPECT_EQ(words(*source), "C a d");
}

TEST_F(TimelineTest, ASendersOwnOrderStays) {
  const auto path = write(pcap({{"a", 1, 50}, {"b", 1, 40}, {"c", 1, 45}, {"d", 1, 60}}));
  const auto source = open_capture(path, {});
  source->sort_by(by_time(talk));
  EXPECT_EQ(words(*source), "a b c d");
}

TEST_F(TimelineTest, HoldsNoMorePacketsThanItMay) {
  std::vector<Timed> packets{{"b", 1, 10}, {"a", 1, 0}};
  std::string expected = "a b";
  for (unsigned i = 0; i < 3000; ++i) {
    packets.push_back({std::to_string(i), 1, 20});
    expected += " " + std::to_string(i);
  }
  const auto source = open_capture(write(pcap(packets)), {});
  source->sort_by(by_time(unrelated));
  EXPECT_EQ(words(*source), expected);
}

TEST_F(TimelineTest, SortedPacketsStayInFrontOfAHole) {
  // With --recover packets leave one at a time: the first that is late stays where it is.
  std::string bytes = pcap({{"z", 1, 10}, {"a", 1, 0}, {"c", 1, 30}, {"b", 1, 20}});
  bytes += std::string(40, '\xff') + pcap({{"d", 1, 5}, {"e", 1, 40}, {"f", 1, 50}}).substr(24);
  const auto source = open_capture(write(bytes), {.recover = true});
  source->sort_by(by_time(unrelated));
  std::string text;
  for (auto batch = source->next_packets(); !batch.empty(); batch = source->next_packets()) {
    for (const Packet& packet : batch) {
      text += text_of(packet) + std::to_string(source->summary().holes);
    }
  }
  EXPECT_EQ(text, "z0a0b0c0d1e1f1");
}

TEST(PlacesTest, FindsWhatMovedToDisk) {
  Places places{3, 8};
  PacketNumber count = 0;
  std::vector<PacketNumber> numbers(3, 0);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const std::uint32_t file = i * i % 3;
    EXPECT_EQ(places.add(file, ++numbers[file]), ++count);
  }
  std::fill(numbers.begin(), numbers.end(), 0);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const std::uint32_t file = i * i % 3;
    const PacketPlace place = places.place(i + 1);
    EXPECT_EQ(place.file, file);
    EXPECT_EQ(place.number, ++numbers[file]);
  }
}

}  // namespace
}  // namespace httpdiag::testing_capture
