// SPDX-License-Identifier: Apache-2.0
#include "rules/dns_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"

namespace httpdiag {

std::string_view name(DnsOutcome outcome) {
  switch (outcome) {
    case DnsOutcome::resolved:
      return "resolved";
    case DnsOutcome::no_such_name:
      return "no-such-name";
    case DnsOutcome::no_address:
      return "no-address";
    case DnsOutcome::server_failed:
      return "server-failed";
    case DnsOutcome::refused:
      return "refused";
    case DnsOutcome::other_error:
      return "other-error";
    case DnsOutcome::unanswered:
      return "unanswered";
    case DnsOutcome::unreachable:
      return "unreachable";
  }
  return "other-error";
}

}  // namespace httpdiag

namespace httpdiag::rules {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostFindings = 256;
constexpr std::size_t kMostKept = 4096;  // of what becomes findings
constexpr std::size_t kMostSpells = 256;
constexpr std::size_t kMostNames = 1024;
constexpr std::size_t kMostUses = 4096;
// A resolver that keeps old answers hands them out as soon as the new one has failed.
constexpr Duration kAtOnce = 5s;
constexpr std::size_t kNamesShown = 6;
// From here on it is the server that fails, not the names.
constexpr std::size_t kManyNames = 3;
// Lookups that fail further apart than this are no longer one outage.
constexpr Duration kPause = 60s;

std::string queries(const DnsLookup& lookup) {
  return lookup.queries == 1 ? "1 query" : fmt::format("{} queries", lookup.queries);
}

std::string not_reached(const DnsLookup& lookup) {
  const std::string server = to_string(lookup.server), reporter = to_string(lookup.reporter);
  if (lookup.error == DnsError::port_closed)
    return fmt::format("nothing listens on {}, its host says (ICMP port unreachable)", server);
  if (lookup.error == DnsError::unreachable)
    return fmt::format("{} says that there is no way to {} (ICMP)", reporter, server);
  if (lookup.reporter == lookup.server.ip)
    return fmt::format("{} rejects queries, and says so (ICMP)", server);
  return fmt::format("{} lets no query pass to {}, and says so (ICMP)", reporter, server);
}

std::string answered(const DnsLookup& lookup) {
  const std::string server = to_string(lookup.server);
  switch (lookup.outcome) {
    case DnsOutcome::no_such_name:
      return fmt::format("{} answered that there is no such name (NXDOMAIN)", server);
    case DnsOutcome::no_address:
      return fmt::format("{} knows the name, but no address for it", server);
    case DnsOutcome::server_failed:
      return fmt::format("{} could not find out (SERVFAIL)", server);
    case DnsOutcome::refused:
      return fmt::format("{} refused to answer (REFUSED)", server);
    case DnsOutcome::resolved:
    case DnsOutcome::other_error:
      return fmt::format("{} answered with error {}", server, lookup.rcode);
    case DnsOutcome::unreachable:
      return not_reached(lookup);
    case DnsOutcome::unanswered:
      break;
  }
  if (lookup.answer) {
    return fmt::format(
        "the answer came {} after the first of {}, when the client had given up: it "
        "refused it (ICMP port unreachable)",
        base::duration(lookup.took), queries(lookup));
  }
  return fmt::format("no answer to {} in {}{}", queries(lookup), base::duration(lookup.took),
                     lookup.servers > 1 ? fmt::format(" to {} servers", lookup.servers)
                                        : fmt::format(" to {}", server));
}

/// From the first query to the last: " (6 times in 14 s)".
std::string often(std::uint64_t times, PacketRef first, PacketRef last) {
  if (times < 2) return {};
  return fmt::format(" ({} times in {})", times,
                     base::duration(std::max(last.time - first.time, Duration{0})));
}

/// A connection that shows that the client got on without an answer.
bool got_on(const DnsLookup& lookup) {
  if (!lookup.flow_first || lookup.flow_names_other) return false;
  return lookup.flow_names_it || !lookup.flow_known_before;
}

std::string what_followed(const DnsLookup& lookup) {
  if (!lookup.flow_first) return "No connection followed.";
  if (lookup.flow_names_it) {
    return fmt::format(
        "The client had an address all the same: it asked {} for that name (flow {}).",
        to_string(lookup.flow_server), static_cast<std::uint32_t>(lookup.flow));
  }
  if (lookup.flow_names_other) {
    return fmt::format("No connection followed but for another host (flow {}).",
                       static_cast<std::uint32_t>(lookup.flow));
  }
  if (lookup.flow_known_before) {
    return fmt::format(
        "No connection followed but to servers that the client had been connected to before (flow "
        "{}).",
        static_cast<std::uint32_t>(lookup.flow));
  }
  return fmt::format("The client then connected to {} (flow {}) all the same.",
                     to_string(lookup.flow_server), static_cast<std::uint32_t>(lookup.flow));
}

struct Blame {
  Party party;
  Confidence confidence;
  std::string unless;
};

Blame blame_for_error(const DnsLookup& lookup) {
  if (lookup.error == DnsError::port_closed)
    return {Party::server_host, Confidence::medium,
            "something in front of it answers in its place"};
  if (lookup.error == DnsError::unreachable)
    return {Party::network, Confidence::medium, "the name server's host is down"};
  if (lookup.reporter == lookup.server.ip)
    return {Party::server_host, Confidence::medium,
            "something in front of it answers in its place"};
  return {Party::network, Confidence::medium, "the client is not meant to use that name server"};
}

Blame blame(const DnsLookup& lookup) {
  switch (lookup.outcome) {
    case DnsOutcome::no_such_name:
    case DnsOutcome::no_address:
      return {Party::client_app, Confidence::medium,
              "the name is right and its record is missing, or a resolver kept an old answer"};
    case DnsOutcome::server_failed:
    case DnsOutcome::refused:
    case DnsOutcome::other_error:
      return {Party::network, Confidence::medium, "the name's own servers are at fault"};
    case DnsOutcome::resolved:
      return {Party::network, Confidence::medium, "the name's own servers are slow"};
    case DnsOutcome::unreachable:
      return blame_for_error(lookup);
    case DnsOutcome::unanswered:
      break;
  }
  if (lookup.server_heard_meanwhile)
    return {Party::network, Confidence::low, "the resolver's own upstream did not answer"};
  return {Party::network, Confidence::medium,
          lookup.server_heard ? "the resolver's own upstream did not answer"
                              : "the capture does not see the resolver's answers"};
}

void add_facts(FindingBuilder& finding, const DnsLookup& lookup, std::uint64_t times) {
  Blame fault = blame(lookup);
  finding.fault(fault.party, fault.confidence, std::move(fault.unless))
      .fact("name", lookup.name)
      .fact("client", to_string(lookup.client))
      .fact("resolver", to_string(lookup.server))
      .fact("outcome", std::string{name(lookup.outcome)})
      .fact("times", static_cast<std::int64_t>(times))
      .fact("queries", std::int64_t{lookup.queries})
      .fact("took_us", std::optional{lookup.took});
  if (lookup.error != DnsError::none) finding.fact("reporter", to_string(lookup.reporter));
  if (lookup.flow_first) finding.fact("flow", static_cast<std::int64_t>(lookup.flow));
  if (lookup.tried.size() > 1)
    finding.fact("names_tried", fmt::format("{}", fmt::join(lookup.tried, " ")));
}

Finding failed(const DnsLookup& lookup, std::uint64_t times, const std::string& again) {
  FindingBuilder finding{Label::dns_failed,
                         fmt::format("{} could not resolve {}{}: {}. {}", to_string(lookup.client),
                                     lookup.name, again, answered(lookup), what_followed(lookup))};
  if (got_on(lookup)) finding.severity(Severity::warning);
  add_facts(finding, lookup, times);
  return finding.evidence(lookup.first_query, std::nullopt, "query for " + lookup.name)
      .evidence(lookup.outcome == DnsOutcome::unanswered && !lookup.answer ? lookup.last_query
                : lookup.answer                                            ? lookup.answer
                                                                           : lookup.decided,
                std::nullopt,
                lookup.answer                    ? "answer"
                : lookup.error != DnsError::none ? "ICMP error about a query"
                                                 : "last query, unanswered")
      .build();
}

Finding stalled(const DnsLookup& lookup, std::uint64_t times) {
  const std::string_view missing = lookup.waited_for_v6 ? "IPv6" : "IPv4";
  FindingBuilder finding{
      Label::dns_slow,
      fmt::format(
          "{} had an address of {} after {}{}, but no answer about {}: {} after its first query it "
          "asked again. {}",
          to_string(lookup.client), lookup.name,
          base::duration(lookup.answer.time - lookup.first_query.time),
          times > 1 ? fmt::format(" ({} times so; worst)", times) : "", missing,
          base::duration(lookup.decided.time - lookup.first_query.time),
          lookup.gave_up
              ? std::string{"It never connected: whoever wanted to had given up by then."}
              : fmt::format("Only then it connected to {} (flow {}).",
                            to_string(lookup.flow_server),
                            static_cast<std::uint32_t>(lookup.flow)))};
  add_facts(finding, lookup, times);
  finding
      .fault(Party::network, Confidence::medium, "the name server answers one kind of query only")
      .remedy(
          "Something drops the second of two queries from one port (conntrack, a firewall), or "
          "the name server leaves that kind unanswered: ask it with dig, A and AAAA. Until it "
          "is mended: options single-request-reopen or use-vc in the client's resolv.conf, or a "
          "caching resolver on its host.");
  finding.evidence(lookup.first_query, std::nullopt, "query for " + lookup.name)
      .evidence(lookup.answer, std::nullopt, "answer")
      .evidence(lookup.decided, std::nullopt, "asked again");
  if (!lookup.gave_up) finding.evidence(lookup.flow_first, std::nullopt, "the connection");
  return finding.build();
}

Finding slow(const DnsLookup& lookup, std::uint64_t times) {
  if (lookup.stalled) return stalled(lookup, times);
  const std::string again = times > 1 ? fmt::format(" ({} times so slow; worst)", times) : "";
  FindingBuilder finding{
      Label::dns_slow,
      fmt::format("{} waited {} for the address of {}{}{}. {}", to_string(lookup.client),
                  base::duration(lookup.took), lookup.name, again,
                  lookup.retries > 0 ? fmt::format(", with {}", queries(lookup)) : "",
                  lookup.flow_first ? fmt::format("Only then it connected to {} (flow {}).",
                                                  to_string(lookup.flow_server),
                                                  static_cast<std::uint32_t>(lookup.flow))
                                    : "No connection followed.")};
  add_facts(finding, lookup, times);
  return finding.evidence(lookup.first_query, std::nullopt, "query for " + lookup.name)
      .evidence(lookup.answer, std::nullopt, "answer")
      .build();
}

/// It is the server, or the way to it, that fails, rather than the name.
bool is_servers(DnsOutcome outcome) {
  switch (outcome) {
    case DnsOutcome::server_failed:
    case DnsOutcome::refused:
    case DnsOutcome::unanswered:
    case DnsOutcome::unreachable:
      return true;
    case DnsOutcome::resolved:
    case DnsOutcome::no_such_name:
    case DnsOutcome::no_address:
    case DnsOutcome::other_error:
      return false;
  }
  return false;
}

std::string_view what_it_did(DnsOutcome outcome) {
  switch (outcome) {
    case DnsOutcome::server_failed:
      return "could not find out (SERVFAIL)";
    case DnsOutcome::refused:
      return "refused to answer (REFUSED)";
    case DnsOutcome::unreachable:
      return "was not reached";
    default:
      return "did not answer";
  }
}

}  // namespace

