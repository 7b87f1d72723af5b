// SPDX-License-Identifier: Apache-2.0
// --recover: what is behind damage is found, what was passed over is told, and
// without it nothing behind damage is looked at.
#include "capture/capture_files.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

class Recover : public CaptureFiles {
 protected:
  struct Result {
    std::vector<std::string> packets;  // their first bytes
    std::vector<SkippedStretch> skipped;
    bool damaged = false;
  };
  Result recover(const std::string& bytes) const {
    Result result;
    const auto source = open_capture(write(bytes), {.recover = true});
    while (const Packet* packet = source->next()) {
      const auto* text = reinterpret_cast<const char*>(packet->bytes.data());
      result.packets.emplace_back(text, std::min<std::size_t>(packet->bytes.size(), 3));
    }
    result.skipped = source->summary().skipped;
    result.damaged = source->summary().damage != nullptr;
    EXPECT_EQ(source->summary().skipped_stretches, result.skipped.size());
    return result;
  }
};

/// Packets "p00", "p01", ... of growing length, a second apart.
struct Written {
  std::string bytes;
  std::vector<std::size_t> begins;
};
std::string payload(std::uint32_t i) {
  return (i < 10 ? "p0" : "p") + std::to_string(i) + std::string(40 + i * 7, static_cast<char>(i));
}
Written pcap(std::uint32_t count) {
  Written written{pcap_header(), {}};
  for (std::uint32_t i = 0; i < count; ++i) {
    written.begins.push_back(written.bytes.size());
    written.bytes += pcap_record(payload(i), 1'700'000'000 + i, i);
  }
  written.begins.push_back(written.bytes.size());
  return written;
}
Written pcapng(std::uint32_t count) {
  Written written{section_header() + interface(), {}};
  for (std::uint32_t i = 0; i < count; ++i) {
    written.begins.push_back(written.bytes.size());
    written.bytes += enhanced_packet(payload(i), 1'700'000'000'000'000 + i);
  }
  written.begins.push_back(written.bytes.size());
  return written;
}

std::vector<std::string> names(std::initializer_list<int> numbers) {
  std::vector<std::string> out;
  for (const int i : numbers) out.push_back((i < 10 ? "p0" : "p") + std::to_string(i));
  return out;
}

TEST_F(Recover, AHoleOfZerosCostsThePacketsInItAlone) {
  for (const Written& written : {pcap(12), pcapng(12)}) {
    std::string bytes = written.bytes;
    const std::size_t from = written.begins[3];
    const std::size_t to = written.begins[6] + 5;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from),
              bytes.begin() + static_cast<std::ptrdiff_t>(to), '\0');
    const Result result = recover(bytes);
    EXPECT_EQ(result.packets, names({0, 1, 2, 7, 8, 9, 10, 11}));
    ASSERT_EQ(result.skipped.size(), 1u);
    EXPECT_EQ(result.skipped[0].damage.byte_offset, from);
    EXPECT_EQ(result.skipped[0].end_offset, written.begins[7]);
    EXPECT_EQ(result.skipped[0].damage.after_packet, 3u);
    EXPECT_TRUE(result.skipped[0].damage.last_good.has_value());
    EXPECT_TRUE(result.skipped[0].next.has_value());
    EXPECT_FALSE(result.damaged);
    // Nobody asked for it:
    const auto lines = read_all(write(bytes));
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(lines[3].find("after 3 at " + std::to_string(from)), 0u);
  }
}

TEST_F(Recover, InsertedAndLostBytesCostTheRecordTheyAreIn) {
  for (const bool lost : {false, true}) {
    for (const Written& written : {pcap(12), pcapng(12)}) {
      for (const std::size_t count : {1u, 2u, 4u, 7u, 33u}) {
        std::string bytes = written.bytes;
        const std::size_t at = written.begins[5] + 36;
        if (lost) {
          bytes.erase(at, count);
        } else {
          bytes.insert(at, count, 'i');
        }
        const Result result = recover(bytes);
        // Its own bytes are wrong but for the first; where its record is of a kind that shows it,
        // it is left out.
        std::vector<std::string> others = result.packets;
        std::erase(others, "p05");
        EXPECT_EQ(others, names({0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11})) << count << lost;
        ASSERT_EQ(result.skipped.size(), 1u) << count << lost;
        EXPECT_GE(result.skipped[0].damage.byte_offset, written.begins[5]);
        EXPECT_EQ(result.skipped[0].end_offset,
                  lost ? written.begins[6] - count : written.begins[6] + count);
      }
    }
  }
}

