// SPDX-License-Identifier: Apache-2.0
#include "rules/judge.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "rules/ack.hpp"
#include "rules/fault.hpp"
#include "rules/own_rules.hpp"
#include "rules/retry.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

namespace {

/// The body cannot be read, or is longer than any negative acknowledgement.
bool is_no_token(const Message& response) {
  constexpr std::size_t kLongestToken = 16;
  const std::string_view head = response.body_head;
  if (head.size() > kLongestToken && head.front() > ' ' && head.back() > ' ') return true;
  const std::optional<std::string_view> text = body_text(response);
  return !text || text->size() > kLongestToken;
}

}  // namespace

bool plainly_ok(const Exchange& x, const Thresholds& limits) {
  if (!x.response || x.response_missing || x.uncertain || x.previous_said_close) return false;
  const Message& request = x.request;
  const Message& response = *x.response;
  if (!is_success(response.status)) return false;
  if (request.state != MessageState::complete || response.state != MessageState::complete)
    return false;
  if (request.has_gap || response.has_gap || !request.error.empty() || !response.error.empty())
    return false;
  if (x.client_closed_before_response || x.longest_stall >= limits.loss_stall) return false;
  if (response.first.number < request.last.number) return false;
  if (response.first.time - request.last.time >= limits.slow_response) return false;
  if (response.last.time - request.first.time >= limits.slow_total) return false;
  if (response.pause() >= limits.response_stall) return false;
  if (may_be_delayed_ack(request, limits) || may_be_delayed_ack(response, limits)) return false;
  return (response.body_bytes == 0 || is_no_token(response)) && !ack_may_matter(x, limits);
}

bool plainly_ok(const FlowRecord& flow, const Thresholds& limits) {
  const SideRecord& client = flow.c();
  const SideRecord& server = flow.s();
  const bool at_rest = !client.fin && !server.fin;
  const bool closed =
      client.fin && server.fin && client.acked > client.next && server.acked > server.next;
  if (!at_rest && !closed) return false;
  if (flow.trouble_ptr || client.trouble_ptr || server.trouble_ptr || flow.oddities != 0)
    return false;
  return client.syns == 1 && server.syns == 1 && flow.handshake_ack &&
         flow.handshake_ack.time - client.syn.time < limits.connect_slow;
}

Severity worst_of(const std::vector<Finding>& findings) {
  Severity worst = Severity::ok;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  return worst;
}

namespace {

/// What the user wants said: false for a label that is switched off.
bool wanted(std::optional<Finding>& finding, const Settings& settings) {
  if (!finding) return false;
  if (settings.changes.empty()) return true;
  const auto change = settings.changes.find(finding->label);
  if (change == settings.changes.end()) return true;
  if (change->second.severity) finding->severity = *change->second.severity;
  return !change->second.off;
}

/// The first rule that has a finding, and that.
template <typename Facts, typename Rule>
std::pair<Rule, std::optional<Finding>> first_of(std::span<const Rule> rules, const Facts& facts,
                                                 const Settings& settings) {
  for (const Rule rule : rules) {
    auto finding = rule(facts, settings.thresholds);
    if (wanted(finding, settings)) return {rule, std::move(finding)};
  }
  return {nullptr, std::nullopt};
}

/// `used`: the rule that has given the primary label, and need not be asked again.
template <typename Facts, typename Rule>
void annotate(std::span<const Rule> rules, const Facts& facts, const Settings& settings, Rule used,
              Label primary, std::vector<Finding>& findings, std::vector<Label>& labels) {
  for (const Rule rule : rules) {
    if (rule == used) continue;
    auto finding = rule(facts, settings.thresholds);
    if (!wanted(finding, settings) || finding->label == primary) continue;
    if (std::find(labels.begin(), labels.end(), finding->label) != labels.end()) continue;
    labels.push_back(finding->label);
    findings.push_back(std::move(*finding));
  }
  std::sort(labels.begin(), labels.end());
  const auto first_annotation =
      findings.begin() + (findings.empty() || findings.front().label != primary ? 0 : 1);
  std::sort(first_annotation, findings.end(),
            [](const Finding& a, const Finding& b) { return a.label < b.label; });
}

void limit_evidence(std::vector<Finding>& findings, const Limits& limits) {
  for (Finding& finding : findings) {
    if (finding.evidence.size() > limits.max_evidence) finding.evidence.resize(limits.max_evidence);
  }
}

std::uint64_t head_bytes(const Message& request) {
  const bool plain = request.head_complete && !request.chunked && !request.has_gap;
  const std::uint64_t bytes = request.end - request.begin;
  return plain && request.body_bytes <= bytes ? bytes - request.body_bytes : 0;
}

RequestReport report_of(const Message& request) {
  return {.method = std::string{request.method()},
          .target = std::string{request.start()},
          .host = std::string{request.host()},
          .major = request.major,
          .minor = request.minor,
          .head_bytes = head_bytes(request),
          .body_bytes = request.body_bytes,
          .digest = request.has_gap ? 0 : request.digest,
          .first = request.first,
          .last = request.last,
          .state = request.state};
}

ResponseReport report_of_response(const Message& response) {
  return {.status = response.status,
          .reason = std::string{response.start()},
          .location =
              std::string{is_redirect(response.status) ? response.location() : std::string_view{}},
          .major = response.major,
          .minor = response.minor,
          .body_bytes = response.body_bytes,
          .digest = response.has_gap ? 0 : response.digest,
          .first = response.first,
          .last = response.last,
          .state = response.state};
}

}  // namespace

