// SPDX-License-Identifier: Apache-2.0
#include "shard/open_flows.hpp"

#include <algorithm>
#include <cstdlib>

namespace httpdiag::shard {
namespace {

const FlowRecord& flow_of(const Ending& ending) { return std::get<FlowTold>(ending.back()).flow; }

// A state may hold any time.

Timestamp after(Timestamp time, Duration wait) {
  return time > Timestamp::max() - wait ? Timestamp::max() : time + wait;
}

/// The last of `first`, `first + wait`, ... that is not behind `now`.
Timestamp last_before(Timestamp now, Timestamp first, Duration wait) {
  if (first >= now || wait <= Duration{0}) return first;
  const auto ticks = [](Timestamp time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
  };
  const auto step = static_cast<std::uint64_t>(wait.count());
  const std::uint64_t reached = ticks(first) + (ticks(now) - ticks(first)) / step * step;
  return Timestamp{Duration{static_cast<std::int64_t>(reached)}};
}

}  // namespace

OpenFlows::List OpenFlows::list_of(const FlowRecord& flow) const {
  if (flow.was_closed) return List::closed;
  return only_asked(flow) ? List::asked : List::open;
}

Duration OpenFlows::patience(List list) const {
  switch (list) {
    case List::asked:
      return limits_.idle_attempt;
    case List::closed:
      return limits_.linger_closed;
    case List::open:
      return limits_.idle_flow;
  }
  std::abort();
}

OpenFlows::Ends OpenFlows::ends_of(const FlowRecord& flow) {
  return {std::min(flow.client, flow.server), std::max(flow.client, flow.server), flow.network};
}

void OpenFlows::hold(Ending ending, Timestamp now) {
  const FlowRecord& flow = flow_of(ending);
  const List list = list_of(flow);
  const Duration wait = patience(list);
  const Timestamp since = list == List::closed ? flow.last.time : flow.first.time;
  const FlowId id = flow.id;
  const Due due{after(last_before(now, since, wait), wait), id};
  by_ends_[ends_of(flow)] = id;
  by_due_[static_cast<std::size_t>(list)].insert(due);
  by_id_.insert_or_assign(id, Held{list, due, std::move(ending)});
}

Ending OpenFlows::take(FlowId id, EndCause cause, std::optional<Timestamp> now) {
  const auto found = by_id_.find(id);
  Ending ending = std::move(found->second.ending);
  const auto named = by_ends_.find(ends_of(flow_of(ending)));
  if (named != by_ends_.end() && named->second == id) by_ends_.erase(named);
  by_due_[static_cast<std::size_t>(found->second.list)].erase(found->second.due);
  by_id_.erase(found);
  for (Told& told : ending) {
    if (auto* exchange = std::get_if<ExchangeTold>(&told); exchange != nullptr && now) {
      exchange->now = *now;
    } else if (auto* flow = std::get_if<FlowTold>(&told); flow != nullptr) {
      flow->cause = cause;
      if (now) flow->now = *now;
    }
  }
  return ending;
}

std::optional<Ending> OpenFlows::take_due(Timestamp now) {
  for (const List list : {List::asked, List::closed, List::open}) {
    std::set<Due>& waiting = by_due_[static_cast<std::size_t>(list)];
    while (!waiting.empty() && waiting.begin()->first < now) {
      const FlowId id = waiting.begin()->second;
      Held& held = by_id_.at(id);
      if (now > after(flow_of(held.ending).last.time, patience(list)))
        return take(id, list == List::closed ? EndCause::closed : EndCause::idle, now);
      waiting.erase(held.due);
      held.due.first = after(now, patience(list));
      waiting.insert(held.due);
    }
  }
  if (by_id_.size() <= limits_.max_flows) return std::nullopt;
  return take(by_id_.begin()->first, EndCause::evicted, now);
}

std::optional<Ending> OpenFlows::take_place_of(const FlowRecord& flow, std::uint32_t flows_before) {
  const auto found = by_ends_.find(ends_of(flow));
  if (found == by_ends_.end() || static_cast<std::uint32_t>(found->second) > flows_before)
    return std::nullopt;
  const FlowId id = found->second;
  // One that goes on has not been watched longer than in its own capture.
  if (flow.has(Oddity::midstream) && by_id_.at(id).list != List::closed)
    return take(id, EndCause::capture_over, std::nullopt);
  return take(id, EndCause::tuple_reused, flow.first.time);
}

std::vector<Ending> OpenFlows::take_all(Timestamp now) {
  std::vector<Ending> endings;
  while (!by_id_.empty()) {
    endings.push_back(take(by_id_.begin()->first, EndCause::capture_over, now));
  }
  return endings;
}

}  // namespace httpdiag::shard
