// SPDX-License-Identifier: Apache-2.0
// The request is whole and acknowledged; what ended the wait? (taxonomy 4.5)
#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

namespace {

/// Complete, not answered, and the capture would show it if it had been.
bool waiting(const ExchangeFacts& facts) {
  return facts.request_complete && !facts.answered && !facts.exchange.response_missing &&
         !facts.flow.server_unheard;
}

std::string acked_text(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  if (x.acked_by) {
    return fmt::format(
        "acknowledged after {}",
        base::duration(std::max(x.acked_by.time - x.request.last.time, Duration{0})));
  }
  return facts.request_acked ? "acknowledged" : "not acknowledged yet";
}

FindingBuilder& request_and_ack(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  finding.evidence(x.request.first, Side::client, words_for_request_evidence(x));
  if (x.request.last != x.request.first)
    finding.evidence(x.request.last, Side::client, "end of the request");
  if (!facts.answered || x.acked_by.number < x.response->first.number) {
    finding.evidence(x.acked_by, Side::server, "ACK of the whole request");
  }
  return finding;
}

std::string limit_text(const std::optional<Duration>& matched) {
  return matched ? fmt::format(", which matches a limit of {}", base::duration(*matched))
                 : std::string{};
}

}  // namespace

std::optional<Finding> closed_without_response(const ExchangeFacts& facts,
                                               const Thresholds& limits) {
  if (!waiting(facts) || facts.close.closer != Closer::server_fin) {
    // A half-closing client sends its FIN with the request; what counts is what the server does
    // then.
    const bool half_close = waiting(facts) && facts.close.closer == Closer::client_fin &&
                            facts.after_request < limits.client_timeout_min_wait &&
                            facts.flow.flow.s().fin.number > facts.close.packet.number;
    if (!half_close) return std::nullopt;
  }
  if (!facts.request_acked) return std::nullopt;
  const SideRecord& server = facts.flow.flow.s();
  const Duration think = server.fin.time - facts.exchange.request.last.time;
  const bool by_fin = server.fin_ack >= facts.q1;
  const auto matched = match_timeout(think, limits, limits.known_timeouts);
  FindingBuilder finding{
      Label::closed_without_response,
      fmt::format(
          "The server received the whole request and closed {} later without a byte of response{}.",
          base::duration(think), limit_text(matched))};
  request_and_ack(finding, facts)
      .evidence(server.fin, Side::server,
                by_fin ? "server FIN, acknowledges the request" : "server FIN")
      .fact("think_us", std::optional{think})
      .fact("matched_timeout_us", matched)
      .fact("requests_before", std::int64_t{facts.exchange.requests_before})
      .fault(Party::server_app, Confidence::high,
             "the peer is a proxy, and what is behind it failed")
      .seen_as(
          "Client: NoHttpResponseException, empty reply (52), RemoteDisconnected, socket hang up. "
          "Server: a crash, restart or kill at that second, or nginx 444; a proxy: upstream "
          "prematurely closed.");
  if (facts.exchange.interim) {
    finding.evidence(facts.exchange.interim, Side::server,
                     fmt::format("interim {}", facts.exchange.interim_status));
  }
  return finding.build();
}

