// SPDX-License-Identifier: Apache-2.0
// What a book can tell only when all requests and connections are known.
#include <algorithm>
#include <chrono>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/hash.hpp"
#include "legs/book.hpp"
#include "legs/contests.hpp"

namespace httpdiag::legs {

namespace {

constexpr Duration kNearInTime = std::chrono::minutes{1};

/// Their clients were told the same.
bool ended_alike(const Leg& a, const Leg& b) { return a.label == b.label && a.status == b.status; }

std::uint64_t outcome_of(const Leg& leg) {
  return static_cast<std::uint64_t>(leg.label) << 17 | std::uint64_t{leg.status} << 1 |
         std::uint64_t{leg.untouched};
}

std::string_view path_of(const Record& record) {
  return std::string_view{record.target}.substr(0, record.target.find('?'));
}

/// A gateway passes these on in the same way.
bool same_route(const Record& a, const Record& b) {
  return a.leg.server == b.leg.server && a.method == b.method && a.host == b.host &&
         path_of(a) == path_of(b);
}

bool overlaps(const Record& a, const Record& b) {
  return a.leg.first.time <= b.leg.last.time + kReordered &&
         b.leg.first.time <= a.leg.last.time + kReordered;
}

}  // namespace

void Book::settle(bool whole) {
  reorder();
  join_alike();
  share_out_failed();
  find_relays();
  settled_ = true;
  if (whole) find_own_answers();
}

std::optional<std::pair<Leg, Leg>> Book::passed_on_here() const {
  for (const Record& behind : records_) {
    const Record* front = at(behind.front);
    if (front == nullptr || !in_time(*front, behind)) continue;
    const bool named =
        front->server_here || front->client_here || behind.client_here || behind.server_here;
    const bool one_host = named ? front->server_here && behind.client_here
                                : front->leg.server.ip == behind.leg.client.ip;
    if (one_host && !front->client_here) return std::pair{front->leg, behind.leg};
  }
  return std::nullopt;
}

void Book::add_opaque(Record record) {
  if (opaque_.size() < kOpaque) opaque_.push_back(std::move(record));
}

/// The requests that began while `front` was under way, and are neither its legs nor in front of
/// others.
template <typename See>
void Book::for_each_beside(const Record& front, See see) const {
  const std::uint64_t self = id_of(front.leg);
  const Duration all = front.until - front.leg.first.time + kReordered;
  waits_.for_each_begun(front.until, all, [&](std::uint64_t number) {
    const Record* other = at(number);
    if (other == nullptr || other->legs_behind != 0 || id_of(other->leg) == self) return;
    const Record* owner = at(other->front);
    if (owner == nullptr || id_of(owner->leg) != self) see(*other);
  });
}

/// A request that is no other one's leg went out while `front` was under way, and may be its own.
/// Of those that went well none is, if there are no more of them than requests that did.
bool Book::is_contested(const Record& front) const {
  if (front.until < front.leg.first.time) return true;  // the clock was set back
  bool contested = false, well = false;
  for_each_beside(front, [&](const Record& other) {
    if (other.leg.untouched || !may_carry(front, other)) return;
    well = well || other.leg.done;
    contested = contested || (!other.leg.done && other.front == 0);
  });
  return contested || (well && !route_of(front).adds_up());
}

void Book::note_contested(std::uint64_t number) {
  const Record* record = at(number);
  if (record == nullptr || !wants_reason(record->leg)) return;
  if (const auto kept = kept_.find(id_of(record->leg)); kept != kept_.end())
    kept->second.record.leg.contested = is_contested(*record);
}

/// Requests that were under way at once, with the same words, and that all failed in one way: so
/// did all that was sent on, and each has one of these.
void Book::join_alike() {
  std::vector<std::uint64_t> fronts, legs;
  for (const auto& [id, kept] : kept_) {
    const Record* record = at(kept.number);
    if (record == nullptr || id_of(record->leg) != id || record->legs_behind != 0) continue;
    if (wants_reason(record->leg)) fronts.push_back(kept.number);
  }
  if (fronts.size() < 2) return;
  const auto by_time = [&](std::uint64_t a, std::uint64_t b) { return earlier(*at(a), *at(b)); };
  std::sort(fronts.begin(), fronts.end(), by_time);
  std::unordered_map<std::uint64_t, std::size_t> place;
  for (std::size_t i = 0; i < fronts.size(); ++i) place.emplace(fronts[i], i);

  for (std::uint64_t number = forgotten_ + 1; number <= forgotten_ + records_.size(); ++number) {
    const Record& record = *at(number);
    if (record.front == 0 && is_problem(record.leg)) legs.push_back(number);
  }
  std::sort(legs.begin(), legs.end(), by_time);

  Contests contests{std::vector<std::size_t>(fronts.size())};
  std::vector<std::size_t> given(fronts.size());
  for (std::size_t i = 0; i < legs.size(); ++i) {
    const Record& leg = *at(legs[i]);
    std::vector<std::size_t> candidates;
    bool went_well = false, other = false;  // requests that are not among `fronts`
    for_each_like(leg, [&](std::uint64_t number, const Record& front) {
      if (number == legs[i] || fit(front, leg) == 0 || !can_be(front, leg)) return;
      if (!passed_on(number, legs[i])) return;
      const auto at_place = place.find(number);
      if (at_place != place.end()) {
        candidates.push_back(at_place->second);
      } else {
        (front.leg.done && leg.leg.untouched ? went_well : other) = true;
      }
    });
    if (other || candidates.size() < 2) continue;
    // Those that went well have legs of their own, each one.
    if (went_well && !route_of(*at(fronts[candidates.front()])).adds_up()) continue;
    std::sort(candidates.begin(), candidates.end());
    const Leg& first = at(fronts[candidates.front()])->leg;
    const bool alike = std::all_of(candidates.begin(), candidates.end(), [&](std::size_t each) {
      return ended_alike(first, at(fronts[each])->leg);
    });
    // One more than there are requests: sent again, for nobody knows whom.
    const bool one_more =
        !leg.leg.untouched && std::all_of(candidates.begin(), candidates.end(),
                                          [&](std::size_t each) { return given[each] != 0; });
    const std::uint64_t outcome = alike && !one_more ? outcome_of(leg.leg) : ~std::uint64_t{i};
    ++given[contests.give(i, outcome, std::move(candidates))];
  }
  contests.decide();
  for (const Contests::Contest& contest : contests.list()) {
    if (contest.decided) join(fronts[contest.winner], legs[contest.item]);
  }
}

/// Of `waiting`, those that `failed` may have been tried for; those that have waited a while since
/// the last attempt only where it comes at once after nothing else.
std::vector<std::size_t> Book::takers(std::vector<Waiting>& waiting, const Record& failed) const {
  std::vector<std::size_t> at_once, later;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const Record& front = waiting[i].kept->record;
    const std::vector<const Record*>& tried = waiting[i].kept->failed;
    if (!in_time(front, failed) || !same_host(front, failed)) continue;
    if (!explains(front, waiting[i].legs, failed)) continue;
    if (its_turn(front, waiting[i].legs, nullptr, failed)) {
      at_once.push_back(i);
    } else if (!tried.empty() && its_turn(front, waiting[i].legs, tried.back(), failed)) {
      const bool next = failed.leg.first.time <= tried.back()->leg.last.time + kAtOnce;
      (next ? at_once : later).push_back(i);
    }
  }
  return at_once.empty() ? later : at_once;
}

