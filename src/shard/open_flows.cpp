// SPDX-License-Identifier: Apache-2.0
#include "shard/open_flows.hpp"

#include <algorithm>

#include "base/capture_clock.hpp"
#include "base/happy_eyeballs.hpp"

namespace httpdiag::shard {
namespace {

constexpr std::uint32_t kAllFlows = ~std::uint32_t{0};

/// The same port over the other IP version.
bool replaces(const Endpoint& server, const Endpoint& refused) {
  return server.port == refused.port && server.ip.is_v4() != refused.ip.is_v4();
}

template <typename Each>
void keep_last(std::vector<Each>& list) {
  if (list.size() <= base::kLastAttempts) return;
  list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(base::kLastAttempts));
}

/// All copies of its record.
template <typename Change>
void for_each_record(Ending& ending, const Change& change) {
  for (Told& told : ending) {
    if (auto* exchange = std::get_if<ExchangeTold>(&told)) change(exchange->flow);
    if (auto* flow = std::get_if<FlowTold>(&told)) change(flow->flow);
  }
}

std::optional<std::uint32_t> isn_of(const FlowRecord& flow) {
  return flow.c().isn_known ? std::optional{flow.c().isn} : std::nullopt;
}

}  // namespace

std::optional<Timestamp> refused_at(const FlowRecord& flow) {
  const Handshake outcome = handshake(flow);
  if (outcome == Handshake::refused) return flow.s().trouble().rst.time;
  if (outcome == Handshake::unreachable) return flow.trouble().icmp.time;
  return std::nullopt;
}

OpenFlows::Ends OpenFlows::ends_of(const Endpoint& one, const Endpoint& other,
                                   std::uint32_t network) {
  return {std::min(one, other), std::max(one, other), network};
}

const OpenFlows::Held* OpenFlows::newest(const Ends& ends, std::uint32_t flows_before) const {
  const auto after = behind(ends, flows_before);
  if (after == by_ends_.begin() || std::prev(after)->first != ends) return nullptr;
  return &by_id_.at(std::prev(after)->second);
}

void OpenFlows::hold(Ending ending) {
  const Waited waited = std::get<FlowTold>(ending.back()).waited;
  const FlowRecord& flow = flow_of(ending);
  const FlowId id = flow.id;
  by_ends_.emplace(ends_of(flow), id);
  Held held{waited.list, {}, waited.last_seen, std::move(ending)};
  const auto [at, fresh] = by_id_.insert_or_assign(id, std::move(held));
  wait_until(id, at->second, after(waited.armed, patience(waited.list, limits_)));
}

void OpenFlows::wait_until(FlowId id, Held& held, Timestamp due) {
  held.due = {due, id};
  by_due_[static_cast<std::size_t>(held.list)].insert(held.due);
}

Timestamp OpenFlows::last_due(const Held& held) const {
  return std::max(held.due.first, after(held.last_seen, patience(held.list, limits_)));
}

Ending OpenFlows::take(FlowId id, EndCause cause, std::optional<Timestamp> now) {
  const auto found = by_id_.find(id);
  Held& held = found->second;
  Ending ending = std::move(held.ending);
  const Ends ends = ends_of(flow_of(ending));
  by_ends_.erase({ends, id});
  const Timestamp until = last_due(held);
  if (cause != EndCause::tuple_reused) {
    gone_[ends] = {cause == EndCause::evicted ? std::min(*now, until) : until,
                   isn_of(flow_of(ending))};
  }
  by_due_[static_cast<std::size_t>(held.list)].erase(held.due);
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
  for (const AgeList list : kAgeLists) {
    std::set<Due>& waiting = by_due_[static_cast<std::size_t>(list)];
    while (!waiting.empty() && waiting.begin()->first < now) {
      const FlowId id = waiting.begin()->second;
      Held& held = by_id_.at(id);
      const bool overdue = now > last_due(held);
      const bool rests =
          list == AgeList::open && std::get<FlowTold>(held.ending.back()).waited.rests;
      if (overdue && !rests) return take(id, end_cause(list), now);
      waiting.erase(waiting.begin());
      if (overdue) held.list = AgeList::resting;
      wait_until(id, held, after(now, patience(held.list, limits_)));
    }
  }
  const std::set<Due>& resting = by_due_[static_cast<std::size_t>(AgeList::resting)];
  if (resting.size() > limits_.max_resting)
    return take(resting.begin()->second, end_cause(AgeList::resting), now);
  if (by_id_.size() <= limits_.max_flows) return std::nullopt;
  return take(by_id_.begin()->first, EndCause::evicted, now);
}

OpenFlows::Tie OpenFlows::tie_to(const Begin& begin, Timestamp first,
                                 std::uint32_t flows_before) const {
  // One that its own capture knows better.
  if (begin.again) return Tie::none;
  const Ends ends = ends_of(begin);
  std::optional<std::uint32_t> isn;
  if (const Held* held = newest(ends, flows_before)) {
    isn = isn_of(flow_of(held->ending));
  } else if (const auto gone = gone_.find(ends);
             gone != gone_.end() && (first <= gone->second.until || first == leap_)) {
    isn = gone->second.isn;
  } else {
    return Tie::none;
  }
  return !begin.syn || begin.seq == isn ? Tie::same_connection : Tie::same_ends;
}

std::optional<Ending> OpenFlows::take_begin_of(const Begin& begin, std::uint32_t flows_before) {
  const Held* held = newest(ends_of(begin), flows_before);
  if (held == nullptr || held->list == AgeList::lingering) return std::nullopt;
  // It has not been watched longer than in its own capture.
  return take(held->due.second, EndCause::capture_over, std::nullopt);
}

