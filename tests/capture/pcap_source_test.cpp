// SPDX-License-Identifier: Apache-2.0
// What readable captures yield.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <thread>

#include "base/sha256.hpp"
#include "capture/capture_files.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

class PcapSource : public CaptureFiles {};

TEST_F(PcapSource, ReadsClassicPcapInEveryByteOrderAndResolution) {
  for (const bool little_endian : {true, false}) {
    for (const bool nanoseconds : {false, true}) {
      const PcapShape shape{.little_endian = little_endian, .nanoseconds = nanoseconds};
      const auto path =
          write(pcap_header(shape) + pcap_record("abc", 1'700'000'000, 123'456, shape) +
                pcap_record("", 1'700'000'001, 7, shape, 1500));
      EXPECT_EQ(read_all(path),
                (nanoseconds ? Lines{"1 1700000000000123456 3/3", "2 1700000001000000007 0/1500"}
                             : Lines{"1 1700000000123456000 3/3", "2 1700000001000007000 0/1500"}));
    }
  }
}

TEST_F(PcapSource, ReadsPcapngInEitherByteOrder) {
  for (const bool le : {true, false}) {
    const auto path = write(section_header(le) + interface(1, 0, le) +
                            enhanced_packet("abcde", 1'700'000'000'123'456, 0, le));
    EXPECT_EQ(read_all(path), (Lines{"1 1700000000123456000 5/5"}));
  }
}

TEST_F(PcapSource, KeepsThePcapngResolutionOfNanoseconds) {
  const std::string resolution =
      Bytes{}.u16(9).u16(1).raw(std::string{"\x09\0\0\0", 4}).u32(0).text;
  const auto path = write(section_header() + interface(1, 0, true, resolution) +
                          enhanced_packet("abc", 1'700'000'000'123'456'789));
  EXPECT_EQ(read_all(path), (Lines{"1 1700000000123456789 3/3"}));
}

TEST_F(PcapSource, ShowsTheBytesOfThePacket) {
  const auto source = open_capture(write(pcap_header() + pcap_record("hello")), {});
  const Packet* packet = source->next();
  ASSERT_NE(packet, nullptr);
  ASSERT_EQ(packet->bytes.size(), 5u);
  EXPECT_EQ(std::memcmp(packet->bytes.data(), "hello", 5), 0);
  EXPECT_EQ(source->next(), nullptr);
  EXPECT_EQ(source->next(), nullptr);  // stays at the end
}

TEST_F(PcapSource, MapsLinkTypes) {
  const struct {
    std::uint32_t number;
    LinkType type;
    const char* name;
  } cases[] = {
      {0, LinkType::null, "NULL"},
      {1, LinkType::ethernet, "ETHERNET"},
      {12, LinkType::raw_ip, "RAW"},
      {14, LinkType::raw_ip, "RAW"},
      {101, LinkType::raw_ip, "RAW"},
      {108, LinkType::loop, "LOOP"},
      {113, LinkType::linux_sll, "LINUX_SLL"},
      {228, LinkType::ipv4, "IPV4"},
      {229, LinkType::ipv6, "IPV6"},
      {276, LinkType::linux_sll2, "LINUX_SLL2"},
  };
  for (const auto& c : cases) {
    const auto source =
        open_capture(write(pcap_header({.link = c.number}) + pcap_record("abcd")), {});
    const Packet* packet = source->next();
    ASSERT_NE(packet, nullptr) << c.name;
    EXPECT_EQ(packet->link, c.type) << c.name;
    EXPECT_EQ(source->summary().files.at(0).link_types, Lines{c.name});
  }
}

TEST_F(PcapSource, TellsOfTheFile) {
  const std::string bytes = pcap_header() + pcap_record("hello");
  const auto path = write(bytes);
  const auto source = open_capture(path, {.digest = true});
  while (source->next() != nullptr) {
  }
  const CaptureSummary& summary = source->summary();
  ASSERT_EQ(summary.files.size(), 1u);
  EXPECT_EQ(summary.files[0].name, path);
  EXPECT_EQ(summary.files[0].bytes, bytes.size());
  EXPECT_EQ(summary.files[0].format, "pcap");
  EXPECT_EQ(summary.packets, 1u);
  EXPECT_EQ(summary.damage, nullptr);
  base::Sha256 digest;
  digest.update(std::as_bytes(std::span{bytes}));
  EXPECT_EQ(summary.files[0].sha256, digest.hex());
}

TEST_F(PcapSource, ACaptureWithoutPacketsIsFine) {
  EXPECT_EQ(read_all(write(pcap_header())), Lines{});
  EXPECT_EQ(read_all(write(section_header() + interface())), Lines{});
  EXPECT_EQ(read_all(write(section_header())), Lines{});
  EXPECT_EQ(read_all(write(section_header() + block(5, std::string(12, '\0')))), Lines{});
}

TEST_F(PcapSource, ReadsSeveralSections) {
  for (const bool le : {true, false}) {
    const auto path =
        write(section_header(le) + interface(1, 0, le) + enhanced_packet("abc", 1, 0, le) +
              section_header(le) + interface(1, 0, le) + enhanced_packet("de", 2, 0, le));
    EXPECT_EQ(read_all(path), (Lines{"1 1000 3/3", "2 2000 2/2"}));
  }
}

// Merging captures leaves interfaces with different snapshot lengths.
TEST_F(PcapSource, InterfacesMayDifferInSnapshotLength) {
  const auto path = write(section_header() + interface(1, 96) + interface(1, 262144) +
                          enhanced_packet(std::string(96, 'a'), 1, 0) +
                          enhanced_packet(std::string(1500, 'b'), 2, 1));
  EXPECT_EQ(read_all(path), (Lines{"1 1000 96/96", "2 2000 1500/1500"}));
}

// The header's snapshot length is a promise that some writers break.
TEST_F(PcapSource, PacketsMayBeLongerThanTheSnapshotLength) {
  const auto path = write(pcap_header({.snaplen = 96}) +
                          pcap_record(std::string(65600, 'a'), 1, 0) + pcap_record("b", 2, 0));
  EXPECT_EQ(read_all(path), (Lines{"1 1000000000 65600/65600", "2 2000000000 1/1"}));
}

TEST_F(PcapSource, SimplePacketsAreCutByTheFirstInterfacesSnapshotLength) {
  const auto simple = [](std::uint32_t wire_length, const std::string& bytes) {
    return block(3, Bytes{}.u32(wire_length).raw(bytes).text);
  };
  const auto path = write(section_header() + interface(1, 64) + simple(1500, std::string(64, 'a')) +
                          simple(40, std::string(40, 'b')));
  EXPECT_EQ(read_all(path), (Lines{"1 0 64/1500", "2 0 40/40"}));
}

TEST_F(PcapSource, OddTimesNeitherOverflowNorStopReading) {
  const std::uint32_t most = 0xffffffff;
  EXPECT_EQ(read_all(write(pcap_header() + pcap_record("a", most, 999'999))),
            (Lines{"1 4294967295999999000 1/1"}));  // 2106-02-07, not 1969
  EXPECT_EQ(read_all(write(pcap_header() + pcap_record("a", 1, 1'000'000))),
            (Lines{"1 2000000000 1/1"}));
  EXPECT_EQ(read_all(write(pcap_header() + pcap_record("a", 0, most) + pcap_record("b"))).size(),
            2u);
  // 2^64 - 1 microseconds is the year 586,524: kept within 2^62 ns.
  EXPECT_EQ(read_all(write(section_header() + interface() + enhanced_packet("a", ~0ull))),
            (Lines{"1 4611686018427387903 1/1"}));
}

TEST_F(PcapSource, ManyChunksOfInputMakeNoDifference) {
  // More than the reading buffer, with records that do not align with it.
  std::string bytes = pcap_header();
  std::string blocks = section_header() + interface();
  std::size_t count = 0;
  for (; bytes.size() < 3'500'000; ++count) {
    const std::string data(count * 37 % 1501, 'x');
    bytes += pcap_record(data, static_cast<std::uint32_t>(count));
    blocks += enhanced_packet(data, count * 1'000'000);
  }
  const std::size_t cut = bytes.size();
  const auto lines = read_all(write(bytes + "12345"));
  ASSERT_EQ(lines.size(), count + 1);
  EXPECT_EQ(lines.back(), "after " + std::to_string(count) + " at " + std::to_string(cut) +
                              ": the file ends inside a record header, after 5 bytes of it");
  const auto block_lines = read_all(write(blocks + "12345"));
  ASSERT_EQ(block_lines.size(), count + 1);
  EXPECT_EQ(block_lines[count - 1], lines[count - 1]);
  EXPECT_EQ(block_lines.back(), "after " + std::to_string(count) + " at " +
                                    std::to_string(blocks.size()) +
                                    ": the file ends inside a record header, after 5 bytes of it");
}

TEST_F(PcapSource, APipeReadsLikeAFile) {
  std::string bytes = pcap_header();
  for (std::uint32_t i = 0; i < 500; ++i) bytes += pcap_record(std::string(i, 'x'), i);
  bytes.resize(bytes.size() - 10);
  const auto expected = read_all(write(bytes));

  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  // Pieces of 7 bytes split every header.
  std::thread writer{[&] {
    const int fd = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
    for (std::size_t at = 0; at < bytes.size(); at += 7) {
      const std::size_t size = std::min<std::size_t>(7, bytes.size() - at);
      if (::write(fd, bytes.data() + at, size) != static_cast<ssize_t>(size)) break;
    }
    ::close(fd);
  }};
  EXPECT_EQ(read_all(pipe), expected);
  writer.join();
}

}  // namespace
}  // namespace httpdiag
