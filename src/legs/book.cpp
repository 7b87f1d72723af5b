// SPDX-License-Identifier: Apache-2.0
#include "legs/book.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace httpdiag::legs {

namespace {

/// 1 for the leg of a request that is the nearest to the client, as far as is known.
std::uint64_t nearest(const Record& record) {
  return record.legs_behind != 0 && record.front == 0 ? 1 : 0;
}

}  // namespace

const Record* Book::at(std::uint64_t number) const {
  if (number <= forgotten_ || number > forgotten_ + records_.size()) return nullptr;
  return &records_[number - forgotten_ - 1];
}

Record* Book::at(std::uint64_t number) {
  return const_cast<Record*>(std::as_const(*this).at(number));
}

/// The innermost, if it is itself a leg behind each of the others: a header that names the client
/// may have come through several proxies unchanged. Else the one that fits best. Two requests alike
/// under way at once are not told apart.
std::uint64_t Book::best_front(std::uint64_t number) {
  const Record& behind = *at(number);
  struct Fitting {
    std::uint64_t number;
    int points;
  };
  std::vector<Fitting> fitting;
  for_each_like(behind, [&](std::uint64_t other, const Record& front) {
    if (other == number) return;
    const int points = fit(front, behind);
    if (points != 0 && can_be(front, behind) && passed_on(other, number))
      fitting.push_back({other, points});
  });
  if (fitting.size() > 1 && fitting.size() <= kToldApart) {
    std::erase_if(fitting, [&](const Fitting& each) { return is_busy(each.number, number); });
  }
  int best = 0;
  for (const Fitting& each : fitting) best = std::max(best, each.points);
  std::vector<std::uint64_t> all, best_fitting;
  for (const Fitting& each : fitting) {
    all.push_back(each.number);
    if (each.points == best) best_fitting.push_back(each.number);
  }
  const std::uint64_t inner = innermost(all);
  return inner != 0 ? inner : innermost(best_fitting);
}

/// On a loopback device any two requests have a host in common. A proxy passes on what it got: an
/// answer that is unlike the front's belongs to its leg only beside one that is like it.
bool Book::passed_on(std::uint64_t front, std::uint64_t behind) const {
  const Record& f = *at(front);
  const Record& b = *at(behind);
  const bool loopback = f.client_here && f.server_here && b.client_here && b.server_here;
  if (!loopback || (f.trace != 0 && f.trace == b.trace)) return true;
  if (!f.leg.answered || !b.leg.answered || is_gateway_error(f.leg.status)) return true;
  if (f.leg.status == b.leg.status) return true;
  bool beside = false;
  for_each_like(f, [&](std::uint64_t number, const Record& other) {
    beside = beside || (number != front && number != behind && other.leg.answered &&
                        other.leg.status == f.leg.status && fit(f, other) != 0);
  });
  return beside;
}

/// A proxy that has sent a request on waits before it sends it on again.
bool Book::is_busy(std::uint64_t front, std::uint64_t behind) const {
  bool busy = false;
  const Record& leg = *at(behind);
  for_each_like(leg, [&](std::uint64_t number, const Record& other) {
    if (other.front != front || number == behind) return;
    busy = busy || (other.leg.first.number < leg.leg.first.number &&
                    end_of(other) > leg.leg.first.time + kReordered);
  });
  return busy;
}

std::vector<std::uint64_t> Book::legs_behind(std::uint64_t front) const {
  std::vector<std::uint64_t> legs;
  for_each_like(*at(front), [&](std::uint64_t number, const Record& record) {
    if (record.front == front) legs.push_back(number);
  });
  return legs;
}

/// It was passed on before, and that leg was still under way or went well.
bool Book::served(std::uint64_t front, std::uint64_t behind) const {
  const std::vector<std::uint64_t> legs = legs_behind(front);
  return std::any_of(legs.begin(), legs.end(), [&](std::uint64_t number) {
    const Leg& leg = at(number)->leg;
    if (number == behind) return false;
    return (leg.done && !leg.gave_up_after) ||
           httpdiag::end_of(leg) > at(behind)->leg.first.time + kReordered;
  });
}

/// The host sent the same request before it got `front`: it does so of its own accord.
bool Book::sent_before(std::uint64_t front, const Record& behind) const {
  bool sent = false;
  for_each_like(behind, [&](std::uint64_t, const Record& other) {
    sent = sent || (at(other.front) == nullptr && other.leg.client.ip == behind.leg.client.ip &&
                    earlier(other, *at(front)) && same_body(other, behind));
  });
  return sent;
}