void Book::share_out_failed() {
  std::vector<Waiting> waiting;
  for (auto& [id, kept] : kept_) {
    if (!wants_reason(kept.record.leg)) continue;
    std::vector<const Record*> legs = kept_legs(kept);
    if (!legs.empty() || !answers_by_itself(kept.record))
      waiting.push_back({&kept, std::move(legs)});
  }
  std::sort(waiting.begin(), waiting.end(), [](const Waiting& a, const Waiting& b) {
    return earlier(a.kept->record, b.kept->record);
  });
  std::vector<std::size_t> held;
  for (const Waiting& each : waiting) held.push_back(each.legs.size());
  Contests contests{std::move(held)};
  std::vector<const Record*> contested;

  failed_.for_each([&](const Record& failed) {
    std::vector<std::size_t> fitting = takers(waiting, failed);
    if (fitting.empty() || failed_.for_nobody(failed, waits_)) return;
    std::vector<std::uint64_t> ids;
    for (const std::size_t i : fitting) ids.push_back(id_of(waiting[i].kept->record.leg));
    if (fits_another(failed, ids)) return;
    std::size_t winner = fitting.front();
    if (fitting.size() == 1) {
      contests.give(winner);
    } else {
      const Leg& first = waiting[winner].kept->record.leg;
      const bool alike = std::all_of(fitting.begin(), fitting.end(), [&](std::size_t i) {
        return ended_alike(first, waiting[i].kept->record.leg);
      });
      const std::uint64_t outcome =
          alike ? outcome_of(failed.leg) : ~std::uint64_t{contested.size()};
      winner = contests.give(contested.size(), outcome, std::move(fitting));
      contested.push_back(&failed);
    }
    waiting[winner].kept->failed.push_back(&failed);
  });
  contests.decide();
  for (const Contests::Contest& contest : contests.list()) {
    if (!contest.decided) std::erase(waiting[contest.winner].kept->failed, contested[contest.item]);
  }
}

