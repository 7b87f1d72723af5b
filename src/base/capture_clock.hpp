// SPDX-License-Identifier: Apache-2.0
// Time as packets tell it. One absurd timestamp must not end all that waits, so a jump counts only
// when the next packet confirms it.
#pragma once

#include <chrono>

namespace httpdiag::base {

class CaptureClock {
 public:
  using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
  using Duration = std::chrono::nanoseconds;
  static constexpr Duration kJump = std::chrono::hours{1};

  /// What all have agreed on. It does not go back but by a jump.
  Time now() const { return now_; }
  /// The time of the present packet, also while nothing confirms that the clock jumped.
  Time latest() const { return suspect_ != Time{} ? suspect_ : now_; }

  /// The next packet's time.
  void set(Time time) {
    // Nearly always a small step forward.
    const auto step = static_cast<std::uint64_t>((time - now_).count());
    if (step > static_cast<std::uint64_t>(kJump.count()) || suspect_ != Time{}) {
      set_slowly(time);
    } else {
      now_ = time;
    }
  }
  /// No packet follows that could confirm the last one: it is believed if it is not further off.
  void believe_last(Duration most) {
    if (suspect_ > now_ && suspect_ - now_ < most) now_ = suspect_;
  }

 private:
  void set_slowly(Time time) {
    if (now_ == Time{}) now_ = time;
    const Duration step = time - now_;
    if (step > kJump || step < -kJump) {
      const Duration from_suspect = time - suspect_;
      const bool confirmed = suspect_ != Time{} && from_suspect < kJump && from_suspect > -kJump;
      suspect_ = time;
      if (confirmed) now_ = time;
    } else {
      suspect_ = {};
      if (step > Duration{0}) now_ = time;
    }
  }

  Time now_{}, suspect_{};
};

}  // namespace httpdiag::base
