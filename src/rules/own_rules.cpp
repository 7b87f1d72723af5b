// SPDX-License-Identifier: Apache-2.0
#include "rules/own_rules.hpp"

#include <algorithm>

#include "rules/fact_table.hpp"
#include "rules/finding_builder.hpp"

namespace httpdiag {

std::string_view name(Comparison comparison) {
  switch (comparison) {
    case Comparison::equal:
      return "=";
    case Comparison::unequal:
      return "!=";
    case Comparison::less:
      return "<";
    case Comparison::at_most:
      return "<=";
    case Comparison::greater:
      return ">";
    case Comparison::at_least:
      return ">=";
    case Comparison::contains:
      return "contains";
    case Comparison::starts_with:
      return "starts-with";
    case Comparison::ends_with:
      return "ends-with";
  }
  return "=";
}

}  // namespace httpdiag

namespace httpdiag::rules {

namespace {

bool holds(const Condition& condition, const FactValue& fact) {
  switch (condition.comparison) {
    case Comparison::equal:
      return fact == condition.value;
    case Comparison::unequal:
      return fact != condition.value;
    case Comparison::less:
      return fact < condition.value;
    case Comparison::at_most:
      return fact <= condition.value;
    case Comparison::greater:
      return fact > condition.value;
    case Comparison::at_least:
      return fact >= condition.value;
    default:
      break;
  }
  const auto& text = std::get<std::string>(fact);
  const auto& part = std::get<std::string>(condition.value);
  if (condition.comparison == Comparison::contains) return text.find(part) != std::string::npos;
  if (condition.comparison == Comparison::starts_with) return text.starts_with(part);
  return text.ends_with(part);
}

std::string sentence(const OwnRule& rule, const FlowFacts& flow, const ExchangeFacts* exchange) {
  std::string out;
  for (const TextPart& part : rule.text) {
    if (const auto* words_given = std::get_if<std::string>(&part)) {
      out += *words_given;
      continue;
    }
    const std::size_t fact = std::get<std::uint16_t>(part);
    const auto value = fact_value(fact, flow, exchange);
    out += value ? words(*value, fact_catalog()[fact].type) : "(not measured)";
  }
  return out;
}

void show_facts(FindingBuilder& finding, const OwnRule& rule, const FlowFacts& flow,
                const ExchangeFacts* exchange) {
  std::vector<std::uint16_t> shown;
  for (const Condition& condition : rule.when) {
    if (std::find(shown.begin(), shown.end(), condition.fact) != shown.end()) continue;
    shown.push_back(condition.fact);
    const std::string_view name = report_name(condition.fact);
    const auto value = fact_value(condition.fact, flow, exchange);
    if (!value) continue;
    if (const auto* duration = std::get_if<Duration>(&*value)) {
      finding.fact(name, std::optional{*duration});
    } else {
      std::visit(
          [&](const auto& v) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(v)>, Duration>)
              finding.fact(name, v);
          },
          *value);
    }
  }
}

}  // namespace

std::optional<Finding> apply(const OwnRule& rule, const FlowFacts& flow,
                             const ExchangeFacts* exchange) {
  const bool about_exchange = exchange != nullptr;
  if ((rule.scope == Scope::exchange) != about_exchange) return std::nullopt;
  for (const Condition& condition : rule.when) {
    const auto value = fact_value(condition.fact, flow, exchange);
    if (!value || !holds(condition, *value)) return std::nullopt;
  }
  FindingBuilder finding{rule.label, sentence(rule, flow, exchange)};
  finding.severity(rule.severity).fault(rule.fault.party, rule.fault.confidence, rule.fault.unless);
  show_facts(finding, rule, flow, exchange);
  if (about_exchange) {
    const Exchange& x = exchange->exchange;
    finding.evidence(x.request.first, Side::client, words_for_request_evidence(x));
    if (x.response) finding.evidence(x.response->first, Side::server, "response");
    finding.evidence(exchange->close);
  } else {
    finding.evidence(flow.flow.first, std::nullopt, "first packet of the flow")
        .evidence(flow.first_close);
  }
  return finding.build();
}

}  // namespace httpdiag::rules
