// SPDX-License-Identifier: Apache-2.0
#include "rules/waiting.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace httpdiag::rules {

bool no_answer_seen(const ExchangeFacts& facts) {
  return facts.request_complete && !facts.answered && !facts.exchange.response_missing;
}

bool whole_and_unanswered(const ExchangeFacts& facts) {
  return no_answer_seen(facts) && !facts.flow.server_unheard;
}

bool sent_fin_with_request(const ExchangeFacts& facts) {
  return facts.close.closer == Closer::client_fin && !facts.close_time_unknown &&
         facts.after_request < facts.limits.half_close_behind;
}

bool server_closed_first(const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  const SideRecord& server = facts.flow.flow.s();
  return server.fin && !server.fin_unseen && client.fin && !client.fin_unseen &&
         client.fin_ack > server.fin_offset;
}

bool closed_in_the_middle(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  return server.fin && server.fin_ack > facts.q0 && server.fin_ack < facts.q1 &&
         !facts.request_acked && !facts.answered;
}

std::string acked_text(const ExchangeFacts& facts, bool inferred) {
  const Exchange& x = facts.exchange;
  if (inferred) return "acknowledged, since it was not sent again (the ACK is not in the capture)";
  if (x.acked_by && !time_unknown(facts.flow.flow, x.request.last, x.acked_by)) {
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

FindingBuilder& retransmissions(FindingBuilder& finding, const ExchangeFacts& facts) {
  const SideTrouble& client = facts.flow.flow.c().trouble();
  return finding.evidence(client.head_first_retransmit, Side::client, "first retransmission")
      .evidence(client.head_retransmit, Side::client,
                fmt::format("retransmission {}", facts.head_retransmits));
}

void kept_body_back(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.awaits_continue) return;
  const auto& length = facts.exchange.request.content_length;
  finding
      .also(fmt::format("The request asks with Expect: 100-continue whether to send its body{}; "
                        "{}the server said "
                        "neither 100 nor a final status, and no byte of the body was sent.",
                        length ? " of " + base::count(*length, "byte") : "",
                        facts.answered ? "until the client left " : ""))
      .fact("awaits_continue", true)
      .remedy(
          "Server or proxy: answer Expect: 100-continue at once, with 100 or a final status (RFC "
          "9110 §10.1.1). Client: send the body after a second without an answer, or leave the "
          "header out.");
}

FindingBuilder& interim(FindingBuilder& finding, const ExchangeFacts& facts) {
  return finding.evidence(facts.exchange.interim, Side::server,
                          fmt::format("interim {}", facts.exchange.interim_status));
}

Duration delivery_delay(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  if (!x.acked_by || x.retransmits_after == x.retransmits_before) return Duration{0};
  // A response that came first proves an earlier arrival.
  const PacketRef arrived =
      x.response && x.response->first.number < x.acked_by.number ? x.response->first : x.acked_by;
  if (time_unknown(facts.flow.flow, x.request.last, arrived)) return Duration{0};
  return std::max(arrived.time - x.request.last.time, Duration{0});
}

PacketRef answer_without_beginning(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  const bool behind = server.last_payload.number > facts.exchange.request.last.number;
  return behind && server.trouble().lost_bytes > 0 ? server.last_payload : PacketRef{};
}

bool as_soon_as_can_be(const FlowRecord& flow, PacketRef packet, PacketRef cause) {
  constexpr Duration kReaction = std::chrono::milliseconds{20};
  return packet.time - cause.time <= flow.rtt + kReaction;
}

bool drawn_by_leaving(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& client = flow.c();
  if (!x.response || !client.fin || client.fin_unseen) return false;
  if (x.response->peer_acked <= client.fin_offset) return false;  // sent without knowing of it
  const bool result = x.response->body_bytes > 0 && x.response->status < 400;
  if (result && !facts.awaits_continue) return false;
  constexpr int kSilence = 10;
  const Duration late_by = x.response->first.time - client.fin.time;
  const Duration waited = client.fin.time - x.request.last.time - delivery_delay(facts);
  return late_by >= Duration{0} && as_soon_as_can_be(flow, x.response->first, client.fin) &&
         waited >= late_by * kSilence;
}

namespace {

/// Nobody in between takes so long to answer, or to repeat.
bool long_after(const FlowRecord& flow, PacketRef before, PacketRef after) {
  return after.time - before.time >= std::max<Duration>(std::chrono::seconds{1}, 3 * flow.rtt);
}

}  // namespace

bool acknowledged_unseen(const ExchangeFacts& facts, PacketRef until) {
  const FlowRecord& flow = facts.flow.flow;
  const bool repeated = flow.s().trouble().most_head_retransmits > 0;
  return facts.answered && !repeated && until &&
         long_after(flow, facts.exchange.response->last, until);
}

bool answers_unseen_packet(const FlowRecord& flow, Side sender) {
  const SideTrouble& own = flow.side(sender).trouble();
  return own.rst && !own.rst_has_ack && flow.side(other(sender)).last.number < own.rst.number &&
         long_after(flow, flow.side(other(sender)).last, own.rst);
}

PacketRef probe_before_bare_rst(const FlowRecord& flow, Side side) {
  const SideTrouble& own = flow.side(side).trouble();
  const PacketRef probe = flow.side(other(side)).trouble().last_keepalive;
  return !own.rst_has_ack && probe.number < own.rst.number ? probe : PacketRef{};
}

std::string limit_text(const std::optional<Duration>& matched) {
  return matched ? fmt::format(", which matches a limit of {}", base::duration(*matched))
                 : std::string{};
}

std::string limit_text(const std::optional<ClientLimit>& matched) {
  if (!matched) return {};
  std::string text = limit_text(std::optional{matched->time});
  if (!matched->since.empty()) text += fmt::format(" from {}", matched->since);
  return text;
}

}  // namespace httpdiag::rules