/// The requests that a leg may have been passed on for late: those of the client that it names, if
/// it does.
std::vector<std::uint64_t> Book::late_fronts(std::uint64_t number) const {
  const Record& behind = *at(number);
  std::vector<std::uint64_t> fronts;
  for (const std::uint64_t other : left_) {
    const Record* front = at(other);
    if (front == nullptr || other == number) continue;
    if (fits_late(*front, behind) && !sent_before(other, behind)) fronts.push_back(other);
  }
  const auto named = [&](std::uint64_t front) {
    return names_client(behind, at(front)->leg.client.ip);
  };
  if (std::any_of(fronts.begin(), fronts.end(), named))
    std::erase_if(fronts, [&](std::uint64_t front) { return !named(front); });
  return fronts;
}

bool Book::join_late(std::uint64_t number) {
  if (at(number) == nullptr || at(at(number)->front) != nullptr) return false;
  const std::vector<std::uint64_t> fronts = late_fronts(number);
  const bool any = std::any_of(fronts.begin(), fronts.end(),
                               [&](std::uint64_t front) { return !served(front, number); });
  if (any && fronts.size() == 1) join(fronts.front(), number);
  return any;
}

/// A proxy does not send again what went well: where it seems to, the first leg is of another
/// request.
bool Book::went_well_before(std::uint64_t number) const {
  const Record& leg = *at(number);
  if (!leg.leg.done || leg.leg.gave_up_after) return false;
  const std::vector<std::uint64_t> legs = legs_behind(leg.front);
  return std::any_of(legs.begin(), legs.end(), [&](std::uint64_t other) {
    return other != number && end_of(leg) <= at(other)->leg.first.time + kReordered;
  });
}

void Book::reorder() {
  for (std::uint64_t number = forgotten_ + 1; number <= forgotten_ + records_.size(); ++number) {
    const Record& leg = *at(number);
    const Record* front = at(leg.front);
    if (front == nullptr || !in_time(*front, leg)) continue;
    const bool well = went_well_before(number);
    const bool unnamed = !leg.forwarded_for.empty() && !names_client(leg, front->leg.client.ip);
    if (!well && !unnamed) continue;
    const std::vector<std::uint64_t> others = late_fronts(number);
    if (others.size() != 1 || served(others.front(), number)) continue;
    const Record& other = *at(others.front());
    const bool its_client = unnamed && names_client(leg, other.leg.client.ip);
    if (earlier(other, *front) && (well || its_client)) join(others.front(), number);
  }
}

/// 0 if they are not legs of one request.
std::uint64_t Book::innermost(const std::vector<std::uint64_t>& fronts) {
  if (fronts.empty()) return 0;
  const std::uint64_t inner =
      *std::max_element(fronts.begin(), fronts.end(),
                        [&](std::uint64_t a, std::uint64_t b) { return earlier(*at(a), *at(b)); });
  const bool nested = std::all_of(fronts.begin(), fronts.end(), [&](std::uint64_t other) {
    return other == inner || fit(*at(other), *at(inner)) != 0;
  });
  return nested ? inner : 0;
}

bool Book::make_room() {
  while (!lonely_.empty()) {
    const auto oldest = kept_.find(lonely_.front());
    lonely_.pop_front();
    if (oldest == kept_.end() || oldest->second.front != 0 || !oldest->second.behind.empty())
      continue;
    kept_.erase(oldest);
    return true;
  }
  return false;
}

Book::Kept* Book::keep(std::uint64_t number) {
  const Record* record = at(number);
  if (record == nullptr) return nullptr;
  const std::uint64_t id = id_of(record->leg);
  const auto known = kept_.find(id);
  if (known != kept_.end()) return &known->second;
  if (kept_.size() >= max_kept_ && !make_room()) return nullptr;
  const auto at =
      kept_
          .emplace(
              id, Kept{.record = *record, .front = 0, .behind = {}, .number = number, .failed = {}})
          .first;
  return &at->second;
}

void Book::link(std::uint64_t front, std::uint64_t behind) {
  Kept* outer = keep(front);
  Kept* inner = keep(behind);
  if (outer == nullptr || inner == nullptr) {
    ++omitted_;
    return;
  }
  const std::uint64_t outer_id = id_of(outer->record.leg), inner_id = id_of(inner->record.leg);
  if (inner->front == outer_id) return;
  if (const auto before = kept_.find(inner->front); before != kept_.end())
    std::erase(before->second.behind, inner_id);
  inner->front = outer_id;
  outer->behind.push_back(inner_id);
}

