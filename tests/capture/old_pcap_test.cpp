// SPDX-License-Identifier: Apache-2.0
// What older and patched writers made of the pcap format; and that what libpcap
// reads of any of them is what we read.
#include <pcap/pcap.h>

#include <array>
#include <memory>

#include "capture/capture_files.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

struct OldShape {
  bool little_endian = true;
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint16_t major = 2, minor = 4;
  std::uint32_t link = 1;
  bool swapped = false;     // the two lengths
  std::size_t header = 16;  // of a record
};

std::string header(const OldShape& shape) {
  Bytes out{shape.little_endian};
  out.u32(shape.magic).u16(shape.major).u16(shape.minor).u32(0).u32(0).u32(65535);
  return out.u32(shape.link).text;
}

std::string record(const OldShape& shape, const std::string& bytes, std::uint32_t seconds,
                   std::uint32_t wire_length) {
  Bytes out{shape.little_endian};
  out.u32(seconds).u32(7);
  out.u32(shape.swapped ? wire_length : bytes.size());
  out.u32(shape.swapped ? bytes.size() : wire_length);
  return out.text + std::string(shape.header - 16, '\x55') + bytes;
}

std::string capture(const OldShape& shape) {
  return header(shape) + record(shape, "abcde", 1, 5) + record(shape, "fgh", 2, 1500) +
         record(shape, std::string(300, 'x'), 3, 300);
}

// Nokia's, Red Hat 6.1's and SuSE 6.3's, as Wireshark's editcap writes them.
TEST_F(CaptureFiles, LongerRecordHeadersAreToldByTheSecondRecord) {
  for (const auto& [magic, length] : {std::pair<std::uint32_t, std::size_t>{0xa1b2c3d4, 20},
                                      {0xa1b2c3d4, 24},
                                      {0xa1b2cd34, 28}}) {
    for (const bool little_endian : {true, false}) {
      OldShape shape{.little_endian = little_endian, .magic = magic, .header = length};
      const auto path = write(capture(shape));
      EXPECT_EQ(read_all(path),
                (Lines{"1 1000007000 5/5", "2 2000007000 3/1500", "3 3000007000 300/300"}))
          << length;
      const auto source = open_capture(path, {});
      ASSERT_EQ(source->summary().notes.size(), 1u);
      EXPECT_EQ(source->summary().notes[0].text,
                "The headers of its records are " + std::to_string(length) +
                    " bytes long, as some patched capture programs wrote them.");
      // Cut within the second header nothing is known of it.
      EXPECT_EQ(read_all(write(capture(shape).substr(0, 24 + length + 5 + 10))).size(), 2u);
    }
  }
  // As ever, whatever the second record looks like.
  const OldShape plain;
  const std::string odd = header(plain) + record(plain, "abcde", 1, 5) +
                          record(plain, "abc", 4'000'000'000, 2) + record(plain, "x", 9, 1);
  EXPECT_EQ(read_all(write(odd)).size(), 3u);
}

/// What libpcap makes of the file, in the words of read_all().
Lines by_libpcap(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> reason{};
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> handle{
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                              reason.data()),
      [](pcap_t* open) {
        if (open != nullptr) pcap_close(open);
      }};
  if (!handle) return {reason.data()};
  Lines lines;
  pcap_pkthdr* packet = nullptr;
  const u_char* bytes = nullptr;
  while (pcap_next_ex(handle.get(), &packet, &bytes) == 1) {
    lines.push_back(std::to_string(lines.size() + 1) + " " +
                    std::to_string(packet->ts.tv_sec * 1'000'000'000 + packet->ts.tv_usec) + " " +
                    std::to_string(packet->caplen) + "/" + std::to_string(packet->len));
  }
  return lines;
}

class OldPcap : public CaptureFiles {};

TEST_F(OldPcap, EveryVariantReadsAsLibpcapReadsIt) {
  std::vector<OldShape> shapes;
  for (const bool le : {true, false}) {
    shapes.push_back({.little_endian = le});
    shapes.push_back({.little_endian = le, .magic = 0xa1b23c4d});
    shapes.push_back({.little_endian = le, .magic = 0xa1b2cd34, .header = 24});
    shapes.push_back({.little_endian = le, .minor = 3});
    shapes.push_back({.little_endian = le, .minor = 3, .swapped = true});
    shapes.push_back({.little_endian = le, .minor = 2, .swapped = true});
    shapes.push_back({.little_endian = le, .major = 543, .minor = 0, .swapped = true});
  }
  for (const OldShape& shape : shapes) {
    const auto path = write(capture(shape));
    const Lines lines = read_all(path);
    EXPECT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines, by_libpcap(path))
        << shape.little_endian << " " << shape.magic << " " << shape.major << "." << shape.minor;
  }
}

// libpcap swaps the lengths of 2.2 without looking; the smaller one is what was captured.
TEST_F(OldPcap, LengthsOfVersion22NeedNotBeSwapped) {
  EXPECT_EQ(read_all(write(capture({.minor = 2}))),
            read_all(write(capture({.minor = 2, .swapped = true}), "swapped")));
}

TEST_F(OldPcap, TheUpperHalfOfTheLinkTypeIsNoPartOfIt) {
  const struct {
    std::uint32_t field;
    const char* name;
  } fields[] = {{0x40000001, "ETHERNET"},  // four bytes of frame check sequence
                {0x44000001, "ETHERNET"},  // and the bit that says that they are told of
                {0x00010071, "LINUX_SLL"},
                {0x02240002, "RAW"},   // NetBSD: raw, AF_INET
                {0x02240018, "RAW"}};  // AF_INET6
  for (const auto& each : fields) {
    const auto source = open_capture(write(capture({.link = each.field})), {});
    std::size_t packets = 0;
    while (source->next() != nullptr) ++packets;
    EXPECT_EQ(packets, 3u);
    EXPECT_EQ(source->summary().files.at(0).link_types, Lines{each.name}) << each.field;
  }
}

TEST_F(OldPcap, TruncatedVariantsNameTheRecord) {
  const OldShape shape{.magic = 0xa1b2cd34, .header = 24};
  const std::string whole = capture(shape);
  const std::size_t second = 24 + 24 + 5;
  EXPECT_EQ(read_all(write(whole.substr(0, second + 23))).back(),
            "after 1 at 53: the file ends inside a record header, after 23 bytes of it");
  EXPECT_EQ(read_all(write(whole.substr(0, second + 25))).back(),
            "after 1 at 53: the file ends inside a record: 25 of its 27 bytes are there");
}

TEST_F(OldPcap, AHeaderOfZerosIsNoPacket) {
  const std::string bytes = pcap_header() + pcap_record("abc");
  const auto lines = read_all(write(bytes + std::string(4096, '\0')));
  EXPECT_EQ(lines, (Lines{"1 1000000000 3/3", "after 1 at " + std::to_string(bytes.size()) +
                                                  ": corrupt record: a header of nothing but "
                                                  "zeros"}));
}

}  // namespace
}  // namespace httpdiag
