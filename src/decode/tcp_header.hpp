// SPDX-License-Identifier: Apache-2.0
// The TCP header (RFC 9293 §3.1) and the few options that the analysis needs.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "decode/ip.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

/// Fills everything in `segment` but the packet and what the link layer knows (VLAN, direction), or
/// says why not.
[[nodiscard]] std::optional<Skip> read_tcp(const Datagram& datagram, Segment& segment);

/// What the checksum of a SYN tells, if all of it was captured. `tcp` begins with the header;
/// `segment` is filled in. Other segments are not worth the sum.
[[nodiscard]] std::uint8_t checksum_hint(const Segment& segment, std::span<const std::byte> tcp);

/// STT (draft-davie-stt-08 §3.1) dresses up as TCP, without a handshake, so that network cards cut
/// its frames up. Sequence numbers hold the length of the frame and where in it a segment is.
inline constexpr std::uint16_t kSttPort = 7471;
/// Whether `segment` begins such a frame. Only the port says it of the others.
[[nodiscard]] bool begins_stt(const Segment& segment);
[[nodiscard]] bool may_be_stt(const Segment& segment);

/// Takes MSS, window scale and SACK out of `segment.options`. Stops at the first
/// option that makes no sense, as receivers do; the segment itself is still good.
void read_each_option(Segment& segment);
inline void read_options(Segment& segment) {
  segment.mss = 0;
  segment.window_scale = -1;
  segment.sack = false;
  if (segment.options.empty()) return;
  // Two NOPs and a timestamp: what most segments carry, and nothing we need (RFC 7323 app. A).
  constexpr std::array<unsigned char, 4> kTimestamp{1, 1, 8, 10};
  const bool only_timestamp =
      segment.options.size() == 12 &&
      std::memcmp(segment.options.data(), kTimestamp.data(), kTimestamp.size()) == 0;
  if (!only_timestamp) read_each_option(segment);
}

}  // namespace httpdiag::decode