TEST_F(Recover, AWrongLengthDoesNotSwallowGoodRecords) {
  const Written written = pcap(12);
  for (const std::uint32_t length : {0u, 1u, 200u, 399u, 262'144u, 262'145u, 0xffffffffu}) {
    std::string bytes = written.bytes;
    bytes.replace(written.begins[4] + 8, 4, Bytes{}.u32(length).text);
    const Result result = recover(bytes);
    std::vector<std::string> others = result.packets;
    std::erase(others, "p04");
    std::erase(others, "");
    std::erase(others, "p");
    EXPECT_EQ(others, names({0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11})) << length;
    EXPECT_EQ(result.skipped.size(), 1u) << length;
  }
}

TEST_F(Recover, AWrongTimeInFrontOfDamageCostsNothing) {
  for (const std::uint32_t seconds : {5u, 0xfffffff0u}) {
    const Written written = pcap(12);
    std::string bytes = written.bytes;
    bytes.replace(written.begins[4], 4, Bytes{}.u32(seconds).text);
    bytes.replace(written.begins[5] + 8, 4, "\xff\xff\xff\xff");
    const Result result = recover(bytes);
    EXPECT_EQ(result.packets, names({0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}));
    EXPECT_EQ(result.skipped.size(), 1u);
    EXPECT_FALSE(result.damaged);
  }
}

TEST_F(Recover, ACaptureGoesOnDaysBehindDamage) {
  Written written{pcap_header(), {}};
  for (std::uint32_t i = 0; i < 12; ++i) {
    written.begins.push_back(written.bytes.size());
    written.bytes += pcap_record(payload(i), 1'700'000'000 + i + (i < 6 ? 0 : 200'000), i);
  }
  written.bytes.replace(written.begins[5] + 8, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(recover(written.bytes).packets, names({0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}));
}

// Three numbers that may be a header, far from all else and once only, are no capture.
TEST_F(Recover, WhatLooksLikeOneRecordFarAwayIsNone) {
  const Written written = pcap(6);
  std::string bytes = written.bytes.substr(0, written.begins[3]) + std::string(40, '\xff') +
                      pcap_record(std::string(20, 'x'), 5) + std::string(40, '\xff') +
                      written.bytes.substr(written.begins[3]);
  EXPECT_EQ(recover(bytes).packets, names({0, 1, 2, 3, 4, 5}));
}

