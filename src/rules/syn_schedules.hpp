// SPDX-License-Identifier: Apache-2.0
// Retry schedules of SYNs, as kernels publish them.
#pragma once

#include <optional>
#include <span>

#include "rules/facts.hpp"

namespace httpdiag::rules {

/// The schedule that `syns` (two at least, in order) is a prefix of. A schedule that
/// the series has run to its end is preferred, then the one with most retries.
/// `ttl`: of the SYNs. What only Windows does is not believed of another host.
std::optional<SynSchedule> match_schedule(std::span<const PacketRef> syns, std::uint8_t ttl,
                                          const Thresholds& limits);

/// Gap to expect after a single SYN: the initial RTO of RFC 6298 §2.1.
inline constexpr Duration kInitialRto = std::chrono::seconds{1};
/// The longest wait between two (Linux: TCP_RTO_MAX).
inline constexpr Duration kLongestRto = std::chrono::seconds{120};
/// By then a kernel that misses the ACK has repeated its SYN-ACK (after a second, tcp(7)), unless
/// it has sent a cookie in it.
inline constexpr Duration kSynAckRepeatDue = 3 * kInitialRto;

}  // namespace httpdiag::rules
