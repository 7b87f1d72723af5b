// SPDX-License-Identifier: Apache-2.0
// XXH3-64 in one piece: the digest of bodies, and what payloads are compared by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace httpdiag::base {

/// The same value on every processor, and as xxhash's XXH3_64bits().
std::uint64_t hash64(std::span<const std::byte> bytes);

}  // namespace httpdiag::base
