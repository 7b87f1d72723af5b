// SPDX-License-Identifier: Apache-2.0
#include "rules/waiting.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace httpdiag::rules {

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

Duration delivery_delay(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  if (!x.acked_by || x.retransmits_after == x.retransmits_before) return Duration{0};
  // A response that came first proves an earlier arrival.
  const PacketRef arrived =
      x.response && x.response->first.number < x.acked_by.number ? x.response->first : x.acked_by;
  return std::max(arrived.time - x.request.last.time, Duration{0});
}

bool answer_was_lost(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const SideTrouble& server = facts.flow.flow.s().trouble();
  return x.response && server.told_of && server.told > x.response->begin &&
         server.told_of.number > x.request.last.number &&
         server.told_of.number < x.response->first.number;
}

void tell_lost_answer(FindingBuilder& finding, const ExchangeFacts& facts) {
  const PacketRef told = facts.flow.flow.s().trouble().told_of;
  finding
      .also(
          "The number of an earlier packet says that the answer had been sent before: it was lost "
          "on the way, and this is a repetition.")
      .evidence(told, Side::server, "its number tells of an answer that was not seen")
      .fact("answer_repeated", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "the client host stopped receiving");
}

bool drawn_by_leaving(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& client = flow.c();
  if (!x.response || !client.fin || client.fin_unseen) return false;
  if (x.response->peer_acked <= client.fin_offset) return false;  // sent without knowing of it
  if (x.response->body_bytes > 0) return false;                   // a result
  constexpr Duration kReaction = std::chrono::milliseconds{20};
  constexpr int kSilence = 10;
  const Duration late_by = x.response->first.time - client.fin.time;
  const Duration waited = client.fin.time - x.request.last.time - delivery_delay(facts);
  return late_by >= Duration{0} && late_by <= flow.rtt + kReaction && waited >= late_by * kSilence;
}

void blame_impatience(FindingBuilder& finding, Duration waited, const Thresholds& limits,
                      bool sure) {
  // A timer of a second may fire a moment before it is over, as the capture sees it.
  const Duration limit = match_timeout(waited, limits, limits.known_timeouts).value_or(waited);
  if (limit < std::chrono::seconds{1}) {
    finding.fault(Party::client_app, Confidence::medium, "the server was to answer at once");
  } else {
    finding.fault(Party::server_app, sure ? Confidence::medium : Confidence::low,
                  "the client's limit is shorter than this call is meant to take");
  }
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

void tell_of_unanswered_probes(FindingBuilder& finding, const FlowRecord& flow, Side prober) {
  const SideTrouble& trouble = flow.side(prober).trouble();
  finding
      .also(fmt::format("The {}'s keep-alive probes, {} of them, found no answer.", words(prober),
                        trouble.unanswered_keepalives))
      .evidence(trouble.first_keepalive, prober, "first keep-alive probe")
      .fact("unanswered_keepalives", std::int64_t{trouble.unanswered_keepalives});
}

bool fins_unanswered(const FlowRecord& flow) {
  return flow.c().fins >= 3 && flow.c().acked <= flow.c().fin_offset && !flow.s().trouble().rst;
}

void doubt_cut_request(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  if (!request.snaplen_cut || request.state == MessageState::complete) return;
  finding.fault(Party::unknown, Confidence::low,
                "the request was not whole, of which the rest was cut off when it was recorded");
}

std::string limit_text(const std::optional<Duration>& matched) {
  return matched ? fmt::format(", which matches a limit of {}", base::duration(*matched))
                 : std::string{};
}

}  // namespace httpdiag::rules
