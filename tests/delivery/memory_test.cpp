// SPDX-License-Identifier: Apache-2.0
#include "delivery/memory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace httpdiag::delivery {
namespace {

Attempt attempt(std::uint64_t number) {
  Attempt made;
  made.flow = FlowId{static_cast<std::uint32_t>(number)};
  made.first = {number, Timestamp{}};
  return made;
}

TEST(Remembered, FindsWhatWasAdded) {
  Remembered memory{1024};
  EXPECT_EQ(memory.find(7), nullptr);
  memory.add(7, attempt(1));
  memory.add(8, attempt(2));
  ASSERT_NE(memory.find(7), nullptr);
  EXPECT_EQ(memory.attempt(*memory.find(7)).first.number, 1u);
  memory.add(7, attempt(3));
  EXPECT_EQ(memory.attempt(*memory.find(7)).first.number, 3u);
  EXPECT_EQ(memory.find(9), nullptr);
}

TEST(Remembered, ForgetsTheOldest) {
  constexpr std::uint64_t kOddSteps = 0x9e3779b97f4a7c15;
  Remembered memory{1024};
  for (std::uint64_t i = 1; i <= 20000; ++i) memory.add(i * kOddSteps, attempt(i));
  std::uint64_t found = 0, recent = 0;
  for (std::uint64_t i = 1; i <= 20000; ++i) {
    if (memory.find(i * kOddSteps) == nullptr) continue;
    ++found;
    if (i > 19000) ++recent;
  }
  EXPECT_LE(found, 1024u);
  EXPECT_GT(recent, 600u);
}

TEST(RecentBodies, KeepTheLastOnesWhole) {
  RecentBodies bodies{4096};
  std::vector<std::uint64_t> numbers;
  const auto text = [](std::uint64_t i) {
    return std::string(static_cast<std::size_t>(1 + i * 37 % 300), static_cast<char>('a' + i % 26));
  };
  for (std::uint64_t i = 0; i < 1000; ++i) {
    numbers.push_back(bodies.add(i, attempt(i + 1), 0, "q", text(i)));
    ASSERT_NE(numbers.back(), 0u);
    // Whatever is still there is as it was.
    for (std::uint64_t j = i > 100 ? i - 100 : 0; j <= i; ++j) {
      const RecentBodies::Record* record = bodies.find(numbers[j]);
      if (record == nullptr) continue;
      ASSERT_EQ(record->endpoint, j);
      ASSERT_EQ(bodies.body(*record), text(j));
      ASSERT_EQ(bodies.query(*record), "q");
    }
  }
  EXPECT_NE(bodies.find(numbers.back()), nullptr);
  EXPECT_NE(bodies.find(numbers[990]), nullptr);
  EXPECT_EQ(bodies.find(numbers[0]), nullptr);
  EXPECT_EQ(bodies.find(0), nullptr);
}

TEST(RecentBodies, LargeOnesAndEmptyOnesAreNotKept) {
  RecentBodies bodies{4096};
  EXPECT_EQ(bodies.add(1, attempt(1), 0, "", std::string(600, 'a')), 0u);
  EXPECT_EQ(bodies.add(1, attempt(1), 0, "", ""), 0u);
}

}  // namespace
}  // namespace httpdiag::delivery
