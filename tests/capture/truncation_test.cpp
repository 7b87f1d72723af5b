// SPDX-License-Identifier: Apache-2.0
// Captures cut at every byte, and captures damaged in the middle: what was
// whole is kept, and the place where it ended is told.
#include <algorithm>

#include "base/sha256.hpp"
#include "capture/capture_files.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

struct Piece {
  std::string bytes;
  bool packet = true;
};

/// Cuts the capture made of `pieces` at every byte from the end of the first on.
class Truncation : public CaptureFiles {
 protected:
  void cut_everywhere(const std::vector<Piece>& pieces) const {
    std::string whole;
    std::vector<std::size_t> ends;
    for (const Piece& piece : pieces) {
      whole += piece.bytes;
      ends.push_back(whole.size());
    }
    for (std::size_t size = ends.front(); size <= whole.size(); ++size) {
      const auto source = open_capture(write(whole.substr(0, size)), {});
      std::size_t packets = 0;
      while (source->next() != nullptr) ++packets;

      // The pieces that are whole, counted independently of any format.
      const auto next = std::upper_bound(ends.begin(), ends.end(), size);
      const auto count = std::count_if(pieces.begin(), pieces.begin() + (next - ends.begin()),
                                       [](const Piece& piece) { return piece.packet; });
      const std::size_t begin = *(next - 1);
      EXPECT_EQ(packets, static_cast<std::size_t>(count)) << "cut at " << size;
      const auto& damage = source->summary().damage;
      ASSERT_EQ(damage == nullptr, size == begin) << "cut at " << size;
      EXPECT_EQ(source->summary().files.at(0).bytes, size);
      if (damage) {
        EXPECT_EQ(damage->byte_offset, begin) << "cut at " << size;
        EXPECT_EQ(damage->after_packet, packets) << "cut at " << size;
        EXPECT_EQ(damage->reason.substr(0, 22), "the file ends inside a") << damage->reason;
      }
    }
  }
};

TEST_F(Truncation, OfClassicPcap) {
  for (const bool little_endian : {true, false}) {
    const PcapShape shape{.little_endian = little_endian};
    cut_everywhere({{pcap_header(shape), false},
                    {pcap_record("abcdefg", 1, 0, shape)},
                    {pcap_record("", 2, 0, shape)},
                    {pcap_record("0123456789", 3, 0, shape)}});
  }
}

TEST_F(Truncation, OfPcapng) {
  const std::string statistics = std::string(12, '\0');
  for (const bool le : {true, false}) {
    cut_everywhere({{section_header(le), false},
                    {interface(1, 0, le), false},
                    {enhanced_packet("abcdefg", 1, 0, le)},
                    {block(5, statistics, le), false},
                    {enhanced_packet("0123456789", 2, 0, le)},
                    {block(5, statistics, le), false},
                    {block(5, statistics, le), false}});
  }
}

TEST_F(Truncation, SaysHowMuchOfTheRecordIsThere) {
  const std::string bytes = pcap_header() + pcap_record(std::string(300, 'x'));
  EXPECT_EQ(
      read_all(write(bytes.substr(0, 144))),
      (Lines{"after 0 at 24: the file ends inside a record: 120 of its 316 bytes are there"}));
  EXPECT_EQ(read_all(write(bytes + std::string(9, '\0'))).back(),
            "after 1 at 340: the file ends inside a record header, after 9 bytes of it");
}

TEST_F(Truncation, ACorruptRecordEndsReadingAndKeepsWhatWasRead) {
  std::string bytes = pcap_header() + pcap_record("abc") + pcap_record("defg");
  const std::size_t begin = bytes.size();
  bytes += Bytes{}.u32(1).u32(0).u32(0xffffffff).u32(60).text + std::string(5000, 'x');
  const auto lines = read_all(write(bytes));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[2].substr(0, 31), "after 2 at " + std::to_string(begin) + ": corrupt record: ");
}

/// Whole records that end at `begin`. A plain pcap is read in pieces of 128 KiB: a test that means
/// to go behind the first one needs many.
std::string records_until(std::size_t begin, std::size_t& packets) {
  constexpr std::size_t kHeader = 16, kRecord = 1016;
  std::string bytes = pcap_header();
  for (packets = 0; begin - bytes.size() >= kRecord + kHeader; ++packets) {
    bytes += pcap_record(std::string(kRecord - kHeader, 'x'));
  }
  ++packets;
  return bytes + pcap_record(std::string(begin - bytes.size() - kHeader, 'y'));
}

