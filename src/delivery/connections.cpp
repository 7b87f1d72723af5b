// SPDX-License-Identifier: Apache-2.0
#include "delivery/connections.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "delivery/attempt.hpp"
#include "delivery/group.hpp"

namespace httpdiag::delivery {

namespace {

constexpr std::size_t kMaxInFull = 4096;
constexpr std::size_t kMaxServers = 256;
constexpr std::size_t kMaxCandidates = 10000;  // looked through for each: bounds the work

void add(std::vector<FailedConnections>& to, const Attempt& attempt) {
  auto row = std::find_if(to.begin(), to.end(), [&](const FailedConnections& each) {
    return each.server == attempt.server && each.label == attempt.label;
  });
  if (row == to.end()) {
    if (to.size() == kMaxServers) return;
    to.push_back({.server = attempt.server,
                  .label = attempt.label,
                  .count = 0,
                  .first = attempt.first,
                  .last = attempt.first,
                  .example = attempt.flow});
    row = std::prev(to.end());
  }
  ++row->count;
  if (attempt.first.number < row->first.number) {
    row->first = attempt.first;
    row->example = attempt.flow;
  }
  if (attempt.first.number > row->last.number) row->last = attempt.first;
}

/// Before the delivery was done with, from the same client to the same server, and near in time to
/// one of its own attempts.
bool may_belong(const Delivery& delivery, const Attempt& failed, Duration window) {
  if (delivery.server != failed.server) return false;
  bool near = false;
  for (const Attempt& attempt : delivery.attempts) {
    if (attempt.weak) continue;
    if (attempt.client != failed.client) return false;
    const bool before = attempt.first.number < failed.first.number;
    if (before && attempt.outcome == AttemptClass::acknowledged) return false;
    const Duration apart =
        before ? failed.first.time - attempt.first.time : attempt.first.time - failed.first.time;
    near = near || apart <= window;
  }
  return near;
}

/// When callbacks began, by who sent them where to.
class Beginnings {
 public:
  Beginnings(std::span<const Attempt> attempts, std::span<const Attempt> failed) {
    std::set<Way> wanted;
    for (const Attempt& attempt : failed) wanted.insert(way(attempt));
    for (const Attempt& attempt : attempts)
      if (wanted.contains(way(attempt))) all_.emplace_back(way(attempt), attempt.first.number);
    std::sort(all_.begin(), all_.end());
  }

  /// One from the same client to the same server began behind `failed` and in front of `number`.
  bool between(const Attempt& failed, std::uint64_t number) const {
    const auto next =
        std::upper_bound(all_.begin(), all_.end(), std::pair{way(failed), failed.first.number});
    return next != all_.end() && next->first == way(failed) && next->second < number;
  }

 private:
  using Way = std::pair<IpAddress, Endpoint>;
  static Way way(const Attempt& attempt) { return {attempt.client, attempt.server}; }
  std::vector<std::pair<Way, std::uint64_t>> all_;  // with the packet's number
};

/// The first attempt with a content.
std::uint64_t own_beginning(const Delivery& delivery) {
  for (const Attempt& attempt : delivery.attempts)
    if (!attempt.weak) return attempt.first.number;
  return 0;
}

}  // namespace

void FailedConnectionList::note(const FlowReport& flow) {
  const auto attempt = failed_connection(flow);
  if (!attempt) return;
  if (list_.size() < kMaxInFull) {
    list_.push_back(*attempt);
  } else {
    add(by_server_, *attempt);
  }
}

std::vector<FailedConnections> FailedConnectionList::attach(std::vector<Delivery>& deliveries,
                                                            std::span<const Attempt> others,
                                                            const Thresholds& settings) {
  const Beginnings beginnings{others, list_};
  std::vector<Delivery*> changed;
  for (const Attempt& failed : list_) {
    Delivery* only = nullptr;
    std::size_t candidates = 0;
    for (std::size_t i = 0; i < std::min(deliveries.size(), kMaxCandidates); ++i) {
      Delivery& delivery = deliveries[i];
      if (!may_belong(delivery, failed, settings.delivery_link_window)) continue;
      only = &delivery;
      if (++candidates == 2) break;
    }
    // What came in between may just as well have been its retry.
    if (candidates != 1 || beginnings.between(failed, own_beginning(*only))) {
      add(by_server_, failed);
      continue;
    }
    only->attempts.push_back(failed);
    ++only->attempt_count;
    changed.push_back(only);
  }
  for (Delivery* delivery : changed) {
    std::sort(delivery->attempts.begin(), delivery->attempts.end(),
              [](const Attempt& a, const Attempt& b) { return a.first.number < b.first.number; });
    judge(*delivery);
  }
  std::sort(by_server_.begin(), by_server_.end(),
            [](const FailedConnections& a, const FailedConnections& b) {
              return a.first.number < b.first.number;
            });
  return by_server_;
}

}  // namespace httpdiag::delivery