Book::Route Book::route_of(const Record& front) const {
  constexpr Duration kLegs = kNearInTime + std::chrono::seconds{1};
  Route route;
  for (const Record& other : records_) {
    const Duration apart = std::chrono::abs(other.leg.first.time - front.leg.first.time);
    if (apart > kLegs) continue;
    const bool well = is_success(other.leg.status);
    if (same_route(front, other)) {
      if (apart > kNearInTime) continue;
      const auto kept = kept_.find(id_of(other.leg));
      route.passed_on = route.passed_on || other.legs_behind != 0;
      route.tried = route.tried || (kept != kept_.end() && !kept->second.failed.empty());
      if (well) ++route.went_well;
    } else if (well && other.method == front.method && same_host(front, other)) {
      const Record* owner = at(other.front);
      if (owner == nullptr ? other.key == front.key : same_route(front, *owner)) ++route.legs;
    }
  }
  return route;
}

/// No request of its host went out for it, nor anything of which it is not known what for; and no
/// backend of its route is hidden from the capture.
bool Book::passed_nothing_on(const Record& front) const {
  if (front.until < front.leg.first.time) return false;
  bool alike = false, other_legs = false;
  for_each_beside(front, [&](const Record& other) {
    alike = alike || (other.leg.done && may_carry(front, other));
    const bool accounted = other.front != 0 || other.leg.done;
    other_legs = other_legs || (!accounted && in_time(front, other) && same_host(front, other));
  });
  if (other_legs) return false;
  const Route route = route_of(front);
  if (alike ? !route.adds_up() : route.hides_legs()) return false;
  if (!route.passed_on && !route.tried && !route.all_went_on()) return false;
  return opaque_.size() < kOpaque &&
         std::none_of(opaque_.begin(), opaque_.end(), [&](const Record& other) {
           return same_host(front, other) && overlaps(front, other);
         });
}

/// A host that connects to the next one as soon as it has taken a connection, before it can have
/// read anything, passes on what comes, whatever it is; and so does one that is seen to pass
/// requests on. A request for which it could not connect, and that it did not answer, has not
/// arrived anywhere.
void Book::find_relays() {
  std::set<Endpoint> relays;
  for (const auto& [id, kept] : kept_) {
    if (kept.record.leg.exchange == 1 && !kept.failed.empty() &&
        kept.failed.front()->leg.first.number < kept.record.leg.first.number)
      relays.insert(kept.record.leg.server);
  }
  for (auto& [id, kept] : kept_) {
    Leg& front = kept.record.leg;
    if (front.answered || kept.failed.empty()) continue;
    front.gateway = relays.contains(front.server) || route_of(kept.record).passed_on;
  }
}

/// Where the capturing host's legs are in the capture, one that is not was never there: the
/// backends are held for down, or a queue was full.
void Book::find_own_answers() {
  for (auto& [id, kept] : kept_) {
    Record& front = kept.record;
    // A 503 may be an application's that asks others with what it was asked; but who passes on all
    // that comes knows at once that it cannot.
    constexpr Duration kKnownAtOnce = std::chrono::milliseconds{50};
    const bool error = front.leg.label == Label::http_gateway_error;
    const bool at_once = front.leg.answered && front.leg.answered.time >= front.leg.sent.time &&
                         front.leg.answered.time - front.leg.sent.time <= kKnownAtOnce;
    const bool own = error && (front.leg.gateway || (at_once && route_of(front).passed_on));
    if (!own || !front.server_here || front.client_here || !kept.behind.empty() ||
        !kept.failed.empty())
      continue;
    if (at(kept.number) == nullptr || !passed_nothing_on(front)) continue;
    front.leg.gateway = front.leg.by_itself = front.leg.untouched = true;
  }
}

}  // namespace httpdiag::legs
