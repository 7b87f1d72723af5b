// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase dns: the name in front of the connection. Not in RFC order of TCP: no flow
// carries it; the finding stands with those about the capture.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kDnsRules{
    RuleInfo{
        .label = Label::dns_failed,
        .id = "dns-failed",
        .title = "The name did not resolve",
        .scope = Scope::lookup,
        .role = Role::primary,
        .phase = Phase::dns,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "A host asked for the address of a name and got none: NXDOMAIN, no address of either "
            "kind, SERVFAIL, REFUSED or another error, or no answer at all although it asked at "
            "least twice and the capture went on for 3 s. The request was never sent. Where the "
            "host asked for that name within 5 s all the same, or connected to an address that no "
            "other name explains, it is a warning.",
        .guards =
            "All queries of one call of a resolver are one lookup: IPv4 and IPv6, retries, other "
            "resolvers, and the domains of a search list, of which all but one usually fail. It "
            "fails only if none of them brings an address. A truncated answer goes on over TCP, "
            "and one whose end was not recorded proves nothing. Other record types, reverse "
            "lookups and multicast DNS are not judged.",
        .symptoms =
            "getaddrinfo: EAI_NONAME (Name or service not known), EAI_AGAIN (Temporary failure in "
            "name resolution); Java: java.net.UnknownHostException; Go: dial tcp: lookup host: no "
            "such host, or i/o timeout; Python: NameResolutionError, [Errno -2] Name or service "
            "not known; Node: getaddrinfo ENOTFOUND, EAI_AGAIN; curl: (6) Could not resolve host; "
            ".NET: No such host is known; nginx: host not found in upstream, could not be "
            "resolved; Envoy: DNS resolution failed",
        .remedy =
            "NXDOMAIN: compare the callback URL with the record, letter by letter, and check the "
            "search list (resolv.conf: ndots). SERVFAIL: ask the resolver directly (dig "
            "+trace), look for DNSSEC failures or dead name servers of the zone. No answer: UDP "
            "port 53 to the resolver is filtered or it is overloaded; check conntrack and rate "
            "limits. Retry is safe: nothing was sent.",
        .references = "RFC 1035 section 4.1.1; RFC 2308; getaddrinfo(3); resolv.conf(5)",
    },
    RuleInfo{
        .label = Label::dns_slow,
        .id = "dns-slow",
        .title = "The name took long to resolve",
        .scope = Scope::lookup,
        .role = Role::primary,
        .phase = Phase::dns,
        .severity = Severity::warning,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "From the first query for a name to the first answer that has an address passed a "
            "second or more (dns.slow_ms), most often because a query or its answer was lost and "
            "the stub resolver asked again after 5 s. The connection could not begin before, and "
            "the wait counts against the client's connect or total timeout. Likewise where the "
            "IPv4 "
            "address was there at once, the IPv6 query (or the other way round) got no answer, and "
            "the client connected only after it had asked again.",
        .guards = "The time of an IPv6 query that stays unanswered beside an IPv4 answer is not "
                  "counted where the client did not wait for it. Copies of a packet are no "
                  "retries.",
        .symptoms = "People: some connections begin 5 s or 10 s late, others at once; curl: "
                    "time_namelookup",
        .remedy = "Find out where queries get lost: capture at the resolver as well. With the "
                  "conntrack race of parallel A and AAAA queries, use options "
                  "single-request-reopen, or a caching resolver on the node. Raise the client's "
                  "timeout above the resolver's.",
        .references = "resolv.conf(5): timeout, attempts, single-request-reopen",
    },
};

}  // namespace httpdiag::rules::catalog
