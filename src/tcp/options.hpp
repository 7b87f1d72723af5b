// SPDX-License-Identifier: Apache-2.0
// The TCP options that only rare segments are asked for.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/byte_reader.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::tcp {

/// The options, but for the largest segment size that a SYN offers (RFC 9293 §3.7.1).
std::uint64_t hash_without_mss(const Segment& syn);

/// TSval of the timestamps option (RFC 7323 §3.2).
std::optional<std::uint32_t> timestamp_of(const Segment& segment);

/// TSval where the option comes first behind two that do nothing, as all systems send it with an
/// established connection's segments (RFC 7323 appendix A); else 0.
inline std::uint32_t usual_tsval(const Segment& segment) {
  constexpr std::array kLayout{std::byte{1}, std::byte{1}, std::byte{8}, std::byte{10}};
  if (segment.options.size() < kLayout.size() + sizeof(std::uint32_t)) return 0;
  if (std::memcmp(segment.options.data(), kLayout.data(), kLayout.size()) != 0) return 0;
  return base::ByteReader{segment.options.subspan(kLayout.size())}.u32();
}

/// Length of the longest SACK block beyond the ACK number (RFC 2018 §3), or 0. One below it tells
/// of a duplicate (RFC 2883 §4).
std::uint32_t longest_sacked(const Segment& segment);

}  // namespace httpdiag::tcp
