// SPDX-License-Identifier: Apache-2.0
// What is known of clients that try both IP versions (RFC 8305), for the tracker and for who goes
// on with its flows in a later capture.
#pragma once

#include <chrono>
#include <cstddef>

namespace httpdiag::base {

// From one attempt to the next, while the first is still under way (RFC 8305 §5).
inline constexpr std::chrono::nanoseconds kMostBetweenAttempts = std::chrono::seconds{2};
// So many of the last attempts are known, and of the last refusals.
inline constexpr std::size_t kLastAttempts = 16;

}  // namespace httpdiag::base
