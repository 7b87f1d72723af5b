// SPDX-License-Identifier: Apache-2.0
// A pcap after a transfer in text mode: named, and only then.
#include "capture/capture_files.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size()) {
    bytes.replace(at, from.size(), to);
  }
  return bytes;
}

constexpr std::uint32_t kStart = 1'715'673'600;

/// Two packets without a line end, then requests; the address 10.x.x.x has a LF in it.
struct Capture {
  std::string bytes;
  std::size_t first_text = 0;
};
Capture capture(bool with_lf_alone) {
  Capture out{pcap_header(), 0};
  for (std::uint32_t i = 0; i < 2; ++i) {
    out.bytes += pcap_record(std::string(60, static_cast<char>(0x40 + i)), kStart, 100 + i);
  }
  out.first_text = out.bytes.size();
  for (std::uint32_t i = 0; i < 6; ++i) {
    std::string text = "POST /notify?id=" + std::to_string(i) +
                       " HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nok";
    if (with_lf_alone) text += "\x0a\x01\x02\x03";
    out.bytes += pcap_record(std::string(54, '\x11') + text, kStart + 1, 5000 + i);
  }
  return out;
}

class TextMode : public CaptureFiles {};

TEST_F(TextMode, InsertedCarriageReturnsAreNamed) {
  for (const bool lf_alone : {false, true}) {
    const Capture good = capture(lf_alone);
    const auto lines = read_all(write(replaced(good.bytes, "\n", "\r\n")));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[2], "after 2 at " + std::to_string(good.first_text) +
                            ": corrupt record: CR was put before every LF, as a transfer in text "
                            "mode does; copy it again in binary mode");
  }
}

TEST_F(TextMode, LostCarriageReturnsAreNamed) {
  for (const bool lf_alone : {false, true}) {
    const Capture good = capture(lf_alone);
    const auto lines = read_all(write(replaced(good.bytes, "\r\n", "\n")));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[2], "after 2 at " + std::to_string(good.first_text) +
                            ": corrupt record: CR was taken away before LF, as a transfer in text "
                            "mode does; copy it again in binary mode");
  }
}

/// So many packets of the same content, with something between that and the header of the record.
std::string records_of(std::uint32_t count, const std::string& data,
                       const std::string& behind_header = {}) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string record = pcap_record(data, kStart, 0x100 + i % 8);
    bytes += record.substr(0, 16) + behind_header + record.substr(16);
  }
  return bytes;
}

// Where each record has grown by 4 or 8 bytes it looks as if its header was that much longer.
TEST_F(TextMode, GrownRecordsAreNoPatchedCaptureProgram) {
  for (const std::size_t lines : {4u, 8u, 12u}) {
    const std::string data = std::string(40, '\x11') + std::string(lines, '\n');
    const std::string good = pcap_header() + records_of(5, data);
    EXPECT_EQ(read_all(write(good)).size(), 5u);
    EXPECT_EQ(read_all(write(replaced(good, "\n", "\r\n"))),
              Lines{"after 0 at 24: corrupt record: CR was put before every LF, as a transfer in "
                    "text mode does; copy it again in binary mode"})
        << lines;
  }
}

TEST_F(TextMode, PatchedCaptureProgramsWroteCrLfAsWell) {
  const std::string text = std::string(54, '\x11') + "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  for (const std::size_t more : {4u, 8u}) {
    for (const char filler : {'\0', '\x01'}) {
      const std::string bytes = pcap_header() + records_of(9, text, std::string(more, filler));
      EXPECT_EQ(read_all(write(bytes)).size(), 9u);
    }
  }
}

// A length of 10 has become one of 2573, which reaches behind the end.
TEST_F(TextMode, IsNamedWhereItMadeALengthThatIsNotThere) {
  const std::string grown = records_of(4, "0123456789");
  for (const std::uint32_t front : {1u, 100u}) {
    const std::string plain = pcap_header() + records_of(front, std::string(900, '\x44'));
    const auto lines = read_all(write(plain + replaced(grown, "\n", "\r\n")));
    ASSERT_EQ(lines.size(), front + 1);
    EXPECT_EQ(lines.back(), "after " + std::to_string(front) + " at " +
                                std::to_string(plain.size()) +
                                ": corrupt record: CR was put before every LF, as a transfer in "
                                "text mode does; copy it again in binary mode");
  }
}

// No record has moved, and all of them make sense.
TEST_F(TextMode, LineEndsThatBecameOthersAreNamed) {
  const Capture good = capture(false);
  for (const bool to_lf : {true, false}) {
    const std::string bytes =
        to_lf ? replaced(good.bytes, "\r", "\n") : replaced(good.bytes, "\n", "\r");
    const auto lines = read_all(write(bytes));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[2], "after 2 at " + std::to_string(good.first_text) +
                            ": corrupt record: each " + (to_lf ? "CR became LF" : "LF became CR") +
                            ", as a transfer in text mode does; copy it again in binary mode");
  }
}

