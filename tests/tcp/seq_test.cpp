// SPDX-License-Identifier: Apache-2.0
#include "tcp/seq.hpp"

#include <gtest/gtest.h>

namespace httpdiag::tcp {
namespace {

TEST(SequenceSpace, MapsNumbersNearTheStreamAcrossTheWrap) {
  struct Case {
    std::uint32_t base;
    Offset near;
    std::uint32_t seq;
    std::int64_t offset;
  };
  const Case cases[] = {
      {1000, 0, 1000, 0},
      {1000, 0, 1005, 5},
      {1000, 0, 999, -1},  // one before the first byte: a keep-alive
      {0xfffffff0, 0, 0xfffffff0, 0},
      {0xfffffff0, 0, 0x10, 0x20},          // wraps within the first bytes
      {0xfffffff0, 0x20, 0xffffffff, 0xf},  // back across the wrap
      {1, 0xffffffff, 5, 0x100000004},      // second lap
      {7, 9'000'000'000, static_cast<std::uint32_t>(7 + 9'000'000'123), 9'000'000'123},
      {0, 0x80000000, 0, 0},  // exactly half a lap behind
      {0, 0x7fffffff, 0, 0},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(SequenceSpace{c.base}.offset(c.seq, c.near), c.offset)
        << c.base << ' ' << c.seq << " near " << c.near;
  }
}

TEST(SequenceSpace, NumberIsTheInverseOfOffset) {
  for (const std::uint32_t base : {0u, 1u, 0x7fffffffu, 0xffffffffu}) {
    const SequenceSpace space{base};
    for (const Offset offset : {Offset{0}, Offset{1}, Offset{0xffffffff}, Offset{0x123456789a}}) {
      EXPECT_EQ(space.offset(space.number(offset), offset), static_cast<std::int64_t>(offset));
    }
  }
}

TEST(Plausible, ReachesAsFarAsAWindowCan) {
  EXPECT_TRUE(plausible(0, 0));
  EXPECT_TRUE(plausible(kMaxDistance - 1, 0));
  EXPECT_FALSE(plausible(kMaxDistance, 0));
  EXPECT_TRUE(plausible(1, kMaxDistance));
  EXPECT_FALSE(plausible(0, kMaxDistance));
}

}  // namespace
}  // namespace httpdiag::tcp
