// SPDX-License-Identifier: Apache-2.0
// The only place with sequence-number arithmetic (RFC 9293 §3.4). Everything
// above works on 64-bit offsets that never wrap.
#pragma once

#include <cstdint>

#include "httpdiag/flow.hpp"

namespace httpdiag::tcp {

/// Further than this from where a stream stands, a sequence number belongs to
/// something else. A receive window cannot exceed 2^30 (RFC 7323 §2.3).
inline constexpr std::int64_t kMaxDistance = std::int64_t{1} << 30;

/// Maps the 32-bit numbers of one direction to offsets: offset 0 is `base`.
class SequenceSpace {
 public:
  constexpr SequenceSpace() = default;
  explicit constexpr SequenceSpace(std::uint32_t base) : base_{base} {}

  /// The offset of `seq` that is nearest to `near`. Negative: before offset 0.
  constexpr std::int64_t offset(std::uint32_t seq, Offset near) const {
    const std::uint32_t at_near = base_ + static_cast<std::uint32_t>(near);
    const auto distance = static_cast<std::int32_t>(seq - at_near);
    return static_cast<std::int64_t>(near) + distance;
  }
  constexpr std::uint32_t number(Offset offset) const {
    return base_ + static_cast<std::uint32_t>(offset);
  }

 private:
  std::uint32_t base_ = 0;
};

/// True when `offset` can belong to a stream that stands at `near`.
constexpr bool plausible(std::int64_t offset, Offset near) {
  const std::int64_t distance = offset - static_cast<std::int64_t>(near);
  return distance > -kMaxDistance && distance < kMaxDistance;
}

}  // namespace httpdiag::tcp
