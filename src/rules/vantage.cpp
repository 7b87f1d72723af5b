// SPDX-License-Identifier: Apache-2.0
#include "rules/vantage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace httpdiag::rules {

namespace {

using enum VantagePoint;

std::size_t index(VantagePoint point) { return static_cast<std::size_t>(point); }

bool on_one_host(const FlowRecord& flow) {
  const bool device = flow.c().hints.has(Hints::loopback) || flow.s().hints.has(Hints::loopback);
  return device || flow.client.ip == flow.server.ip ||
         (flow.client.ip.is_loopback() && flow.server.ip.is_loopback());
}

/// What a cooked capture says of each packet. One that this host sent with a TTL that is no
/// initial value was not born here: it routes, for a container or for others.
VantagePoint by_direction(const FlowRecord& flow) {
  const Hints client = flow.c().hints;
  const Hints server = flow.s().hints;
  if (client.has(Hints::to_other) || server.has(Hints::to_other)) return middle;
  for (const Side side : {Side::client, Side::server}) {
    const SideRecord& own = flow.side(side);
    if (own.hints.has(Hints::from_here) && hops(own.ttl).value_or(1) != 0) return middle;
  }
  const bool from_client = client.has(Hints::from_here);
  const bool from_server = server.has(Hints::from_here);
  if (from_client && from_server) return loopback;
  if (from_client) return VantagePoint::client;
  if (from_server) return VantagePoint::server;
  if (client.has(Hints::to_here) && server.has(Hints::to_here)) return middle;
  // A router gets what it is to pass on under its own hardware address as well. Without a word of
  // the receiver it may be one that dropped it.
  if (client.has(Hints::to_here) && flow.s().packets > 0) return VantagePoint::server;
  if (server.has(Hints::to_here) && flow.c().packets > 0) return VantagePoint::client;
  return unknown;
}

VantagePoint by_ttl(const FlowRecord& flow) {
  const auto client = hops(flow.c().ttl);
  const auto server = hops(flow.s().ttl);
  if (!client || !server) return unknown;
  if (*client == 0 && *server == 0) return unknown;  // neighbours: anywhere among them
  if (*client == 0) return VantagePoint::client;
  if (*server == 0) return VantagePoint::server;
  return middle;
}

VantagePoint by_checksum(const FlowRecord& flow) {
  // Between virtual machines and containers of one host no sum is ever finished.
  const Hints client = flow.c().hints;
  const Hints server = flow.s().hints;
  if (client.has(Hints::sum_unfinished) && server.has(Hints::sum_good)) return VantagePoint::client;
  if (server.has(Hints::sum_unfinished) && client.has(Hints::sum_good)) return VantagePoint::server;
  return unknown;
}

/// SYN to SYN-ACK, SYN-ACK to ACK; none unless each was sent once and recorded in order.
std::optional<std::array<Duration, 2>> halves(const FlowRecord& flow) {
  const SideRecord& client = flow.c();
  const SideRecord& server = flow.s();
  // What carries more, or came behind more, is not the kernel's answer to the SYN-ACK.
  if (client.syns != 1 || server.syns != 1 || !flow.handshake_ack_alone || flow.oddities != 0)
    return std::nullopt;
  const std::array<Duration, 2> both{server.syn.time - client.syn.time,
                                     flow.handshake_ack.time - server.syn.time};
  if (both[0] < Duration{0} || both[1] < Duration{0}) return std::nullopt;
  return both;
}

/// The far half of the handshake takes long, the near one does not.
VantagePoint by_split(const FlowRecord& flow, bool& strong) {
  constexpr Duration kWorthIt = std::chrono::milliseconds{1};  // less may be scheduling
  constexpr Duration kLong = std::chrono::milliseconds{5};
  constexpr int kRatio = 5, kStrongRatio = 20;
  const auto both = halves(flow);
  if (!both) return unknown;
  const auto [near, far] = std::minmax((*both)[0], (*both)[1]);
  if (far < kWorthIt || far < near * kRatio) return unknown;
  strong = far >= kLong && far >= near * kStrongRatio;
  return (*both)[0] == far ? VantagePoint::client : VantagePoint::server;
}

}  // namespace

