// SPDX-License-Identifier: Apache-2.0
// How a connection was put away, or was not (taxonomy 4.9).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/reasons.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

bool unheard(const FlowFacts& facts, Side side) {
  return side == Side::client ? facts.client_unheard : facts.server_unheard;
}

/// The time that `side` left its socket open after the peer's FIN had been acknowledged and
/// nothing more was said; from the last packet of that to the end of the silence.
struct Linger {
  PacketRef fin, since, end;  // end: none if it lasted
  Duration length{0};
};

/// It goes on probing behind the peer's FIN: a socket that had sent its own would be gone by then.
bool probes_behind_fin(const FlowFacts& facts, Side side) {
  const PacketRef closed = facts.flow.side(other(side)).acked_by;
  return closed && facts.flow.side(side).trouble().last_keepalive.number > closed.number;
}

std::optional<Linger> linger_of(const FlowFacts& facts, Side side) {
  const SideRecord& own = facts.flow.side(side);
  const SideRecord& closer = facts.flow.side(other(side));
  if (!closer.fin || closer.acked <= closer.fin_offset || unheard(facts, side)) return std::nullopt;
  // A capture that lacks the FIN of one side may lack that of the other.
  if (closer.fin_unseen) return std::nullopt;
  if (fin_may_precede(facts.flow, side) && !probes_behind_fin(facts, side)) return std::nullopt;
  // Its numbers tell of more than the capture has: its FIN may be among that.
  const bool ends_unseen = std::max(own.sent, own.acked) > own.next ||
                           own.trouble().gap_noticed.number > own.last_payload.number;
  if (!own.fin && ends_unseen) return std::nullopt;
  // The own FIN before the peer's was acknowledged: a crossing or an ordinary close.
  if (own.fin && own.fin.number <= closer.acked_by.number) return std::nullopt;
  Linger linger{.fin = closer.fin, .since = closer.acked_by, .end = {}};
  if (own.last_payload.number > linger.since.number) linger.since = own.last_payload;
  for (const PacketRef end : {own.fin, own.trouble().rst, closer.trouble().rst}) {
    if (!end || end.number < linger.since.number) continue;
    if (!linger.end || end.number < linger.end.number) linger.end = end;
  }
  linger.length = facts.elapsed(linger.since, linger.end);
  return linger;
}

}  // namespace

std::optional<Finding> close_wait_lingering(const FlowFacts& facts, const Thresholds& limits) {
  for (const Side side : {Side::server, Side::client}) {
    const auto linger = linger_of(facts, side);
    if (!linger || linger->length < limits.close_wait_min) continue;
    const bool by_client = side == Side::client;
    FindingBuilder finding{
        Label::close_wait_lingering,
        fmt::format("The {} closed; the {} left its socket open for {}{}{}.", words(other(side)),
                    words(side), linger->end ? "" : "at least ", base::duration(linger->length),
                    by_client ? ": a pool that does not notice" : "")};
    finding.evidence(linger->fin, other(side), "FIN")
        .evidence(facts.flow.side(other(side)).acked_by, side, "ACK of the FIN: CLOSE_WAIT begins")
        .evidence(linger->end, std::nullopt, "the end of it")
        // Nothing was asked of the client's connection any more.
        .severity(by_client ? Severity::info : Severity::warning)
        .fault(by_client ? Party::client_app : Party::server_app,
               by_client ? Confidence::medium : Confidence::high, "")
        .fact("lingered_us", std::optional{linger->length})
        .fact("side", std::string{words(side)})
        .seen_as(fmt::format("{}: CLOSE_WAIT in ss and netstat. {}: FIN_WAIT_2.",
                             by_client ? "Client" : "Server", by_client ? "Server" : "Client"));
    return finding.build();
  }
  return std::nullopt;
}

