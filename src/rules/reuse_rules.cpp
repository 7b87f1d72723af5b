// SPDX-License-Identifier: Apache-2.0
// Requests on connections that were already over (taxonomy 4.8). The two ACK
// numbers decide (taxonomy 2.1), not the order in which packets were recorded.
#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/device_timers.hpp"
#include "rules/finding_builder.hpp"
#include "rules/reasons.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

/// A request that broke off before any byte of it was acknowledged broke off because the
/// connection was dead: that is its cause, not its description.
bool unanswered(const ExchangeFacts& facts) {
  return (facts.request_complete || !facts.request_part_acked) && !facts.answered &&
         !facts.exchange.response_missing && !facts.flow.server_unheard;
}

PacketRef server_rst_after_request(const ExchangeFacts& facts) {
  const PacketRef rst = facts.flow.flow.s().trouble().rst;
  return rst && rst.number > facts.exchange.request.first.number ? rst : PacketRef{};
}

std::string reuse_seen(const ExchangeFacts& facts) {
  return fmt::format(
      "Client: NoHttpResponseException / failed to respond, unexpected end of stream, socket hang "
      "up, empty reply (52), broken pipe or connection reset. Server: {}.",
      facts.request_part_acked || facts.resent ? "perhaps the request, and a write that failed"
                                               : "no request in any log");
}

/// No idle timer is so short: it had counted enough requests, or was stopped.
bool closed_behind_answer(const ExchangeFacts& facts) {
  constexpr Duration kAtOnce = std::chrono::seconds{1};
  return facts.server_idle && *facts.server_idle < kAtOnce;
}

/// What the server is to change that closes so soon.
std::string announce_close(const ExchangeFacts& facts) {
  return fmt::format(
      "The server closed {} after its answer to request {} of this connection: no idle timer, but "
      "a "
      "limit on requests per connection (keepalive_requests, max_requests) or a stop. It should "
      "announce that with Connection: close in the answer.",
      base::duration(*facts.server_idle), facts.exchange.requests_before);
}

/// " (it closed 5 s after its last answer)"
std::string closes_after(const ExchangeFacts& facts) {
  if (!facts.server_idle) return {};
  return fmt::format(" (it closed {} after its last answer)", base::duration(*facts.server_idle));
}

/// " 350 s is the idle limit of ..."
std::string device_note(const std::optional<Duration>& timer) {
  if (!timer) return {};
  const std::string_view device = known_device(*timer);
  if (device.empty()) return {};
  return fmt::format(" {} is the usual idle limit of {}.", base::duration(*timer), device);
}

FindingBuilder after_close_token(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  FindingBuilder finding{
      Label::request_after_close_token,
      x.close_token_in_flight
          ? "This request was already on its way when the connection was announced to close."
          : "The connection was announced to close, and the client sent another request on it."};
  finding.evidence(x.close_token_in, std::nullopt, "Connection: close")
      .evidence(x.request.first, Side::client, words_for_request_evidence(x))
      .evidence(facts.close)
      .fact("in_flight", x.close_token_in_flight);
  return finding;
}

}  // namespace

std::optional<Finding> request_after_close_token(const ExchangeFacts& facts, const Thresholds&) {
  const Exchange& x = facts.exchange;
  if (!unanswered(facts) || !x.previous_said_close || x.close_token_in_flight) return std::nullopt;
  // It was under way when the capture ended.
  if (facts.flow.capture_over && facts.close.closer == Closer::none &&
      facts.flow.watched_after(x.request.last) < facts.limits.capture_end_margin) {
    return std::nullopt;
  }
  return after_close_token(facts).seen_as(reuse_seen(facts)).build();
}

std::optional<Finding> request_after_close_token_note(const ExchangeFacts& facts,
                                                      const Thresholds&) {
  const Exchange& x = facts.exchange;
  if (!x.previous_said_close) return std::nullopt;
  return after_close_token(facts)
      .severity(Severity::info)
      .fault(x.close_token_in_flight ? Party::none : Party::client_app, Confidence::medium)
      .build();
}

