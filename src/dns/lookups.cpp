// SPDX-License-Identifier: Apache-2.0
#include "dns/lookups.hpp"

#include <algorithm>
#include <chrono>

#include "dns/message.hpp"

namespace httpdiag::dns {

namespace {

using namespace std::chrono_literals;

// A stub resolver asks again after 5 s (resolv.conf(5): timeout); past this it has given up.
constexpr Duration kQuiet = 12s;
// The next name of a search list, or the next server, is asked at once.
constexpr Duration kNextName = 1s;
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

constexpr std::uint8_t kNoError = 0, kServFail = 2, kNxDomain = 3, kRefused = 5;

std::string first_label(const std::string& name) { return name.substr(0, name.find('.')); }

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
  if (message.refused) return on_refused(message);
  message.response ? on_answer(message) : on_query(message);
}

void Lookups::on_query(const DnsMessage& message) {
  const Endpoint &client = message.source, &server = message.destination;
  const PacketRef packet = message.packet;
  sweep(packet.time);
  if (message.type != kTypeA && message.type != kTypeAaaa) return;
  const Key key{client.ip, first_label(message.name)};
  auto found = open_.find(key);
  if (found != open_.end() && is_over(found->second, packet.time)) {
    settle(key, found->second, packet.time);
    open_.erase(found);
    found = open_.end();
  }
  if (found == open_.end()) {
    if (open_.size() >= settings_.limits.max_dns_lookups) return;
    found = open_.emplace(key, Lookup{}).first;
  }
  Lookup& lookup = found->second;
  if (Query* known = find(lookup, message, client, server)) {
    if (packet.time - known->last.time > kCopy) ++known->sent;
    known->last = lookup.last = packet;
    return;
  }
  lookup.last = packet;
  if (lookup.queries.size() >= kMostQueries) {
    lookup.beyond = true;
    return;
  }
  Query query;
  query.client = client;
  query.server = server;
  query.id = message.id;
  query.type = message.type;
  query.name = message.name;
  query.stream = message.stream;
  query.first = query.last = packet;
  query.sent = 1;
  lookup.queries.push_back(std::move(query));
}

void Lookups::on_answer(const DnsMessage& message) {
  const Endpoint &client = message.destination, &server = message.source;
  const PacketRef packet = message.packet;
  sweep(packet.time);
  if (heard_.size() < kMostServers) heard_.insert(server);
  const auto found = open_.find({client.ip, first_label(message.name)});
  if (found == open_.end()) return;
  Lookup& lookup = found->second;
  Query* query = find(lookup, message, client, server);
  if (query == nullptr || (query->answer && packet.time - query->answer.time <= kCopy)) return;
  if (query->answers++ > 0) return;
  query->answer = lookup.last = packet;
  query->rcode = message.rcode;
  query->truncated = message.truncated;
  query->addresses = !message.addresses.empty();
  query->cut = message.cut && !query->addresses && message.rcode == kNoError;
  lookup.addresses.insert(lookup.addresses.end(), message.addresses.begin(),
                          message.addresses.end());
}

void Lookups::on_refused(const DnsMessage& message) {
  const Endpoint& client = message.destination;
  const auto found = open_.find({client.ip, first_label(message.name)});
  if (found == open_.end()) return;
  Query* query = find(found->second, message, client, message.source);
  if (query != nullptr && query->answers == 1) query->refused = true;
}

Lookups::Query* Lookups::find(Lookup& lookup, const DnsMessage& message, const Endpoint& client,
                              const Endpoint& server) {
  const auto found =
      std::find_if(lookup.queries.begin(), lookup.queries.end(), [&](const Query& query) {
        return query.client == client && query.server == server && query.id == message.id &&
               query.type == message.type && query.name == message.name;
      });
  return found == lookup.queries.end() ? nullptr : &*found;
}

/// All is answered and nothing followed at once, or what was asked will get no answer any more.
bool Lookups::is_over(const Lookup& lookup, Timestamp now) const {
  const Duration quiet = now - lookup.last.time;
  const bool waiting = std::any_of(lookup.queries.begin(), lookup.queries.end(),
                                   [](const Query& query) { return !query.answer; });
  return quiet >= (waiting ? kQuiet : kNextName);
}

void Lookups::sweep(Timestamp now) {
  if (now - last_sweep_ < kNextName) return;
  last_sweep_ = now;
  for (auto at = open_.begin(); at != open_.end();) {
    if (is_over(at->second, now)) {
      settle(at->first, at->second, now);
      at = open_.erase(at);
    } else {
      ++at;
    }
  }
}

std::optional<DnsLookup> Lookups::judge(const Lookup& lookup, Timestamp now) const {
  if (lookup.queries.empty() || lookup.beyond) return std::nullopt;
  DnsLookup told;
  const Query* success = nullptr;
  const Query* decisive = nullptr;  // the shortest name's, for IPv4 rather than IPv6
  std::set<Endpoint> servers;
  bool twice = false;
  for (const Query& query : lookup.queries) {
    told.queries += query.sent;
    servers.insert(query.server);
    told.server_heard = told.server_heard || heard_.contains(query.server);
    if (!told.first_query || query.first.number < told.first_query.number) {
      told.first_query = query.first;
    }
    if (query.last.number > told.last_query.number) told.last_query = query.last;
    // It goes on over TCP; what was answered was not recorded; or what became of it is not told
    // here.
    if (query.truncated && !query.addresses) return std::nullopt;
    if (query.cut || (query.stream && !query.answer)) return std::nullopt;
    if (std::find(told.tried.begin(), told.tried.end(), query.name) == told.tried.end() &&
        told.tried.size() < kMostTried) {
      told.tried.push_back(query.name);
    }
    // Asked again: of the same server or of another one.
    const auto asked =
        std::count_if(lookup.queries.begin(), lookup.queries.end(),
                      [&](const Query& q) { return q.name == query.name && q.type == query.type; });
    twice = twice || query.sent > 1 || asked > 1;
    if (query.answer && query.addresses && !query.refused &&
        (success == nullptr || query.answer.number < success->answer.number)) {
      success = &query;
    }
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
  for (const Query& q : lookup.queries) told.retries += q.sent - 1;
  if (success != nullptr) {
    told.name = success->name;
    told.outcome = DnsOutcome::resolved;
    if (told.took < settings_.thresholds.dns_slow) return std::nullopt;
    return told;
  }
  if (query.refused) {
    told.outcome = DnsOutcome::unanswered;
    told.decided = told.last_query;  // until then somebody waited
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
  // Somebody may still answer.
  const bool open = std::any_of(lookup.queries.begin(), lookup.queries.end(), [&](const Query& q) {
    return !q.answer && now - q.last.time < kAnswerDue;
  });
  return open ? std::nullopt : std::optional{told};
}

void Lookups::settle(const Key&, Lookup& lookup, Timestamp now) {
  auto told = judge(lookup, now);
  if (!told) return;
  if (decided_.size() >= settings_.limits.max_dns_lookups) {
    tell(decided_.front());
    decided_.pop_front();
  }
  // What was refused nobody has learnt an address from.
  const bool in_vain = told->outcome != DnsOutcome::resolved;
  Decided decided{.lookup = std::move(*told),
                  .addresses = in_vain ? std::vector<IpAddress>{} : std::move(lookup.addresses),
                  .ready = {},
                  .unanswered = false};
  for (const Query& query : lookup.queries) {
    const PacketRef& end = query.answer && !query.refused ? query.answer : query.last;
    decided.ready = std::max(decided.ready, end.time);
    decided.unanswered = decided.unanswered || !query.answer || (query.refused && in_vain);
  }
  decided_.push_back(std::move(decided));
}

/// Of a name with addresses the connection goes to one of them.
bool Lookups::follows(const Decided& decided, const FlowRecord& flow) const {
  const DnsLookup& lookup = decided.lookup;
  if (lookup.client != flow.client.ip || flow.has(Oddity::midstream)) return false;
  if (flow.first.time < lookup.decided.time) return false;
  return flow.first.time - decided.ready <= (decided.unanswered ? kWaitsOn : kFollows);
}

/// Flows end long after their lookups, as a rule when the capture does.
void Lookups::on_flow(const FlowRecord& flow, Timestamp now) {
  if (open_.empty() && decided_.empty()) return;
  sweep(now);
  for (Decided& decided : decided_) {
    DnsLookup& lookup = decided.lookup;
    if (!follows(decided, flow)) continue;
    const bool by_this = std::find(decided.addresses.begin(), decided.addresses.end(),
                                   flow.server.ip) != decided.addresses.end();
    const bool explained = !names_.name_of(flow.server.ip, flow.client.ip, flow.first.time).empty();
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

void Lookups::tell(Decided& decided) { sink_.on_lookup(decided.lookup); }

void Lookups::settle_all(Timestamp now) {
  for (auto& [key, lookup] : open_) settle(key, lookup, now);
  open_.clear();
}

void Lookups::finish() {
  for (Decided& decided : decided_) tell(decided);
  decided_.clear();
}

}  // namespace httpdiag::dns
