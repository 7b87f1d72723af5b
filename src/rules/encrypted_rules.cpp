// SPDX-License-Identifier: Apache-2.0
// TLS hides requests and answers, but not that a burst as long as a request went
// out, was acknowledged, and that nothing came back. The rules for exchanges judge
// such a burst by the same facts, where it can be told from other traffic.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/rule_lists.hpp"
#include "rules/tls_words.hpp"

namespace httpdiag::rules {

namespace {

// In the order of rule_lists.cpp. What an answer would be needed for is not among them.
constexpr std::array<ExchangeRule, 10> kRules = {
    &request_on_half_closed, &keepalive_close_race, &idle_conn_reset,   &reset_without_response,
    &pmtu_blackhole,         &idle_conn_blackholed, &request_not_acked, &closed_without_response,
    &client_timeout,         &no_response,
};

void set_text(Message& message, HeadTexts::Part part, const std::string& text) {
  message.texts.append(part, text, text.size());
}

/// The burst in the place of a request.
Exchange stand_in(const TlsSession& tls) {
  const TlsBurst& burst = tls.burst;
  Exchange x;
  x.index = tls.bursts;
  x.requests_before = tls.bursts - 1;
  x.acked_by = burst.acked_by;
  x.active_before = burst.active_before;
  x.retransmits_before = burst.retransmits_before;
  Message& request = x.request;
  // Method and target are what evidence is called by.
  set_text(request, HeadTexts::method, "encrypted");
  set_text(request, HeadTexts::start,
           fmt::format("burst of {}", base::bytes(burst.end - burst.begin)));
  request.begin = burst.begin;
  request.end = burst.end;
  request.first = burst.first;
  request.last = burst.last;
  request.peer_acked = burst.peer_acked;
  request.state = MessageState::complete;
  request.head_complete = true;
  return x;
}

bool is_about_waiting(Label label) {
  return label == Label::client_timeout || label == Label::late_response ||
         label == Label::closed_without_response || label == Label::reset_without_response;
}

/// Where messages may come in any order, only what cannot be their custom is named: a close or a
/// reset right behind a burst, bytes that TCP never delivered, a wait as long as a known limit.
bool unmistakable(const Finding& finding, const ExchangeFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.flow.tls;
  if (tls.burst.end - tls.burst.begin < limits.tls_burst_multiplexed) return false;
  switch (finding.label) {
    case Label::no_response:
      return false;
    case Label::client_timeout:
    case Label::late_response:  // the limit may count from the SYN on
      return facts.matched_timeout() && *facts.matched_timeout() >= limits.no_response_min &&
             facts.after_request >= limits.client_timeout_min_wait;
    case Label::closed_without_response:
    case Label::reset_without_response:
      return facts.after_request < limits.no_response_min;
    default:
      return true;  // told by TCP alone
  }
}

/// The server's last word, behind the burst and before the client closed.
PacketRef goodbye_of(const ExchangeFacts& facts) {
  const TlsSession& tls = *facts.flow.tls;
  const SideRecord& client = facts.flow.flow.c();
  const PacketRef goodbye = tls.server_goodbye;
  const bool known = client.fin && !client.fin_unseen && client.fin_ack >= tls.server_goodbye_end;
  const bool between = goodbye.number > facts.exchange.request.last.number &&
                       (goodbye.number <= facts.close.packet.number || known);
  return between && by_client(facts.close.closer) ? goodbye : PacketRef{};
}

/// A server that ends TLS has ended the connection: its FIN is only the last step.
void measure_goodbye(ExchangeFacts& facts) {
  const TlsSession& tls = *facts.flow.tls;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef goodbye = tls.server_goodbye;
  const PacketRef answered = tls.server_before_goodbye;
  if (!goodbye || !answered || !flow.s().fin || tls.may_be_multiplexed()) return;
  // Right behind the answer's head a body of two bytes is as long.
  constexpr Duration kShortestRest = std::chrono::milliseconds{500};
  if (time_unknown(flow, answered, goodbye) || goodbye.time - answered.time < kShortestRest) return;
  // Who says goodbye closes. A record that is as short, and nothing behind it, is a heartbeat.
  if (time_unknown(flow, goodbye, flow.s().fin) ||
      flow.s().fin.time - goodbye.time >= facts.limits.tls_alert_close)
    return;
  facts.server_idle = goodbye.time - answered.time;
  const bool before = goodbye.number < facts.exchange.request.first.number;
  if (!before || facts.exchange.request.peer_acked < tls.server_goodbye_end) return;
  facts.fin_seen_by_client = true;
  facts.goodbye = goodbye;
  if (!time_unknown(flow, goodbye, facts.exchange.request.first))
    facts.half_closed_age = facts.exchange.request.first.time - goodbye.time;
}

/// The server's data came when the client had left.
std::optional<Finding> too_late(const TlsSession& tls, Exchange x, const FlowFacts& facts,
                                const Thresholds& limits) {
  const TlsBurst& burst = tls.burst;
  if (!burst.late_answer) return std::nullopt;
  Message& response = x.response.emplace();
  response.begin = burst.late_answer_begin;
  response.end = burst.late_answer_end;
  response.first = response.last = burst.late_answer;
  set_text(response, HeadTexts::start,
           fmt::format("of {}, encrypted", base::bytes(response.end - response.begin)));
  response.state = MessageState::unknown;
  return late_response(measure(x, facts, limits), limits);
}

Confidence lower(Confidence confidence) {
  return confidence == Confidence::high ? Confidence::medium : Confidence::low;
}

/// A finding about something of which only the outside is known. `taken_for`: what the burst stands
/// for; `more`: facts of that.
Finding told_of_tls(Finding finding, const TlsSession& tls, std::string_view taken_for = {},
                    std::initializer_list<NamedFact> more = {}) {
  finding.detail = fmt::format("The content of {} is not visible{}. {}", tls_words(tls), taken_for,
                               finding.detail);
  finding.fault.confidence = lower(finding.fault.confidence);
  finding.facts.push_back({"encrypted", true});
  finding.facts.insert(finding.facts.end(), more);
  if (!tls.sni.empty()) finding.facts.push_back({"sni", tls.sni});
  return finding;
}

/// Where messages may come in any order nobody knows whose turn it is, as behind the first answer:
/// WebSocket begins like HTTP/1.1.
bool any_order(const TlsSession& tls) {
  return tls.hidden || tls.may_be_multiplexed() || tls.bursts > 1;
}

/// What the rules for exchanges say of the burst.
std::optional<Finding> judged_as_request(const TlsSession& tls, const Exchange& x,
                                         const FlowFacts& facts, const ExchangeFacts& measured,
                                         const Thresholds& limits) {
  std::optional<Finding> finding = too_late(tls, x, facts, limits);
  for (const ExchangeRule rule : kRules) {
    if (finding) break;
    finding = rule(measured, limits);
  }
  return finding;
}

}  // namespace

std::optional<Finding> encrypted_request_unanswered(const FlowFacts& facts,
                                                    const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  const TlsBurst& burst = tls.burst;
  if (tls.bursts == 0 || !burst.whole || burst.answered || burst.maybe_answered) {
    return std::nullopt;
  }
  if (tls.unreadable || facts.server_unheard || facts.client_unheard) return std::nullopt;
  // The client has more to send, and the server does not read it: that is the story.
  if (facts.closed_window(Side::server)) return std::nullopt;
  const Exchange x = stand_in(tls);
  ExchangeFacts measured = measure(x, facts, limits);
  measure_goodbye(measured);
  const PacketRef goodbye = goodbye_of(measured);
  if (goodbye) {
    // TLS closes before TCP does: the client's FIN is the answer to the server's close_notify.
    if (!facts.flow.s().fin) return std::nullopt;
    measured.close = {Closer::server_fin, facts.flow.s().fin};
    measured.after_request = std::max(goodbye.time - x.request.last.time, Duration{0});
  }
  std::optional<Finding> finding = judged_as_request(tls, x, facts, measured, limits);
  if (!finding) return std::nullopt;
  if (any_order(tls)) {
    if (!unmistakable(*finding, measured, limits)) return std::nullopt;
    if (is_about_waiting(finding->label))
      finding->severity = std::min(finding->severity, Severity::warning);
  }
  finding->fault.unless +=
      fmt::format("{}the burst was no request", finding->fault.unless.empty() ? "" : ", or ");
  if (goodbye) {
    finding->evidence.push_back({goodbye, Side::server, "as long as an alert: close_notify"});
    std::sort(
        finding->evidence.begin(), finding->evidence.end(),
        [](const Evidence& a, const Evidence& b) { return a.packet.number < b.packet.number; });
  }
  const std::uint64_t bytes = burst.end - burst.begin;
  return told_of_tls(
      std::move(*finding), tls,
      fmt::format("; an encrypted burst of {} is taken for a request", base::bytes(bytes)),
      {{"burst_bytes", static_cast<std::int64_t>(bytes)}, {"bursts", std::int64_t{tls.bursts}}});
}

std::optional<Finding> encrypted_answer_not_acked(const FlowFacts& facts,
                                                  const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  const SideRecord& server = facts.flow.s();
  if (tls.bursts == 0 || tls.unreadable || facts.client_unheard) return std::nullopt;
  if (server.last_payload.number <= tls.burst.last.number) return std::nullopt;
  Exchange x = stand_in(tls);
  Message& response = x.response.emplace();
  set_text(response, HeadTexts::start, "encrypted");
  response.begin = std::min(server.acked, server.next);
  response.end = server.next;
  response.first = response.last = server.last_payload;
  response.state = MessageState::complete;
  auto finding = response_not_acked(measure(x, facts, limits), limits);
  if (!finding) return std::nullopt;
  return told_of_tls(std::move(*finding), tls);
}

std::optional<Finding> encrypted_answer_cut(const FlowFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  const TlsCutRecord& cut = tls.cut;
  if (tls.bursts == 0 || !cut.first || tls.unreadable) return std::nullopt;
  if (facts.server_unheard || facts.client_unheard) return std::nullopt;
  Exchange x = stand_in(tls);
  Message& response = x.response.emplace();
  set_text(response, HeadTexts::start, fmt::format("record of {}", base::bytes(cut.announced)));
  response.begin = cut.begin;
  response.end = cut.begin + cut.arrived;
  response.first = cut.first;
  response.last = cut.last;
  response.head_complete = true;
  response.content_length = cut.announced;
  response.body_bytes = cut.arrived;
  response.state = MessageState::incomplete;
  const ExchangeFacts measured = measure(x, facts, limits);
  std::optional<Finding> finding = response_truncated_rst(measured, limits);
  if (!finding) finding = response_truncated_fin(measured, limits);
  // That a client leaves in the middle is its custom: browsers do. And where it was not recorded
  // to have what came, more may lack.
  if (!finding && facts.flow.s().acked >= response.end)
    finding = response_stalled(measured, limits);
  if (!finding) return std::nullopt;
  return told_of_tls(std::move(*finding), tls);
}

}  // namespace httpdiag::rules
