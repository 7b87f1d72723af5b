// SPDX-License-Identifier: Apache-2.0
#include "base/hash.hpp"

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

}  // namespace httpdiag::base