std::string host_name(std::string_view host) {
  const std::size_t colon = host.find(':');
  return base::lower(host.substr(0, colon));
}

void LookupFindings::on_use(const IpAddress& client, const std::string& host, const Use& use) {
  if (host.empty() || use_count_ >= kMostUses) return;
  ++use_count_;
  uses_[{client, host}].push_back(use);
  hosts_.emplace(use.flow, host);
}

/// Of one the other may be an alias that a search list completes.
bool LookupFindings::is_for_other(FlowId flow, std::string_view name) const {
  const auto found = hosts_.find(flow);
  if (found == hosts_.end() || parse_ip(found->second)) return false;
  const std::string_view host = found->second;
  const auto completes = [](std::string_view whole, std::string_view part) {
    return whole.starts_with(part) && (whole.size() == part.size() || whole[part.size()] == '.');
  };
  return !completes(name, host) && !completes(host, name);
}

/// The first one, from the lookup on.
void LookupFindings::find_use(DnsLookup& lookup) const {
  const auto found = uses_.find({lookup.client, lookup.name});
  if (found == uses_.end()) {
    lookup.flow_names_other = lookup.flow_first && is_for_other(lookup.flow, lookup.name);
    return;
  }
  const Use* first = nullptr;
  for (const Use& use : found->second) {
    if (use.first.time < lookup.first_query.time || use.first.time > lookup.decided.time + kAtOnce)
      continue;
    if (first == nullptr || use.first.number < first->first.number) first = &use;
  }
  if (first == nullptr) return;
  lookup.flow_names_it = true;
  lookup.flow = first->flow;
  lookup.flow_first = first->first;
  lookup.flow_server = first->server;
}