// A script that writes bare LF, which no transfer has made.
TEST_F(TextMode, BareLineFeedsOfAClientAreNone) {
  std::string bytes = pcap_header();
  for (std::uint32_t i = 0; i < 6; ++i) {
    bytes += pcap_record(std::string(54, '\x11') +
                             (i % 2 == 0 ? "GET / HTTP/1.0\n\n" : "GET / HTTP/1.1\nHost: a\n\n"),
                         kStart, i);
  }
  EXPECT_EQ(read_all(write(bytes)).size(), 6u);
}

/// Without a line end or CR, so that nothing happens to it.
std::string plain_records(std::uint32_t count, std::size_t size) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i)
    bytes += pcap_record(std::string(size, '\x44'), kStart, 0x100 + i % 8);
  return bytes;
}

TEST_F(TextMode, IsNamedFarIntoTheFile) {
  for (const bool to_dos : {false, true}) {
    const std::string front = pcap_header() + plain_records(100, 900);
    const std::string text = capture(false).bytes.substr(24);
    const std::string bytes =
        front + (to_dos ? replaced(text, "\n", "\r\n") : replaced(text, "\r\n", "\n"));
    for (const bool recover : {false, true}) {
      const auto lines = read_all(write(bytes), recover);
      if (recover && lines.back().find("after") != 0) continue;  // something was found behind it
      ASSERT_EQ(lines.size(), 103u) << to_dos;
      EXPECT_EQ(lines.back().find("after 102 at " +
                                  std::to_string(front.size() + capture(false).first_text - 24) +
                                  ": corrupt record: CR was "),
                0u)
          << lines.back();
    }
  }
}

TEST_F(TextMode, IsNamedInACaptureOfFewPackets) {
  const std::string good =
      pcap_header() + plain_records(3, 60) +
      pcap_record(std::string(54, '\x11') + "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", kStart + 1,
                  5000) +
      plain_records(1, 60);
  const auto lines = read_all(write(replaced(good, "\r\n", "\n")));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[3].find("CR was taken away before LF"), std::string::npos) << lines[3];
}

TEST_F(TextMode, IsNamedWhereEveryCrIsGone) {
  Capture good = capture(true);
  for (std::uint32_t i = 0; i < 20; ++i) {  // one header of these has a CR in it, too
    good.bytes += pcap_record(std::string(54, '\x11') + "HTTP/1.1 200 OK\r\n\r\n" + "\r\r",
                              kStart + 2, 0x0d00 + i);
  }
  const auto lines = read_all(write(replaced(good.bytes, "\r", "")));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NE(lines[2].find("CR was taken away before LF"), std::string::npos) << lines[2];
}

TEST_F(TextMode, IsNamedWhereOnlyLonelyLfsGotACr) {
  const Capture good = capture(true);
  std::string bytes = replaced(good.bytes, "\r\n", "\x05\x06\x07\x08");
  bytes = replaced(replaced(bytes, "\n", "\r\n"), "\x05\x06\x07\x08", "\r\n");
  // The sequence stands in for no other bytes of it, but for those behind the lone LF.
  const auto lines = read_all(write(bytes));
  EXPECT_NE(lines.back().find("CR was put before each LF that had none"), std::string::npos)
      << lines.back();
}

// Some writers give lengths that look odd in every record: nothing was changed there.
TEST_F(TextMode, OddHeadersAreRead) {
  std::string bytes = pcap_header();
  for (std::uint32_t i = 0; i < 100; ++i) {
    bytes += pcap_record(std::string(54, '\x11') + "GET / HTTP/1.1\n\n", kStart, i, {},
                         i % 2 == 0 ? 3 : 300'000);
  }
  EXPECT_EQ(read_all(write(bytes)).size(), 100u);
  EXPECT_EQ(read_all(write(bytes), true).size(), 100u);
}

TEST_F(TextMode, OtherDamageIsNotBlamedOnIt) {
  const Capture good = capture(true);
  EXPECT_EQ(read_all(write(good.bytes)).size(), 8u);
  for (std::size_t at = good.first_text; at < good.first_text + 130; ++at) {
    for (const std::string& inserted :
         {std::string{"\x05"}, std::string{"\r"}, std::string(9, 'x')}) {
      std::string bytes = good.bytes;
      bytes.insert(at, inserted);
      const auto lines = read_all(write(bytes));
      EXPECT_EQ(lines.back().find("text mode"), std::string::npos) << at << lines.back();
    }
    std::string bytes = good.bytes;
    bytes.erase(at, 3);
    const auto lines = read_all(write(bytes));
    EXPECT_EQ(lines.back().find("text mode"), std::string::npos) << at << lines.back();
  }
}

TEST_F(TextMode, ACutCaptureIsNoConvertedOne) {
  const Capture good = capture(false);
  for (std::size_t size = 24; size < good.bytes.size(); ++size) {
    for (const std::string& line : read_all(write(good.bytes.substr(0, size)))) {
      EXPECT_EQ(line.find("text mode"), std::string::npos) << size;
    }
  }
}

}  // namespace
}  // namespace httpdiag
