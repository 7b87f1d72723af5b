// SPDX-License-Identifier: Apache-2.0
#include "rules/dns_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

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

constexpr std::size_t kMostFindings = 256;

std::string queries(const DnsLookup& lookup) {
  return lookup.queries == 1 ? "1 query" : fmt::format("{} queries", lookup.queries);
}

std::string not_reached(const DnsLookup& lookup) {
  const std::string server = to_string(lookup.server), reporter = to_string(lookup.reporter);
  if (lookup.error == DnsError::port_closed)
    return fmt::format("nothing listens on {}, its host says (ICMP port unreachable)", server);
  if (lookup.error == DnsError::unreachable)
    return fmt::format("{} says that there is no way to {} (ICMP)", reporter, server);
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

std::string what_followed(const DnsLookup& lookup) {
  if (!lookup.flow_first) return "No connection followed.";
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
  return {Party::network, lookup.server_heard ? Confidence::low : Confidence::medium,
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

Finding failed(const DnsLookup& lookup, std::uint64_t times) {
  const std::string again = times > 1 ? fmt::format(" ({} times)", times) : "";
  FindingBuilder finding{Label::dns_failed,
                         fmt::format("{} could not resolve {}{}: {}. {}", to_string(lookup.client),
                                     lookup.name, again, answered(lookup), what_followed(lookup))};
  if (lookup.flow_first) finding.severity(Severity::warning);
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
          "asked again. Only then it connected to {} (flow {}).",
          to_string(lookup.client), lookup.name,
          base::duration(lookup.answer.time - lookup.first_query.time),
          times > 1 ? fmt::format(" ({} times so; worst)", times) : "", missing,
          base::duration(lookup.decided.time - lookup.first_query.time),
          to_string(lookup.flow_server), static_cast<std::uint32_t>(lookup.flow))};
  add_facts(finding, lookup, times);
  finding
      .fault(Party::network, Confidence::medium, "the name server answers one kind of query only")
      .remedy(
          "Something drops the second of two queries from one port (conntrack, a firewall), or "
          "the name server leaves that kind unanswered: ask it with dig, A and AAAA. Until it "
          "is mended: options single-request-reopen or use-vc in the client's resolv.conf, or a "
          "caching resolver on its host.");
  return finding.evidence(lookup.first_query, std::nullopt, "query for " + lookup.name)
      .evidence(lookup.answer, std::nullopt, "answer")
      .evidence(lookup.decided, std::nullopt, "asked again")
      .evidence(lookup.flow_first, std::nullopt, "the connection")
      .build();
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

}  // namespace

void LookupFindings::on_lookup(const DnsLookup& lookup) {
  const Label label = lookup.outcome == DnsOutcome::resolved ? Label::dns_slow : Label::dns_failed;
  const Key key{label, lookup.client, lookup.name, lookup.outcome};
  auto found = seen_.find(key);
  if (found == seen_.end()) {
    if (seen_.size() >= kMostFindings) return;
    found = seen_.emplace(key, Seen{lookup, 0, lookup.first_query}).first;
  }
  Seen& seen = found->second;
  ++seen.times;
  if (lookup.first_query.number < seen.first.number) seen.first = lookup.first_query;
  // A failure that nothing followed says more than one that did no harm.
  const auto rank = [](const DnsLookup& each) { return std::pair{!each.flow_first, each.took}; };
  if (rank(lookup) > rank(seen.worst)) seen.worst = lookup;
}

std::vector<Finding> LookupFindings::finish() const {
  std::vector<const Seen*> ordered;
  for (const auto& [key, seen] : seen_) ordered.push_back(&seen);
  std::sort(ordered.begin(), ordered.end(),
            [](const Seen* a, const Seen* b) { return a->first.number < b->first.number; });
  std::vector<Finding> findings;
  for (const Seen* seen : ordered) {
    const DnsLookup& lookup = seen->worst;
    Finding finding = lookup.outcome == DnsOutcome::resolved ? slow(lookup, seen->times)
                                                             : failed(lookup, seen->times);
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
