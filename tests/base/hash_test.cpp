// SPDX-License-Identifier: Apache-2.0
#include "base/hash.hpp"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
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

// All that is asked of it: what differs in one byte, in the order of its parts or in its length
// has another sum.
TEST(ContentSum, TellsEveryByteAndOrder) {
  std::vector<std::byte> bytes(300);
  std::uint32_t state = 1;  // no two of its words are alike
  for (std::byte& byte : bytes)
    byte = static_cast<std::byte>((state = state * 1103515245 + 12345) >> 24);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    const std::uint64_t sum = content_sum(part);
    EXPECT_EQ(sum, content_sum(std::span{bytes}.first(length)));
    for (std::size_t i = 0; i < length; ++i) {
      part[i] ^= std::byte{0x20};
      EXPECT_NE(sum, content_sum(part)) << length << " bytes, changed at " << i;
      part[i] ^= std::byte{0x20};
    }
    for (std::size_t i = 8; i + 8 <= length; i += 8) {
      std::swap_ranges(part.begin(), part.begin() + 8,
                       part.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_NE(sum, content_sum(part)) << length << " bytes, changed places with " << i;
      std::swap_ranges(part.begin(), part.begin() + 8,
                       part.begin() + static_cast<std::ptrdiff_t>(i));
    }
    part.push_back(std::byte{0});
    EXPECT_NE(sum, content_sum(part));
  }
}

}  // namespace
}  // namespace httpdiag::base