std::optional<Finding> fin_not_acked(const FlowFacts& facts, const Thresholds& limits) {
  for (const Side side : {Side::client, Side::server}) {
    const SideRecord& own = facts.flow.side(side);
    const SideRecord& peer = facts.flow.side(other(side));
    if (own.fins < limits.fin_min_transmissions || own.fin_unseen) continue;
    if (own.acked > own.fin_offset || unheard(facts, other(side))) continue;
    // A RST is an answer.
    if (peer.trouble().rst && peer.trouble().rst.number > own.fin.number) continue;
    const std::uint64_t unacked = own.next > own.acked ? own.next - own.acked : 0;
    FindingBuilder finding{
        Label::fin_not_acked,
        fmt::format(
            "The {} sent its FIN {} and nothing acknowledges it{}.", words(side),
            base::count(own.fins, "time"),
            unacked > 0 ? fmt::format(", nor {} in front of it", base::bytes(unacked)) : "")};
    finding.evidence(own.fin, side, "FIN")
        .evidence(own.last, side, "last sign of life of the closing side")
        .evidence(peer.last, other(side), "last packet of the other side")
        .severity(unacked > 0 ? Severity::error : Severity::warning)
        .fact("fin_count", std::int64_t{own.fins})
        .fact("unacked_bytes", static_cast<std::int64_t>(unacked))
        .fact("side", std::string{words(side)})
        .fault(Party::network, Confidence::medium, "the other host is down or suspended")
        .seen_as("Closing side: FIN_WAIT_1 or LAST_ACK in ss. Other side: nothing.");
    return finding.build();
  }
  return std::nullopt;
}

namespace {

/// Probes of `side` that nobody answered, if that is how the connection ended.
std::optional<Finding> unanswered_probes(const FlowFacts& facts, Side side,
                                         const Thresholds& limits) {
  const SideRecord& own = facts.flow.side(side);
  const SideTrouble& trouble = own.trouble();
  if (trouble.unanswered_keepalives < limits.keepalive_min_unanswered) return std::nullopt;
  if (unheard(facts, other(side)) || facts.flow.side(other(side)).trouble().rst)
    return std::nullopt;
  // The last probe is unanswered only once the next one was due.
  const std::uint32_t gaps = trouble.unanswered_keepalives - 1;
  const Duration apart =
      std::max(trouble.last_keepalive.time - trouble.first_keepalive.time, Duration{0});
  const Duration interval = apart / std::max(gaps, 1u);
  const bool reset = trouble.rst && trouble.rst.number > trouble.last_keepalive.number;
  const bool gave_up = reset || facts.until - trouble.last_keepalive.time >= interval;
  if (!gave_up) return std::nullopt;
  // What was heard after the end says nothing of the time in front of the probes.
  PacketRef heard = facts.flow.side(other(side)).last;
  if (heard.number > trouble.first_keepalive.number) heard = {};
  FindingBuilder finding{
      Label::keepalive_probe_failed,
      fmt::format("The {} sent {} {} apart and heard nothing{}{}.", words(side),
                  base::count(trouble.unanswered_keepalives, "keep-alive probe"),
                  base::duration(interval), reset ? ", then reset the connection" : "",
                  heard ? fmt::format("; the {} had been silent for {}", words(other(side)),
                                      base::duration(std::max(
                                          trouble.last_keepalive.time - heard.time, Duration{0})))
                        : "")};
  finding.evidence(heard, other(side), "last packet of the other side")
      .evidence(trouble.first_keepalive, side, "first probe without an answer")
      .evidence(trouble.last_keepalive, side, "last probe")
      .evidence(reset ? trouble.rst : PacketRef{}, side, "RST: the connection is given up")
      .fact("unanswered_probes", std::int64_t{trouble.unanswered_keepalives})
      .fact("probe_interval_us", std::optional{interval})
      .fact("idle_before_probes_us",
            heard ? std::optional{std::max(trouble.first_keepalive.time - heard.time, Duration{0})}
                  : std::nullopt)
      .fault(Party::network, Confidence::medium, "the other host is down, suspended or was moved")
      .seen_as("Prober: ETIMEDOUT, connection timed out on read. Other side: nothing.");
  return finding.build();
}

}  // namespace

std::optional<Finding> flow_keepalive_probe_failed(const FlowFacts& facts,
                                                   const Thresholds& limits) {
  for (const Side side : {Side::client, Side::server}) {
    if (auto finding = unanswered_probes(facts, side, limits)) return finding;
  }
  return std::nullopt;
}

