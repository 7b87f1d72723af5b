// SPDX-License-Identifier: Apache-2.0
// The request is whole, nobody answers, and the server has not ended the wait (taxonomy 4.5).
#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/reasons.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

/// A FIN sooner than this may be a client's that half-closes and goes on reading (RFC 9112 §9.6):
/// what the server does then decides. A RST of its own later on says that nobody was left to read.
bool left_early_by_fin(const ExchangeFacts& facts) {
  return facts.close.closer == Closer::client_fin && !facts.close_time_unknown &&
         facts.after_request < facts.limits.client_timeout_min_wait &&
         !facts.flow.flow.c().trouble().rst;
}

/// The client's FIN came soon, and the server ended the connection without an answer.
bool ended_after_early_fin(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  const PacketNumber left = facts.close.packet.number;
  return server.fin.number > left || server.trouble().rst.number > left;
}

/// Whether a request had been acknowledged by the time that the client gave up.
struct Receipt {
  bool acked = false;
  bool inferred = false;  // from its host's silence, whatever the capture has of the ACK
  bool late = false;      // the ACK came when the client had left
};

Receipt receipt_of(const ExchangeFacts& facts) {
  const PacketRef acked_by = facts.exchange.acked_by;
  const bool late = acked_by && acked_by.number > facts.close.packet.number;
  const bool repeated = facts.resent || facts.flow.flow.c().trouble().retransmitted > 0;
  const bool heard = !repeated && facts.after_request >= kRetransmissionOverdue;
  return {.acked = heard || (facts.request_acked && !late),
          .inferred = heard && (late || !facts.request_acked),
          .late = late && !heard};
}

bool reset_by_device(const ExchangeFacts& facts) {
  return facts.close.closer == Closer::client_rst &&
         reset_from_elsewhere(facts.flow.flow, Side::client, facts.limits);
}

// Why the client waited in vain.

bool clients_probes_unanswered(FindingBuilder& finding, const ExchangeFacts& facts) {
  return probes_unanswered(finding, facts.flow.flow, Side::client);
}

bool fin_not_acked_either(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!fins_unanswered(finding, facts)) return false;
  finding.also(fmt::format("Its FIN was sent {} and not acknowledged either.",
                           times(facts.flow.flow.c().fins)));
  return true;
}

/// A number of the server's tells of an answer behind the request that never came here, and that
/// the client never acknowledged. A single one may be a FIN.
bool answer_never_came(FindingBuilder& finding, const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  const SideTrouble& trouble = server.trouble();
  const bool behind = trouble.told_of.number > facts.exchange.request.last.number;
  const bool unknown = trouble.told > server.next + 1 && server.acked <= server.next;
  if (!behind || !unknown || server.fin) return false;
  finding
      .also(
          "A number in a later packet of the server says that an answer had been sent: it was "
          "lost on its way to here.")
      .evidence(trouble.told_of, Side::server, "its number tells of an answer that was not seen")
      .fact("answer_unseen", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium,
             "the server answered only when the client had given up");
  return true;
}

bool server_ended_half_open(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!left_early_by_fin(facts)) return false;
  const SideRecord& server = facts.flow.flow.s();
  const bool by_fin = static_cast<bool>(server.fin);
  finding
      .evidence(by_fin ? server.fin : server.trouble().rst, Side::server,
                by_fin ? "server FIN, after the client's" : "server RST, after the client's FIN")
      .fault(Party::client_app, Confidence::low,
             "it only half-closed and read on, and the server ended the connection unanswered");
  return true;
}

/// A kernel acknowledges sooner: whether it arrived is not known.
bool arrival_unknown(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (receipt_of(facts).acked || facts.after_request <= facts.limits.delayed_ack_max) return false;
  finding.fault(Party::network, Confidence::low,
                "the server's host did not acknowledge what it had, or its ACK was not recorded");
  return true;
}

bool answer_missing_like_ack(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!receipt_of(facts).inferred) return false;
  finding.fault(Party::server_app, Confidence::low,
                "the answer is missing from the capture, as the ACK is");
  return true;
}

