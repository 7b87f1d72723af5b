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

bool ended_early(const ExchangeReport& report) {
  return std::find(report.labels.begin(), report.labels.end(), Label::capture_ended_early) !=
         report.labels.end();
}

/// Nothing went wrong as far as can be seen; was the answer seen?
AttemptClass as_answered(const ExchangeReport& report) {
  const bool whole = report.response && report.response->state == MessageState::complete;
  if (report.response && report.response->status >= 400) return AttemptClass::refused;
  if (whole) return AttemptClass::acknowledged;
  return ended_early(report) && !report.answered ? AttemptClass::open : AttemptClass::unseen;
}

/// Of an answer that came early the client may have lost the end (taxonomy 29).
bool answer_at_risk(const ExchangeReport& report) {
  for (const Finding& finding : report.findings) {
    for (const NamedFact& fact : finding.facts) {
      const auto* lost = std::get_if<bool>(&fact.value);
      if (fact.name == "response_lost_risk" && lost != nullptr) return *lost;
    }
  }
  return false;
}

/// The server answered before it had the whole request: if with 2xx, it did not need the rest.
bool acknowledged_early(const ExchangeReport& report) {
  const bool success = report.response && report.response->status >= 200 &&
                       report.response->status < 300 &&
                       report.response->state == MessageState::complete;
  return success && !answer_at_risk(report);
}

/// What came back is no word of the receiver's about the request: the client had left it unfinished
/// before, or a gateway speaks for a receiver that it did not hear.
bool says_nothing_of_receiver(const Exchange& exchange) {
  if (!exchange.response) return false;
  const std::uint16_t status = exchange.response->status;
  return exchange.client_closed_before_response || (status >= 502 && status <= 504);
}

/// Something is wrong with the request or its answer; the status says the rest, if there is one.
AttemptClass by_status(const JudgedExchange& judged) {
  const ExchangeReport& report = *judged.report;
  const bool refused = report.response && report.response->status >= 300;
  if (refused && !says_nothing_of_receiver(judged.exchange)) return AttemptClass::refused;
  if (report.retry == Retry::safe || report.acked == Acked::none) {
    return AttemptClass::not_delivered;
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
      return report.response && report.response->status >= 300 ? AttemptClass::refused
                                                               : AttemptClass::not_delivered;

    case late_response:  // which may be no result, but what the sender's leaving has drawn
      return report.retry == Retry::do_not ? AttemptClass::late : AttemptClass::unknown;
    case http_redirect:
    case http_client_error:
    case http_server_error:
    case ack_negative:
      return AttemptClass::refused;
    case ack_unrecognized:
      return AttemptClass::unrecognized;
    case http_gateway_error:  // the gateway has it; what became of it behind is not known
      return AttemptClass::unknown;
    case early_response:
      return acknowledged_early(report) ? AttemptClass::acknowledged : by_status(judged);
    case request_malformed:
    case request_incomplete:
      return by_status(judged);

    default:
      // A RST for bytes that were never acknowledged: the kernel threw them away (taxonomy F3).
      return report.retry == Retry::safe ? AttemptClass::not_delivered : AttemptClass::unknown;
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
