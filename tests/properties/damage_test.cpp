// SPDX-License-Identifier: Apache-2.0
// Single bytes of a capture file changed: refused in one line, or accounted for and
// reported in valid JSON.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "httpdiag/error.hpp"
#include "properties/capture_bytes.hpp"
#include "properties/recording.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

/// Empty if all is well.
std::string trouble_with(const std::string& path) {
  try {
    const auto source = open_capture(path, {});
    const Rendered rendered = render(*source, report::Format::json);
    if (!nlohmann::json::accept(rendered.text)) return "no valid JSON";
    return faults_of(rendered.outcome);
  } catch (const Error&) {
    return {};  // refused
  }
}

TEST(DamageProperty, OfSingleBytesIsReported) {
  constexpr std::size_t kPerFile = 5;
  std::size_t file = 0;
  for (const auto& path : capture_paths()) {
    const std::string bytes = read_file(path);
    ++file;
    if (bytes.size() > 3072 || bytes.size() < 2 * kPerFile) continue;
    const MemoryFile damaged{bytes};
    // Spread over the file, each time elsewhere: headers of all kinds are met by some file.
    const std::size_t step = bytes.size() / kPerFile;
    for (std::size_t at = file * 13 % step; at < bytes.size(); at += step) {
      const char was = bytes[at];
      for (const int value : {0x00, 0xff, was ^ 0x80}) {
        damaged.set_byte(at, static_cast<char>(value));
        EXPECT_EQ(trouble_with(damaged.path()), "") << path << ": byte " << at << " is " << value;
      }
      damaged.set_byte(at, was);
    }
  }
}

struct Record {
  std::size_t begin = 0, length = 0;  // of its bytes, behind the record's header
};

/// Of a classic pcap in this machine's byte order, as the scenarios' are.
std::vector<Record> records_of(const std::string& pcap) {
  constexpr std::size_t kFileHeader = 24, kRecordHeader = 16, kLength = 8;
  std::vector<Record> records;
  for (std::size_t at = kFileHeader; at + kRecordHeader <= pcap.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, pcap.data() + at + kLength, sizeof length);
    at += kRecordHeader;
    if (length > pcap.size() - at) break;  // cut off
    records.push_back({at, length});
    at += length;
  }
  return records;
}

/// Labels of bad syntax that `path` gets.
std::set<Label> malformed_in(const std::string& path) {
  std::set<Label> found;
  const auto source = open_capture(path, {});
  for (const FlowReport& flow : render(*source, report::Format::json).outcome.flows) {
    for (const ExchangeReport& exchange : flow.exchanges) {
      for (const Finding& finding : exchange.findings) {
        if (finding.label == Label::request_malformed || finding.label == Label::response_malformed)
          found.insert(finding.label);
      }
    }
  }
  return found;
}

// What is read as the end of the record in front of a damage are the bytes behind it.
TEST(DamageProperty, OfBytesLeftOutAccusesNobodyOfBadSyntax) {
  std::size_t cuts = 0;
  for (const auto& path : capture_paths()) {
    const std::string bytes = read_file(path);
    if (bytes.size() > 3072 || !malformed_in(path).empty()) continue;
    for (const Record& record : records_of(bytes)) {
      constexpr std::size_t kHeaders = 66, kLeftOut = 5;  // Ethernet, IPv4, TCP with timestamps
      if (record.length < kHeaders + 2 * kLeftOut) continue;
      std::string damaged = bytes;
      damaged.erase(record.begin + record.length - kLeftOut - 1, kLeftOut);
      const MemoryFile file{damaged};
      EXPECT_EQ(malformed_in(file.path()), std::set<Label>{})
          << path << ": " << kLeftOut << " bytes left out of the record at " << record.begin;
      ++cuts;
    }
  }
  EXPECT_GT(cuts, 100U);
}

}  // namespace
}  // namespace httpdiag::test