bool server_too_slow_for_client(FindingBuilder& finding, const ExchangeFacts& facts) {
  const bool sure = facts.close.closer == Closer::client_rst || facts.limit;
  blame_impatience(finding, facts.waited(), facts.limit, sure);
  return true;
}

/// A kernel that has the connection acknowledges its FIN, whatever the application does.
bool socket_was_gone(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& client = flow.c();
  const SideTrouble& server = flow.s().trouble();
  const bool by_fin = facts.close.closer == Closer::client_fin && !client.fin_unseen;
  if (!by_fin || !server.rst || server.rst_has_ack || flow.s().fin) return false;
  const bool in_answer =
      server.rst.number > client.fin.number && as_soon_as_can_be(flow, server.rst, client.fin);
  if (!in_answer || client.acked > client.fin_offset) return false;
  finding
      .also(
          "The RST that answers its FIN has no ACK: the connection was not known there any more. "
          "It had ended before, and what the server said then (its answer, its FIN or its RST) "
          "did not come here.")
      .evidence(server.rst, Side::server, "RST without ACK, in answer to the FIN")
      .fact("socket_gone", true)
      .fault(Party::unknown, Confidence::low,
             "the answer was rejected or lost on the way, or the host or a device in between lost "
             "the connection")
      .remedy(
          "Capture at the server as well: is there an answer, or a RST to it, that did not come "
          "here? Was the host restarted or replaced, or a firewall reloaded, while the request "
          "was under way?");
  return true;
}

constexpr std::array kWhyClientGaveUp = {
    &clients_probes_unanswered,  // nobody is there to answer
    &fin_not_acked_either,      &answer_never_came,          &answer_lacks_beginning,
    &socket_was_gone,           &server_ended_half_open,     &arrival_unknown,
    &answer_missing_like_ack,   &server_too_slow_for_client,
};

}  // namespace

std::optional<Finding> client_timeout(const ExchangeFacts& facts, const Thresholds&) {
  if (!whole_and_unanswered(facts) || !by_client(facts.close.closer)) return std::nullopt;
  if (facts.close.closer == Closer::client_fin && server_closed_first(facts)) return std::nullopt;
  if (left_early_by_fin(facts) && (sent_fin_with_request(facts) || !ended_after_early_fin(facts)))
    return std::nullopt;
  const Receipt receipt = receipt_of(facts);
  FindingBuilder finding{
      Label::client_timeout,
      fmt::format(
          "The request was {}; after {} without an answer {}.",
          receipt.late ? "not acknowledged in that time" : acked_text(facts, receipt.inferred),
          facts.close_time_unknown ? "an unknown time" : base::duration(facts.after_request),
          reset_by_device(facts) ? "a RST in the client's name ended the connection"
                                 : "the client gave up" + limit_text(facts.limit))};
  request_and_ack(finding, facts)
      .evidence(facts.close)
      .fact("waited_us", facts.waited())
      .fact("matched_timeout_us", facts.matched_timeout())
      .fact("request_acked", receipt.acked)
      .seen_as(
          "Client: read timed out, deadline exceeded, curl 28, status 0 / canceled. "
          "Proxy: nginx 499, HAProxy CH. Server: may log 200 later, or nothing.");
  tell_first(kWhyClientGaveUp, finding, facts);
  request_cut_in_recording(finding, facts);
  interim(finding, facts);
  kept_body_back(finding, facts);
  return finding.build();
}

namespace {

Duration still_waiting(const ExchangeFacts& facts) {
  return facts.flow.watched_after(facts.exchange.request.last);
}

bool ack_inferred(const ExchangeFacts& facts) {
  return !facts.request_acked && facts.flow.ack_unrecorded(Side::client);
}

/// The client sent its FIN, may read on, and nobody has ended the wait since.
bool waits_half_closed(const ExchangeFacts& facts) {
  return facts.close.closer == Closer::client_fin && !facts.close_time_unknown &&
         facts.after_request < facts.limits.client_timeout_min_wait && !facts.flow.flow.s().fin &&
         !facts.flow.flow.c().trouble().rst;
}

// Why there is no answer yet.

bool answer_unrecorded_like_ack(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!ack_inferred(facts)) return false;
  finding.fact("ack_inferred", true)
      .fault(Party::unknown, Confidence::low,
             "the answer is missing from the capture, as the ACK is");
  return true;
}

