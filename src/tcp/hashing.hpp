// SPDX-License-Identifier: Apache-2.0
// Hashes of the tcp stage: XXH3 for bytes, a multiply-fold for small fixed
// values. Tables compare full keys; hashes only pick the slot.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

// All of XXH3 inline: it is called once per packet.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "httpdiag/segment.hpp"

namespace httpdiag::tcp {

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ 0xd1b54a32d192ed03ULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash_bytes(std::span<const std::byte> bytes) {
  return bytes.empty() ? 0 : XXH3_64bits(bytes.data(), bytes.size());
}

/// An address as two words; the byte order does not matter to a hash.
struct Words {
  std::uint64_t low = 0, high = 0;
};
inline Words words_of(const IpAddress& address) { return std::bit_cast<Words>(address.bytes); }

inline std::uint64_t hash_endpoint(const Endpoint& endpoint, std::uint64_t seed) {
  const auto [low, high] = words_of(endpoint.ip);
  return mix(low ^ seed, high ^ (std::uint64_t{endpoint.port} << 40) ^ endpoint.port);
}

}  // namespace httpdiag::tcp