// 32 and 60 were initial values once; today they more likely are 64 and some hops.
std::optional<int> hops(std::uint8_t ttl) {
  constexpr int kLongestPath = 40;
  if (ttl == 0) return std::nullopt;
  for (const int initial : {64, 128, 255}) {
    if (ttl > initial) continue;
    if (initial - ttl > kLongestPath) return std::nullopt;
    return initial - ttl;
  }
  return std::nullopt;
}

CapturingHost capturing_host(const FlowRecord& flow) {
  if (on_one_host(flow)) return {true, true};
  const Hints client = flow.c().hints;
  const Hints server = flow.s().hints;
  const auto passed_on = [](Hints own) {
    return own.has(Hints::from_here) && own.has(Hints::to_here);
  };
  if (passed_on(client) || passed_on(server) || by_direction(flow) == middle) return {};
  return {client.has(Hints::from_here) || server.has(Hints::to_here),
          server.has(Hints::from_here) || client.has(Hints::to_here)};
}

Votes votes_of(const FlowRecord& flow) {
  Votes votes;
  if (on_one_host(flow)) {
    votes[Clue::same_host] = loopback;
    return votes;  // TTL and timing mean nothing there
  }
  votes[Clue::direction] = by_direction(flow);
  if (flow.trouble().forwarded) votes[Clue::forwarded] = middle;
  votes[Clue::ttl] = by_ttl(flow);
  votes[Clue::checksum] = by_checksum(flow);
  votes[Clue::split] = by_split(flow, votes.strong_split);
  return votes;
}

Sighting sighting_of(const Votes& votes) {
  if (votes[Clue::same_host] != unknown) return {votes[Clue::same_host], Confidence::high, true};
  // The direction is a record, not a conclusion, and so is a packet on both sides of a router.
  if (votes[Clue::forwarded] != unknown) return {middle, Confidence::high, false};
  if (votes[Clue::direction] != unknown) return {votes[Clue::direction], Confidence::high, true};

  const VantagePoint ttl = votes[Clue::ttl];
  const VantagePoint sum = votes[Clue::checksum];
  // The split tells which end is nearer; who is some hops away from both is still in the middle.
  const VantagePoint split = ttl == middle ? unknown : votes[Clue::split];
  VantagePoint point = unknown;
  int agreeing = 0;
  for (const VantagePoint vote : {ttl, sum, split}) {
    if (vote == unknown) continue;
    if (point != unknown && vote != point) return {};
    point = vote;
    ++agreeing;
  }
  if (agreeing == 0) return {};
  const bool on_host = sum != unknown;  // others have the sums finished
  if (agreeing >= 2) return {point, Confidence::high, on_host};
  const bool split_alone = split != unknown;
  return {point, split_alone && !votes.strong_split ? Confidence::low : Confidence::medium,
          on_host};
}

bool VantageCollector::made_reset(const FlowRecord& flow) const {
  const SideRecord& server = flow.s();
  const SideTrouble& trouble = server.trouble();
  if (!trouble.rst_from_here || hops(trouble.rst_ttl) != 0 || on_one_host(flow)) return false;
  const bool only_resets = server.packets <= trouble.rsts;
  return only_resets ? passed_on_to_.contains(flow.server.ip)
                     : server.hints.has(Hints::to_here) || flow.trouble().forwarded;
}

bool VantageCollector::dropped(const FlowRecord& flow) const {
  const Hints client = flow.c().hints;
  return flow.s().packets == 0 && flow.trouble().duplicates == 0 && !flow.trouble().icmp &&
         client.has(Hints::to_here) && !client.has(Hints::from_here) && !on_one_host(flow) &&
         passed_on_to_.contains(flow.server.ip);
}

/// A RST that the capturing host makes in the name of another does not make it that other.
Votes VantageCollector::votes(const FlowRecord& flow) const {
  Votes votes = votes_of(flow);
  if (votes[Clue::direction] == VantagePoint::server && made_reset(flow))
    votes[Clue::direction] = middle;
  return votes;
}

