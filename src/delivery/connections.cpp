// SPDX-License-Identifier: Apache-2.0
#include "delivery/connections.hpp"

#include <algorithm>

#include "delivery/attempt.hpp"
#include "delivery/group.hpp"

namespace httpdiag::delivery {

namespace {

constexpr std::size_t kMaxInFull = 4096;
constexpr std::size_t kMaxServers = 256;
constexpr std::size_t kMaxCandidates = 10000;  // looked through for each: bounds the work

void add(std::vector<FailedConnections>& to, const Attempt& attempt, const Endpoint& server) {
  auto row = std::find_if(to.begin(), to.end(), [&](const FailedConnections& each) {
    return each.server == server && each.label == attempt.label;
  });
  if (row == to.end()) {
    if (to.size() == kMaxServers) return;
    to.push_back({.server = server,
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
bool may_belong(const Delivery& delivery, const Attempt& failed, const Endpoint& server,
                Duration window) {
  if (delivery.server != server) return false;
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

}  // namespace

void FailedConnectionList::note(const FlowReport& flow) {
  const auto attempt = failed_connection(flow);
  if (!attempt) return;
  if (list_.size() < kMaxInFull) {
    list_.push_back({*attempt, flow.server});
  } else {
    add(by_server_, *attempt, flow.server);
  }
}

std::vector<FailedConnections> FailedConnectionList::attach(std::vector<Delivery>& deliveries,
                                                            const Thresholds& settings) {
  std::vector<Delivery*> changed;
  for (const One& one : list_) {
    Delivery* only = nullptr;
    std::size_t candidates = 0;
    for (std::size_t i = 0; i < std::min(deliveries.size(), kMaxCandidates); ++i) {
      Delivery& delivery = deliveries[i];
      if (!may_belong(delivery, one.attempt, one.server, settings.delivery_link_window)) continue;
      only = &delivery;
      if (++candidates == 2) break;
    }
    if (candidates != 1) {
      add(by_server_, one.attempt, one.server);
      continue;
    }
    only->attempts.push_back(one.attempt);
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
