// SPDX-License-Identifier: Apache-2.0
#include "rules/why.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/text.hpp"
#include "rules/fact_table.hpp"
#include "rules/own_rules.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

namespace {

template <typename Rules, typename Facts>
std::vector<Finding> matches(const Rules& rules, const Facts& facts, const Thresholds& limits) {
  std::vector<Finding> found;
  for (const auto rule : rules) {
    auto finding = rule(facts, limits);
    if (!finding) continue;
    const bool again = std::any_of(found.begin(), found.end(), [&](const Finding& other) {
      return other.label == finding->label;
    });
    if (!again) found.push_back(std::move(*finding));
  }
  return found;
}

template <typename Rules, typename Facts>
Label answer(const Rules& rules, const Facts& facts, const Thresholds& limits) {
  for (const auto rule : rules) {
    if (const auto finding = rule(facts, limits)) return finding->label;
  }
  return Label::ok;
}

/// Own rules stand in front where they say so, else beside; what decided is not noted again.
void finish_matches(Why& why, const Settings& settings, const FlowFacts& flow,
                    const ExchangeFacts* exchange) {
  const bool named = why.worst != Label::ok;
  for (const OwnRule& rule : settings.own_rules) {
    auto finding = apply(rule, flow, exchange);
    if (!finding) continue;
    const bool decides = rule.first || (why.matched.empty() && !named);
    decides ? why.matched.insert(why.matched.begin(), std::move(*finding))
            : why.noted.insert(why.noted.end(), std::move(*finding));
  }
  std::erase_if(why.noted, [&](const Finding& noted) {
    return std::any_of(why.matched.begin(), why.matched.end(),
                       [&](const Finding& other) { return other.label == noted.label; });
  });
}

void add_facts(Why& why, const FlowFacts& flow, const ExchangeFacts* exchange) {
  const auto catalog = fact_catalog();
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    if (exchange == nullptr && catalog[i].scope == Scope::exchange) continue;
    why.facts.push_back({.name = catalog[i].name,
                         .value = {},
                         .meaning = catalog[i].meaning,
                         .packets = fact_packets(i, flow, exchange)});
    if (const auto value = fact_value(i, flow, exchange))
      why.facts.back().value = words(*value, catalog[i].type);
  }
}

/// Half and double of a threshold: near enough to matter to whoever sets it.
template <typename Value>
std::vector<Value> others(const Value& value) {
  if constexpr (std::is_same_v<Value, Duration>) {
    return {value / 2, value * 2, value * 10};
  } else if constexpr (std::is_same_v<Value, double>) {
    return {value / 2, std::min(1.0, value * 2)};
  } else {
    return {static_cast<Value>(value / 2), static_cast<Value>(value * 2)};
  }
}

template <typename Value>
std::string value_words(const Value& value) {
  if constexpr (std::is_same_v<Value, Duration>) {
    return base::duration(value);
  } else {
    return fmt::format("{}", value);
  }
}

/// Thresholds of which another value would give another label. `ask` judges under given settings.
template <typename Ask>
void add_thresholds(Why& why, const Settings& settings, Label label, Ask ask) {
  for (const Setting& setting : setting_table()) {
    if (setting.key.starts_with("limits.")) continue;
    Settings changed = settings;
    with_value(setting, changed, [&](auto& value) {
      using Value = std::remove_reference_t<decltype(value)>;
      if constexpr (std::is_arithmetic_v<Value> || std::is_same_v<Value, Duration>) {
        const Value usual = value;
        for (const Value& other : others(usual)) {
          value = other;
          const Label instead = ask(changed);
          if (instead == label) continue;
          why.changes.push_back(fmt::format("with {} at {} instead of {}: {}", setting.key,
                                            value_words(other), value_words(usual),
                                            info(instead).id));
          break;
        }
      }
    });
  }
}

/// The same exchange with one fact turned round.
struct Turn {
  std::string_view words;
  void (*apply)(ExchangeFacts&);
};

