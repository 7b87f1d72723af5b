// SPDX-License-Identifier: Apache-2.0
// hash64() for processors with AVX2. No standard header but this one: an inline
// function that is compiled for AVX2 could become everybody's at link time.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace httpdiag::base {

uint64_t hash64_avx2(const void* bytes, size_t count);

}  // namespace httpdiag::base
