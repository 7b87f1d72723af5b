// SPDX-License-Identifier: Apache-2.0
#include "delivery/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/content_coding.hpp"
#include "base/text.hpp"
#include "delivery/attempt.hpp"
#include "delivery/connections.hpp"
#include "delivery/endpoints.hpp"
#include "delivery/group.hpp"
#include "delivery/keys.hpp"
#include "delivery/memory.hpp"

namespace httpdiag::delivery {

namespace {

constexpr std::size_t kMaxTarget = 512;
constexpr std::size_t kMaxEndpoints = 100;  // in the report
// So often acknowledged and sent again: it is no callback, whatever else it is. By words that tell
// of one thing and name it: more often than senders send their callbacks (WeChat Pay: 16 times).
constexpr std::uint64_t kRepeating = 4;
constexpr std::uint64_t kRepeatingOfThing = 24;

// Most callbacks belong to no group: this says so from memory that stays in the cache.
constexpr std::size_t kKeyBits = 1u << 17;
constexpr std::size_t bit_of(std::uint64_t key) { return key % kKeyBits; }

std::uint64_t id_of(const Attempt& attempt) { return exchange_key(attempt.flow, attempt.exchange); }

/// GET is polling, unless all of a callback is in its query.
bool carries_callback(std::string_view method, std::string_view target) {
  if (is_callback(method)) return true;
  return method == "GET" && is_callback_query(query_of(target));
}

void sort_by_time(std::vector<Delivery>& deliveries) {
  std::sort(deliveries.begin(), deliveries.end(), [](const Delivery& a, const Delivery& b) {
    return a.attempts.front().first.number < b.attempts.front().first.number;
  });
}

/// What the legs behind an attempt's own show. True: it came to something else.
bool note_legs(Attempt& attempt, const Chain& chain) {
  const std::vector<const Leg*> repeated = repetitions(chain.legs);
  if (repeated.size() > 1) {
    attempt.may_be_done = static_cast<std::uint32_t>(repeated.size());
    attempt.done = static_cast<std::uint32_t>(
        std::count_if(repeated.begin(), repeated.end(), [](const Leg* leg) { return leg->done; }));
  }
  const Leg* done = done_behind(chain.legs, 0);
  // A refusal stands, unless it is another backend's than the one whose success came too late.
  const bool refused = attempt.outcome == AttemptClass::refused;
  if (attempt.outcome != AttemptClass::unknown && !(refused && done && done->gave_up_after))
    return false;
  if (done != nullptr) {
    attempt.outcome = AttemptClass::late;
    attempt.done_flow = done->flow;
    attempt.done_exchange = done->exchange;
    attempt.done_status = done->status;
    return true;
  }
  if (!reached_nobody(chain.legs)) return false;
  attempt.outcome = AttemptClass::not_delivered;
  return true;
}

/// An attempt that was acknowledged and is in no list, though a proxy sent it on several times.
Delivery delivery_of(const Chain& chain) {
  const Leg& front = chain.legs.front();
  Delivery delivery;
  delivery.profile = chain.profile;
  delivery.method = chain.method;
  delivery.host = chain.host;
  delivery.target = chain.target;
  delivery.server = front.server;
  delivery.attempt_count = 1;
  delivery.attempts.push_back({.flow = front.flow,
                               .exchange = front.exchange,
                               .outcome = AttemptClass::acknowledged,
                               .severity = front.severity,
                               .label = front.label,
                               .status = front.status,
                               .first = front.first,
                               .last = front.last,
                               .client = front.client.ip,
                               .server = front.server});
  return delivery;
}

/// Deliveries can be wrong where no exchange is: acknowledged twice.
void raise_worst(Report& report) {
  for (const Delivery& delivery : report.deliveries.list) {
    if (delivery.severity >= Severity::warning)
      report.worst = std::max(report.worst, delivery.severity);
  }
}

}  // namespace

class Collector::Impl {
 public:
  explicit Impl(const Settings& settings)
      : settings_{settings},
        remembered_{settings.limits.max_remembered_callbacks},
        recent_{settings.limits.recent_bodies_bytes},
        endpoints_{settings.limits.max_callback_endpoints} {}

