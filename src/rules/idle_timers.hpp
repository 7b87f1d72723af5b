// SPDX-License-Identifier: Apache-2.0
// The timer after which a server closes a connection at rest, as a capture shows it.
#pragma once

#include <algorithm>

#include "httpdiag/packet.hpp"

namespace httpdiag::rules {

/// Shorter is no rest: a server that answers and then closes is about as slow.
inline constexpr Duration kShortestRest = std::chrono::milliseconds{100};

/// How far from its length a timer goes off: servers look at theirs now and then, and a capture
/// measures between two packets.
constexpr Duration timer_slack(Duration timer) {
  constexpr Duration kUsual = std::chrono::milliseconds{50};
  return std::max(std::min(kUsual, timer / 10), timer / 100);
}

/// `rest` is as long as `timer`, or longer.
constexpr bool outlasts(Duration rest, Duration timer) {
  return rest >= timer - timer_slack(timer);
}

}  // namespace httpdiag::rules
