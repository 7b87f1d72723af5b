// SPDX-License-Identifier: Apache-2.0
// What bytes are compared by when they are gone: XXH3-64 in one piece as the digest
// of bodies, and a sum for what is seldom compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace httpdiag::base {

/// The same value on every processor, and as xxhash's XXH3_64bits().
std::uint64_t hash64(std::span<const std::byte> bytes);
inline std::uint64_t hash64(std::string_view text) {
  return hash64(std::as_bytes(std::span{text.data(), text.size()}));
}

/// One hash of several, whose order counts. The same value on every processor.
template <typename... More>
constexpr std::uint64_t mix64(std::uint64_t first, More... more) {
  // One round of splitmix64's finalizer for each (Steele, Lea, Flood: Fast splittable pseudorandom
  // number generators, OOPSLA 2014): an invertible step, so that no input is lost in the others.
  const auto step = [](std::uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  };
  std::uint64_t hash = step(first + 0x9e3779b97f4a7c15);
  ((hash = step((hash ^ static_cast<std::uint64_t>(more)) + 0x9e3779b97f4a7c15)), ...);
  return hash;
}

/// The sum of the words and the sum of those sums, which depends on their order (Fletcher): at some
/// two additions for 32 bytes next to nothing, and unequal for whatever differs by accident. Who
/// wants to can keep it. The same value on every processor of the same byte order.
std::uint64_t content_sum(std::span<const std::byte> bytes);

}  // namespace httpdiag::base
