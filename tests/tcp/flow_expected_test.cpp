// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "decode/decoder.hpp"
#include "properties/recording.hpp"
#include "tcp/flow_twin.hpp"

namespace httpdiag::tcp {
namespace {

TEST(FlowExpected, IsAlikeInEveryCapture) {
  const Settings settings;
  std::uint64_t segments = 0;
  std::uint64_t expected = 0;
  for (const test::Recording& recording : test::recordings()) {
    FlowTwins twins{settings};
    decode::Decoder decoder{settings.limits};
    test::Replay replay{recording};
    while (const Packet* packet = replay.next()) {
      const auto* segment = std::get_if<Segment>(&decoder.on_packet(*packet));
      if (segment == nullptr) continue;
      ++segments;
      ASSERT_TRUE(twins.on_segment(*segment)) << recording.name << " packet " << packet->ref.number;
    }
    expected += twins.expected;
  }
  EXPECT_GT(expected, segments / 4) << "a shortcut that is not taken proves nothing";
}

}  // namespace
}  // namespace httpdiag::tcp