bool capture_too_short(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (still_waiting(facts) >= facts.limits.no_response_medium) return false;
  finding.fault(Party::capture, Confidence::medium, "the server is slow");
  return true;
}

bool let_go_while_waiting(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.flow.let_go) return false;
  finding
      .also(
          "So many clients waited at once that the analysis did not follow this one any longer: an "
          "answer that came later is told of as of a connection of its own "
          "(limits.max_unanswered).")
      .severity(Severity::warning)
      .fact("let_go", true)
      .fault(Party::server_app, Confidence::low, "the answer came later");
  return true;
}

/// A half-close comes with the request or right behind it; somewhat later it may be a good-bye.
bool client_may_have_left(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!waits_half_closed(facts) || facts.after_request <= facts.limits.half_close_behind)
    return false;
  finding.fault(Party::unknown, Confidence::low,
                "the client had left at once, rather than half-closed the connection");
  return true;
}

bool server_silent(FindingBuilder& finding, const ExchangeFacts& facts) {
  const bool high = still_waiting(facts) >= facts.limits.no_response_high;
  finding.fault(Party::server_app, high ? Confidence::high : Confidence::medium,
                "the answer came after the end of the capture");
  return true;
}

constexpr std::array kWhyNoAnswerYet = {
    &let_go_while_waiting, &answer_lacks_beginning,   &answer_unrecorded_like_ack,
    &capture_too_short,    &request_cut_in_recording, &client_may_have_left,
    &server_silent,
};

}  // namespace

std::optional<Finding> no_response(const ExchangeFacts& facts, const Thresholds& limits) {
  const bool inferred = ack_inferred(facts);
  const bool unheard = facts.flow.server_heard_elsewhere;
  if (!whole_and_unanswered(facts) && !(unheard && no_answer_seen(facts))) return std::nullopt;
  if (!facts.request_acked && !inferred) return std::nullopt;
  const bool half_closed = waits_half_closed(facts);
  if (facts.close.closer != Closer::none && !half_closed) return std::nullopt;
  const Duration waited = still_waiting(facts);
  if (waited < (unheard ? limits.no_response_high : limits.no_response_min)) return std::nullopt;
  // An interim response, a session ticket.
  const bool spoke = facts.flow.flow.s().last_payload.number > facts.exchange.request.last.number;
  FindingBuilder finding{
      Label::no_response,
      fmt::format("The request was {}; {} later {} had come back and {} had closed{}.",
                  acked_text(facts, inferred), base::duration(waited),
                  answer_without_beginning(facts) ? "no whole answer"
                  : spoke                         ? "no answer"
                                                  : "nothing",
                  half_closed ? "only the client" : "nobody",
                  facts.flow.capture_over ? " when the capture ended" : "")};
  request_and_ack(finding, facts)
      .evidence(half_closed ? facts.close.packet : PacketRef{}, Side::client,
                "client FIN (half-close)")
      .evidence(facts.flow.flow.last, std::nullopt, "last packet of the flow")
      .severity(waited >= limits.no_response_high && !inferred ? Severity::error
                : waited >= limits.no_response_medium          ? Severity::warning
                                                               : Severity::info)
      .fact("observed_wait_us", std::optional{waited})
      .fact("never_answered_before", facts.flow.flow.s().payload_packets == 0)
      .seen_as(
          "Client: still waiting, or hanging for good without a read timeout. "
          "Server and proxies: no log line yet, they log when the exchange ends.");
  if (unheard) {
    finding.also(
        "The capture has packets of the server on other connections, and none on this one.");
  }
  tell_first(kWhyNoAnswerYet, finding, facts);
  kept_body_back(finding, facts);
  return finding.build();
}

}  // namespace httpdiag::rules
