// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "decode/packet_bytes.hpp"
#include "decode/plain_twin.hpp"

namespace httpdiag::decode {
namespace {

const Bytes kTimestamps = raw({1, 1, 8, 10}) + be32(111) + be32(222);
const Bytes kSynOptions = raw({2, 4, 5, 180, 4, 2, 1, 3, 3, 7, 0, 0});

Plain compare(const Bytes& bytes) { return compare_plain(packet_of(bytes)); }

TEST(Plain, TakesTheOrdinaryPacket) {
  const Bytes body = text("POST /notify HTTP/1.1");
  EXPECT_EQ(compare(ethernet(ipv4({}, tcp({}, body)))), Plain::alike);
  EXPECT_EQ(compare(ethernet(ipv4({}, tcp({.options = kTimestamps}, body)))), Plain::alike);
  EXPECT_EQ(compare(ethernet(ipv4({}, tcp({.flags = TcpFlags::syn, .options = kSynOptions})))),
            Plain::alike);
  EXPECT_EQ(compare(ethernet(ipv4({}, tcp({}, {})) + filled(6, 0))), Plain::alike) << "padding";
  EXPECT_EQ(compare(cut(ethernet(ipv4({}, tcp({}, body))), 60)), Plain::alike) << "snaplen";
}

TEST(Plain, LeavesTheRestToTheLayeredReaders) {
  const Bytes segment = tcp({.options = kTimestamps}, text("GET / HTTP/1.1"));
  for (const Bytes& bytes : {
           ethernet(be16(5) + be16(0x0800) + ipv4({}, segment), 0x8100),
           ethernet(ipv6({}, segment), 0x86dd),
           ethernet(ipv4({.options = filled(12, 1)}, segment)),
           ethernet(ipv4({.fragment = 0x2000}, segment)),
           ethernet(ipv4({.fragment = 3}, segment)),
           ethernet(ipv4({.protocol = 17}, segment)),
           ethernet(ipv4({.total_length = 0}, segment)),
           ethernet(ipv4({}, tcp({.data_offset = 4}))),
           ethernet(ipv4({}, tcp({.data_offset = 9}))),
           cut(ethernet(ipv4({}, segment)), 60),
           Bytes{},
       }) {
    EXPECT_EQ(compare(bytes), Plain::left_to_others);
  }
}

TEST(Plain, ReadsEveryDamagedPacketAsTheOthersDo) {
  const Bytes whole =
      ethernet(ipv4({}, tcp({.flags = TcpFlags::syn, .options = kSynOptions}, text("x=1"))));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      Bytes damaged = whole;
      damaged[at] = static_cast<std::byte>(value);
      EXPECT_NE(compare(damaged), Plain::different) << "byte " << at << " set to " << value;
    }
    EXPECT_NE(compare(cut(whole, at)), Plain::different) << "cut at " << at;
  }
}

}  // namespace
}  // namespace httpdiag::decode
