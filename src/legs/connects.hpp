// SPDX-License-Identifier: Apache-2.0
// Connections that failed, and which of them a proxy tried for a request. Such a connection carried
// nothing that would say so: what is left is its time, and all that speaks against it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "legs/waits.hpp"

namespace httpdiag::legs {

/// Connecting begins this soon after the request, or after the attempt before it failed.
inline constexpr Duration kAtOnce = std::chrono::milliseconds{10};

class Connects {
 public:
  void add(Record failed);

  /// Those that were tried for `front`, in order. `legs`: what carried it behind `front`, in order
  /// of their first packets. `another(failed)`: it may as well belong to another request.
  template <typename Another>
  std::vector<const Record*> behind(const Record& front, const std::vector<const Record*>& legs,
                                    const Waits& waits, Another another) const;
  /// Calls `see(failed)` for all of them, by time.
  template <typename See>
  void for_each(See see) const {
    for (const auto& [key, failed] : failed_) see(failed);
  }
  /// By a host that also tries it while nobody waits for the host: a health check's, unless it
  /// plainly keeps another time.
  bool for_nobody(const Record& failed, const Waits& waits) const;

 private:
  static constexpr std::size_t kFailed = 4096;
  using Key = std::pair<Timestamp, FlowId>;
  using Route = std::pair<IpAddress, Endpoint>;

  std::map<Key, Record> failed_;
  std::map<Route, std::set<Key>> routes_;
};

/// `failed` was tried when the proxy had nothing else to do for `front`: at once, or at once after
/// the attempt before it, be that `before` (null: none) or one of `legs`.
bool its_turn(const Record& front, const std::vector<const Record*>& legs, const Record* before,
              const Record& failed);
/// The answer, the lack of one, or a later leg speak of trouble behind `front` that a connection
/// that failed would explain.
bool explains(const Record& front, const std::vector<const Record*>& legs, const Record& failed);

template <typename Another>
std::vector<const Record*> Connects::behind(const Record& front,
                                            const std::vector<const Record*>& legs,
                                            const Waits& waits, Another another) const {
  std::vector<const Record*> found;
  if (front.until < front.leg.first.time) return found;  // the clock was set back
  const auto end = failed_.upper_bound({front.until + kReordered, FlowId{~std::uint32_t{0}}});
  for (auto at = failed_.lower_bound({front.leg.first.time - kReordered, FlowId{}}); at != end;
       ++at) {
    const Record& failed = at->second;
    if (!same_host(front, failed) || !explains(front, legs, failed)) continue;
    if (!its_turn(front, legs, found.empty() ? nullptr : found.back(), failed)) continue;
    if (!for_nobody(failed, waits) && !another(failed)) found.push_back(&failed);
  }
  return found;
}

}  // namespace httpdiag::legs
