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

/// The sum of the words and the sum of those sums, which depends on their order (Fletcher): at some
/// two additions for 32 bytes next to nothing, and unequal for whatever differs by accident. Who
/// wants to can keep it. The same value on every processor of the same byte order.
std::uint64_t content_sum(std::span<const std::byte> bytes);

}  // namespace httpdiag::base
