// SPDX-License-Identifier: Apache-2.0
#include "delivery/attempt.hpp"

#include <algorithm>
#include <span>

#include "base/hash.hpp"

namespace httpdiag::delivery {

namespace {

// A body of this size can be an acknowledgement; longer ones are results.
constexpr std::uint64_t kShortAnswer = 64;

/// A label of the user's own says nothing about delivery; the one that it took the place of does.
Label built_in_label(Label label, const std::vector<Finding>& findings) {
  const auto own = [](Label each) { return static_cast<std::size_t>(each) >= kLabelCount; };
  if (!own(label)) return label;
  for (const Finding& finding : findings) {
    if (!own(finding.label) && info(finding.label).role == Role::primary) return finding.label;
  }
  return Label::ok;
}

/// Of an answer only its first bytes are at hand in every kind of report.
std::uint64_t beginning_of(const Message& response) {
  return base::hash64(std::as_bytes(std::span{response.body_head})) ^ response.body_bytes;
}

bool carries(const ExchangeReport& report, Label label) {
  return std::find(report.labels.begin(), report.labels.end(), label) != report.labels.end();
}

/// A final answer of success that is whole.
bool succeeded(const ExchangeReport& report) {
  return report.response && is_success(report.response->status) &&
         report.response->state == MessageState::complete;
}

/// Nothing went wrong as far as can be seen; was the answer seen?
AttemptClass as_answered(const ExchangeReport& report) {
  const bool whole = report.response && report.response->state == MessageState::complete;
  if (report.response && report.response->status >= 400) return AttemptClass::refused;
  if (whole) return AttemptClass::acknowledged;
  return carries(report, Label::capture_ended_early) && !report.answered ? AttemptClass::open
                                                                         : AttemptClass::unseen;
}

/// The reset that followed the early answer may have thrown it away.
bool may_be_lost(const ExchangeReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
    const auto* lost = finding.fact<bool>("response_lost_risk");
    return lost != nullptr && *lost;
  });
}

/// What came back is no word of the receiver's about the request: the client had left it unfinished
/// before, its server waited in vain for the rest, or a gateway speaks.
bool says_nothing_of_receiver(const Exchange& exchange) {
  if (!exchange.response) return false;
  if (exchange.response->status == 408 && exchange.request.state == MessageState::incomplete)
    return true;
  return exchange.client_closed_before_response || is_gateway_error(exchange.response->status);
}

/// Something is wrong with the request or its answer; the status says the rest, if there is one.
AttemptClass by_status(const JudgedExchange& judged) {
  const ExchangeReport& report = *judged.report;
  const Exchange& x = judged.exchange;
  if (!says_nothing_of_receiver(x)) {
    if (report.said == Said::refused) return AttemptClass::refused;
    if (succeeded(report)) return AttemptClass::acknowledged;
  }
  if (x.response_missing || carries(report, Label::capture_one_way)) return AttemptClass::unseen;
  if (report.retry == Retry::safe) return AttemptClass::not_delivered;
  if (report.acked != Acked::none) return AttemptClass::unknown;
  // An ACK that is missing proves nothing before the client has missed it as well.
  if (x.retransmits_after > x.retransmits_before) return AttemptClass::not_delivered;
  return carries(report, Label::capture_ended_early) ? AttemptClass::open : AttemptClass::unknown;
}

/// It came late; what it says counts all the same.
AttemptClass by_late_answer(Said said) {
  switch (said) {
    case Said::done:
      return AttemptClass::late;
    case Said::refused:
      return AttemptClass::refused;
    case Said::nothing:
    case Said::unheard:
      break;
  }
  return AttemptClass::unknown;
}

}  // namespace