// In its own capture another one may be below it: then none of these is.
std::optional<Ending> OpenFlows::take_displaced(const Begin& begin, std::uint32_t flows_before,
                                                Timestamp now) {
  const Ends ends = ends_of(begin);
  auto place = behind(ends, flows_before);
  for (int left = begin.again ? 1 : 2; left > 0; --left) {
    if (place == by_ends_.begin() || (--place)->first != ends) return std::nullopt;
  }
  return take(place->second, EndCause::tuple_reused, now);
}

std::vector<Ending> OpenFlows::take_all(Timestamp now) {
  std::vector<Ending> endings;
  while (!by_id_.empty()) {
    endings.push_back(take(by_id_.begin()->first, EndCause::capture_over, now));
  }
  gone_.clear();
  return endings;
}

bool OpenFlows::on_icmp_error(const IcmpError& error, Timestamp now, std::uint64_t attempts) {
  const Held* quoted = newest(ends_of(error.source, error.destination, error.network), kAllFlows);
  if (quoted == nullptr) return false;
  const FlowId id = quoted->due.second;
  Held& held = by_id_.at(id);
  if (held.list == AgeList::opening) {
    if (error.has_seq && error.seq != flow_of(held.ending).c().isn) return true;  // about another
    by_due_[static_cast<std::size_t>(held.list)].erase(held.due);
    held.list = AgeList::open;
    wait_until(id, held, after(now, patience(held.list, limits_)));
  }
  const bool first = !flow_of(held.ending).trouble().icmp;
  for_each_record(held.ending, [&](FlowRecord& flow) { note_icmp_error(flow, error); });
  held.last_seen = now;
  if (held.list == AgeList::resting) {
    by_due_[static_cast<std::size_t>(held.list)].erase(held.due);
    held.list = AgeList::open;
    wait_until(id, held, after(now, patience(held.list, limits_)));
  }
  if (first && handshake(flow_of(held.ending)) == Handshake::unreachable)
    on_unreachable(id, flow_of(held.ending), now, attempts);
  return true;
}

void OpenFlows::begin(Timestamp begin, Timestamp now) {
  leap_.reset();
  if (begin - now > base::CaptureClock::kJump) leap_ = begin;
  std::erase_if(gone_, [&](const auto& gone) { return gone.second.until < begin; });
  refused_.clear();
  unanswered_.clear();
  attempts_.clear();
  for (const auto& [id, held] : by_id_) {
    const FlowRecord& flow = flow_of(held.ending);
    if (handshake(flow) == Handshake::unanswered && flow.c().syns == 1)
      unanswered_.push_back({id, flow.server, flow.first.time, {}, {}});
    const auto at = refused_at(flow);
    if (!at || begin - *at > happy_eyeballs_ || flow.trouble().fallback != FlowId{}) continue;
    refused_.push_back({id, flow.server, flow.first.time, *at, {}});
  }
  std::ranges::sort(refused_, {}, &Refused::at);
  keep_last(refused_);
  // Those whose place an attempt of their own capture may have taken have their candidate.
  for (const auto& [id, held] : by_id_) {
    const FlowRecord& other = flow_of(held.ending);
    if (!other.c().syn) continue;
    std::erase_if(refused_, [&](const Refused& refused) {
      const Timestamp asked = other.first.time;
      const bool meanwhile =
          asked >= refused.first && asked - refused.first <= base::kMostBetweenAttempts;
      const bool behind = asked >= refused.at && asked - refused.at <= happy_eyeballs_;
      return replaces(other.server, refused.server) && (meanwhile || behind);
    });
  }
}

/// Unless the same client got on over the other IP version, or will.
void OpenFlows::on_unreachable(FlowId id, const FlowRecord& flow, Timestamp now,
                               std::uint64_t attempts) {
  Refused refused{id, flow.server, flow.first.time, now, {}};
  for (const Attempt& attempt : attempts_) {
    const Duration later = attempt.at - refused.first;
    const bool forgotten = attempts - attempt.number >= base::kLastAttempts;
    if (forgotten || !replaces(attempt.server, refused.server)) continue;
    if (later < Duration{0} || later > base::kMostBetweenAttempts) continue;
    if (attempt.connected) return replace(id, attempt.flow);
    refused.candidate = attempt.flow;
  }
  refused_.push_back(refused);
  keep_last(refused_);
}

void OpenFlows::replace(FlowId refused, FlowId by) {
  const auto held = by_id_.find(refused);
  if (held == by_id_.end()) return;
  for_each_record(held->second.ending, [&](FlowRecord& flow) {
    if (!flow.trouble_ptr) flow.trouble_ptr = std::make_unique<FlowTrouble>();
    flow.trouble_ptr->fallback = by;
  });
}

void OpenFlows::on_attempt(FlowId flow, const Endpoint& server, Timestamp now,
                           std::uint64_t attempts) {
  if (by_id_.empty()) return;
  attempts_.push_back({flow, server, now, attempts, false});
  keep_last(attempts_);
  for (Refused& refused : refused_) {
    if (!replaces(server, refused.server) || now - refused.at > happy_eyeballs_) continue;
    if (refused.candidate == FlowId{}) refused.candidate = flow;
  }
}

void OpenFlows::on_connected(FlowId flow) {
  for (Attempt& attempt : attempts_) {
    if (attempt.flow != flow) continue;
    attempt.connected = true;
    for (const Refused& overtaken : unanswered_) {
      const Duration later = attempt.at - overtaken.first;
      const bool soon = later >= Duration{0} && later <= base::kMostBetweenAttempts;
      if (soon && replaces(attempt.server, overtaken.server)) replace(overtaken.flow, flow);
    }
  }
  for (const Refused& refused : refused_) {
    if (refused.candidate == flow) replace(refused.flow, flow);
  }
}

}  // namespace httpdiag::shard
