// SPDX-License-Identifier: Apache-2.0
#include "report/spool.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "httpdiag/error.hpp"

namespace httpdiag::report {
namespace {

std::vector<std::string> texts(Spool& spool, std::size_t limit = static_cast<std::size_t>(-1)) {
  std::vector<std::string> all;
  spool.for_each([&](std::string_view text) { all.emplace_back(text); }, limit);
  return all;
}

TEST(Spool, GivesTextsBackInOrderOfFlow) {
  Spool spool;
  for (const std::uint32_t id : {3u, 1u, 2u}) spool.add(FlowId{id}, std::string(id, 'x'));
  EXPECT_FALSE(spool.on_disk());
  EXPECT_EQ(texts(spool), (std::vector<std::string>{"x", "xx", "xxx"}));
  EXPECT_EQ(texts(spool, 2), (std::vector<std::string>{"x", "xx"}));
}

TEST(Spool, GivesTheSameWhenItHadToGoToDisk) {
  Spool spool{100};
  std::vector<std::string> expected(200);
  for (std::uint32_t i = 0; i < 200; ++i) {
    const std::uint32_t id = i * 73 % 200;  // every id once, far from sorted
    expected[id] = std::to_string(id) + std::string(id % 50, '.');
    spool.add(FlowId{id}, expected[id]);
  }
  EXPECT_TRUE(spool.on_disk());
  EXPECT_EQ(texts(spool), expected);
  EXPECT_EQ(texts(spool), expected);  // and once more
}

TEST(Spool, NamesTheFolderThatRefusesATemporaryFile) {
  const char* before = std::getenv("TMPDIR");
  const std::string saved = before != nullptr ? before : "";
  ::setenv("TMPDIR", "/nonexistent-folder", 1);
  Spool spool{1};
  try {
    spool.add(FlowId{1}, "too much");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string{error.what()}.find("/nonexistent-folder"), std::string::npos);
  }
  before != nullptr ? ::setenv("TMPDIR", saved.c_str(), 1) : ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace httpdiag::report