AttemptClass classify(const JudgedExchange& judged) {
  if (judged.report == nullptr) return AttemptClass::acknowledged;
  const ExchangeReport& report = *judged.report;
  switch (built_in_label(report.label, report.findings)) {
    using enum Label;
    case ok:
    case slow_response:
      return as_answered(report);

    case proxy_tunnel_refused:
      return AttemptClass::not_delivered;
    case request_not_acked:
    case pmtu_blackhole:
    case idle_conn_blackholed:
      return report.acked == Acked::none ? AttemptClass::not_delivered : AttemptClass::unknown;

    case tls_plaintext_mismatch:  // no application has seen it (taxonomy 5.4)
      return AttemptClass::not_delivered;
    case no_response:  // that the capture ended says nothing of the request
      if (report.severity <= Severity::info && carries(report, capture_ended_early))
        return AttemptClass::open;
      return report.retry == Retry::safe ? AttemptClass::not_delivered : AttemptClass::unknown;

    case late_response:
      return by_late_answer(report.said);
    case http_redirect:
    case http_client_error:
    case http_server_error:
    case ack_negative:
      return AttemptClass::refused;
    case ack_unrecognized:
      return AttemptClass::unrecognized;
    case http_gateway_error:  // the gateway has it; what became of it behind is not known
      return AttemptClass::unknown;
    case early_response:  // a server that says yes did not need the rest
      if (!succeeded(report)) return by_status(judged);
      return may_be_lost(report) ? AttemptClass::late : AttemptClass::acknowledged;
    case request_malformed:
    case request_incomplete:
      return by_status(judged);

    default:
      // A RST for bytes that were never acknowledged: the kernel threw them away (taxonomy F3).
      if (report.retry == Retry::safe) return AttemptClass::not_delivered;
      if (report.said == Said::refused && !judged.exchange.client_closed_before_response)
        return AttemptClass::refused;
      return report.retry == Retry::do_not && succeeded(report) ? AttemptClass::late
                                                                : AttemptClass::unknown;
  }
}

Attempt attempt_of(const JudgedExchange& judged) {
  const Exchange& x = judged.exchange;
  Attempt attempt;
  attempt.flow = judged.flow.id;
  attempt.exchange = x.index;
  attempt.outcome = classify(judged);
  attempt.first = x.request.first;
  attempt.last = x.request.last;
  attempt.client = judged.flow.client.ip;
  attempt.server = judged.flow.server;
  const bool whole = x.request.state == MessageState::complete && !x.request.has_gap;
  if (whole && x.request.body_bytes > 0) attempt.body_digest = x.request.digest;
  if (x.response) {
    attempt.status = x.response->status;
    attempt.last = x.response->last;
    attempt.short_answer = x.response->body_bytes <= kShortAnswer;
    if (!x.response->has_gap) attempt.answer_digest = beginning_of(*x.response);
  }
  if (judged.report == nullptr) return attempt;
  attempt.label = judged.report->label;
  attempt.severity = judged.report->severity;
  attempt.unacked = judged.report->acked == Acked::none;
  for (const Finding& finding : judged.report->findings) {
    if (finding.label != attempt.label || finding.evidence.empty()) continue;
    const PacketRef& proof = finding.evidence.back().packet;
    if (proof.number > attempt.last.number) attempt.last = proof;
  }
  return attempt;
}

std::optional<Attempt> failed_connection(const FlowReport& flow) {
  switch (built_in_label(flow.label, flow.findings)) {
    using enum Label;
    case connect_refused:
    case syn_retries_exhausted:
    case connect_abandoned:
    case connect_unreachable:
    case handshake_not_completed:
    case handshake_client_reset:
    case accept_queue_overflow:
    case reset_after_handshake:
    case stale_port_reuse:
      break;
    default:
      return std::nullopt;
  }
  if (flow.exchange_count != 0 || flow.severity < Severity::warning) return std::nullopt;
  Attempt attempt;
  attempt.flow = flow.id;
  attempt.outcome = AttemptClass::not_delivered;
  attempt.label = flow.label;
  attempt.severity = flow.severity;
  attempt.first = flow.first;
  attempt.last = flow.last;
  attempt.client = flow.client.ip;
  attempt.server = flow.server;
  attempt.weak = true;
  return attempt;
}

bool is_failure(AttemptClass outcome) {
  switch (outcome) {
    case AttemptClass::not_delivered:
    case AttemptClass::unknown:
    case AttemptClass::late:
    case AttemptClass::refused:
    case AttemptClass::unrecognized:
      return true;
    case AttemptClass::acknowledged:
    case AttemptClass::open:
    case AttemptClass::unseen:
      break;
  }
  return false;
}

bool invites_auto_retry(Label label) {
  switch (label) {
    using enum Label;
    case request_on_half_closed:
    case keepalive_close_race:
    case idle_conn_reset:
    case reset_without_response:
    case closed_without_response:
    case request_after_close_token:
      return true;
    default:
      return false;
  }
}

}  // namespace httpdiag::delivery
