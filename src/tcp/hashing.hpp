// SPDX-License-Identifier: Apache-2.0
// Hashes of the tcp stage for small values: a multiply-fold. Tables compare full
// keys; hashes only pick the slot.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "httpdiag/segment.hpp"

namespace httpdiag::tcp {

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ 0xd1b54a32d192ed03ULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// For a few bytes, such as options: up to two words by their sum, more by their hash.
inline std::uint64_t hash_few(std::span<const std::byte> bytes) {
  const auto word_at = [&](std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    return word;
  };
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t hash = bytes.size();
  if (bytes.size() < kWord) {
    for (const std::byte byte : bytes) hash = hash << 8 | std::to_integer<std::uint64_t>(byte);
    return hash;
  }
  hash += word_at(0) * 0x9e3779b97f4a7c15;
  for (std::size_t at = kWord; at + kWord < bytes.size(); at += kWord)
    hash = mix(hash, word_at(at));
  return hash + word_at(bytes.size() - kWord);  // may overlap with the one before
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