void VantageCollector::on_flow(const FlowRecord& flow) {
  const Votes votes = this->votes(flow);
  const Sighting seen = sighting_of(votes);
  const bool on_the_way = votes[Clue::forwarded] == middle || votes[Clue::direction] == middle;
  // Behind a translation the address that clients know may be the capturing host's own.
  const Endpoint& inside = flow.trouble().translated_server;
  if (on_the_way && passed_on_to_.size() < kMaxHosts)
    passed_on_to_.insert(inside.port != 0 ? inside.ip : flow.server.ip);
  if (on_the_way && passed_on_from_.size() < kMaxHosts) passed_on_from_.insert(flow.client.ip);
  const SideRecord& server = flow.s();
  const bool spoke = server.packets > server.trouble().rsts;  // anybody may reject in its name
  if (spoke && live_here_.size() < kMaxHosts && capturing_host(flow).server)
    live_here_.insert(flow.server.ip);
  bool any = false;
  for (std::size_t clue = 0; clue < kClues; ++clue) {
    if (votes.by[clue] == unknown) continue;
    any = true;
    Count& count = counts_[clue][index(votes.by[clue])];
    if (count.flows++ != 0 && count.first.number <= flow.first.number) continue;
    count.first = flow.first;
    count.ttl = {flow.c().ttl, flow.s().ttl};
    count.halves = halves(flow).value_or(std::array<Duration, 2>{});
  }
  if (any && seen.point == unknown) ++contradictory_;
  if (seen.confidence < Confidence::medium) return;
  ++flows_at_[index(seen.point)];
  if (seen.confidence == Confidence::high) ++sure_at_[index(seen.point)];
  if (seen.point != VantagePoint::client && seen.point != VantagePoint::server) return;
  const bool by_client = seen.point == VantagePoint::client;
  const IpAddress& here = by_client ? flow.client.ip : flow.server.ip;
  auto host = hosts_.find(here);
  if (host == hosts_.end()) {
    if (hosts_.size() >= kMaxHosts) return;
    host = hosts_.emplace(here, Host{}).first;
  }
  ++(by_client ? host->second.as_client : host->second.as_server);
}

Sighting VantageCollector::by_hosts(const FlowRecord& flow) const {
  if (flows_at_[index(middle)] != 0 || contradictory_ != 0) return {};
  const bool client = hosts_.contains(flow.client.ip);
  const bool server = hosts_.contains(flow.server.ip);
  if (client == server) return {};
  return {client ? VantagePoint::client : VantagePoint::server, Confidence::medium, false};
}

Sighting VantageCollector::of(const FlowRecord& flow) const {
  // What the capturing host is seen to pass on it is no end of, whatever it was given for.
  const bool passed_on = settings_.vantage != middle && flow.trouble().forwarded;
  if (settings_.vantage && *settings_.vantage != proxy && !passed_on) {
    return {*settings_.vantage, Confidence::high, true, true};
  }
  const Votes votes = this->votes(flow);
  const Sighting own = sighting_of(votes);
  if (own.confidence >= Confidence::medium) return own;
  const bool contradictory =
      own.point == unknown && std::any_of(votes.by.begin(), votes.by.end(),
                                          [](VantagePoint vote) { return vote != unknown; });
  if (contradictory) return {};
  const Sighting others = by_hosts(flow);
  if (others.point == unknown) return own;
  return own.point == unknown || own.point == others.point ? others : Sighting{};
}

