// SPDX-License-Identifier: Apache-2.0
#include "base/hash.hpp"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <vector>

namespace httpdiag::base {
namespace {

// The library's own build of xxhash is the reference, whatever variant was picked here.
TEST(Hash, IsTheLibrarysXxh3OfEveryLength) {
  std::vector<std::byte> bytes(5000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i * 31 + i);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::span<const std::byte> part = std::span{bytes}.first(length);
    ASSERT_EQ(hash64(part), XXH3_64bits(part.data(), part.size())) << length;
  }
}

TEST(Hash, DoesNotDependOnAlignment) {
  std::vector<std::byte> bytes(2048);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  for (std::size_t from = 0; from < 64; ++from) {
    const std::vector<std::byte> copy(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                                      bytes.end());
    EXPECT_EQ(hash64(std::span{bytes}.subspan(from)), hash64(copy)) << from;
  }
}

}  // namespace
}  // namespace httpdiag::base