namespace {

/// What became of a request that the server's FIN had preceded.
std::string_view outcome_text(const ExchangeFacts& facts) {
  if (server_rst_after_request(facts)) {
    if (facts.request_acked) {
      return "The server's kernel took it and answered with RST: whether the application had read "
             "it is not known.";
    }
    if (facts.head_retransmits > 0)
      return "It was sent again and again, until the server's kernel answered with RST.";
    // Of the client's FIN, say.
    if (facts.resent)
      return "The server's kernel answered with RST; which transmission that answers is not known.";
    return "The server's kernel answered with RST and discarded it.";
  }
  return facts.request_acked && !facts.acked_by_rst
             ? "The server's kernel took it, but no answer can come on this connection."
             : "It was never answered.";
}

/// Whether the pool had the time to notice the FIN.
std::string pool_remedy(const ExchangeFacts& facts, const Thresholds& limits) {
  if (closed_behind_answer(facts))
    return announce_close(facts) +
           " Let the client check connections before use, and retry this error.";
  const std::string closes = closes_after(facts);
  if (!facts.half_closed_age) {
    return fmt::format(
        "Keep idle connections for less time than the server does{}, check them before use, and "
        "let the client retry this error.",
        closes);
  }
  const std::string age = base::duration(*facts.half_closed_age);
  const std::string_view end = facts.goodbye ? "close_notify" : "FIN";
  if (*facts.half_closed_age >= limits.half_closed_race) {
    return fmt::format(
        "The pool had {0} to notice the {2} and did not: check connections before use "
        "(validate-after-inactivity below {0}), or keep idle ones for less time than the server "
        "does{1}.",
        age, closes, end);
  }
  return fmt::format(
      "The {} came {} before the request, between check and use: keep idle connections for less "
      "time than the server does{}, and let the client retry this error.",
      end, age, closes);
}

/// The server closed a connection that had hardly come about: no pool could know.
bool closed_once_accepted(FindingBuilder& finding, const ExchangeFacts& facts) {
  constexpr Duration kAtOnce = std::chrono::seconds{1};  // no idle timer is so short
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& server = flow.s();
  const bool first = facts.exchange.requests_before == 0 && flow.c().syn && flow.handshake_ack;
  if (!first || server.fin_unseen || server.fin.time - flow.handshake_ack.time >= kAtOnce)
    return false;
  if (blame_proxy_header(finding, facts, facts.exchange.unsolicited_status)) return true;
  if (server.payload_packets > 0) return false;
  finding
      .also(fmt::format(
          "It was the first one on a connection that the server closed {} after the handshake.",
          time_words(between(flow.handshake_ack, server.fin, flow))))
      .fact("closed_once_accepted", true)
      .fault(Party::server_app, Confidence::medium,
             "a proxy or load balancer accepts in its name and has no live server behind it")
      .remedy(
          "No idle pool is involved: what accepts connections there closes them at once. A TCP "
          "proxy or load balancer without a live server behind it, a limit on connections "
          "(worker_connections, maxconn), or a server that shuts down.");
  return true;
}

}  // namespace

std::optional<Finding> request_on_half_closed(const ExchangeFacts& facts,
                                              const Thresholds& limits) {
  if (!unanswered(facts) || !facts.fin_seen_by_client) return std::nullopt;
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef rst = server_rst_after_request(facts);
  const bool read = facts.request_acked && !facts.acked_by_rst;
  const std::string_view outcome = read ? "acked-no-reply" : rst ? "rst" : "unanswered";
  FindingBuilder finding{
      Label::request_on_half_closed,
      fmt::format(
          "The server had closed its side{} before; the request's own ACK number covers its {}. {}",
          facts.half_closed_age ? fmt::format(" {}", base::duration(*facts.half_closed_age)) : "",
          facts.goodbye ? "last record, which is as long as a close_notify" : "FIN",
          outcome_text(facts))};
  finding
      .fault(Party::client_app, facts.request_acked ? Confidence::medium : Confidence::high,
             facts.request_acked ? "the server half-closed on purpose and reads on" : "")
      .evidence(facts.goodbye, Side::server, "as long as an alert: close_notify")
      .evidence(Closing{Closer::server_fin, flow.s().fin, flow.s().fin_unseen})
      .evidence(x.request.first, Side::client,
                words_for_request_evidence(x) +
                    (facts.goodbye ? ", its ACK covers that" : ", its ACK covers the FIN"))
      .evidence(rst, Side::server, "server RST")
      .evidence(x.unsolicited, Side::server, fmt::format("unsolicited {}", x.unsolicited_status))
      .fact("outcome", std::string{outcome})
      .fact("half_closed_age_us", facts.half_closed_age)
      .fact("server_idle_us", facts.server_idle)
      .fact("idle_us", facts.idle)
      .fact("requests_before", std::int64_t{x.requests_before})
      .seen_as(reuse_seen(facts));
  if (!closed_once_accepted(finding, facts)) finding.remedy(pool_remedy(facts, limits));
  return finding.build();
}

namespace {

// A request that left before the FIN came in arrives within a round trip; a quarter of a second is
// a long one.
constexpr Duration kLongestCrossing = std::chrono::milliseconds{250};

/// Sent at least twice and long before the request: it did not cross it, it did not arrive.
bool fin_was_lost(const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const Duration before = facts.exchange.request.first.time - flow.s().fin.time;
  return flow.s().fins >= 2 && before > std::max<Duration>(kLongestCrossing, 3 * flow.rtt);
}

}  // namespace

