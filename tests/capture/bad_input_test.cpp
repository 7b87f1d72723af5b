// SPDX-License-Identifier: Apache-2.0
// What is refused, and in which words.
#include <sys/stat.h>

#include "capture/capture_files.hpp"
#include "capture/compressed.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using namespace std::string_literals;

class BadInput : public CaptureFiles {};

TEST_F(BadInput, WhatCannotBeOpened) {
  EXPECT_EQ(refusal_of((folder / "none.pcap").string()), "FILE: no such file");
  EXPECT_EQ(refusal_of(folder.string()), "FILE: is a directory");
  EXPECT_EQ(refusal_of((folder / "x" / "").string()), "FILE: no such file");
  const auto path = write("");
  EXPECT_EQ(refusal_of(path), "FILE: empty file (0 bytes)");
  EXPECT_EQ(refusal_of(path + "/x"), "FILE: cannot be opened: Not a directory");
}

TEST_F(BadInput, WhatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const auto path = write(pcap_header());
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  EXPECT_EQ(refusal_of(path), "FILE: permission denied");
}

TEST_F(BadInput, WhatIsNoCaptureIsNamedByItsFirstBytes) {
  const struct {
    std::string bytes, begins;
  } cases[] = {
      {"BZh91AY&SY"s, "42 5a 68 39 31 41 59 26: bzip2, decompress it first"},
      {"\x02\x21\x4c\x18\0\0\0\0"s,
       "02 21 4c 18 00 00 00 00: lz4's legacy format, decompress it first"},
      {"\xa1\xb2\x34\xcd\0\2\0\4"s,
       "a1 b2 34 cd 00 02 00 04: a pcap of a patched libpcap (fmesquid), convert it to pcap first"},
      {"\xac\x01\0\x1c\2\0\4\0"s,
       "ac 01 00 1c 02 00 04 00: a pcap of an Ixia device, convert it to pcap first"},
      {"PK\x03\x04\x14"s, "50 4b 03 04 14: a zip archive, unpack it first"},
      {"snoop\0\0\0\0\0\0\2"s,
       "73 6e 6f 6f 70 00 00 00: a Solaris snoop capture, convert it to pcap first"},
      {"<!DOCTYPE html><html>",
       "3c 21 44 4f 43 54 59 50: HTML, perhaps a login or error page that "
       "was saved in its place"},
      {"\n <HTML>",
       "0a 20 3c 48 54 4d 4c 3e: HTML, perhaps a login or error page that was saved in "
       "its place"},
      {"<?xml version", "3c 3f 78 6d 6c 20 76 65: XML"},
      {"{\"log\": 1}", "7b 22 6c 6f 67 22 3a 20: JSON"},
      {"12:00:00 IP a > b", "31 32 3a 30 30 3a 30 30: text"},
      {"x", "78: text"},
      {"   \n", "20 20 20 0a: text"},
      {std::string(100, '\0'), "00 00 00 00 00 00 00 00: nothing but zero bytes"},
      {"1MOyoQIABAA=", "31 4d 4f 79 6f 51 49 41: a capture in base64, decode it first"},
      {"\x89\x01\x02\x03", "89 01 02 03"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(refusal(c.bytes), "FILE: not a capture file: it begins with " + c.begins);
  }
}

TEST_F(BadInput, APcapngAfterATransferInTextMode) {
  const std::string good = section_header() + interface();
  const struct {
    const char *from, *to;
  } transfers[] = {{"\r\n", "\n"}, {"\n", "\r\n"}, {"\r", "\n"}, {"\n", "\r"}, {"\r", ""}};
  for (const auto& transfer : transfers) {
    std::string bytes = good;
    for (std::size_t at = 0; (at = bytes.find(transfer.from, at)) != std::string::npos;
         at += std::string{transfer.to}.size()) {
      bytes.replace(at, std::string{transfer.from}.size(), transfer.to);
    }
    const std::string message = refusal(bytes);
    EXPECT_NE(message.find("a pcapng whose line ends were converted"), std::string::npos)
        << message;
  }
}

// A damaged byte in the magic is no conversion.
TEST_F(BadInput, APcapngWithADamagedMagic) {
  for (const char damaged : {'\0', '\r', '\x0c', '\xff'}) {
    for (std::size_t at = 0; at < 4; ++at) {
      std::string bytes = section_header() + interface();
      if (bytes[at] == damaged) continue;
      bytes[at] = damaged;
      const std::string message = refusal(bytes);
      EXPECT_EQ(message.substr(0, 24), "FILE: not a capture file");
      EXPECT_EQ(message.find("converted"), std::string::npos) << message;
    }
  }
}

TEST_F(BadInput, ACaptureThatWasRecodedAsText) {
  for (const auto& bytes :
       {"\xc3\x94\xc3\x83\xc2\xb2\xc2\xa1\x02\0"s, "\xef\xbf\xbd\xc3\xb2\xef\xbf\xbd\x02\0"s}) {
    const std::string message = refusal(bytes);
    EXPECT_NE(message.find("converted as if it were text"), std::string::npos) << message;
  }
}

TEST_F(BadInput, ACaptureCutInsideItsFileHeader) {
  const std::string header = pcap_header();
  for (std::size_t size = 4; size < header.size(); ++size) {
    EXPECT_EQ(refusal(header.substr(0, size)),
              "FILE: cut off inside the file header: " + std::to_string(size) + " bytes in all");
  }
  const std::string section = section_header();
  for (std::size_t size = 4; size < section.size(); ++size) {
    EXPECT_EQ(refusal(section.substr(0, size)),
              "FILE: cut off inside the file header: " + std::to_string(size) + " bytes in all");
  }
}

TEST_F(BadInput, LinkTypesThatNothingCanBeDecodedFrom) {
  EXPECT_EQ(refusal(pcap_header({.link = 60000})),
            "FILE: link type number (60000) is not supported");
  EXPECT_EQ(refusal(section_header() + interface(143)),
            "FILE: link type DOCSIS (143) is not supported");
}

TEST_F(BadInput, PacketsOfALinkTypeThatIsNotReadAreCountedByItsName) {
  const auto source =
      open_capture(write(pcap_header({.link = 10}) + pcap_record("abc") + pcap_record("def")), {});
  EXPECT_EQ(source->next()->link, LinkType::unsupported);
  while (source->next() != nullptr) {
  }
  using Unread = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(source->summary().files[0].unread_links, (Unread{{"FDDI (10)", 2}}));
}

TEST_F(BadInput, ACompressedFileThatHoldsNoCapture) {
  const std::string text = refusal(gzip("GET / HTTP/1.1\r\n"));
  EXPECT_EQ(text,
            "FILE: not a capture file: decompressed, it begins with 47 45 54 20 2f 20 48 54: text");
  EXPECT_EQ(refusal(gzip("")), "FILE: nothing could be decompressed: it is empty");
  EXPECT_EQ(refusal(gzip(pcap_header()).substr(0, 10)),
            "FILE: nothing could be decompressed: its gzip data are cut off after 10 bytes");
}

TEST_F(BadInput, AVersionFromTheFuture) {
  std::string bytes = pcap_header();
  bytes[4] = 9;
  EXPECT_EQ(refusal(bytes),
            "FILE: not readable as a capture: its version is 9.4, and 2.4 is the newest");
  std::string section = section_header();
  section[12] = 2;
  EXPECT_EQ(refusal(section), "FILE: not readable as a capture: version 2.0 of pcapng");
}

}  // namespace
}  // namespace httpdiag