constexpr std::size_t kPiece = 128 << 10;
const std::vector<std::size_t> kFarPlaces = [] {
  std::vector<std::size_t> places{kPiece / 2, kPiece + 5000, 2 * kPiece - 1, 3 * kPiece + 70'000};
  for (std::size_t i = 0; i <= 40; ++i) places.push_back(kPiece - 20 + i);  // its header straddles
  return places;
}();

TEST_F(Truncation, ACorruptRecordFarBehindTheBeginningIsNamed) {
  for (const std::size_t begin : kFarPlaces) {
    for (const std::uint32_t length : {262145u, 0xffffffffu}) {
      std::size_t packets = 0;
      std::string bytes = records_until(begin, packets);
      ASSERT_EQ(bytes.size(), begin);
      bytes += Bytes{}.u32(1).u32(0).u32(length).u32(60).text + std::string(5000, 'z');
      bytes += pcap_record("unreachable");
      const auto lines = read_all(write(bytes));
      ASSERT_EQ(lines.size(), packets + 1) << begin;
      EXPECT_EQ(lines[packets - 1].find(std::to_string(packets) + " "), 0u) << begin;
      const std::string expected = "after " + std::to_string(packets) + " at " +
                                   std::to_string(begin) + ": corrupt record: ";
      EXPECT_EQ(lines.back().substr(0, expected.size()), expected) << "length " << length;
    }
  }
}

TEST_F(Truncation, ACutFarBehindTheBeginningIsNamed) {
  for (const std::size_t begin : kFarPlaces) {
    for (const std::size_t left : {2u, 15u, 16u, 17u, 900u}) {
      std::size_t packets = 0;
      const std::string bytes = records_until(begin, packets);
      const std::string cut = pcap_record(std::string(1000, 'z')).substr(0, left);
      const auto lines = read_all(write(bytes + cut));
      ASSERT_EQ(lines.size(), packets + 1) << begin;
      const std::string where = "after " + std::to_string(packets) + " at " + std::to_string(begin);
      const std::string there = std::to_string(left);
      EXPECT_EQ(lines.back(), left < 16 ? where + ": the file ends inside a record header, after " +
                                              there + " bytes of it"
                                        : where + ": the file ends inside a record: " + there +
                                              " of its 1016 bytes are there");
    }
  }
}

TEST_F(Truncation, ACorruptBlockEndsReadingAndKeepsWhatWasRead) {
  const std::string good = section_header() + interface() + enhanced_packet("abc");
  const std::string statistics = block(5, std::string(12, '\0'));
  const std::string more = enhanced_packet("def");
  const std::string bad[] = {
      enhanced_packet("abc", 1, 7),                        // an interface that does not exist
      Bytes{}.u32(6).u32(0).text + std::string(40, '\0'),  // length 0
      Bytes{}.u32(6).u32(0x7ffffff0).text + std::string(40, '\0'),
      Bytes{}.u32(6).u32(33).text + std::string(40, '\0'),
      Bytes{}.u32(6).u32(32).raw(std::string(20, '\0')).u32(36).text,  // lengths differ
      block(6, Bytes{}.u32(0).u32(0).u32(1).u32(5000).u32(5000).raw("abc").text),
  };
  for (const auto& block_bytes : bad) {
    const auto lines = read_all(write(good + statistics + block_bytes + more));
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[1].substr(0, lines[1].find(':')),
              "after 1 at " + std::to_string(good.size() + statistics.size()))
        << lines[1];
  }
}

TEST_F(Truncation, TheDigestIsStillThatOfTheWholeFile) {
  std::string bytes = pcap_header() + pcap_record("abc");
  bytes += Bytes{}.u32(1).u32(0).u32(0xffffffff).u32(60).text + std::string(3'000'000, 'x');
  const auto source = open_capture(write(bytes), {.digest = true});
  while (source->next() != nullptr) {
  }
  base::Sha256 digest;
  digest.update(std::as_bytes(std::span{bytes}));
  EXPECT_EQ(source->summary().files.at(0).sha256, digest.hex());
  EXPECT_EQ(source->summary().files.at(0).bytes, bytes.size());
}

}  // namespace
}  // namespace httpdiag