std::optional<Finding> keepalive_close_race(const ExchangeFacts& facts, const Thresholds&) {
  if (!unanswered(facts) || !facts.crossed) return std::nullopt;
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef rst = server_rst_after_request(facts);
  const Duration apart = x.request.first.time - flow.s().fin.time;
  const Duration gap = apart < Duration{0} ? -apart : apart;
  FindingBuilder finding{
      Label::keepalive_close_race,
      fin_was_lost(facts)
          ? fmt::format("The server had closed the connection {} before the request and sent its "
                        "FIN again, but neither side's ACK covers the other's segment: the FIN "
                        "did not reach the client's TCP.",
                        base::duration(gap))
          : fmt::format("The server closed the connection while the request was on its way: "
                        "neither side's ACK covers the other's segment; {} apart at the capture "
                        "point.",
                        base::duration(gap))};
  finding
      .fault(Party::none, fin_was_lost(facts) ? Confidence::low : Confidence::high,
             fin_was_lost(facts) ? "the FIN, which was sent again, was lost on the way to the "
                                   "client or dropped by its host"
                                 : "")
      .evidence(flow.s().fin, Side::server, "server FIN, does not acknowledge the request")
      .evidence(x.request.first, Side::client,
                words_for_request_evidence(x) + ", does not acknowledge the FIN")
      .evidence(rst, Side::server, "server RST")
      .remedy(
          fmt::format("Nobody broke a rule. {} Let the client retry {}.",
                      closed_behind_answer(facts)
                          ? announce_close(facts)
                          : fmt::format("Keep idle connections on the client for a second or two "
                                        "less than the server does{}.",
                                        closes_after(facts)),
                      facts.request_part_acked
                          ? "what may be done twice: the server's kernel took the request after "
                            "its FIN, and its application may have read it"
                          : "this error: the request was not processed"))
      .fact("gap_us", std::optional{gap})
      .fact("server_idle_us", facts.server_idle)
      .fact("idle_us", facts.idle)
      .fact("requests_before", std::int64_t{x.requests_before})
      .seen_as(reuse_seen(facts));
  return finding.build();
}

std::optional<Finding> idle_conn_reset(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!unanswered(facts) || !facts.idle || *facts.idle < limits.idle_min) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef rst = server_rst_after_request(facts);
  if (!rst || flow.s().fin || facts.request_part_acked) return std::nullopt;
  const auto timer = match_timeout(*facts.idle, limits, limits.device_timers);
  const bool odd_ttl = !facts.rst_from_elsewhere && rst_has_ttl_of_its_own(flow, Side::server);
  FindingBuilder finding{
      Label::idle_conn_reset,
      fmt::format(
          "The connection had been idle for {}; the first request after that was {}answered with "
          "RST before any ACK.{}",
          base::duration(*facts.idle),
          facts.head_retransmits > 0
              ? fmt::format("retransmitted {} and then ", times(facts.head_retransmits))
              : "",
          device_note(timer))};
  finding
      .fault(
          facts.rst_from_elsewhere ? Party::network : Party::server_host,
          facts.rst_from_elsewhere ? Confidence::high
          : odd_ttl                ? Confidence::low
                                   : Confidence::medium,
          facts.rst_from_elsewhere ? "" : "a firewall, NAT or load balancer forgot the connection")
      .evidence(facts.exchange.active_before, std::nullopt, "last activity before the pause")
      .evidence(facts.exchange.request.first, Side::client,
                words_for_request_evidence(facts.exchange))
      .evidence(rst, Side::server, "RST")
      .fact("idle_us", facts.idle)
      .fact("rst_ttl", std::int64_t{flow.s().trouble().rst_ttl})
      .fact("server_ttl", std::int64_t{flow.s().ttl})
      .fact("device_timer_us", timer)
      .seen_as(
          "Client: connection reset on the first request after a pause. Server: no request in any "
          "log.");
  if (odd_ttl) {
    finding.also(fmt::format(
        "The TTL of the RST is {}, that of the server's other packets {}: a device in between "
        "may have sent it.",
        flow.s().trouble().rst_ttl, flow.s().last_ttl));
  }
  return finding.build();
}

std::optional<Finding> idle_conn_blackholed(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.idle || *facts.idle < limits.idle_min || facts.exchange.index < 2) return std::nullopt;
  if (facts.request_part_acked) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  if (flow.s().last.number > facts.exchange.request.first.number) return std::nullopt;
  if (!request_not_acked(facts, limits)) return std::nullopt;
  const auto timer = match_timeout(*facts.idle, limits, limits.device_timers);
  FindingBuilder finding{
      Label::idle_conn_blackholed,
      fmt::format("The connection had been idle for {}; the next request was retransmitted {} "
                  "and nothing at all came back.{}",
                  base::duration(*facts.idle), times(facts.head_retransmits), device_note(timer))};
  finding.evidence(flow.s().last, Side::server, "last packet from the server")
      .evidence(facts.exchange.request.first, Side::client,
                words_for_request_evidence(facts.exchange));
  retransmissions(finding, facts)
      .evidence(facts.close)
      .fault(Party::network, Confidence::medium, "the server host died in the meantime")
      .fact("idle_us", facts.idle)
      .fact("retransmissions", std::int64_t{facts.head_retransmits})
      .fact("device_timer_us", timer)
      .seen_as("Client: hangs, then a read timeout or ETIMEDOUT. Server: nothing in any log.");
  return finding.build();
}

}  // namespace httpdiag::rules
