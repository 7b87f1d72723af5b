// SPDX-License-Identifier: Apache-2.0
// State in pieces that can be read one by one: deflated.
#pragma once

#include <string>
#include <string_view>

#include "httpdiag/error.hpp"

namespace httpdiag::shard {

/// What was read is no state of a shard. Who knows the file names it.
class Damaged : public Error {
 public:
  Damaged() : Error{"the state of a shard is damaged"} {}
};

/// An event is written whole into one block, which is begun anew beyond this size.
inline constexpr std::size_t kBlockBytes = 256u << 10;
inline constexpr std::size_t kMostBlockBytes = 64u << 20;

/// RFC 1950.
std::string deflated(std::string_view bytes);
/// Throws Error where it is damaged or larger than kMostBlockBytes.
std::string inflated(std::string_view bytes);

}  // namespace httpdiag::shard