void Book::join(std::uint64_t front, std::uint64_t behind) {
  Record& outer = *at(front);
  Record& inner = *at(behind);
  Record* before = at(inner.front);
  requests_ -= nearest(outer) + nearest(inner) + (before != nullptr ? nearest(*before) : 0);
  if (before != nullptr) --before->legs_behind;
  inner.front = front;
  ++outer.legs_behind;
  requests_ += nearest(outer) + nearest(inner) + (before != nullptr ? nearest(*before) : 0);
  const auto matters = [&](const Record& record) {
    return is_problem(record.leg) || kept_.contains(id_of(record.leg));
  };
  if (!matters(outer) && !matters(inner)) return;
  link(front, behind);
  // Legs farther off, that were joined while all seemed well.
  if (at(outer.front) != nullptr && !kept_.contains(id_of(at(outer.front)->leg)))
    link(outer.front, front);
  std::vector<std::uint64_t> farther, beside;
  for_each_like(inner, [&](std::uint64_t number, const Record& record) {
    if (record.front == behind) farther.push_back(number);
    if (record.front == front && number != behind) beside.push_back(number);
  });
  for (const std::uint64_t number : farther) link(behind, number);
  for (const std::uint64_t number : beside) link(front, number);
}

/// The request that it is joined with was told something else, and `another` what it answered.
bool Book::is_doubtful(std::uint64_t behind, std::uint64_t another) const {
  const Leg& leg = at(behind)->leg;
  const Record* outer = at(at(behind)->front);
  if (outer == nullptr || !leg.answered) return false;
  return outer->leg.status != leg.status && at(another)->leg.status == leg.status;
}

/// Another request that is alike has come to light: nobody knows any more whose leg it is.
void Book::part(std::uint64_t behind) {
  Record& inner = *at(behind);
  Record* outer = at(inner.front);
  if (outer == nullptr) return;
  requests_ -= nearest(*outer) + nearest(inner);
  --outer->legs_behind;
  inner.front = 0;
  requests_ += nearest(*outer) + nearest(inner);
  const auto kept = kept_.find(id_of(inner.leg));
  if (kept == kept_.end()) return;
  if (const auto before = kept_.find(kept->second.front); before != kept_.end())
    std::erase(before->second.behind, kept->first);
  kept->second.front = 0;
}

void Book::join_all(std::uint64_t number, Joined& joined) {
  if (const std::uint64_t front = best_front(number); front != 0) {
    join(front, number);
    joined.has_front = true;
  } else {
    for_each_like(*at(number), [&](std::uint64_t other, const Record& candidate) {
      joined.has_front = joined.has_front || (other != number && fit(candidate, *at(number)) != 0 &&
                                              passed_on(other, number));
    });
  }
  std::vector<std::uint64_t> behind;
  for_each_like(*at(number), [&](std::uint64_t other, const Record& candidate) {
    if (other != number && fit(*at(number), candidate) != 0 && passed_on(number, other))
      behind.push_back(other);
  });
  for (const std::uint64_t other : behind) {
    joined.behind.push_back(id_of(at(other)->leg));
    const std::uint64_t front = best_front(other);
    if (front == number) join(number, other);
    if (front == 0 && is_doubtful(other, number)) part(other);
  }
}

Book::Joined Book::add(Record record, bool search) {
  if (records_.size() == kRecords) {
    waits_.forget(forgotten_ + 1, records_.front());
    records_.pop_front();
    ++forgotten_;
  }
  const std::uint64_t number = forgotten_ + records_.size() + 1;
  const std::uint64_t key = record.key;
  std::uint64_t& last = last_[key % kBuckets];
  record.before = last;
  last = number;
  records_.push_back(std::move(record));
  waits_.add(number, records_.back());
  // By then the legs behind it have been judged, and are not forgotten yet.
  if (number > kRecords / 2) note_contested(number - kRecords / 2);
  if (left_unanswered(records_.back())) {
    if (left_.size() == kSteps) left_.pop_front();
    left_.push_back(number);
  }

  Joined joined;
  joined.number = number;
  if (search) join_all(number, joined);
  const std::uint64_t id = id_of(at(number)->leg);
  if (wants_reason(at(number)->leg) && !kept_.contains(id) && keep(number) != nullptr)
    lonely_.push_back(id);
  if (lonely_.size() > kLonely) make_room();
  return joined;
}

