// SPDX-License-Identifier: Apache-2.0
#include "rules/judge.hpp"

#include <algorithm>
#include <utility>

#include "rules/own_rules.hpp"
#include "rules/retry.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

bool plainly_ok(const Exchange& x, const Thresholds& limits) {
  if (!x.response || x.response_missing || x.uncertain || x.previous_said_close) return false;
  const Message& request = x.request;
  const Message& response = *x.response;
  if (response.status < 200 || response.status > 299) return false;
  if (request.state != MessageState::complete || response.state != MessageState::complete)
    return false;
  if (request.has_gap || response.has_gap || !request.error.empty() || !response.error.empty())
    return false;
  if (x.client_closed_before_response || x.longest_stall >= limits.loss_stall) return false;
  if (response.first.number < request.last.number) return false;
  if (response.first.time - request.last.time >= limits.slow_response) return false;
  if (response.last.time - request.first.time >= limits.slow_total) return false;
  // A body as short as a negative acknowledgement has to be looked at.
  constexpr std::uint64_t kPlainToken = 16;
  constexpr std::uint64_t kEncodedToken = 64;
  const std::uint64_t token = response.content_encoding.empty() ? kPlainToken : kEncodedToken;
  return response.body_bytes > token || response.body_bytes == 0;
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

template <typename Facts, typename Rules>
std::optional<Finding> first_of(const Rules& rules, const Facts& facts, const Settings& settings) {
  for (const auto rule : rules) {
    auto finding = rule(facts, settings.thresholds);
    if (wanted(finding, settings)) return finding;
  }
  return std::nullopt;
}

template <typename Facts, typename Rules>
void annotate(const Rules& rules, const Facts& facts, const Settings& settings, Label primary,
              std::vector<Finding>& findings, std::vector<Label>& labels) {
  for (const auto rule : rules) {
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

RequestReport report_of(Message& request) {
  return {.method = std::move(request.method),
          .target = std::move(request.start),
          .host = std::move(request.host),
          .major = request.major,
          .minor = request.minor,
          .body_bytes = request.body_bytes,
          .digest = request.has_gap ? 0 : request.digest,
          .first = request.first,
          .last = request.last,
          .state = request.state};
}

ResponseReport report_of_response(Message& response) {
  return {.status = response.status,
          .reason = std::move(response.start),
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
/// several, the first in the file. A primary that is pushed aside becomes one of `own`.
void let_own_rules_name_it(std::optional<Finding>& primary, std::vector<Finding>& own,
                           const Settings& settings) {
  const bool free = !primary || primary->severity <= Severity::info;
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

ExchangeReport judge(Exchange& x, const FlowFacts& flow, const Settings& settings) {
  const Thresholds& limits = settings.thresholds;
  const ExchangeFacts facts = measure(x, flow, limits);
  ExchangeReport report;
  report.index = x.index;
  auto primary = first_of(exchange_primaries(), facts, settings);
  // Whether it may be sent again depends on what was delivered, whoever names the problem.
  report.retry = retry_for(primary ? primary->label : Label::ok, facts);
  auto own = own_findings(settings, flow, &facts);
  let_own_rules_name_it(primary, own, settings);
  if (primary) {
    report.label = primary->label;
    report.severity = primary->severity;
    report.findings.push_back(std::move(*primary));
  }
  annotate(exchange_annotations(), facts, settings, report.label, report.findings, report.labels);
  add_annotations(std::move(own), report.findings, report.labels);
  limit_evidence(report.findings, settings.limits);
  report.acked = facts.request_acked || facts.answered ? Acked::all
                 : facts.request_part_acked            ? Acked::part
                                                       : Acked::none;
  // An answer proves receipt of what it answers; an early one only of a part.
  if (!facts.request_complete && report.acked == Acked::all) report.acked = Acked::part;
  report.sent = facts.request_complete;
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
  if (gave_up && by_client(facts.close.closer)) report.gave_up_after = facts.after_request;
  report.request = report_of(x.request);
  if (status_seen) report.response = report_of_response(*x.response);
  return report;
}

FlowVerdict judge(const FlowFacts& flow, Label worst, Severity worst_severity,
                  const Settings& settings) {
  FlowVerdict verdict;
  const auto take = [&](std::optional<Finding> primary) {
    if (!primary) return false;
    verdict.label = primary->label;
    verdict.severity = primary->severity;
    verdict.findings.push_back(std::move(*primary));
    return true;
  };
  if (!take(first_of(connect_primaries(), flow, settings))) {
    verdict.label = worst;
    verdict.severity = worst_severity;
    auto teardown = worst_severity < Severity::warning
                        ? first_of(teardown_primaries(), flow, settings)
                        : std::nullopt;
    if (teardown && teardown->severity >= Severity::warning) {
      take(std::move(teardown));
    } else if (flow.exchanges == 0) {
      take(first_of(quiet_primaries(), flow, settings));
    }
  }
  auto own = own_findings(settings, flow, nullptr);
  std::optional<Finding> named;
  if (!verdict.findings.empty()) {
    named = std::move(verdict.findings.front());
    verdict.findings.clear();
  }
  const bool exchange_names_it = !named && verdict.severity > Severity::info;
  if (!exchange_names_it) let_own_rules_name_it(named, own, settings);
  take(std::move(named));
  add_annotations(std::move(own), verdict.findings, verdict.annotations);
  annotate(flow_annotations(), flow, settings, verdict.label, verdict.findings,
           verdict.annotations);
  return verdict;
}

}  // namespace httpdiag::rules