// What was never written is passed over in one step, up to the header behind it.
TEST_F(Recover, PassesOverZerosOfAnyLength) {
  const Written written = pcap(6);
  for (const std::size_t zeros :
       {32u, 63u, 64u, 65u, 66u, 100u, 65535u, 65536u, 65601u, 200'000u, 2'000'000u}) {
    const std::string bytes = written.bytes.substr(0, written.begins[3]) +
                              std::string(zeros, '\0') + written.bytes.substr(written.begins[3]);
    const Result result = recover(bytes);
    EXPECT_EQ(result.packets, names({0, 1, 2, 3, 4, 5})) << zeros;
    ASSERT_EQ(result.skipped.size(), 1u) << zeros;
  }
}

class OneBehindTheOther : public Recover {
 protected:
  static std::string second(const PcapShape& shape) {
    std::string bytes = pcap_header(shape);
    for (std::uint32_t i = 3; i < 6; ++i)
      bytes += pcap_record(payload(i), 1'700'300'000 + i, 7, shape);
    return bytes;
  }
};

TEST_F(OneBehindTheOther, IsReadWithItsOwnHeader) {
  for (const bool little_endian : {true, false}) {
    const std::string first = pcap(3).bytes;
    const std::string bytes =
        first + second({.little_endian = little_endian, .nanoseconds = true, .link = 101});
    const Result result = recover(bytes);
    EXPECT_EQ(result.packets, names({0, 1, 2, 3, 4, 5}));
    EXPECT_TRUE(result.skipped.empty()) << "nothing is missing between them";
    EXPECT_FALSE(result.damaged);

    const auto source = open_capture(write(bytes), {});
    const Packet* packet = nullptr;
    for (int i = 0; i < 4; ++i) packet = source->next();
    ASSERT_NE(packet, nullptr);
    EXPECT_EQ(packet->link, LinkType::raw_ip);
    EXPECT_EQ(packet->ref.time.time_since_epoch().count(), 1'700'300'003'000'000'007);
    EXPECT_EQ(source->summary().files.front().link_types,
              (std::vector<std::string>{"ETHERNET", "RAW"}));
    ASSERT_EQ(source->summary().notes.size(), 1u);
    EXPECT_EQ(source->summary().notes[0].text,
              "Another capture, a pcap, begins behind packet 3, at byte " +
                  std::to_string(first.size()) + " of the file.");
  }
}

// With nothing going on between the two: what is asked in the older one is not answered in the
// other.
TEST_F(OneBehindTheOther, ThatIsOlderIsReadWithAHoleInFront) {
  const auto one = [](bool ng, std::uint32_t second) {
    return ng ? section_header() + interface() +
                    enhanced_packet("abc", std::uint64_t{second} * 1'000'000)
              : pcap_header() + pcap_record("abc", second);
  };
  for (const bool first_ng : {true, false}) {
    for (const bool older_ng : {true, false}) {
      if (first_ng && older_ng) continue;  // two sections
      const std::string first = one(first_ng, 1'700'000'000), older = one(older_ng, 1'600'000'000);
      for (const bool recovers : {false, true}) {
        const auto source = open_capture(write(first + older), {.recover = recovers});
        ASSERT_NE(source->next(), nullptr);
        EXPECT_EQ(source->summary().holes, 0u);
        ASSERT_NE(source->next(), nullptr);
        EXPECT_EQ(source->summary().holes, 1u);
        EXPECT_EQ(source->next(), nullptr);
        EXPECT_EQ(source->summary().damage, nullptr);
        EXPECT_EQ(source->summary().skipped_stretches, 0u);
        ASSERT_EQ(source->summary().notes.size(), 1u);
        EXPECT_NE(source->summary().notes[0].text.find("It is older than one in front of it"),
                  std::string::npos);
      }
    }
  }
}

// A packet that is in both would be told twice.
TEST_F(OneBehindTheOther, OfTheSameTimeEndsTheReading) {
  const auto pcap_of = [](std::initializer_list<std::uint32_t> seconds) {
    std::string bytes = pcap_header();
    for (const std::uint32_t second : seconds) bytes += pcap_record("abc", second);
    return bytes;
  };
  const std::string front = pcap_of({100, 110, 120});
  struct Case {
    std::string behind;
    std::size_t read;
    std::string_view why;
  };
  for (const auto& [behind, read, why] :
       {Case{pcap_of({100, 110, 120}), 3, "it is of the same time as one in front of it"},
        {pcap_of({115, 130}), 3, "it is of the same time as one in front of it"},
        {pcap_of({90, 95, 105, 130}), 5, "what follows is of the same time as another capture"},
        {pcap_of({90, 95}) + pcap_of({95, 99}), 7, ""},
        {pcap_of({90, 95}) + pcap_of({130}), 6, ""},
        {pcap_of({90, 95}) + pcap_of({105}), 5, "it is of the same time as one in front of it"}}) {
    const auto lines = read_all(write(front + behind));
    ASSERT_EQ(lines.size(), why.empty() ? read : read + 1) << why;
    if (why.empty()) continue;
    EXPECT_NE(lines[read].find(why), std::string::npos) << lines[read];
    EXPECT_NE(lines[read].find("give the captures one by one"), std::string::npos);
  }
  // Where that is asked for, it is read all the same.
  EXPECT_EQ(recover(front + pcap_of({90, 95, 105, 130})).packets.size(), 7u);
}

// Some bytes of a packet are not in the file: its length, which was right, reaches into the header
// of the next one. That ends the reading there, and not where nothing makes sense any more.
TEST_F(Recover, ALengthThatReachesIntoTheNextRecordIsToldThere) {
  Written written = pcap(8);
  constexpr std::size_t kLost = 4;
  written.bytes.erase(written.begins[3] + 16 + 20, kLost);
  const auto lines = read_all(write(written.bytes));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[3].find("after 3 at " + std::to_string(written.begins[3]) + ": "), 0u)
      << lines[3];
  EXPECT_NE(lines[3].find("reaches into the records behind it; --recover reads on"),
            std::string::npos)
      << lines[3];
}

TEST_F(OneBehindTheOther, OfAnotherFormatIsReadInItsOwn) {
  const auto ng = [](bool little_endian, std::uint64_t time) {
    std::string bytes = section_header(little_endian) + interface(101, 0, little_endian);
    for (std::uint64_t i = 0; i < 3; ++i)
      bytes += enhanced_packet("n" + std::to_string(i), time + i, 0, little_endian);
    return bytes;
  };
  for (const bool recover : {false, true}) {
    for (const bool little_endian : {true, false}) {
      for (const bool same_order : {true, false}) {
        const PcapShape shape{.little_endian = little_endian == same_order};
        const std::string old =
            pcap_header(shape) + pcap_record("p0", 5, 0, shape) + pcap_record("p1", 6, 0, shape);
        // One behind the other, three times.
        const auto source =
            open_capture(write(ng(little_endian, 1'000'000) + old + ng(little_endian, 9'000'000)),
                         {.recover = recover});
        std::string words;
        while (const Packet* packet = source->next()) {
          words += {reinterpret_cast<const char*>(packet->bytes.data()), packet->bytes.size()};
          words += packet->link == LinkType::raw_ip ? 'r' : 'e';
          words += packet->device == 0 ? ' ' : static_cast<char>('0' + packet->device);
        }
        EXPECT_EQ(words, "n0r1n1r1n2r1p0e p1e n0r2n1r2n2r2");
        const CaptureSummary& summary = source->summary();
        EXPECT_EQ(summary.damage, nullptr);
        EXPECT_EQ(summary.skipped_stretches, 0u);
        EXPECT_EQ(summary.files[0].format, "pcapng");
        EXPECT_EQ(summary.files[0].packets, 8u);
        EXPECT_EQ(summary.files[0].link_types, (std::vector<std::string>{"RAW", "ETHERNET"}));
        ASSERT_EQ(summary.files[0].interfaces.size(), 2u);
        EXPECT_EQ(summary.files[0].interfaces[0].packets, 3u);
        EXPECT_EQ(summary.files[0].interfaces[1].packets, 3u);
        EXPECT_EQ(summary.files[0].interfaces[1].section, 2u);
        ASSERT_EQ(summary.notes.size(), 2u);
        EXPECT_EQ(summary.notes[0].text.find("Another capture, a pcap, begins behind packet 3"),
                  0u);
        EXPECT_EQ(summary.notes[1].text.find("Another capture, a pcapng, begins behind packet 5"),
                  0u);
      }
    }
  }
}

TEST_F(OneBehindTheOther, WhoseHeaderIsNotRightIsNamed) {
  std::string header = section_header();
  header[4] = 12;  // its length
  const auto lines = read_all(write(pcap(3).bytes + header));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[3].find("another capture begins here, a pcapng: "), std::string::npos)
      << lines[3];
}