LookupFindings::Spell* LookupFindings::spell_of(const DnsLookup& lookup) {
  if (!is_servers(lookup.outcome)) return nullptr;
  const auto found = spells_.try_emplace({lookup.server, lookup.outcome}).first;
  std::vector<Spell>& spells = found->second;
  const bool goes_on = !spells.empty() &&
                       lookup.first_query.time - spells.back().last.time <= kPause &&
                       spells.back().first.time - lookup.decided.time <= kPause;
  if (!goes_on) {
    if (spell_count_ >= kMostSpells) {
      if (spells.empty()) spells_.erase(found);
      return nullptr;
    }
    spells.emplace_back().number = ++spell_count_;
    spells.back().one = lookup;
  }
  Spell& spell = spells.back();
  if (!spell.first || lookup.first_query.number < spell.first.number)
    spell.first = lookup.first_query;
  if (lookup.decided.number > spell.last.number) spell.last = lookup.decided;
  ++spell.lookups;
  spell.queries += lookup.queries;
  spell.connected += got_on(lookup) ? 1u : 0u;
  spell.heard_meanwhile = spell.heard_meanwhile || lookup.server_heard_meanwhile;
  if (spell.names.size() < kMostNames) {
    spell.names.insert(lookup.name);
  } else {
    spell.more_names = spell.more_names || !spell.names.contains(lookup.name);
  }
  if (spell.clients.size() < kMostNames) spell.clients.insert(lookup.client);
  return &spell;
}

