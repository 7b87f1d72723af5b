// SPDX-License-Identifier: Apache-2.0
#include "base/hash.hpp"

#include <cstring>

// Inline instead of from the shared library: it is called for every payload.
#define XXH_INLINE_ALL
#include <xxhash.h>

#ifdef HTTPDIAG_AVX2
#include "base/hash_avx2.hpp"
#endif

namespace httpdiag::base {

namespace {

#ifdef HTTPDIAG_AVX2
// Wider registers begin to matter where XXH3 takes whole stripes.
constexpr std::size_t kStripes = 240;

bool has_avx2() {
  static const bool kHas = __builtin_cpu_supports("avx2") != 0;
  return kHas;
}
#endif

}  // namespace

std::uint64_t hash64(std::span<const std::byte> bytes) {
#ifdef HTTPDIAG_AVX2
  if (bytes.size() > kStripes && has_avx2()) return hash64_avx2(bytes.data(), bytes.size());
#endif
  return XXH3_64bits(bytes.data(), bytes.size());
}

namespace {

// Four lanes, which the compiler makes two of where registers are narrower.
using Lanes [[gnu::vector_size(32)]] = std::uint64_t;

struct Sums {
  Lanes words{}, sums{};
};

[[gnu::always_inline]] inline void add(Sums& to, const std::byte* at) {
  Lanes block;
  std::memcpy(&block, at, sizeof block);
  to.words += block;
  to.sums += to.words;
}

// Two chains of additions that do not wait for each other. No function of the library in here that
// might be compiled for AVX2 and then be everybody's.
[[gnu::always_inline]] inline std::uint64_t sum_of(const std::byte* bytes, std::size_t size) {
  constexpr std::size_t kBlock = sizeof(Lanes);
  Sums even, odd;
  std::size_t at = 0;
  for (; at + 2 * kBlock <= size; at += 2 * kBlock) {
    add(even, bytes + at);
    add(odd, bytes + at + kBlock);
  }
  if (at + kBlock <= size) {
    add(even, bytes + at);
    at += kBlock;
  }
  if (at < size && size >= kBlock) {
    add(odd, bytes + size - kBlock);  // overlaps with the one before
  } else if (at < size) {
    Lanes padded{};
    std::memcpy(&padded, bytes, size);
    even.words = even.sums = padded;
  }
  // Any one word that differs makes a difference: both factors are odd.
  const Lanes all = (even.words + (even.sums << 7)) ^ (odd.words + (odd.sums << 13));
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t sum = size;
  for (int lane = 0; lane < 4; ++lane) {
    sum = (sum ^ all[lane]) * kOdd;
    sum ^= sum >> 32;
  }
  return sum;
}

#ifdef HTTPDIAG_AVX2
[[gnu::target("avx2")]] std::uint64_t sum_of_avx2(const std::byte* bytes, std::size_t size) {
  return sum_of(bytes, size);
}
#endif

}  // namespace

std::uint64_t content_sum(std::span<const std::byte> bytes) {
#ifdef HTTPDIAG_AVX2
  if (__builtin_cpu_supports("avx2") != 0) return sum_of_avx2(bytes.data(), bytes.size());
#endif
  return sum_of(bytes.data(), bytes.size());
}

}  // namespace httpdiag::base
