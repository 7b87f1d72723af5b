// SPDX-License-Identifier: Apache-2.0
// Compressed captures: whole, in members, cut, damaged, and with a lot in little.
#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <thread>

#include "capture/capture_files.hpp"
#include "capture/compressed.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

struct Kind {
  std::string name;
  std::function<std::string(const std::string&)> compress;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = [] {
    std::vector<Kind> kinds{{"gzip", [](const std::string& bytes) { return gzip(bytes); }}};
#ifdef HTTPDIAG_ZSTD
    kinds.push_back({"zstd", zstd});
#endif
#ifdef HTTPDIAG_LZ4
    kinds.push_back({"lz4", lz4});
#endif
#ifdef HTTPDIAG_XZ
    kinds.push_back({"xz", xz});
#endif
    return kinds;
  }();
  return all;
}

class Compression : public CaptureFiles {
 protected:
  /// What is said last of such a file: its last packet, its damage, or why it is refused.
  std::string told(const std::string& bytes) const {
    try {
      const Lines lines = read_all(write(bytes));
      return lines.empty() ? std::string{} : lines.back();
    } catch (const Error& refused) {
      return refused.what();
    }
  }
};

std::string many_records(std::size_t count) {
  std::string bytes = pcap_header();
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string data = std::to_string(i * 2654435761u);
    data.resize(i * 37 % 1501, 'x');
    bytes += pcap_record(data, i);
  }
  return bytes;
}

TEST_F(Compression, ReadsLikeWhatWasCompressed) {
  const std::string pcap = many_records(2000);
  const std::string pcapng = section_header() + interface() + enhanced_packet("abc");
  for (const Kind& kind : kinds()) {
    for (const std::string& bytes : {pcap, pcapng}) {
      const std::string compressed = kind.compress(bytes);
      const auto path = write(compressed, "x.pcap." + kind.name);
      EXPECT_EQ(read_all(path), read_all(write(bytes))) << kind.name;
      const auto source = open_capture(path, {});
      while (source->next() != nullptr) {
      }
      EXPECT_EQ(source->summary().files.at(0).compression, kind.name);
      EXPECT_EQ(source->summary().files.at(0).bytes, compressed.size());
      EXPECT_EQ(source->summary().damage, nullptr);
    }
  }
}

