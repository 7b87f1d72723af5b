// SPDX-License-Identifier: Apache-2.0
#include "tcp/options.hpp"

#include <gtest/gtest.h>

#include <string>

namespace httpdiag::tcp {
namespace {

/// A segment with ACK number `ack` and these options, which have to outlive it.
Segment with(const std::string& options, std::uint32_t ack = 1000) {
  Segment segment;
  segment.ack = ack;
  segment.flags.bits = TcpFlags::ack;
  segment.options = std::as_bytes(std::span{options});
  return segment;
}

std::string number(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string sack(std::initializer_list<std::uint32_t> edges) {
  std::string bytes{'\1', '\1', '\5', static_cast<char>(2 + edges.size() * 4)};
  for (const std::uint32_t edge : edges) bytes += number(edge);
  return bytes;
}

TEST(TcpOptions, FindsTheTimestamp) {
  const std::string plain = std::string{"\1\1\x8\xa"} + number(77) + number(5);
  EXPECT_EQ(timestamp_of(with(plain)), 77u);
  const std::string behind_mss = std::string{"\2\4\5\xb4\x8\xa"} + number(0xffffffff) + number(0);
  EXPECT_EQ(timestamp_of(with(behind_mss)), 0xffffffffu);
}

TEST(TcpOptions, FindsNoTimestampInWhatIsCutOrWrong) {
  using namespace std::string_literals;
  const std::string whole = "\1\1\x8\xa"s + number(77) + number(5);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);
    EXPECT_EQ(timestamp_of(with(cut)), std::nullopt) << length;
  }
  const std::string other_length = "\x8\x6"s + number(77);
  EXPECT_EQ(timestamp_of(with(other_length)), std::nullopt);
  const std::string behind_the_end = "\0\x8\xa"s + number(77) + number(5);
  EXPECT_EQ(timestamp_of(with(behind_the_end)), std::nullopt);
  const std::string no_length = "\x13\0\x8\xa"s + number(77) + number(5);
  EXPECT_EQ(timestamp_of(with(no_length)), std::nullopt);
}

TEST(TcpOptions, MeasuresBlocksBeyondTheAck) {
  EXPECT_EQ(longest_sacked(with(sack({1500, 1700}))), 200u);
  EXPECT_EQ(longest_sacked(with(sack({1500, 1700, 3000, 4448}))), 1448u);
  EXPECT_EQ(longest_sacked(with(sack({0xfffffff0, 16}), 0xffffff00)), 32u) << "wraps around";
}

TEST(TcpOptions, LeavesOutWhatIsNoNews) {
  EXPECT_EQ(longest_sacked(with("")), 0u);
  EXPECT_EQ(longest_sacked(with(sack({500, 700}))), 0u) << "a duplicate (RFC 2883)";
  EXPECT_EQ(longest_sacked(with(sack({1700, 1500}))), 0u) << "the wrong way round";
  Segment no_ack = with("");
  const std::string block = sack({1500, 1700});
  no_ack.options = std::as_bytes(std::span{block});
  no_ack.flags.bits = 0;
  EXPECT_EQ(longest_sacked(no_ack), 0u);
}

}  // namespace
}  // namespace httpdiag::tcp