std::optional<Finding> reset_without_response(const ExchangeFacts& facts,
                                              const Thresholds& limits) {
  if (!waiting(facts)) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& server = flow.s().trouble();
  const bool first = facts.close.closer == Closer::server_rst;
  const bool half_close = facts.close.closer == Closer::client_fin &&
                          facts.after_request < limits.client_timeout_min_wait && server.rst &&
                          server.rst.number > facts.close.packet.number;
  if (!first && !half_close) return std::nullopt;
  const Duration think = server.rst.time - facts.exchange.request.last.time;
  const bool live_socket = server.rst_has_ack;
  const std::string_view acked = facts.acked_by_rst    ? "by_rst"
                                 : facts.request_acked ? "true"
                                                       : "false";
  const bool no_socket = !live_socket && !facts.request_acked;

  FindingBuilder finding{
      Label::reset_without_response,
      fmt::format(
          "The server's address sent RST {} after the request, without a byte of response{}.",
          base::duration(think),
          facts.request_acked        ? "; the request had reached it"
          : facts.request_part_acked ? "; a part of the request had reached it"
          : no_socket                ? "; no socket was there to take the request"
                                     : "; the request was not acknowledged")};
  request_and_ack(finding, facts)
      .evidence(server.rst, Side::server,
                live_socket ? (facts.acked_by_rst ? "RST,ACK, acknowledges the request" : "RST,ACK")
                            : "RST")
      .fact("think_us", std::optional{think})
      .fact("request_acked", std::string{acked})
      .fact("rst_has_ack", live_socket)
      .fact("rst_ttl", std::int64_t{server.rst_ttl})
      .fact("server_ttl", std::int64_t{flow.s().ttl})
      .fact("idle_us", facts.idle)
      .seen_as(
          "Client: connection reset by peer (ECONNRESET, curl 56). Server: an aborted or killed "
          "worker, or nothing.");
  if (facts.rst_from_elsewhere) {
    finding.fault(Party::network, Confidence::medium,
                  "the RST has a TTL unlike the server's packets, but a load balancer in front of "
                  "it is legitimate");
  } else if (no_socket) {
    finding.fault(Party::server_host, Confidence::medium,
                  "the server was restarted, or a balancer moved the connection");
  } else {
    finding.fault(Party::server_app, Confidence::medium,
                  "a device in between sent it with the server's address");
  }
  return finding.build();
}

std::optional<Finding> client_timeout(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!waiting(facts) || !by_client(facts.close.closer)) return std::nullopt;
  const bool rst = facts.close.closer == Closer::client_rst;
  // Sooner than this a FIN is a client that half-closes and goes on reading (RFC 9112 §9.6).
  if (!rst && facts.after_request < limits.client_timeout_min_wait) return std::nullopt;
  const Confidence confidence =
      rst || facts.matched_timeout ? Confidence::high : Confidence::medium;
  FindingBuilder finding{
      Label::client_timeout,
      fmt::format("The request was {}; after {} without an answer the client gave up{}.",
                  acked_text(facts), base::duration(facts.after_request),
                  limit_text(facts.matched_timeout))};
  request_and_ack(finding, facts)
      .evidence(facts.close)
      .fact("waited_us", std::optional{facts.after_request})
      .fact("matched_timeout_us", facts.matched_timeout)
      .fact("request_acked", facts.request_acked)
      .fault(Party::server_app,
             confidence == Confidence::high ? Confidence::medium : Confidence::low,
             facts.after_request < std::chrono::seconds{1}
                 ? "the client's limit is shorter than any server can keep"
                 : "the client's limit is shorter than this call is meant to take")
      .seen_as(
          "Client: read timed out, deadline exceeded, curl 28, status 0 / canceled. "
          "Proxy: nginx 499, HAProxy CH. Server: may log 200 later, or nothing.");
  if (facts.exchange.interim) {
    finding.evidence(facts.exchange.interim, Side::server,
                     fmt::format("interim {}", facts.exchange.interim_status));
  }
  return finding.build();
}

std::optional<Finding> late_response(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.answered || !facts.exchange.client_closed_before_response) return std::nullopt;
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef closed = x.client_closed_before_response;
  const SideTrouble& client = flow.c().trouble();
  // After a FIN the client may well read on; a RST says that nobody does.
  const bool by_rst = client.rst && client.rst.number <= x.response->first.number;
  const bool drew_rst = client.rst && client.rst.number > x.response->first.number &&
                        flow.s().acked <= x.response->begin;
  if (!by_rst && !drew_rst) return std::nullopt;

  const Duration waited = std::max(closed.time - x.request.last.time, Duration{0});
  const Duration took = std::max(x.response->first.time - x.request.last.time, Duration{0});
  const auto matched = match_timeout(waited, limits, limits.known_timeouts);
  FindingBuilder finding{Label::late_response,
                         fmt::format("The client gave up after {}{}; the server's {} came {} too "
                                     "late, after {}, and nobody read it.",
                                     base::duration(waited), limit_text(matched),
                                     x.response->status != 0 ? std::to_string(x.response->status)
                                                             : std::string{"answer"},
                                     base::duration(took - waited), base::duration(took))};
  request_and_ack(finding, facts)
      .evidence(closed, Side::client, by_rst && client.rst == closed ? "client RST" : "client FIN")
      .evidence(x.response->first, Side::server,
                fmt::format("{} {}", x.response->status, x.response->start))
      .evidence(drew_rst ? client.rst : PacketRef{}, Side::client, "client RST: the socket is gone")
      .fact("client_waited_us", std::optional{waited})
      .fact("server_took_us", std::optional{took})
      .fact("late_by_us", std::optional{took - waited})
      .fact("status", std::int64_t{x.response->status})
      .fact("matched_timeout_us", matched)
      .fault(Party::server_app, Confidence::medium,
             "the client's limit is shorter than this call is meant to take")
      .seen_as(fmt::format("Client: read timed out, curl 28, status 0 / canceled. Server: logs {} "
                           "and may see a broken "
                           "pipe; nginx 499, HAProxy CH or CD.",
                           x.response->status));
  return finding.build();
}