TEST_F(Compression, MembersAreOneCapture) {
  const std::string bytes = many_records(300);
  for (const Kind& kind : kinds()) {
    std::string joined;
    for (std::size_t at = 0; at < bytes.size(); at += 10'007) {
      joined += kind.compress(bytes.substr(at, 10'007));
    }
    EXPECT_EQ(read_all(write(joined)), read_all(write(bytes, "plain"))) << kind.name;
    // Zeros behind it are padding.
    EXPECT_EQ(read_all(write(joined + std::string(512, '\0'))), read_all(write(bytes, "plain")));
    const auto lines = read_all(write(joined + "something else"));
    ASSERT_EQ(lines.size(), 301u) << kind.name;
    EXPECT_EQ(lines.back(), "after 300 at " + std::to_string(bytes.size()) + ": its " + kind.name +
                                " data end at byte " + std::to_string(joined.size()) +
                                ", and something else follows them");
  }
}

TEST_F(Compression, EmptyMembersAndSkippableFramesArePassedOver) {
  const std::string bytes = many_records(3);
  for (const Kind& kind : kinds()) {
    EXPECT_EQ(read_all(write(kind.compress("") + kind.compress(bytes) + kind.compress(""))),
              read_all(write(bytes, "plain")))
        << kind.name;
    if (kind.name != "zstd" && kind.name != "lz4") continue;
    const std::string skippable =
        Bytes{}.u32(0x184d2a53).u32(70'000).text + std::string(70'000, 'x');
    EXPECT_EQ(read_all(write(kind.compress(bytes) + skippable + kind.compress(""))),
              read_all(write(bytes, "plain")))
        << kind.name;
  }
}

// zstd and lz4 share them: what is behind tells, however far that is.
TEST_F(Compression, SkippableFramesMayComeFirst) {
  const std::string bytes = many_records(3);
  const auto frame = [](std::uint32_t size) {
    return Bytes{}.u32(0x184d2a50 + size % 16).u32(size).text + std::string(size, 'x');
  };
  const std::string nothing = "FILE: nothing could be decompressed: ";
  for (const Kind& kind : kinds()) {
    if (kind.name != "zstd" && kind.name != "lz4") continue;
    for (const std::string& front : {frame(0), frame(3), frame(3) + frame(0) + frame(400'000)}) {
      const std::string path = write(front + kind.compress(bytes));
      EXPECT_EQ(read_all(path), read_all(write(bytes, "plain"))) << kind.name;
      EXPECT_EQ(open_capture(path, {})->summary().files.at(0).compression, kind.name);
      EXPECT_EQ(refusal(front + kind.compress(bytes).substr(0, 20)),
                nothing + "its " + kind.name + " data are cut off after " +
                    std::to_string(front.size() + 20) + " bytes");
      if (kind.name != "zstd") continue;  // what it is called where nothing tells
      EXPECT_EQ(refusal(front), nothing + "it is empty");
      EXPECT_EQ(refusal(front + "nothing of the kind"), nothing + "its zstd data end at byte " +
                                                            std::to_string(front.size()) +
                                                            ", and something else follows them");
      EXPECT_EQ(refusal(front + frame(100).substr(0, 90)),
                nothing + "its zstd data are cut off after " + std::to_string(front.size() + 90) +
                    " bytes");
    }
  }
}

TEST_F(Compression, WhatIsWholeOfACutOneIsRead) {
  const std::string bytes = many_records(2000);
  const auto all = read_all(write(bytes));
  for (const Kind& kind : kinds()) {
    const std::string compressed = kind.compress(bytes);
    const std::size_t size = compressed.size() * 3 / 4;
    const auto lines = read_all(write(compressed.substr(0, size)));
    if (kind.name == "lz4" || kind.name == "zstd") {  // whole blocks of 64 or 128 KiB and more
      ASSERT_GE(lines.size(), 1u) << kind.name;
    } else {
      ASSERT_GE(lines.size(), 500u) << kind.name;
    }
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) ASSERT_EQ(lines[i], all[i]);
    EXPECT_NE(lines.back().find("its " + kind.name + " data are cut off after " +
                                std::to_string(size) + " bytes"),
              std::string::npos)
        << lines.back();
  }
}

// All bytes of the capture are there; the sum of the member is not.
TEST_F(Compression, ACutThatCostsNoPacketIsToldOf) {
  const std::string bytes = many_records(5);
  const std::string compressed = gzip(bytes);
  const auto lines = read_all(write(compressed.substr(0, compressed.size() - 3)));
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines.back(), "after 5 at " + std::to_string(bytes.size()) +
                              ": its gzip data are cut off after " +
                              std::to_string(compressed.size() - 3) + " bytes");
}

TEST_F(Compression, DamageIsNamedAndNeverACrash) {
  const std::string bytes = many_records(40);
  for (const Kind& kind : kinds()) {
    const std::string compressed = kind.compress(bytes);
    for (std::size_t at = 0; at < compressed.size(); at += 1 + compressed.size() / 60) {
      for (const char bit : {'\x01', '\x80'}) {
        std::string damaged = compressed;
        damaged[at] = static_cast<char>(damaged[at] ^ bit);
        try {
          EXPECT_LE(read_all(write(damaged)).size(), 41u);
        } catch (const Error&) {
          // refused
        }
      }
    }
  }
  std::string compressed = gzip(bytes);
  compressed[compressed.size() - 8] ^= 1;  // the sum
  const auto lines = read_all(write(compressed));
  ASSERT_EQ(lines.size(), 41u);
  EXPECT_NE(lines.back().find("its gzip data cannot be decompressed at byte "), std::string::npos);
}

// What FTP in text mode does to a .gz.
TEST_F(Compression, LineEndsThatATransferChangedAreNamed) {
  std::uint32_t state = 1;
  std::string packet(4000, ' ');
  for (char& c : packet)
    c = static_cast<char>('@' + ((state = state * 1664525 + 1013904223) >> 26));
  std::string bytes = pcap_header();
  for (std::uint32_t i = 0; i < 40; ++i) {
    bytes += pcap_record(packet, 1, i);
    for (char& c : packet)
      c = static_cast<char>('@' + ((state = state * 1664525 + 1013904223) >> 26));
  }
  const std::string compressed = gzip(bytes);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string out = compressed;
    for (std::size_t at = 2; (at = out.find(from, at)) != std::string::npos; at += to.size()) {
      out.replace(at, from.size(), to);
    }
    return out;
  };
  EXPECT_NE(told(changed("\n", "\r\n")).find("CR was put before every LF"), std::string::npos);
  EXPECT_NE(told(changed("\r", "\n")).find("each CR became LF"), std::string::npos);
  EXPECT_NE(told(changed("\n", "\r")).find("each LF became CR"), std::string::npos);
  EXPECT_EQ(told(compressed.substr(0, 9000)).find("transfer"), std::string::npos);
  std::string utf8;
  for (const char c : compressed.substr(2)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) utf8 += static_cast<char>(0xc0 | byte >> 6);
    utf8 += static_cast<char>(byte < 0x80 ? byte : 0x80 | (byte & 0x3f));
  }
  EXPECT_NE(told(compressed.substr(0, 2) + utf8).find("cannot be decompressed"), std::string::npos);
  EXPECT_NE(told("\x1f\xc2\x8b" + utf8).find("converted as if they were text"), std::string::npos);
}

