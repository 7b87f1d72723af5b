// SPDX-License-Identifier: Apache-2.0
// Compiled with -mavx2, for which xxhash.h has its own code; x86-64 only.
#include "base/hash_avx2.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace httpdiag::base {

uint64_t hash64_avx2(const void* bytes, size_t count) { return XXH3_64bits(bytes, count); }

}  // namespace httpdiag::base