/// Where nearly all flows were seen; a host that takes requests and makes others is a proxy.
VantagePoint VantageCollector::majority() const {
  constexpr std::uint64_t kOneIn = 20;  // flows that may say otherwise
  std::uint64_t all = contradictory_;
  for (const std::uint64_t flows : flows_at_) all += flows;
  // What a host says to itself does not tell where it listens to others.
  if (all != flows_at_[index(loopback)]) all -= flows_at_[index(loopback)];
  const auto nearly_all = [&](std::uint64_t flows) {
    return flows != 0 && all - flows <= all / kOneIn;
  };
  for (const VantagePoint point : {VantagePoint::client, VantagePoint::server, middle, loopback}) {
    if (nearly_all(flows_at_[index(point)])) return point;
  }
  const std::uint64_t clients = flows_at_[index(VantagePoint::client)];
  const std::uint64_t servers = flows_at_[index(VantagePoint::server)];
  if (clients == 0 || servers == 0 || !nearly_all(clients + servers)) return unknown;
  const bool same_host = std::any_of(hosts_.begin(), hosts_.end(), [](const auto& host) {
    return host.second.as_client != 0 && host.second.as_server != 0;
  });
  const auto recorded = [&](VantagePoint point) {
    return counts_[static_cast<std::size_t>(Clue::direction)][index(point)].flows;
  };
  const bool by_record =
      recorded(VantagePoint::client) == clients && recorded(VantagePoint::server) == servers;
  return same_host || by_record ? proxy : unknown;
}

std::string VantageCollector::reason(Clue clue, VantagePoint point, const Count& count,
                                     const CaptureSummary& input) const {
  const std::string where =
      fmt::format("{}, first at packet {}", base::count(count.flows, "connection"),
                  packet_name(&input, count.first.number));
  const std::string_view near = point == VantagePoint::client ? "client" : "server";
  switch (clue) {
    case Clue::same_host:
      return fmt::format("both ends are on one host ({})", where);
    case Clue::direction:
      if (point == middle)
        return fmt::format("the capturing host passes the packets on for others ({})", where);
      if (point == loopback) return fmt::format("the capturing host sends both ways ({})", where);
      return fmt::format(
          "the packet type in the link header says that the {} is the capturing "
          "host ({})",
          near, where);
    case Clue::forwarded:
      return fmt::format("packets are recorded before and behind a router, TTL one apart ({})",
                         where);
    case Clue::ttl:
      if (point == middle)
        return fmt::format(
            "TTL {} from the client and {} from the server: both have passed "
            "routers ({})",
            count.ttl[0], count.ttl[1], where);
      return fmt::format("TTL {} from the {} is as it was sent, {} from the other side is not ({})",
                         count.ttl[point == VantagePoint::client ? 0 : 1], near,
                         count.ttl[point == VantagePoint::client ? 1 : 0], where);
    case Clue::checksum:
      return fmt::format(
          "the {}'s checksums are left to its network card, the other side's are "
          "complete ({})",
          near, where);
    case Clue::split:
      return fmt::format(
          "the SYN-ACK came {} after the SYN, the ACK {} after the SYN-ACK: the {} "
          "is the nearer ({})",
          base::duration(count.halves[0]), base::duration(count.halves[1]), near, where);
  }
  return {};
}

Vantage VantageCollector::finish(const CaptureSummary& input) const {
  Vantage vantage;
  if (settings_.vantage) {
    vantage.point = *settings_.vantage;
    vantage.confidence = Confidence::high;
    vantage.given = true;
    vantage.because.emplace_back("given by the user");
    vantage.given_on_the_way = vantage.point != middle && majority() == middle;
    vantage.passed_on = vantage.point == VantagePoint::client ? passed_on_from_ : passed_on_to_;
    return vantage;
  }
  vantage.point = majority();
  if (vantage.point == unknown) return vantage;
  const auto together = [&](const std::array<std::uint64_t, 6>& flows) {
    return vantage.point == proxy
               ? flows[index(VantagePoint::client)] + flows[index(VantagePoint::server)]
               : flows[index(vantage.point)];
  };
  const bool sure = together(sure_at_) * 2 >= together(flows_at_);
  vantage.confidence = sure ? Confidence::high : Confidence::medium;
  for (std::size_t clue = 0; clue < kClues; ++clue) {
    for (const VantagePoint point :
         {VantagePoint::client, VantagePoint::server, middle, loopback}) {
      const bool counts = vantage.point == point ||
                          (vantage.point == proxy && point != middle && point != loopback);
      const Count& count = counts_[clue][index(point)];
      if (counts && count.flows != 0)
        vantage.because.push_back(reason(static_cast<Clue>(clue), point, count, input));
    }
  }
  return vantage;
}

}  // namespace httpdiag::rules
