// SPDX-License-Identifier: Apache-2.0
#include "views/clock.hpp"

#include <gtest/gtest.h>

namespace httpdiag::views {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'700'000'000s};

/// A packet there after `way`, and one back; the server's clock is `ahead`.
void exchange(ClockEstimator& clock, Duration at, Duration way, Duration ahead) {
  clock.on_pair(Side::client, kStart + at, kStart + at + way + ahead);
  clock.on_pair(Side::server, kStart + at + 2 * way, kStart + at + way + ahead);
}

TEST(ClockEstimator, KnowsNothingWithoutPackets) { EXPECT_FALSE(ClockEstimator{}.relation()); }

TEST(ClockEstimator, BoundsTheOffsetFromBothSides) {
  ClockEstimator clock;
  exchange(clock, 0s, 40ms, -7s);
  exchange(clock, 1s, 5ms, -7s);
  exchange(clock, 2s, 90ms, -7s);
  const auto relation = clock.relation();
  ASSERT_TRUE(relation);
  EXPECT_EQ(relation->offset, -7s);
  EXPECT_EQ(relation->uncertainty, 5ms);
  EXPECT_TRUE(relation->both_ways && relation->steady);
  EXPECT_FALSE(relation->drift_ppb);
}

TEST(ClockEstimator, OneWayHasTheWayInIt) {
  ClockEstimator clock;
  clock.on_pair(Side::client, kStart, kStart + 20ms);
  const auto relation = clock.relation();
  ASSERT_TRUE(relation);
  EXPECT_FALSE(relation->both_ways);
  EXPECT_EQ(relation->offset, 20ms);
}

TEST(ClockEstimator, FindsDriftInALongCapture) {
  ClockEstimator clock;
  for (int i = 0; i < 3600; ++i) {
    const Duration jitter{(i * 7919) % 3'000'000};
    exchange(clock, i * 1s, 2ms + jitter, 1h + i * 30us);
  }
  const auto relation = clock.relation();
  ASSERT_TRUE(relation && relation->drift_ppb);
  EXPECT_NEAR(static_cast<double>(*relation->drift_ppb), 30'000, 1000);
  EXPECT_TRUE(relation->steady);
}

TEST(ClockEstimator, NoticesAClockThatWasSet) {
  ClockEstimator clock;
  for (int i = 0; i < 20; ++i) exchange(clock, i * 1s, 2ms, i < 10 ? 0s : 2s);
  const auto relation = clock.relation();
  ASSERT_TRUE(relation);
  EXPECT_FALSE(relation->steady);
}

TEST(ClockEstimator, ImpossibleTimesDoNotOverflow) {
  ClockEstimator clock;
  clock.on_pair(Side::client, Timestamp::min(), Timestamp::max());
  clock.on_pair(Side::server, Timestamp::max(), Timestamp::min());
  EXPECT_TRUE(clock.relation());
}

}  // namespace
}  // namespace httpdiag::views