std::optional<Finding> keepalive_probe_failed(const ExchangeFacts& facts,
                                              const Thresholds& limits) {
  // The request was taken, and its answer was being waited for.
  if (facts.exchange.response_missing) return std::nullopt;
  const bool taken = facts.request_acked || facts.flow.ack_unrecorded(Side::client);
  if (facts.answered || !facts.request_complete || !taken) return std::nullopt;
  if (facts.close.closer != Closer::none && facts.close.closer != Closer::client_rst)
    return std::nullopt;
  const PacketRef probe = facts.flow.flow.c().trouble().first_keepalive;
  if (probe.number < facts.exchange.request.last.number) return std::nullopt;
  return unanswered_probes(facts.flow, Side::client, limits);
}

namespace {

/// A bare RST of `side`, which had closed before, right behind a keep-alive probe: its kernel had
/// forgotten the connection, and says so.
PacketRef probe_that_drew_rst(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  const PacketRef probe = probe_before_bare_rst(flow, side);
  return own.fin && own.fin.number < probe.number ? probe : PacketRef{};
}

}  // namespace

std::optional<Finding> reset_after_complete(const FlowFacts& facts, const Thresholds&) {
  if (facts.exchanges == 0 || !facts.all_complete || !facts.last_response_end) return std::nullopt;
  // What went on behind an upgrade, or in a tunnel, was not over with the answer.
  if (facts.opaque && facts.opaque_protocol != "preface") return std::nullopt;
  const FlowRecord& flow = facts.flow;
  const PacketRef client = flow.c().trouble().rst;
  const PacketRef server = flow.s().trouble().rst;
  // What the client had of the answers, by its own numbers.
  const SideTrouble& trouble = flow.c().trouble();
  const Offset received =
      std::max(flow.s().acked, trouble.rst_has_ack ? trouble.rst_ack : Offset{0});
  // A RST that ends a series of unanswered probes is not harmless: the peer had vanished.
  if (flow.c().trouble().unanswered_keepalives >= 2 ||
      flow.s().trouble().unanswered_keepalives >= 2) {
    return std::nullopt;
  }
  // How long the answers were to be was cut off, or may have been.
  if (flow.s().trouble().snaplen_bytes > 0) return std::nullopt;
  const bool by_client = client && client.number > facts.last_response_end.number &&
                         received >= flow.s().next && !facts.client_unheard;
  const bool by_server =
      server && server.number > facts.last_response_end.number && received >= flow.s().next;
  if (!by_client && !by_server) return std::nullopt;
  const Side side = by_client ? Side::client : Side::server;
  const PacketRef probe = probe_that_drew_rst(flow, side);
  FindingBuilder finding{
      Label::reset_after_complete,
      probe ? fmt::format("The {} had closed after every answer had arrived, and its kernel had "
                          "forgotten the connection when the {} probed it: harmless.",
                          words(side), words(other(side)))
            : fmt::format("The {} ended the connection with RST after every answer had arrived: "
                          "harmless.",
                          words(side))};
  finding.evidence(facts.last_response_end, Side::server, "end of the last response")
      .evidence(probe ? flow.side(side).fin : PacketRef{}, side, "FIN")
      .evidence(probe, other(side), "keep-alive probe")
      .evidence(by_client ? client : server, side, probe ? "RST: no such connection" : "RST");
  if (probe) {
    finding.remedy(
        fmt::format("Nothing on the {}. The {} left its socket open until its keep-alive "
                    "timer found out; let it close when read returns 0.",
                    words(side), words(other(side))));
  } else if (rst_ttl_tells(finding, flow, side)) {
    const Duration idle = (by_client ? client : server).time - facts.last_response_end.time;
    finding
        .detail(
            fmt::format("After every answer had arrived, and {} of rest, a RST in the {}'s name "
                        "ended the connection. Its TTL is {}, that of the {}'s other packets {}: "
                        "by that a device between the hosts probably sent it.",
                        base::duration(std::max(idle, Duration{0})), words(side),
                        flow.side(side).trouble().rst_ttl, words(side), flow.side(side).last_ttl))
        .remedy(
            "Where idle connections end like this again and again, a firewall, NAT or load "
            "balancer "
            "forgets them: let the client close them, or probe them, sooner than that.");
  }
  return finding.build();
}

}  // namespace httpdiag::rules
