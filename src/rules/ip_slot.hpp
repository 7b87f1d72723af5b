// SPDX-License-Identifier: Apache-2.0
// Where a table of a fixed size remembers an address; others may share the place.
#pragma once

#include <cstddef>
#include <span>

#include "base/hash.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::rules {

inline std::size_t ip_slot(const IpAddress& ip, std::size_t slots) {
  return static_cast<std::size_t>(base::hash64(std::as_bytes(std::span{ip.bytes})) % slots);
}

}  // namespace httpdiag::rules
