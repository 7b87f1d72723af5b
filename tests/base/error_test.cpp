// SPDX-License-Identifier: Apache-2.0
#include "httpdiag/error.hpp"

#include <gtest/gtest.h>

#include "base/check_scope.hpp"

namespace httpdiag {
namespace {

TEST(Check, PassesQuietlyWhatHolds) {
  int evaluated = 0;
  HTTPDIAG_CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, SaysWhatDidNotHoldAndStops) {
  EXPECT_DEATH(HTTPDIAG_CHECK(1 + 1 == 3), "internal error: .*error_test.cpp:.*1 \\+ 1 == 3");
}

TEST(CheckDeathTest, ThrowsWhereTheInputIsToBlame) {
  {
    const base::CheckScope outer;
    { const base::CheckScope inner; }
    EXPECT_THROW(HTTPDIAG_CHECK(1 + 1 == 3), base::FailedCheck);
  }
  EXPECT_DEATH(HTTPDIAG_CHECK(1 + 1 == 3), "internal error");
}

}  // namespace
}  // namespace httpdiag