/// Another request of that moment may have been what the connection was tried for.
bool Book::fits_another(const Record& failed, const std::vector<std::uint64_t>& known) const {
  bool fits = false;
  waits_.for_each_begun(failed.leg.first.time, kAtOnce, [&](std::uint64_t number) {
    const Record* other = at(number);
    if (other == nullptr || std::find(known.begin(), known.end(), id_of(other->leg)) != known.end())
      return;
    if (!in_time(*other, failed) || !same_host(*other, failed)) return;
    // The next one had it by then.
    std::vector<const Record*> legs;
    for_each_like(*other, [&](std::uint64_t, const Record& leg) {
      if (leg.front == number) legs.push_back(&leg);
    });
    std::sort(legs.begin(), legs.end(), in_order);
    fits = fits || its_turn(*other, legs, nullptr, failed);
  });
  return fits;
}

/// It has answered such requests well without passing any of them on: an application, and what it
/// does not get a connection to is something of its own. It may have acted before.
bool Book::answers_by_itself(const Record& front) const {
  constexpr std::ptrdiff_t kLookedAt = 1024;
  const auto among = static_cast<std::ptrdiff_t>(records_.size());
  bool by_itself = false;
  for (auto at = records_.end() - std::min(among, kLookedAt); at != records_.end(); ++at) {
    if (at->key != front.key || at->leg.server != front.leg.server) continue;
    if (at->legs_behind > 0) return false;
    by_itself = by_itself || is_success(at->leg.status);
  }
  return by_itself;
}

std::vector<const Record*> Book::failed_behind(const Record& front,
                                               const std::vector<const Record*>& legs) const {
  if (!wants_reason(front.leg) || (legs.empty() && answers_by_itself(front))) return {};
  const std::vector<std::uint64_t> self{id_of(front.leg)};
  return failed_.behind(front, legs, waits_,
                        [&](const Record& failed) { return fits_another(failed, self); });
}

std::vector<const Record*> Book::kept_legs(const Kept& kept) const {
  std::vector<const Record*> legs;
  for (const std::uint64_t behind : kept.behind) {
    if (const auto leg = kept_.find(behind); leg != kept_.end())
      legs.push_back(&leg->second.record);
  }
  std::sort(legs.begin(), legs.end(), in_order);
  return legs;
}

std::vector<std::uint64_t> Book::fronts() const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, kept] : kept_) {
    if (kept.front == 0) ids.push_back(id);
  }
  return ids;
}

std::vector<Record> Book::chain_of(std::uint64_t id) const {
  auto at = kept_.find(id);
  if (at == kept_.end()) return {};
  std::set<std::uint64_t> seen{at->first};
  while (at->second.front != 0) {
    const auto next = kept_.find(at->second.front);
    if (next == kept_.end() || !seen.insert(next->first).second) break;
    at = next;
  }
  const Kept& at_front = at->second;
  std::vector<Record> chain{at_front.record};
  chain.front().leg.behind = 0;
  std::set<std::uint64_t> taken{at->first};
  std::vector<const Kept*> todo{&at->second};
  for (std::size_t i = 0; i < todo.size(); ++i) {
    const auto add = [&](const Record& record) {
      chain.push_back(record);
      chain.back().leg.behind = i;
    };
    // The order of `todo` and of `chain` agree as long as failed connections come last.
    for (const std::uint64_t behind : todo[i]->behind) {
      const auto next = kept_.find(behind);
      if (next == kept_.end() || !taken.insert(behind).second) continue;
      add(next->second.record);
      todo.push_back(&next->second);
    }
  }
  const std::size_t exchanges = chain.size();
  for (std::size_t i = 0; i < exchanges; ++i) {
    const std::vector<const Record*> connects =
        settled_ ? todo[i]->failed : failed_behind(chain[i], kept_legs(*todo[i]));
    for (const Record* failed : connects) {
      if (!taken.insert(id_of(failed->leg)).second) continue;
      chain.push_back(*failed);
      chain.back().leg.behind = i;
    }
  }
  if (chain.size() < 2 && !chain.front().leg.by_itself) return {};
  if (const Record* front = this->at(at_front.number); front != nullptr)
    chain.front().leg.contested = is_contested(*front);
  return chain;
}

}  // namespace httpdiag::legs