void LookupFindings::on_lookup(const DnsLookup& told) {
  DnsLookup lookup = told;
  if (lookup.outcome != DnsOutcome::resolved) find_use(lookup);
  const Label label = lookup.outcome == DnsOutcome::resolved ? Label::dns_slow : Label::dns_failed;
  const Spell* spell = spell_of(lookup);
  const Key key{label,         lookup.client,  lookup.name,
                lookup.server, lookup.outcome, spell == nullptr ? 0 : spell->number};
  auto found = seen_.find(key);
  if (found == seen_.end()) {
    if (seen_.size() >= kMostKept) return;
    found = seen_.emplace(key, Seen{lookup, 0, lookup.first_query, lookup.decided}).first;
  }
  add(found->second, {lookup, 1, lookup.first_query, lookup.decided});
}

/// Both are of one client, name, server and outcome.
void LookupFindings::add(Seen& seen, const Seen& more) {
  seen.times += more.times;
  if (more.first.number < seen.first.number) seen.first = more.first;
  if (more.last.number > seen.last.number) seen.last = more.last;
  // A failure that nothing followed says more than one that did no harm.
  const auto rank = [](const DnsLookup& each) { return std::pair{!got_on(each), each.took}; };
  if (rank(more.worst) > rank(seen.worst)) seen.worst = more.worst;
}