std::optional<Finding> no_response(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!waiting(facts) || !facts.request_acked) return std::nullopt;
  const bool half_closed = facts.close.closer == Closer::client_fin &&
                           facts.after_request < limits.client_timeout_min_wait;
  if (facts.close.closer != Closer::none && !half_closed) return std::nullopt;
  const Duration waited = facts.flow.until - facts.exchange.request.last.time;
  if (waited < limits.no_response_min) return std::nullopt;
  const bool high = waited >= limits.no_response_high;
  const bool medium = waited >= limits.no_response_medium;
  FindingBuilder finding{
      Label::no_response,
      fmt::format("The request was {}; {} later nothing had come back and nobody had closed{}.",
                  acked_text(facts), base::duration(waited),
                  facts.flow.capture_over ? " when the capture ended" : "")};
  request_and_ack(finding, facts)
      .evidence(half_closed ? facts.close.packet : PacketRef{}, Side::client,
                "client FIN (half-close)")
      .evidence(facts.flow.flow.last, std::nullopt, "last packet of the flow")
      .severity(high     ? Severity::error
                : medium ? Severity::warning
                         : Severity::info)
      .fact("observed_wait_us", std::optional{waited})
      .fact("never_answered_before", facts.flow.flow.s().payload_packets == 0)
      .seen_as(
          "Client: still waiting, or hanging for good without a read timeout. "
          "Server and proxies: no log line yet, they log when the exchange ends.");
  if (medium) {
    finding.fault(Party::server_app, high ? Confidence::high : Confidence::medium,
                  "the answer came after the end of the capture");
  } else {
    finding.fault(Party::capture, Confidence::medium, "the server is slow");
  }
  return finding.build();
}

std::optional<Finding> slow_response(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.response_complete || !facts.wait || facts.exchange.uncertain) return std::nullopt;
  const Exchange& x = facts.exchange;
  if (x.response->resynchronised) return std::nullopt;  // its beginning may lie in the gap
  const Duration total = x.response->last.time - x.request.first.time;
  const bool slow_start = *facts.wait >= limits.slow_response;
  if (!slow_start && total < limits.slow_total) return std::nullopt;
  const std::optional<Duration> ack_delay =
      x.acked_by ? std::optional{std::max(x.acked_by.time - x.request.last.time, Duration{0})}
                 : std::nullopt;
  FindingBuilder finding{
      Label::slow_response,
      slow_start
          ? fmt::format("The first byte of the response came {} after the end of the request ({}).",
                        base::duration(*facts.wait), acked_text(facts))
          : fmt::format("From first request byte to last response byte it took {}.",
                        base::duration(total))};
  request_and_ack(finding, facts)
      .evidence(x.response->first, Side::server,
                fmt::format("{} {}", x.response->status, x.response->start))
      .evidence(x.response->last, Side::server, "end of the response")
      .fact("wait_us", facts.wait)
      .fact("total_us", std::optional{total})
      .fact("ack_delay_us", ack_delay)
      .fault(Party::server_app,
             ack_delay && x.retransmits_after == x.retransmits_before ? Confidence::high
                                                                      : Confidence::medium,
             x.retransmits_after == x.retransmits_before
                 ? ""
                 : "retransmissions took a part of the time")
      .seen_as("Client: success, late. Server: a long request time in its log.");
  return finding.build();
}

}  // namespace httpdiag::rules