  void on_judged(const JudgedExchange& judged);
  void on_flow(const FlowReport& report) { connections_.note(report); }
  void finish(Report& report);

 private:
  using GroupId = std::uint64_t;

  /// An attempt on its way to its group.
  struct Arrival {
    const JudgedExchange& judged;
    Attempt attempt;
    std::uint64_t endpoint;
    std::uint64_t plain;
    Endpoints::Entry* entry;
  };

  const Thresholds& limits() const { return settings_.thresholds; }
  void on_acknowledged(const Arrival& arrival);
  void on_other(const Arrival& arrival);
  bool repeat_of_remembered(const Arrival& arrival);
  std::optional<Attempt> add_keys(const Keys& keys, const Attempt& attempt);
  void look_back(const Arrival& arrival, const AckProfile& profile);
  /// `read`: its keys, with or without texts.
  void take_acknowledged(const Arrival& arrival, const Attempt& attempt, const AckProfile& profile,
                         const std::function<Keys(Texts)>& read);
  static bool worth_reading(Endpoints::Entry* entry);
  void remember(const Arrival& arrival);

  Group* find_group(std::uint64_t key);
  Group* find_group(const Keys& keys);
  GroupId new_group(const Arrival& arrival, const AckProfile& profile, const Keys& keys);
  void join(Group& group, const Attempt& attempt);
  void take_single(Group& group, const Attempt& attempt);
  void dissolve_repeating(const Group& group);
  void register_keys(GroupId id, const Keys& keys);
  void close(std::map<GroupId, Group>::iterator at);
  void dissolve(GroupId id);
  void settle_single() { ++singles_; }
  void settle(Delivery&& delivery);
  void count(const Delivery& delivery);
  void note_proxies(const Chains& chains);
  bool repeating(const Keys::Key& key);
  bool repeating(const Keys& keys);
  void leave_out_repeating(Keys& keys);

