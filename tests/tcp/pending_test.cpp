// SPDX-License-Identifier: Apache-2.0
#include "tcp/pending.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace httpdiag::tcp {
namespace {

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

std::string text(const Piece& piece) {
  return {reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size()};
}

PacketRef packet(PacketNumber number) { return {number, Timestamp{}}; }

TEST(Pending, FirstCopyWinsAndADifferingOneIsNamed) {
  Pending pending;
  EXPECT_EQ(pending.insert(10, 4, bytes("abcd"), packet(1), 0).fresh, 4u);
  const auto again = pending.insert(12, 4, bytes("cXYZ"), packet(2), 0);
  EXPECT_EQ(again.fresh, 2u);
  EXPECT_EQ(again.differs_from.number, 1u);
  EXPECT_EQ(text(pending.pop_front().second), "abcd");
  EXPECT_EQ(text(pending.pop_front().second), "YZ");
  EXPECT_TRUE(pending.empty());
  EXPECT_EQ(pending.cost(), 0u);
}

TEST(Pending, ACutCopyHoldsItsPlaceWithoutBytes) {
  Pending pending;
  EXPECT_EQ(pending.insert(0, 10, bytes("abc"), packet(1), 0).fresh, 10u);
  EXPECT_EQ(pending.insert(2, 4, bytes("cdef"), packet(2), 0).fresh, 0u);
  const auto [offset, piece] = pending.pop_front();
  EXPECT_EQ(offset, 0u);
  EXPECT_EQ(piece.length, 10u);
  EXPECT_EQ(text(piece), "abc");
}

// Every order of five overlapping segments against a map from offset to first byte seen.
TEST(Pending, AgreesWithANaiveByteMapOnAllOrders) {
  struct Part {
    Offset offset;
    std::string bytes;
  };
  std::array<Part, 5> parts = {{{0, "aaaa"}, {2, "bbbb"}, {5, "cc"}, {1, "dddddddd"}, {8, "e"}}};
  std::array<int, 5> order = {0, 1, 2, 3, 4};
  do {
    Pending pending;
    std::map<Offset, char> naive;
    PacketNumber number = 0;
    for (const int i : order) {
      const Part& part = parts[static_cast<std::size_t>(i)];
      std::uint64_t fresh = 0;
      for (std::size_t k = 0; k < part.bytes.size(); ++k)
        fresh += naive.emplace(part.offset + k, part.bytes[k]).second;
      EXPECT_EQ(
          pending.insert(part.offset, part.bytes.size(), bytes(part.bytes), packet(++number), 0)
              .fresh,
          fresh);
    }
    std::map<Offset, char> held;
    while (!pending.empty()) {
      const auto [offset, piece] = pending.pop_front();
      for (std::size_t k = 0; k < piece.bytes.size(); ++k)
        held[offset + k] = static_cast<char>(piece.bytes[k]);
    }
    EXPECT_EQ(held, naive);
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace httpdiag::tcp
