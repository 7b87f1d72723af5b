// SPDX-License-Identifier: Apache-2.0
// Times as captures write them down. Kept within 146 years of 1970, so that the
// difference of any two fits in 64 bits; only nonsense lies outside.
#pragma once

#include <algorithm>
#include <cstdint>

#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMostTime = (std::int64_t{1} << 62) - 1;

// 64-bit numbers times 10^9 need more than 64 bits on the way.
__extension__ using Wide = __int128;

constexpr Timestamp clamp_time(Wide nanoseconds) {
  const Wide kept = std::clamp<Wide>(nanoseconds, -kMostTime, kMostTime);
  return Timestamp{Duration{static_cast<std::int64_t>(kept)}};
}

/// The unit of an interface's times (if_tsresol, pcapng section 4.2) and what is added to them
/// (if_tsoffset, seconds).
class TimeUnit {
 public:
  constexpr TimeUnit() = default;
  constexpr TimeUnit(std::uint8_t resolution, std::int64_t offset) : offset_{offset} {
    constexpr std::uint8_t kPowerOfTwo = 0x80;
    binary_ = (resolution & kPowerOfTwo) != 0;
    exponent_ = resolution & 0x7f;
    factor_ = 0;
    if (!binary_ && exponent_ <= 9 && offset == 0) {
      factor_ = 1;
      for (int i = exponent_; i < 9; ++i) factor_ *= 10;
      most_ = static_cast<std::uint64_t>(kMostTime) / factor_;
    }
  }

  constexpr Timestamp time(std::uint64_t units) const {
    if (factor_ != 0 && units <= most_) [[likely]] {
      return Timestamp{Duration{static_cast<std::int64_t>(units * factor_)}};
    }
    return any_time(units);
  }

 private:
  constexpr Timestamp any_time(std::uint64_t units) const {
    Wide nanoseconds = units;
    if (binary_) {
      nanoseconds = (nanoseconds * kSecond) >> exponent_;  // 94 bits at most
    } else {
      for (int i = exponent_; i < 9; ++i) nanoseconds *= 10;
      for (int i = exponent_; i > 9 && nanoseconds != 0; --i) nanoseconds /= 10;
    }
    return clamp_time(nanoseconds + Wide{offset_} * kSecond);
  }

  std::uint64_t factor_ = 1000;  // microseconds, unless it is said otherwise
  std::uint64_t most_ = static_cast<std::uint64_t>(kMostTime) / 1000;
  std::int64_t offset_ = 0;
  std::uint8_t exponent_ = 6;
  bool binary_ = false;
};

}  // namespace httpdiag::capture