  const Settings& settings_;
  Remembered remembered_;
  RecentBodies recent_;
  Endpoints endpoints_;
  KeyReader reader_;
  FailedConnectionList connections_;
  std::map<GroupId, Group> groups_;  // in the order they were begun
  std::unordered_map<std::uint64_t, GroupId> group_keys_;
  std::bitset<kKeyBits> group_key_bits_;       // zero: surely not among them
  std::unordered_set<std::uint64_t> grouped_;  // attempts in groups
  GroupId next_group_ = 1;
  std::uint64_t singles_ = 0;  // acknowledged at once, in no group
  Deliveries out_;
};

void Collector::Impl::on_judged(const JudgedExchange& judged) {
  if (!carries_callback(judged.method, judged.target)) return;
  if (judged.exchange.granted_by) return;  // a step on its way, not an attempt
  const std::uint64_t endpoint = endpoint_hash(judged.method, judged.host, judged.target);
  const std::uint64_t plain = plain_key(endpoint, judged.target, judged.exchange.request);
  remembered_.prefetch(plain);
  Arrival arrival{.judged = judged,
                  .attempt = attempt_of(judged),
                  .endpoint = endpoint,
                  .plain = plain,
                  .entry = endpoints_.find_or_add(endpoint, judged)};
  if (arrival.entry != nullptr) Endpoints::count(arrival.entry->endpoint, arrival.attempt);
  if (arrival.attempt.outcome == AttemptClass::acknowledged) {
    on_acknowledged(arrival);
  } else {
    on_other(arrival);
  }
}

Group* Collector::Impl::find_group(std::uint64_t key) {
  if (!group_key_bits_[bit_of(key)]) return nullptr;
  const auto found = group_keys_.find(key);
  return found == group_keys_.end() ? nullptr : &groups_.at(found->second);
}

/// By the strongest key that finds one.
Group* Collector::Impl::find_group(const Keys& keys) {
  for (const Keys::Key& key : keys.cascade) {
    if (Group* group = find_group(key.hash)) return group;
  }
  return nullptr;
}

bool Collector::Impl::repeating(const Keys::Key& key) {
  const Remembered::Entry* entry = remembered_.find(key.hash);
  return entry != nullptr && entry->repeating;
}

bool Collector::Impl::repeating(const Keys& keys) {
  for (const Keys::Key& key : keys.cascade) remembered_.prefetch(key.hash);
  return std::any_of(keys.cascade.begin(), keys.cascade.end(),
                     [&](const Keys::Key& key) { return repeating(key); });
}

/// Messages that are alike come again and again; the very same bytes may be a retry all the same.
void Collector::Impl::leave_out_repeating(Keys& keys) {
  if (!repeating(keys)) return;
  Keys kept;
  for (const Keys::Key& key : keys.cascade) {
    if (key.kind == KeyKind::body && !repeating(key)) kept.cascade.add(key);
  }
  keys = std::move(kept);
}

void Collector::Impl::on_acknowledged(const Arrival& arrival) {
  if (arrival.plain != 0) {
    if (Group* group = find_group(arrival.plain)) {
      join(*group, arrival.attempt);
      return dissolve_repeating(*group);
    }
    if (repeat_of_remembered(arrival)) return;
  }
  settle_single();
  const Message& request = arrival.judged.exchange.request;
  const bool look_inside = request.delivery_id().empty() &&
                           (endpoints_.failing(arrival.entry, arrival.attempt.first.time,
                                               limits().delivery_link_window) ||
                            worth_reading(arrival.entry));
  if (!look_inside) return remember(arrival);
  // To one endpoint mostly one sender writes; telling it from each body again is too dear here.
  const bool known = request.markers == 0 && arrival.entry != nullptr && arrival.entry->profile;
  const AckProfile& profile = known ? *arrival.entry->profile : ack_profile(request, limits());
  take_acknowledged(arrival, arrival.attempt, profile, [&](Texts texts) {
    return reader_.all_keys(arrival.endpoint, arrival.plain, arrival.judged.target, request,
                            profile, texts);
  });
}

/// The first ones tell, and one now and then.
bool Collector::Impl::worth_reading(Endpoints::Entry* entry) {
  constexpr std::uint32_t kFirst = 8, kOneIn = 32;
  if (entry == nullptr) return false;
  const std::uint32_t before = entry->acknowledged++;
  return entry->changing || before < kFirst || before % kOneIn == 0;
}

/// One that was counted by itself, to those that came with the same event or about the same thing.
void Collector::Impl::take_acknowledged(const Arrival& arrival, const Attempt& attempt,
                                        const AckProfile& profile,
                                        const std::function<Keys(Texts)>& read) {
  const Keys keys = read(Texts::left_out);
  if (arrival.entry != nullptr && keys.changes) arrival.entry->changing = true;
  if (repeating(keys)) return;
  if (Group* group = find_group(keys)) {
    group->alike = group->alike && keys.words == group->words;
    take_single(*group, attempt);
    return dissolve_repeating(*group);
  }
  const auto earlier = add_keys(keys, attempt);
  if (!earlier) return;
  Group& group = groups_.at(new_group(arrival, profile, read(Texts::wanted)));
  take_single(group, *earlier);
  take_single(group, attempt);
}

/// The very same request was acknowledged before.
bool Collector::Impl::repeat_of_remembered(const Arrival& arrival) {
  Remembered::Entry* entry = remembered_.find(arrival.plain);
  if (entry == nullptr) return false;
  settle_single();
  if (entry->repeating) return true;
  const Attempt before = remembered_.attempt(*entry);
  const Message& request = arrival.judged.exchange.request;
  const AckProfile& profile = ack_profile(request, limits());
  const Keys keys =
      reader_.all_keys(arrival.endpoint, arrival.plain, arrival.judged.target, request, profile);
  Group* group = find_group(keys);
  if (group == nullptr) group = &groups_.at(new_group(arrival, profile, keys));
  register_keys(group->id, keys);
  take_single(*group, before);
  take_single(*group, arrival.attempt);
  return true;
}

/// Remembers an acknowledged attempt under all of its keys. Another one with the same event, or
/// that says the same of the same thing: that one. One with the same words that name neither is not
/// told from a heartbeat.
std::optional<Attempt> Collector::Impl::add_keys(const Keys& keys, const Attempt& attempt) {
  std::optional<Attempt> same_event;
  for (const Keys::Key& key : keys.cascade) {
    Remembered::Entry* entry = remembered_.find(key.hash);
    if (entry == nullptr) {
      Remembered::Entry& added = remembered_.add(key.hash, attempt);
      if (key.kind == KeyKind::field) added.words = keys.words;
      continue;
    }
    if (entry->repeating) continue;
    const Attempt& before = remembered_.attempt(*entry);
    if (id_of(before) == id_of(attempt)) continue;
    const bool same = keys.event || (keys.words != 0 && keys.words == entry->words);
    if (key.kind == KeyKind::field && same) {
      same_event = before;
    } else {
      entry->repeating = true;
    }
  }
  return same_event;
}

void Collector::Impl::remember(const Arrival& arrival) {
  if (arrival.plain == 0) return;
  remembered_.add(arrival.plain, arrival.attempt);
  const Message& request = arrival.judged.exchange.request;
  const bool whole = request.body_head.size() == request.body_bytes;
  if (arrival.entry == nullptr || !whole || !request.delivery_id().empty()) return;
  std::string_view body = request.body_head;
  std::string decoded;
  if (!request.content_encoding().empty()) {
    decoded = body;
    if (!base::decode_body(request.content_encoding(), decoded, base::kMaxDecodedRequest)) return;
    body = decoded;
  }
  const std::uint64_t number =
      recent_.add(arrival.endpoint, arrival.attempt, arrival.entry->last_recent,
                  query_of(arrival.judged.target), body);
  if (number != 0) arrival.entry->last_recent = number;
}

/// A failure is judged when its connection has ended; its retry may have been acknowledged by then,
/// and so may what it repeats.
void Collector::Impl::look_back(const Arrival& arrival, const AckProfile& profile) {
  if (arrival.entry == nullptr) return;
  std::vector<std::uint64_t> numbers;
  std::uint64_t number = arrival.entry->last_recent;
  while (RecentBodies::Record* record = recent_.find(number)) {
    if (record->endpoint != arrival.endpoint || record->looked_at) break;
    record->looked_at = true;
    numbers.push_back(number);
    number = record->before;
  }
  for (auto at = numbers.rbegin(); at != numbers.rend(); ++at) {
    const RecentBodies::Record& record = *recent_.find(*at);
    const Attempt attempt = record.attempt;
    take_acknowledged(arrival, attempt, profile, [&](Texts texts) {
      return reader_.body_keys(arrival.endpoint, recent_.query(record),
                               {recent_.body(record), {}, true}, profile, texts);
    });
  }
}

void Collector::Impl::on_other(const Arrival& arrival) {
  const Message& request = arrival.judged.exchange.request;
  const AckProfile& profile = ack_profile(request, limits());
  if (is_failure(arrival.attempt.outcome)) {
    endpoints_.note_failure(arrival.entry, arrival.attempt);
    if (request.markers == 0 && arrival.entry != nullptr) arrival.entry->profile = &profile;
    if (request.delivery_id().empty()) look_back(arrival, profile);
  }
  Keys keys =
      reader_.all_keys(arrival.endpoint, arrival.plain, arrival.judged.target, request, profile);
  leave_out_repeating(keys);
  if (Group* group = find_group(keys)) {
    group->alike = group->alike && keys.words == group->words;
    register_keys(group->id, keys);
    return join(*group, arrival.attempt);
  }
  std::vector<Attempt> before;
  bool alike = true;
  for (const Keys::Key& key : keys.cascade) {
    const Remembered::Entry* entry = remembered_.find(key.hash);
    if (entry == nullptr) continue;
    before.push_back(remembered_.attempt(*entry));
    if (key.kind == KeyKind::field) alike = entry->words == keys.words;
  }
  Group& group = groups_.at(new_group(arrival, profile, keys));
  group.alike = group.alike && alike;
  for (const Attempt& attempt : before) take_single(group, attempt);
  join(group, arrival.attempt);
}

Collector::Impl::GroupId Collector::Impl::new_group(const Arrival& arrival,
                                                    const AckProfile& profile, const Keys& keys) {
  if (groups_.size() >= settings_.limits.max_deliveries) close(groups_.begin());
  const GroupId id = next_group_++;
  Group& group = groups_[id];
  group.id = id;
  Delivery& delivery = group.delivery;
  if (!keys.cascade.empty()) {
    delivery.key = {keys.cascade.front().kind, keys.name, keys.value, keys.cascade.front().hash};
  }
  delivery.profile = &profile;
  delivery.method = arrival.judged.method;
  delivery.host = arrival.judged.host;
  delivery.target = arrival.judged.target.substr(0, kMaxTarget);
  delivery.server = arrival.judged.flow.server;
  group.event = keys.event;
  group.words = keys.words;
  group.alike = keys.words != 0;
  register_keys(id, keys);
  return id;
}

void Collector::Impl::register_keys(GroupId id, const Keys& keys) {
  Group& group = groups_.at(id);
  for (const Keys::Key& key : keys.cascade) {
    if (!group_keys_.emplace(key.hash, id).second) continue;
    group.keys.push_back(key.hash);
    group_key_bits_.set(bit_of(key.hash));
  }
}

void Collector::Impl::join(Group& group, const Attempt& attempt) {
  if (!grouped_.insert(id_of(attempt)).second) return;
  Delivery& delivery = group.delivery;
  ++delivery.attempt_count;
  if (attempt.outcome == AttemptClass::acknowledged) ++group.acknowledged;
  if (delivery.attempts.size() < settings_.limits.max_delivery_attempts) {
    delivery.attempts.push_back(attempt);
    return;
  }
  // The first ones, and how it ended.
  Attempt dropped = attempt;
  if (attempt.first.number > delivery.attempts.back().first.number) {
    std::swap(dropped, delivery.attempts.back());
  }
  grouped_.erase(id_of(dropped));
}

/// One that was counted by itself.
void Collector::Impl::take_single(Group& group, const Attempt& attempt) {
  if (grouped_.contains(id_of(attempt))) return;
  if (singles_ > 0) --singles_;
  join(group, attempt);
}

void Collector::Impl::dissolve_repeating(const Group& group) {
  const bool of_thing = group.delivery.key.kind == KeyKind::field;
  if (!group.event && group.acknowledged >= (of_thing ? kRepeatingOfThing : kRepeating))
    dissolve(group.id);
}

void Collector::Impl::close(std::map<GroupId, Group>::iterator at) {
  Group group = std::move(at->second);
  groups_.erase(at);
  for (const std::uint64_t key : group.keys) group_keys_.erase(key);
  for (const Attempt& attempt : group.delivery.attempts) grouped_.erase(id_of(attempt));
  for (Delivery& delivery : deliveries_of(std::move(group), limits())) settle(std::move(delivery));
}

/// It was no callback that came again, but a message that is sent again and again.
void Collector::Impl::dissolve(GroupId id) {
  const auto at = groups_.find(id);
  const std::vector<std::uint64_t> keys = at->second.keys;
  const Attempt last = at->second.delivery.attempts.back();
  close(at);
  for (const std::uint64_t key : keys) remembered_.add(key, last).repeating = true;
}

void Collector::Impl::count(const Delivery& delivery) {
  ++out_.verdicts[static_cast<std::size_t>(delivery.verdict)];
  if (delivery.duplicated) ++out_.duplicated;
}

void Collector::Impl::settle(Delivery&& delivery) {
  ++out_.total;
  const bool plain =
      delivery.verdict == DeliveryVerdict::acknowledged && delivery.attempt_count == 1;
  if (!plain && out_.list.size() < settings_.limits.max_deliveries) {
    out_.list.push_back(std::move(delivery));
    return;
  }
  if (!plain) ++out_.omitted;
  count(delivery);
}

/// What a proxy in the capture did with an attempt, which its client cannot see: one that tries
/// another upstream sends the request once more, one that could not connect has not sent it, and
/// the answer to one may have come when its client had left.
void Collector::Impl::note_proxies(const Chains& chains) {
  std::unordered_map<std::uint64_t, const Chain*> chain_of;  // by the first leg
  for (const Chain& chain : chains.list)
    chain_of.emplace(exchange_key(chain.legs.front().flow, chain.legs.front().exchange), &chain);
  if (chain_of.empty()) return;
  const auto note = [&](Delivery& delivery) {
    bool changed = false;
    for (Attempt& attempt : delivery.attempts) {
      const auto found = chain_of.find(id_of(attempt));
      if (found == chain_of.end()) continue;
      const AttemptClass before = attempt.outcome;
      if (note_legs(attempt, *found->second))
        count_again(out_.endpoints, delivery, before, attempt.outcome);
      changed = changed || attempt.outcome != before || attempt.may_be_done > 1;
      if (attempt.may_be_done > 1)
        delivery.proxies += fmt::format(" A proxy sent attempt {} on {}.",
                                        exchange_name(attempt.flow, attempt.exchange),
                                        words(repetitions(found->second->legs)));
      chain_of.erase(found);
    }
    if (changed) judge(delivery);
  };
  for (Delivery& delivery : out_.list) note(delivery);
  const std::size_t listed = out_.list.size();
  for (const Chain& chain : chains.list) {
    const Leg& front = chain.legs.front();
    const bool unlisted = chain_of.contains(exchange_key(front.flow, front.exchange));
    if (!unlisted || !front.done || repetitions(chain.legs).size() < 2) continue;
    if (!carries_callback(chain.method, chain.target) || singles_ == 0) continue;
    if (out_.list.size() >= settings_.limits.max_deliveries) break;
    --singles_;
    ++out_.total;
    out_.list.push_back(delivery_of(chain));
    note(out_.list.back());
  }
  if (out_.list.size() == listed) return;
  sort_by_time(out_.list);
}

void Collector::Impl::finish(Report& report) {
  while (!groups_.empty()) close(groups_.begin());
  sort_by_time(out_.list);
  out_.failed_connections = connections_.attach(out_.list, remembered_.attempts(), limits());
  out_.endpoints = endpoints_.with_failures();
  note_proxies(report.chains);
  out_.total += singles_;
  out_.verdicts[static_cast<std::size_t>(DeliveryVerdict::acknowledged)] += singles_;
  for (const Delivery& delivery : out_.list) count(delivery);
  if (out_.endpoints.size() > kMaxEndpoints) {
    out_.omitted_endpoints = out_.endpoints.size() - kMaxEndpoints;
    out_.endpoints.resize(kMaxEndpoints);
  }
  report.deliveries = std::move(out_);
  raise_worst(report);
}

Collector::Collector(const Settings& settings) : impl_{std::make_unique<Impl>(settings)} {}
Collector::~Collector() = default;
void Collector::on_judged(const FlowEnds& flow, const Exchange& exchange,
                          const ExchangeReport* report) {
  const Message& request = exchange.request;
  impl_->on_judged({flow, exchange, request.method(), request.start(), request.host(), report});
}
void Collector::on_flow_judged(const FlowEnds&, const FlowReport& report) {
  impl_->on_flow(report);
}
void Collector::finish(Report& report) { impl_->finish(report); }

}  // namespace httpdiag::delivery