namespace {

std::vector<Finding> own_findings(const Settings& settings, const FlowFacts& flow,
                                  const ExchangeFacts* exchange) {
  std::vector<Finding> findings;
  for (const OwnRule& rule : settings.own_rules) {
    auto finding = apply(rule, flow, exchange);
    if (wanted(finding, settings)) findings.push_back(std::move(*finding));
  }
  return findings;
}

/// An own rule is primary where it says "first", or where nothing worse than a remark matched; of
/// several, the first in the file. A primary that is pushed aside becomes one of `own`. `named`: by
/// something else than `primary`.
void let_own_rules_name_it(std::optional<Finding>& primary, std::vector<Finding>& own, bool named,
                           const Settings& settings) {
  const bool free = !named && (!primary || primary->severity <= Severity::info);
  const auto chosen = std::find_if(own.begin(), own.end(), [&](const Finding& finding) {
    return free || std::any_of(settings.own_rules.begin(), settings.own_rules.end(),
                               [&](const OwnRule& rule) {
                                 return rule.first && rule.label == finding.label;
                               });
  });
  if (chosen == own.end()) return;
  std::optional<Finding> aside = std::exchange(primary, std::move(*chosen));
  own.erase(chosen);
  if (aside) own.push_back(std::move(*aside));
}

void add_annotations(std::vector<Finding> more, std::vector<Finding>& findings,
                     std::vector<Label>& labels) {
  for (Finding& finding : more) {
    if (std::find(labels.begin(), labels.end(), finding.label) != labels.end()) continue;
    labels.insert(std::upper_bound(labels.begin(), labels.end(), finding.label), finding.label);
    findings.push_back(std::move(finding));
  }
}

}  // namespace

ExchangeReport judge(const Exchange& x, const FlowFacts& flow, const Settings& settings) {
  const Thresholds& limits = settings.thresholds;
  const ExchangeFacts facts = measure(x, flow, limits);
  ExchangeReport report;
  report.index = x.index;
  report.found_in = x.found_in;
  auto [used, primary] = first_of(exchange_primaries(), facts, settings);
  // Whether it may be sent again depends on what was delivered, whoever names the problem.
  report.said = said_by_answer(facts);
  report.retry = retry_for(primary ? primary->label : Label::ok, report.said, facts);
  auto own = own_findings(settings, flow, &facts);
  let_own_rules_name_it(primary, own, false, settings);
  if (primary) {
    report.label = primary->label;
    report.severity = primary->severity;
    report.findings.push_back(std::move(*primary));
  }
  annotate(exchange_annotations(), facts, settings, used, report.label, report.findings,
           report.labels);
  add_annotations(std::move(own), report.findings, report.labels);
  for (Finding& finding : report.findings) attribute(finding, flow, limits);
  limit_evidence(report.findings, settings.limits);
  report.acked = facts.request_acked || facts.answered ? Acked::all
                 : facts.request_part_acked            ? Acked::part
                                                       : Acked::none;
  // An answer proves receipt of what it answers; an early one only of a part.
  if (!facts.request_complete && report.acked == Acked::all) report.acked = Acked::part;
  report.sent = facts.request_complete && !facts.awaits_continue;
  report.acked_by = x.acked_by;
  // Bytes without a status line are no answer, unless the capture is what hides it. "000" is one.
  const bool status_seen = x.response && (x.response->status != 0 || x.response->head_complete);
  report.answered = status_seen || x.response_missing || (x.response && x.response->has_gap);
  report.idle = facts.idle;
  report.send = facts.send;
  report.wait = facts.wait;
  report.receive = facts.receive;
  const bool gave_up = report.label == Label::client_timeout ||
                       report.label == Label::late_response ||
                       report.label == Label::response_aborted_by_client;
  if (gave_up && by_client(facts.close.closer)) report.gave_up_after = facts.waited();
  report.request = report_of(x.request);
  if (status_seen) report.response = report_of_response(*x.response);
  return report;
}

namespace {

/// What the flow itself has to say, where its exchanges leave the word to it.
std::pair<FlowRule, std::optional<Finding>> flow_primary(const FlowFacts& flow, Severity worst,
                                                         const Settings& settings) {
  for (const FlowPhase& phase : flow_primaries(flow, worst)) {
    auto first = first_of(phase.rules, flow, settings);
    if (first.second && first.second->severity >= phase.least) return first;
  }
  return {nullptr, std::nullopt};
}

}  // namespace

FlowVerdict judge(const FlowFacts& flow, Label worst, Severity worst_severity,
                  const Settings& settings) {
  auto [used, primary] = flow_primary(flow, worst_severity, settings);
  auto own = own_findings(settings, flow, nullptr);
  const bool exchange_names_it = !primary && worst_severity > Severity::info;
  let_own_rules_name_it(primary, own, exchange_names_it, settings);

  FlowVerdict verdict{
      .label = worst, .severity = worst_severity, .findings = {}, .annotations = {}};
  if (primary) {
    verdict.label = primary->label;
    verdict.severity = primary->severity;
    verdict.findings.push_back(std::move(*primary));
  }
  add_annotations(std::move(own), verdict.findings, verdict.annotations);
  annotate(flow_annotations(), flow, settings, used, verdict.label, verdict.findings,
           verdict.annotations);
  for (Finding& finding : verdict.findings) attribute(finding, flow, settings.thresholds);
  return verdict;
}

}  // namespace httpdiag::rules
