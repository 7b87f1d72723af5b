// SPDX-License-Identifier: Apache-2.0
// What passes one way only: a capture beside one of two paths hears nothing of what a host sends,
// and the silence of that host in a short flow says nothing then (taxonomy 4.1).
#pragma once

#include <compare>
#include <map>

#include "httpdiag/flow.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::rules {

/// Whether `side` sent nothing that the capture has, although the other side reacts to it.
bool unheard(const FlowRecord& flow, Side side);

/// What ended flows show of the way from one host to another. Bounded; O(log n) for a flow of which
/// one side was not heard, and nothing while there is none.
class OneWayHosts {
 public:
  explicit OneWayHosts(const Thresholds& limits) : limits_{limits} {}

  /// To be called once for each flow that has ended.
  void note(const FlowRecord& flow);
  /// Other flows prove that what `side` sends does not come past here, and it was not heard in this
  /// one.
  bool hides(const FlowRecord& flow, Side side) const;

 private:
  struct Way {
    IpAddress from, to;
    auto operator<=>(const Way&) const = default;
  };
  struct Count {
    std::uint64_t unheard = 0, heard = 0;  // flows
  };
  static constexpr std::size_t kMaxWays = 1024;
  static Way way(const FlowRecord& flow, Side from);

  const Thresholds& limits_;
  std::map<Way, Count> ways_;
};

}  // namespace httpdiag::rules