TEST_F(OneBehindTheOther, IsFoundBehindACutRecord) {
  const Written whole = pcap(4);
  for (std::size_t size = whole.begins[3] + 1; size < whole.bytes.size(); ++size) {
    const Result result = recover(whole.bytes.substr(0, size) + second({}));
    std::vector<std::string> packets = result.packets;
    std::erase(packets, "p0");  // its last bytes may be the header's
    EXPECT_EQ(packets, names({0, 1, 2, 3, 4, 5})) << size;
    EXPECT_FALSE(result.damaged) << size;
  }
}

TEST_F(OneBehindTheOther, OfALinkTypeThatIsNotReadIsCounted) {
  const auto source =
      open_capture(write(pcap(3).bytes + second({.link = 147}) + pcap_header({.link = 147}) +
                         pcap_record("abc", 1'700'300'010) + pcap_header({.link = 101}) +
                         pcap_record("def", 1'700'300'011)),
                   {});
  std::string links;
  while (const Packet* packet = source->next())
    links += packet->link == LinkType::unsupported ? '?'
             : packet->link == LinkType::raw_ip    ? 'r'
                                                   : 'e';
  EXPECT_EQ(links, "eee????r");
  using Unread = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(source->summary().files[0].unread_links, (Unread{{"number (147)", 4}}));
  EXPECT_EQ(source->summary().damage, nullptr);
}

TEST_F(OneBehindTheOther, InsideOfAPacketItIsAPacket) {
  const std::string bytes = pcap_header() + pcap_record("abc", 1'700'000'000) +
                            pcap_record(second({}), 1'700'000'001) +
                            pcap_record("def", 1'800'000'000) + pcap_record("ghi", 1'800'000'001);
  EXPECT_EQ(read_all(write(bytes), true), read_all(write(bytes)));
}

TEST_F(Recover, ABlockWhoseContentsAreWrongIsPassedOverAlone) {
  const std::string bytes = section_header() + interface() + enhanced_packet("p00") +
                            enhanced_packet("abc", 1, 7) + enhanced_packet("p01");
  const Result result = recover(bytes);
  EXPECT_EQ(result.packets, names({0, 1}));
  ASSERT_EQ(result.skipped.size(), 1u);
  EXPECT_EQ(result.skipped[0].damage.reason, "corrupt record: its interface 7 is not described");
}

TEST_F(Recover, SeveralStretchesFarIntoTheFile) {
  Written written{pcap_header(), {}};
  for (std::uint32_t i = 0; i < 2000; ++i) {
    written.begins.push_back(written.bytes.size());
    written.bytes += pcap_record(std::string(900, 'x'), 1'700'000'000 + i / 100, i);
  }
  for (const std::size_t record : {150u, 151u, 700u, 1999u}) {
    written.bytes.replace(written.begins[record] + 8, 4, "\xff\xff\xff\xff");
  }
  // 64 KiB and more of something else.
  written.bytes.insert(written.begins[1500], std::string(200'000, '\x33'));
  const Result result = recover(written.bytes);
  EXPECT_EQ(result.packets.size(), 2000u - 4);
  EXPECT_EQ(result.skipped.size(), 3u);
  EXPECT_TRUE(result.damaged);  // the last record
}

TEST_F(Recover, ACutIsStillACut) {
  for (const Written& written : {pcap(3), pcapng(3)}) {
    for (std::size_t size = written.begins[2] + 1; size < written.bytes.size(); ++size) {
      const Result result = recover(written.bytes.substr(0, size));
      EXPECT_EQ(result.packets, names({0, 1})) << size;
      EXPECT_TRUE(result.damaged) << size;
      EXPECT_TRUE(result.skipped.empty()) << size;
    }
  }
}

// Nothing is wrong with clocks that jump, lengths that lie, or a pcap in a packet.
TEST_F(Recover, GoodCapturesReadAsWithoutIt) {
  std::string inner = pcap(5).bytes;
  std::string odd = pcap_header() + pcap_record("abc", 1'700'000'000) + pcap_record("def", 5) +
                    pcap_record(inner, 1'700'000'000) + pcap_record("", 1'700'000'001, 0, {}, 9) +
                    pcap_record("xyz", 0xffffffff, 999'999) + pcap_record("longer", 1, 2, {}, 3) +
                    pcap_record("end", 1'700'000'000);
  for (const std::string& bytes : {odd, pcap(9).bytes, pcapng(9).bytes, pcap_header()}) {
    EXPECT_EQ(read_all(write(bytes), true), read_all(write(bytes)));
  }
}

}  // namespace
}  // namespace httpdiag