// Of a short file the few line ends prove nothing; that it is whole without the CRs does.
TEST_F(Compression, ATransferOfAShortFileIsNamed) {
  for (const Kind& kind : kinds()) {
    std::size_t changed = 0, with_few = 0;
    for (std::size_t count = 3; count < 90; count += 2) {
      const std::string compressed = kind.compress(many_records(count));
      std::string crlf;
      for (const char c : compressed) crlf += c == '\n' ? std::string{"\r\n"} : std::string{c};
      const auto lines = crlf.size() - compressed.size();
      EXPECT_EQ(told(compressed).find("transfer"), std::string::npos);
      EXPECT_EQ(told(compressed.substr(0, compressed.size() * 2 / 3)).find("transfer"),
                std::string::npos);
      if (lines == 0) continue;
      ++changed;
      with_few += lines < 3 ? 1u : 0u;
      const std::string what = told(crlf);
      EXPECT_NE(what.find("CR was put before every LF"), std::string::npos)
          << kind.name << " " << lines << ": " << what;
      std::string flipped = compressed;
      flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x55);
      EXPECT_EQ(told(flipped).find("transfer"), std::string::npos) << kind.name;
    }
    EXPECT_GT(changed, 20u) << kind.name;
    EXPECT_GT(with_few, 0u) << kind.name;
  }
}

// lz4 leaves a head as it is: its line ends are none of a transfer's.
TEST_F(Compression, LineEndsOfHttpAreNoneOfATransfer) {
  for (const std::string& end : {std::string{"\r\n"}, std::string{"\n"}}) {
    std::string bytes = pcap_header();
    for (std::uint32_t i = 0; i < 12; ++i) {
      const std::string text = "GET /" + std::string(i + 1, 'a') + " HTTP/1.1" + end +
                               "Host: " + std::string(20, static_cast<char>('a' + i)) + end +
                               "X-Id: " + std::to_string(i * 2654435761u) + end + end;
      bytes += pcap_record(std::string(54, '\x11') + text, 1000 + 16 * i, 100 + 16 * i);
    }
    for (const Kind& kind : kinds()) {
      const std::string compressed = kind.compress(bytes);
      for (std::size_t size = 30; size < compressed.size(); size += 7) {
        const std::string what = told(compressed.substr(0, size));
        EXPECT_EQ(what.find("transfer"), std::string::npos) << kind.name << what;
      }
    }
  }
}

// xz finds out at the end of a block that what it has given was wrong.
TEST_F(Compression, DataThatProveToBeDamagedAreNamedWhereARecordMakesNoSense) {
  const std::string bytes = many_records(400);
  for (const Kind& kind : kinds()) {
    if (kind.name != "xz") continue;
    const std::string compressed = kind.compress(bytes);
    std::size_t named = 0, corrupt = 0;
    for (std::size_t at = 64; at + 64 < compressed.size(); at += 16) {
      std::string damaged = compressed;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      const std::string end = read_all(write(damaged)).back();
      if (end.find("corrupt record") == std::string::npos) continue;
      ++corrupt;
      if (end.find("its xz data cannot be decompressed") != std::string::npos) ++named;
    }
    EXPECT_GT(corrupt, 0u);
    EXPECT_EQ(named, corrupt);
  }
}

// 100 MiB of one byte in some hundred kilobytes: never in memory at once, and an unknown block.
TEST_F(Compression, ABombIsHarmless) {
  constexpr std::uint32_t kSize = 100 << 20;
  const std::string head = section_header() + interface() + enhanced_packet("abc") +
                           Bytes{}.u32(0x70000001).u32(kSize + 12).text;
  const std::string tail = Bytes{}.u32(kSize + 12).text + enhanced_packet("def", 2'000'000);
  const std::string member = gzip(std::string(1 << 20, '\0'), 9);
  std::string bomb = gzip(head);
  for (std::uint32_t i = 0; i < kSize >> 20; ++i) bomb += member;
  EXPECT_EQ(read_all(write(bomb + gzip(tail))), (Lines{"1 1000000000 3/3", "2 2000000000 3/3"}));
}

TEST_F(Compression, APipeReadsLikeAFile) {
  const std::string bytes = many_records(200);
  for (const Kind& kind : kinds()) {
    const std::string compressed = kind.compress(bytes) + kind.compress(pcap_record("last"));
    const auto expected = read_all(write(compressed));
    ASSERT_EQ(expected.size(), 201u);
    const std::string pipe = (folder / ("pipe-" + kind.name)).string();
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    std::thread writer{[&] {
      const int fd = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
      for (std::size_t at = 0; at < compressed.size(); at += 5) {
        const std::size_t size = std::min<std::size_t>(5, compressed.size() - at);
        if (::write(fd, compressed.data() + at, size) != static_cast<ssize_t>(size)) break;
      }
      ::close(fd);
    }};
    EXPECT_EQ(read_all(pipe), expected) << kind.name;
    writer.join();
  }
}

}  // namespace
}  // namespace httpdiag