constexpr Turn kTurns[] = {
    {"had the request not been acknowledged",
     [](ExchangeFacts& x) { x.request_acked = x.request_part_acked = x.acked_by_rst = false; }},
    {"had the request been acknowledged",
     [](ExchangeFacts& x) { x.request_acked = x.request_part_acked = true; }},
    {"had the request not known of the server's FIN",
     [](ExchangeFacts& x) { x.fin_seen_by_client = false; }},
    {"had FIN and request not crossed", [](ExchangeFacts& x) { x.crossed = false; }},
    {"had nobody closed",
     [](ExchangeFacts& x) { x.close = x.close_after_response = x.client_left = {}; }},
    {"had the connection rested less than a second before",
     [](ExchangeFacts& x) {
       if (x.idle) x.idle = Duration{1};
     }},
    {"had the server's RST had its usual TTL",
     [](ExchangeFacts& x) { x.rst_from_elsewhere = false; }},
};

void add_turns(Why& why, const ExchangeFacts& facts, const Thresholds& limits, Label label) {
  for (const Turn& turn : kTurns) {
    ExchangeFacts turned = facts;
    turn.apply(turned);
    const Label instead = answer(exchange_primaries(), turned, limits);
    // Without an answer, or with a part of one, no rule that speaks does not mean that all is well.
    if (instead == label || (instead == Label::ok && !facts.response_complete)) continue;
    why.changes.push_back(fmt::format("{}: {}", turn.words, info(instead).id));
  }
}

}  // namespace

Why why(const ExchangeFacts& facts, const Settings& settings) {
  Why result{.flow = facts.flow.flow.id,
             .exchange = facts.exchange.index,
             .facts = {},
             .worst_exchange = 0,
             .worst = Label::ok,
             .matched = matches(exchange_primaries(), facts, settings.thresholds),
             .noted = matches(exchange_annotations(), facts, settings.thresholds),
             .changes = {}};
  add_facts(result, facts.flow, &facts);
  const Label label = result.matched.empty() ? Label::ok : result.matched.front().label;
  add_turns(result, facts, settings.thresholds, label);
  add_thresholds(result, settings, label, [&](const Settings& changed) {
    return answer(exchange_primaries(), measure(facts.exchange, facts.flow, changed.thresholds),
                  changed.thresholds);
  });
  finish_matches(result, settings, facts.flow, &facts);
  return result;
}

namespace {

/// What gives a flow its label where its exchanges do not.
std::vector<Finding> flow_matches(const FlowFacts& facts, Severity worst,
                                  const Thresholds& limits) {
  std::vector<Finding> matched;
  for (const FlowPhase& phase : flow_primaries(facts, worst)) {
    for (Finding& finding : matches(phase.rules, facts, limits)) {
      if (finding.severity >= phase.least) matched.push_back(std::move(finding));
    }
  }
  return matched;
}

Label first_label(const std::vector<Finding>& matched) {
  return matched.empty() ? Label::ok : matched.front().label;
}

}  // namespace

Why why(const FlowFacts& facts, const WorstExchange& worst, const Settings& settings) {
  const bool named = worst.severity > Severity::info;
  Why result{.flow = facts.flow.id,
             .exchange = 0,
             .facts = {},
             .worst_exchange = named ? worst.exchange : 0,
             .worst = named ? worst.label : Label::ok,
             .matched = flow_matches(facts, worst.severity, settings.thresholds),
             .noted = matches(flow_annotations(), facts, settings.thresholds),
             .changes = {}};
  add_facts(result, facts, nullptr);
  add_thresholds(result, settings, first_label(result.matched), [&](const Settings& changed) {
    return first_label(flow_matches(facts, worst.severity, changed.thresholds));
  });
  finish_matches(result, settings, facts, nullptr);
  return result;
}

}  // namespace httpdiag::rules
