// SPDX-License-Identifier: Apache-2.0
// Addresses in hash tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::rules {

inline std::uint64_t ip_hash(const IpAddress& ip) {
  return base::hash64(std::as_bytes(std::span{ip.bytes}));
}

/// Where a table of a fixed size remembers an address; others may share the place.
inline std::size_t ip_slot(const IpAddress& ip, std::size_t slots) {
  return static_cast<std::size_t>(ip_hash(ip) % slots);
}

}  // namespace httpdiag::rules
