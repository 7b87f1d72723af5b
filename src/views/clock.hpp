// SPDX-License-Identifier: Apache-2.0
// How the clocks of two capture points relate, from the packets that passed both. One that went
// from client to server cannot have arrived before it left, nor one that went back: the fastest of
// either direction bound the offset from both sides.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "httpdiag/views.hpp"

namespace httpdiag::views {

class ClockEstimator {
 public:
  /// A packet of `from`, seen by both.
  void on_pair(Side from, Timestamp at_client, Timestamp at_server);
  /// None: no packet was seen by both.
  std::optional<ClockRelation> relation() const;

 private:
  // The fastest packets of a stretch of time: server's time minus client's.
  struct Stretch {
    std::array<std::optional<Duration>, 2> nearest{};  // by side; least of c2s, largest of s2c
    std::array<Timestamp, 2> at{};
  };
  static constexpr std::size_t kMostStretches = 128;
  void widen();

  Duration width_ = std::chrono::milliseconds{500};
  std::map<std::int64_t, Stretch> stretches_;  // by number of width_ since the epoch
  std::uint64_t pairs_ = 0;
};

/// Sums that stay within what a time can be, whatever a capture claims.
Timestamp shifted(Timestamp time, Duration by);
Duration between(Timestamp from, Timestamp to);

}  // namespace httpdiag::views
