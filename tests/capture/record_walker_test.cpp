// SPDX-License-Identifier: Apache-2.0
#include "capture/record_walker.hpp"

#include "capture/capture_files.hpp"

namespace httpdiag::capture {
namespace {

using namespace testing_capture;

/// Walks `bytes` in chunks of `size`, topping up as Input does; returns what was passed on.
std::string walk_in_chunks(RecordWalker& walker, const std::string& bytes, std::size_t size) {
  std::string passed;
  while (passed.size() < bytes.size()) {
    const std::size_t offset = passed.size();
    std::string chunk = bytes.substr(offset, size);
    while (const std::size_t more = walker.walk(offset, std::as_writable_bytes(std::span{chunk}))) {
      EXPECT_LE(chunk.size() + more, size + RecordWalker::kLookAhead);
      const std::string extra = bytes.substr(offset + chunk.size(), more);
      if (extra.empty()) break;
      chunk += extra;
    }
    passed += chunk;
  }
  return passed;
}

TEST(RecordWalker, KnowsWhereARecordBeginsHoweverTheBytesCome) {
  const std::string bytes = pcap_header() + pcap_record("abcdefg") + pcap_record("") +
                            pcap_record(std::string(30, 'x')) + pcap_record("y");
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    RecordWalker walker;
    walk_in_chunks(walker, bytes, size);
    const auto last = walker.record_before(bytes.size());
    ASSERT_TRUE(last.has_value()) << size;
    EXPECT_EQ(last->begin, bytes.size() - 17) << size;
    EXPECT_EQ(last->end, bytes.size()) << size;
  }
}

TEST(RecordWalker, TellsTheRecordOfAnyPositionInTheChunk) {
  const std::string bytes = section_header() + interface() + enhanced_packet("abc");
  RecordWalker walker;
  walk_in_chunks(walker, bytes, bytes.size());
  EXPECT_FALSE(walker.record_before(0).has_value());
  const std::size_t begins[] = {0, section_header().size(), section_header().size() + 20};
  for (std::size_t position = 1; position <= bytes.size(); ++position) {
    std::size_t expected = 0;
    for (const std::size_t begin : begins) expected = position > begin ? begin : expected;
    EXPECT_EQ(walker.record_before(position)->begin, expected) << position;
  }
}

TEST(RecordWalker, LiftsSnapshotLengthsAndChangesNothingElse) {
  for (const bool le : {true, false}) {
    const std::string packet = enhanced_packet("abc", 1, 0, le);
    const std::string bytes = section_header(le) + interface(1, 96, le) + packet;
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
      RecordWalker walker;
      EXPECT_EQ(walk_in_chunks(walker, bytes, size),
                section_header(le) + interface(1, 0, le) + packet);
    }
    const PcapShape narrow{.little_endian = le, .snaplen = 96};
    const PcapShape wide{.little_endian = le, .snaplen = 262144};
    RecordWalker walker;
    EXPECT_EQ(walk_in_chunks(walker, pcap_header(narrow) + pcap_record("abc", 1, 2, narrow), 5),
              pcap_header(wide) + pcap_record("abc", 1, 2, wide));
  }
}

TEST(RecordWalker, GivesUpWhereALengthMakesNoSense) {
  const std::string good = section_header() + interface();
  for (const std::uint32_t length : {0u, 8u, 33u}) {
    std::string bytes = good + Bytes{}.u32(6).u32(length).text + std::string(100, 'x');
    RecordWalker walker;
    EXPECT_EQ(walker.walk(0, std::as_writable_bytes(std::span{bytes})), 0u);
    const auto last = walker.record_before(bytes.size());
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->begin, good.size());
    EXPECT_FALSE(last->end.has_value());
    EXPECT_FALSE(last->header_cut);
  }
}

TEST(RecordWalker, IsNotLedAstrayByHugeLengths) {
  std::string bytes = pcap_header() + Bytes{}.u32(1).u32(0).u32(0xffffffff).u32(1).text + "x";
  RecordWalker walker;
  EXPECT_EQ(walker.walk(0, std::as_writable_bytes(std::span{bytes})), 0u);
  EXPECT_EQ(walker.record_before(bytes.size())->end, 24 + 16 + 0xffffffffull);
}

TEST(FormatOf, GoesByTheMagicNumber) {
  const auto format = [](const std::string& bytes) {
    return format_of(std::as_bytes(std::span{bytes}));
  };
  EXPECT_EQ(format(pcap_header()), Format::pcap);
  EXPECT_EQ(format(pcap_header({.little_endian = false, .nanoseconds = true})), Format::pcap);
  EXPECT_EQ(format(section_header()), Format::pcapng);
  EXPECT_EQ(format("\n\r\r"), Format::unknown);
  EXPECT_EQ(format("GET / HTTP/1.1"), Format::unknown);
}

}  // namespace
}  // namespace httpdiag::capture
