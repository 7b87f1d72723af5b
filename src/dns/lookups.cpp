// SPDX-License-Identifier: Apache-2.0
#include "dns/lookups.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>

#include "dns/message.hpp"

namespace httpdiag::dns {

namespace {

using namespace std::chrono_literals;

// A stub resolver asks again after 5 s (resolv.conf(5): timeout), some after 9 s; past this it has
// given up.
constexpr Duration kQuiet = 12s;
// However often it asks.
constexpr Duration kLongest = 120s;
// No resolver asks again sooner for want of an answer (resolv.conf(5): timeout).
constexpr Duration kPatience = 1s;
// The next name of a search list, or the next server, is asked at once.
constexpr Duration kNextName = 1s, kNextServer = 100ms;
// Of a list of domains that have nothing in common: an application may have asked for both names.
constexpr Duration kOtherDomain = 10ms;
// The same packet recorded twice.
constexpr Duration kCopy = 10ms;
// An unanswered query is one when the capture went on for this long.
constexpr Duration kAnswerDue = 3s;
// An application connects as soon as its resolver lets it; one that waits on for an answer, for
// IPv6 say, does so for 5 s. What comes later belongs to something else.
constexpr Duration kFollows = 1s, kWaitsOn = 5s;

constexpr std::size_t kMostQueries = 32;  // of a lookup
constexpr std::size_t kMostTried = 6;
constexpr std::size_t kMostServers = 1024;
constexpr std::size_t kMostRepeaters = 1024;
constexpr std::size_t kMostLookedAt = 64;  // lookups of one family: the newest
// With another id, of the same server: resolv.conf(5), attempts.
constexpr std::ptrdiff_t kAttempts = 2;

constexpr std::uint8_t kNoError = 0, kServFail = 2, kNxDomain = 3, kRefused = 5;

/// `name` is `base`, or begins with it up to a dot.
bool extends(std::string_view name, std::string_view base) {
  return name.starts_with(base) && (name.size() == base.size() || name[base.size()] == '.');
}

/// Of two names with the same first label: what follows the labels that both begin with.
std::pair<std::string_view, std::string_view> domains(std::string_view a, std::string_view b) {
  std::size_t at = 0, dot = 0;
  for (; at < std::min(a.size(), b.size()) && a[at] == b[at]; ++at) {
    if (a[at] == '.') dot = at + 1;
  }
  return {a.substr(dot), b.substr(dot)};
}

bool ends_with_domain(std::string_view name, std::string_view domain) {
  return name.size() > domain.size() && name.ends_with(domain) &&
         name[name.size() - domain.size() - 1] == '.';
}

/// How long after the failure of `earlier` a search list that has both asks for `name`.
Duration search_pause(std::string_view earlier, std::string_view name) {
  if (extends(name, earlier) || extends(earlier, name)) return kNextName;
  const auto [a, b] = domains(earlier, name);
  return ends_with_domain(a, b) || ends_with_domain(b, a) ? kNextName : kOtherDomain;
}

DnsOutcome outcome_of(std::uint8_t rcode) {
  switch (rcode) {
    case kNoError:
      return DnsOutcome::no_address;
    case kServFail:
      return DnsOutcome::server_failed;
    case kNxDomain:
      return DnsOutcome::no_such_name;
    case kRefused:
      return DnsOutcome::refused;
    default:
      return DnsOutcome::other_error;
  }
}

}  // namespace

void Lookups::on_message(const DnsMessage& message) {
  if (message.error != DnsError::none) return on_error(message);
  message.response ? on_answer(message) : on_query(message);
}

void Lookups::on_query(const DnsMessage& message) {
  const Timestamp now = message.packet.time;
  sweep(now);
  if (message.type != kTypeA && message.type != kTypeAaaa) return;
  if (repeats(message)) return;
  const Place place = place_of(message);
  if (place.serial != 0) return add(place.serial, message, place.guessed);
  if (open_.size() >= settings_.limits.max_dns_lookups) return;
  families_[family_of(message)].push_back(++last_);
  add(last_, message, false);
}

/// A query that is known by its id, sent once more: to the same server, or to another one.
bool Lookups::repeats(const DnsMessage& message) {
  const Endpoint &client = message.source, &server = message.destination;
  const PacketRef packet = message.packet;
  const auto known = transactions_.find(transaction_of(client, message));
  if (known == transactions_.end()) return false;
  const Serial serial = known->second;
  Lookup& lookup = open_.at(serial);
  if (is_over(lookup, packet.time)) return false;
  Query* query = find(lookup, message, client, server);
  const bool learnt = has_address(lookup);
  if (query == nullptr) {
    // Some have the same id for all that they ask.
    const bool waits =
        std::ranges::any_of(lookup.queries, [](const Query& q) { return !q.answer; });
    if ((learnt && !waits) || lookup.queries.size() >= kMostQueries) return false;
    add(serial, message, false);
    if (learnt) lookup.queries.back().again = packet;
    return true;
  }
  const Duration pause = packet.time - query->last.time;
  const bool copy = pause <= kCopy &&
                    std::max(query->last_answer.number, query->error.number) < query->last.number;
  lookup.last = packet;
  if (copy) return true;
  ++query->sent;
  query->last = packet;
  query->heard_last = heard(server);
  if (learnt && !query->again) query->again = packet;
  if (pause < kPatience || query->answer) return true;
  lookup.repeats = true;
  if (repeaters_.size() < kMostRepeaters) repeaters_.insert(client.ip);
  split(serial);
  return true;
}

/// The resolver asks again with the same id: what has another one is of another lookup.
void Lookups::split(Serial serial) {
  Lookup& lookup = open_.at(serial);
  const auto guessed = std::stable_partition(lookup.queries.begin(), lookup.queries.end(),
                                             [](const Query& query) { return !query.guessed; });
  if (guessed == lookup.queries.end()) return;
  Lookup& other = open_[++last_];
  for (auto query = guessed; query != lookup.queries.end(); ++query) {
    query->guessed = false;
    transactions_[transaction_of(*query)] = last_;
    by_ends_[{query->client, query->server}] = last_;
    const PacketRef& latest =
        query->last_answer.number > query->last.number ? query->last_answer : query->last;
    if (other.queries.empty()) other.first = query->first;
    if (latest.number > other.last.number) other.last = latest;
    other.queries.push_back(std::move(*query));
  }
  lookup.queries.erase(guessed, lookup.queries.end());
  families_[family_of(other.queries.front())].push_back(last_);
}

/// The lookup that a query with a new id belongs to.
Lookups::Place Lookups::place_of(const DnsMessage& message) const {
  const auto family = families_.find(family_of(message));
  if (family == families_.end()) return {};
  const std::vector<Serial>& serials = family->second;
  Place other_type, next_name, next_try;
  std::size_t left = kMostLookedAt;
  for (auto at = serials.rbegin(); at != serials.rend() && left > 0; ++at, --left) {
    const Lookup& lookup = open_.at(*at);
    if (lookup.queries.size() >= kMostQueries || is_over(lookup, message.packet.time)) continue;
    if (is_other_type(lookup, message)) {
      // Most send both from one port.
      if (lookup.queries.back().client == message.source) return {*at, false};
      if (other_type.serial == 0) other_type = {*at, false};
    } else if (is_next_try(lookup, message)) {
      next_try = {*at, true};  // the oldest waits longest
    } else if (next_name.serial == 0 && is_next_name(lookup, message)) {
      next_name = {*at, false};
    }
  }
  if (other_type.serial != 0) return other_type;
  return next_name.serial != 0 ? next_name : next_try;
}

/// The name's addresses of the other kind.
bool Lookups::is_other_type(const Lookup& lookup, const DnsMessage& message) {
  bool same_name = false;
  for (const Query& query : lookup.queries) {
    if (query.name != message.name) continue;
    if (query.type == message.type) return false;
    same_name = true;
  }
  return same_name && message.packet.time - lookup.last.time <= kNextName;
}

/// Some resolvers take another id for each try. The next one comes when they have waited long
/// enough, or at once when they were refused.
bool Lookups::is_next_try(const Lookup& lookup, const DnsMessage& message) const {
  if (lookup.repeats || repeaters_.contains(message.source.ip)) return false;
  const Query* latest = nullptr;
  std::ptrdiff_t tries = 0;
  for (const Query& query : lookup.queries) {
    if (query.name != message.name) continue;
    if (!query.addresses.empty()) return false;
    if (query.type != message.type) continue;
    tries += query.server == message.destination ? 1 : 0;
    if (latest == nullptr || query.first.number > latest->first.number) latest = &query;
  }
  if (latest == nullptr || latest->sent > 1 || tries >= kAttempts) return false;
  const Timestamp now = message.packet.time;
  const PacketRef& end = latest->answer ? latest->answer : latest->error;
  if (end && now - end.time <= kNextServer) return true;
  if (latest->answer) return false;
  return now - latest->last.time >= kPatience;
}

/// The next one of a search list: all that was asked so far has been answered, and without an
/// address.
bool Lookups::is_next_name(const Lookup& lookup, const DnsMessage& message) {
  Duration pause{0};
  for (const Query& query : lookup.queries) {
    if (!query.answer || !fails(query) || query.name == message.name) return false;
    pause = std::max(pause, search_pause(query.name, message.name));
  }
  return message.packet.time - lookup.last.time <= pause;
}

void Lookups::add(Serial serial, const DnsMessage& message, bool guessed) {
  Lookup& lookup = open_[serial];
  if (lookup.queries.empty()) lookup.first = message.packet;
  lookup.last = message.packet;
  Query query;
  query.client = message.source;
  query.server = message.destination;
  query.id = message.id;
  query.type = message.type;
  query.name = message.name;
  query.first = query.last = message.packet;
  query.sent = 1;
  query.stream = message.stream;
  query.guessed = guessed;
  query.heard_first = query.heard_last = heard(message.destination);
  transactions_[transaction_of(query)] = serial;
  by_ends_[{query.client, query.server}] = serial;
  lookup.queries.push_back(std::move(query));
}

std::uint64_t Lookups::heard(const Endpoint& server) const {
  const auto found = heard_.find(server);
  return found == heard_.end() ? 0 : found->second;
}

void Lookups::on_answer(const DnsMessage& message) {
  const Endpoint &client = message.destination, &server = message.source;
  const PacketRef packet = message.packet;
  sweep(packet.time);
  if (heard_.size() < kMostServers || heard_.contains(server)) ++heard_[server];
  const auto known = transactions_.find(transaction_of(client, message));
  if (known == transactions_.end()) return;
  Lookup& lookup = open_.at(known->second);
  Query* query = find(lookup, message, client, server);
  if (query == nullptr || (query->answer && packet.time - query->answer.time <= kCopy)) return;
  ++query->answers;
  query->last_answer = lookup.last = packet;
  // Asked again after an error it may be luckier; what it has learnt stays.
  if (query->answers > 1 && (!query->addresses.empty() || message.addresses.empty())) return;
  query->answer = packet;
  query->rcode = message.rcode;
  query->truncated = message.truncated;
  query->addresses = message.addresses;
  query->cut = message.cut && message.addresses.empty() && message.rcode == kNoError;
}

void Lookups::on_error(const DnsMessage& message) {
  const Endpoint& client = message.response ? message.destination : message.source;
  const Endpoint& server = message.response ? message.source : message.destination;
  Query* query = quoted(message, client, server);
  if (query == nullptr) return;
  if (message.response) {
    // Others close their port when they have the answer.
    const bool late = query->answer.time - query->last.time >= kPatience;
    if (query->answers == 1 && late) query->refused = true;
    return;
  }
  if (query->answer) return;
  query->error = message.packet;
  query->meaning = message.error;
  query->reporter = message.reporter;
}

/// What an ICMP error quotes, by its ends where the quote does not say more.
Lookups::Query* Lookups::quoted(const DnsMessage& message, const Endpoint& client,
                                const Endpoint& server) {
  if (message.type != 0) {
    const auto known = transactions_.find(transaction_of(client, message));
    if (known == transactions_.end()) return nullptr;
    return find(open_.at(known->second), message, client, server);
  }
  const auto known = by_ends_.find({client, server});
  if (known == by_ends_.end()) return nullptr;
  for (Query& query : open_.at(known->second).queries) {
    const bool fits = message.response ? query.answers == 1 && !query.refused
                                       : !query.answer && query.error.number < query.last.number;
    if (query.client == client && query.server == server && fits) return &query;
  }
  return nullptr;
}

Lookups::Query* Lookups::find(Lookup& lookup, const DnsMessage& message, const Endpoint& client,
                              const Endpoint& server) {
  const auto found = std::ranges::find_if(lookup.queries, [&](const Query& query) {
    return query.client == client && query.server == server && query.id == message.id &&
           query.type == message.type && query.name == message.name;
  });
  return found == lookup.queries.end() ? nullptr : &*found;
}

/// Its answer says that there is no address.
bool Lookups::fails(const Query& query) {
  return query.addresses.empty() && !query.cut && !query.truncated;
}

bool Lookups::has_address(const Lookup& lookup) {
  return std::ranges::any_of(lookup.queries,
                             [](const Query& query) { return !query.addresses.empty(); });
}

/// All is answered and nothing followed at once, or what was asked will get no answer any more.
bool Lookups::is_over(const Lookup& lookup, Timestamp now) {
  const bool waits =
      std::ranges::any_of(lookup.queries, [](const Query& query) { return !query.answer; });
  return now - lookup.last.time >= (waits ? kQuiet : kNextName) ||
         now - lookup.first.time >= kLongest;
}

void Lookups::sweep(Timestamp now) {
  if (now - last_sweep_ < kNextName) return;
  last_sweep_ = now;
  for (auto at = open_.begin(); at != open_.end();) {
    const auto next = std::next(at);
    if (is_over(at->second, now)) close(at, now);
    at = next;
  }
}

void Lookups::close(std::map<Serial, Lookup>::iterator at, Timestamp now) {
  const auto [serial, lookup] = std::move(*at);
  open_.erase(at);
  for (const Query& query : lookup.queries) {
    const auto known = transactions_.find(transaction_of(query));
    if (known != transactions_.end() && known->second == serial) transactions_.erase(known);
    const auto asked = by_ends_.find({query.client, query.server});
    if (asked != by_ends_.end() && asked->second == serial) by_ends_.erase(asked);
  }
  const auto family = families_.find(family_of(lookup.queries.front()));
  std::erase(family->second, serial);
  if (family->second.empty()) families_.erase(family);
  settle(lookup, now);
}

void Lookups::settle(const Lookup& lookup, Timestamp now) {
  Queries all;
  const Query* shortest = nullptr;
  for (const Query& query : lookup.queries) {
    all.push_back(&query);
    if (shortest == nullptr || query.name.size() < shortest->name.size()) shortest = &query;
  }
  // A search list that is of no avail ends with the name as it was given.
  const bool in_vain =
      std::ranges::all_of(all, [](const Query* query) { return query->answer && fails(*query); });
  const bool one_name = !in_vain || std::ranges::all_of(all, [&](const Query* query) {
    return extends(query->name, shortest->name);
  });
  if (one_name) return decide(all, now);
  while (!all.empty()) {
    const std::string& name = all.front()->name;
    const auto others = std::stable_partition(
        all.begin(), all.end(), [&](const Query* query) { return query->name == name; });
    decide({all.begin(), others}, now);
    all.erase(all.begin(), others);
  }
}

std::optional<DnsLookup> Lookups::judge(const Queries& queries, Timestamp now) const {
  DnsLookup told;
  const Query* success = nullptr;
  const Query* astray = nullptr;
  const Query* decisive = nullptr;  // the shortest name's, for IPv4 rather than IPv6
  std::set<Endpoint> servers;
  bool twice = false;
  for (const Query* each : queries) {
    const Query& query = *each;
    told.queries += query.sent;
    servers.insert(query.server);
    told.server_heard = told.server_heard || heard(query.server) > 0;
    told.server_heard_meanwhile =
        told.server_heard_meanwhile || query.heard_last != query.heard_first;
    if (!told.first_query || query.first.number < told.first_query.number) {
      told.first_query = query.first;
    }
    if (query.last.number > told.last_query.number) told.last_query = query.last;
    // It goes on over TCP; what was answered was not recorded; or what became of it is not told
    // here.
    if (query.truncated && query.addresses.empty()) return std::nullopt;
    if (query.cut || (query.stream && !query.answer)) return std::nullopt;
    if (std::ranges::find(told.tried, query.name) == told.tried.end() &&
        told.tried.size() < kMostTried) {
      told.tried.push_back(query.name);
    }
    // Asked again: of the same server or of another one.
    const auto asked = std::ranges::count_if(
        queries, [&](const Query* q) { return q->name == query.name && q->type == query.type; });
    twice = twice || query.sent > 1 || asked > 1;
    if (query.answer && !query.addresses.empty() && !query.refused &&
        (success == nullptr || query.answer.number < success->answer.number)) {
      success = &query;
    }
    if (query.error && !query.answer) astray = &query;
    const auto rank = [](const Query& q) {
      return std::tuple{q.name.size(), q.type != kTypeA, !q.answer};
    };
    if (decisive == nullptr || rank(query) < rank(*decisive)) decisive = &query;
  }
  const Query& query = success != nullptr ? *success : *decisive;
  told.client = query.client.ip;
  told.server = query.server;
  told.servers = static_cast<std::uint32_t>(servers.size());
  told.name = decisive->name;
  told.answer = query.answer;
  told.rcode = query.rcode;
  told.decided = query.answer ? query.answer : told.last_query;
  told.took = std::max(told.decided.time - told.first_query.time, Duration{0});
  for (const Query* q : queries) told.retries += q->sent - 1;
  if (success != nullptr) {
    told.name = success->name;
    told.outcome = DnsOutcome::resolved;
    if (told.took >= settings_.thresholds.dns_slow || stalls(queries, *success, now, told))
      return told;
    return std::nullopt;
  }
  if (query.refused) {
    told.outcome = DnsOutcome::unanswered;
    told.decided = told.last_query;  // until then somebody waited
    return told;
  }
  // Somebody may still answer.
  const bool open = std::ranges::any_of(queries, [&](const Query* q) {
    return !q->answer && q->error.number < q->last.number && now - q->last.time < kAnswerDue;
  });
  if (!query.answer && astray != nullptr) {
    if (open) return std::nullopt;
    told.outcome = DnsOutcome::unreachable;
    told.server = astray->server;
    told.decided = astray->error;
    told.error = astray->meaning;
    told.reporter = astray->reporter;
    told.took = std::max(told.decided.time - told.first_query.time, Duration{0});
    return told;
  }
  if (!query.answer) {
    if (!twice || now - told.last_query.time < kAnswerDue) return std::nullopt;
    told.outcome = DnsOutcome::unanswered;
    return told;
  }
  told.outcome = outcome_of(query.rcode);
  // A name without an IPv6 address is as it should be.
  if (told.outcome == DnsOutcome::no_address && query.type != kTypeA) return std::nullopt;
  return open ? std::nullopt : std::optional{told};
}

/// One kind of address is known, and the resolver waits for the other one until it asks again: what
/// drops the second of two queries from one port costs the connection 5 s.
bool Lookups::stalls(const Queries& queries, const Query& success, Timestamp now,
                     DnsLookup& told) const {
  PacketRef again, end;
  for (const Query* query : queries) {
    if (query->again && (!again || query->again.number < again.number)) again = query->again;
    if (query->last_answer.number > end.number) end = query->last_answer;
  }
  if (!again || again.time - success.answer.time < settings_.thresholds.dns_slow) return false;
  const bool waited = std::ranges::any_of(queries, [&](const Query* query) {
    return query->type != success.type && query->name == success.name &&
           query->first.number < again.number &&
           (!query->answer || query->answer.number > again.number);
  });
  if (!waited) return false;
  told.stalled = true;
  told.waited_for_v6 = success.type == kTypeA;
  told.gave_up = success.again && now - told.last_query.time >= kWaitsOn;
  told.decided = again;
  told.took = std::max(again.time, end.time) - told.first_query.time;
  // Where the clock was set in between, the wait is not known.
  return success.answer.time >= told.first_query.time && told.took >= settings_.thresholds.dns_slow;
}

void Lookups::decide(const Queries& queries, Timestamp now) {
  auto told = judge(queries, now);
  if (!told) return;
  if (!decided_.empty() && decided_.size() >= settings_.limits.max_dns_lookups) {
    tell(decided_.front());
    forget_oldest();
  }
  // What was refused nobody has learnt an address from.
  const bool in_vain = told->outcome != DnsOutcome::resolved;
  Decided decided{.lookup = std::move(*told), .addresses = {}, .ready = {}, .unanswered = false};
  for (const Query* query : queries) {
    const PacketRef& end = query->answer && !query->refused ? query->last_answer : query->last;
    decided.ready = std::max(decided.ready, end.time);
    decided.unanswered = decided.unanswered || !query->answer || (query->refused && in_vain);
    if (!in_vain) {
      decided.addresses.insert(decided.addresses.end(), query->addresses.begin(),
                               query->addresses.end());
    }
  }
  decided_.push_back(std::move(decided));
  const Decided& kept = decided_.back();
  by_client_.emplace(std::pair{kept.lookup.client, kept.ready}, std::prev(decided_.end()));
}

void Lookups::forget_oldest() {
  const Decided& oldest = decided_.front();
  const auto [from, to] = by_client_.equal_range({oldest.lookup.client, oldest.ready});
  by_client_.erase(std::find_if(from, to, [&](const auto& e) { return &*e.second == &oldest; }));
  decided_.pop_front();
}

/// Of a name with addresses the connection goes to one of them.
bool Lookups::follows(const Decided& decided, const FlowRecord& flow) {
  if (flow.first.time < decided.lookup.decided.time) return false;
  return flow.first.time - decided.ready <= (decided.unanswered ? kWaitsOn : kFollows);
}

/// Flows end long after their lookups, as a rule when the capture does.
void Lookups::on_flow(const FlowRecord& flow, Timestamp now) {
  note_connection(flow);
  if (open_.empty() && decided_.empty()) return;
  sweep(now);
  if (flow.has(Oddity::midstream)) return;
  const Timestamp begin = flow.first.time;
  const auto first = by_client_.lower_bound({flow.client.ip, begin - kWaitsOn});
  for (auto at = first; at != by_client_.end() && at->first.first == flow.client.ip; ++at) {
    Decided& decided = *at->second;
    if (decided.ready - begin > kLongest + kQuiet) break;
    DnsLookup& lookup = decided.lookup;
    const bool by_this =
        std::ranges::find(decided.addresses, flow.server.ip) != decided.addresses.end();
    const bool at_once = begin >= lookup.answer.time && begin < lookup.decided.time;
    if (lookup.stalled && by_this && at_once) decided.at_once = true;
    if (by_this && begin >= lookup.first_query.time) decided.connected = true;
    if (!follows(decided, flow)) continue;
    const bool explained = !names_
                                .name_of({.address = flow.server.ip,
                                          .client = flow.client.ip,
                                          .at = begin,
                                          .asked_for = {}})
                                .empty();
    if (!by_this && (explained || lookup.outcome == DnsOutcome::resolved)) continue;
    const bool better =
        !lookup.flow_first || (by_this && !lookup.flow_by_this_name) ||
        (by_this == lookup.flow_by_this_name && flow.first.number < lookup.flow_first.number);
    if (!better) continue;
    lookup.flow = flow.id;
    lookup.flow_first = flow.first;
    lookup.flow_server = flow.server;
    lookup.flow_by_this_name = by_this;
  }
}

void Lookups::note_connection(const FlowRecord& flow) {
  constexpr std::size_t kMost = 4096;
  const std::pair ends{flow.client.ip, flow.server};
  const auto known = connected_.find(ends);
  if (known != connected_.end()) {
    known->second = std::min(known->second, flow.first.time);
  } else if (connected_.size() < kMost) {
    connected_.emplace(ends, flow.first.time);
  }
}

void Lookups::tell(const Decided& decided) {
  DnsLookup lookup = decided.lookup;
  if (lookup.stalled && (!lookup.flow_by_this_name || decided.at_once)) {
    // Unless the capture has no connections at all of that client.
    const auto some = connected_.lower_bound({lookup.client, Endpoint{}});
    const bool connects = some != connected_.end() && some->first.first == lookup.client;
    if (!lookup.gave_up || decided.connected || !connects) return;
    lookup.flow_first = {};
  } else {
    lookup.gave_up = false;
  }
  if (lookup.flow_first && !lookup.flow_by_this_name) {
    const auto known = connected_.find({lookup.client, lookup.flow_server});
    lookup.flow_known_before = known != connected_.end() && known->second < lookup.first_query.time;
  }
  sink_.on_lookup(lookup);
}

void Lookups::settle_all(Timestamp now) {
  while (!open_.empty()) close(open_.begin(), now);
}

void Lookups::finish() {
  for (const Decided& decided : decided_) tell(decided);
  by_client_.clear();
  decided_.clear();
}

}  // namespace httpdiag::dns