/// A name server that failed for many names.
Finding LookupFindings::failed(const Server& server, const Spell& spell, bool harmless) {
  const auto& [endpoint, outcome] = server;
  std::string names;
  std::size_t shown = 0;
  for (const std::string& each : spell.names) {
    if (shown++ == kNamesShown) break;
    base::append_item(names, each);
  }
  const std::size_t count = spell.names.size();
  if (count > kNamesShown) names += fmt::format(" and {} more", count - kNamesShown);
  FindingBuilder finding{
      Label::dns_failed,
      fmt::format(
          "For {} {} {} in {} lookups of {}{} names by {}{}: {}. {}",
          base::duration(std::max(spell.last.time - spell.first.time, Duration{0})),
          to_string(endpoint), what_it_did(outcome), spell.lookups,
          spell.more_names ? "more than " : "", count, base::count(spell.clients.size(), "host"),
          spell.heard_meanwhile ? ", while it answered others" : "", names,
          spell.connected == 0
              ? "No connection followed."
              : fmt::format("A connection followed all the same {}.", times(spell.connected)))};
  if (harmless) finding.severity(Severity::warning);
  if (outcome == DnsOutcome::unreachable)
    finding.also(fmt::format("Of the first it was said that {}.", not_reached(spell.one)));
  DnsLookup one = spell.one;
  one.server_heard_meanwhile = spell.heard_meanwhile;
  Blame fault = blame(one);
  finding.fault(fault.party, fault.confidence, std::move(fault.unless))
      .fact("resolver", to_string(endpoint))
      .fact("outcome", std::string{name(outcome)})
      .fact("names", static_cast<std::int64_t>(count))
      .fact("clients", static_cast<std::int64_t>(spell.clients.size()))
      .fact("times", static_cast<std::int64_t>(spell.lookups))
      .fact("queries", static_cast<std::int64_t>(spell.queries))
      .fact("from", base::rfc3339(spell.first.time))
      .fact("to", base::rfc3339(spell.last.time));
  return finding.evidence(spell.first, std::nullopt, "first query that failed")
      .evidence(spell.last, std::nullopt, "last one")
      .build();
}

Finding LookupFindings::finding_of(const Seen& seen) {
  const DnsLookup& lookup = seen.worst;
  Finding finding =
      lookup.outcome == DnsOutcome::resolved
          ? slow(lookup, seen.times)
          : rules::failed(lookup, seen.times, often(seen.times, seen.first, seen.last));
  if (seen.times > 1) {
    finding.facts.push_back({"from", base::rfc3339(seen.first.time)});
    finding.facts.push_back({"to", base::rfc3339(seen.last.time)});
  }
  return finding;
}

std::vector<Finding> LookupFindings::finish(
    const std::function<bool(const IpAddress&)>& deaf) const {
  const auto proves_nothing = [&](const DnsLookup& lookup) {
    return lookup.outcome == DnsOutcome::unanswered && !lookup.server_heard && deaf(lookup.client);
  };
  std::vector<std::pair<PacketNumber, Finding>> ordered;
  std::set<std::size_t> told;  // spells
  for (const auto& [server, spells] : spells_) {
    for (const Spell& spell : spells) {
      if (spell.names.size() < kManyNames || proves_nothing(spell.one)) continue;
      told.insert(spell.number);
      ordered.emplace_back(spell.first.number,
                           failed(server, spell, spell.connected == spell.lookups));
    }
  }
  std::map<Key, Seen> others;
  for (const auto& [key, seen] : seen_) {
    if (told.contains(key.spell) || proves_nothing(seen.worst)) continue;
    Key any = key;
    any.spell = 0;
    const auto [found, first] = others.try_emplace(std::move(any), seen);
    if (!first) add(found->second, seen);
  }
  for (const auto& [key, seen] : others) ordered.emplace_back(seen.first.number, finding_of(seen));
  std::ranges::stable_sort(ordered, {}, &std::pair<PacketNumber, Finding>::first);
  if (ordered.size() > kMostFindings) ordered.resize(kMostFindings);
  std::vector<Finding> findings;
  for (auto& [first, finding] : ordered) {
    const auto change = settings_.changes.find(finding.label);
    if (change != settings_.changes.end()) {
      if (change->second.off) continue;
      if (change->second.severity) finding.severity = *change->second.severity;
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace httpdiag::rules
