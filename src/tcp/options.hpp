// SPDX-License-Identifier: Apache-2.0
// The TCP options that only rare segments are asked for.
#pragma once

#include <cstdint>
#include <optional>

#include "httpdiag/segment.hpp"

namespace httpdiag::tcp {

/// TSval of the timestamps option (RFC 7323 §3.2).
std::optional<std::uint32_t> timestamp_of(const Segment& segment);

/// Length of the longest SACK block beyond the ACK number (RFC 2018 §3), or 0. One below it tells
/// of a duplicate (RFC 2883 §4).
std::uint32_t longest_sacked(const Segment& segment);

}  // namespace httpdiag::tcp
