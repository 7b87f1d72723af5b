// SPDX-License-Identifier: Apache-2.0
#include "config/rule_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace httpdiag::config {

namespace {

using Json = nlohmann::json;

struct Words {
  std::string_view fact, comparison, value;
};

/// "FACT COMPARISON VALUE", where the value may contain spaces; "FACT"; "not FACT".
Words split(std::string_view condition) {
  const auto word = [&] {
    condition = base::trim(condition);
    const std::string_view next = condition.substr(0, condition.find(' '));
    condition.remove_prefix(next.size());
    return next;
  };
  Words words;
  words.fact = word();
  words.comparison = word();
  words.value = base::trim(condition);
  return words;
}

constexpr std::array kComparisons{
    Comparison::equal,    Comparison::unequal,     Comparison::less,
    Comparison::at_most,  Comparison::greater,     Comparison::at_least,
    Comparison::contains, Comparison::starts_with, Comparison::ends_with};

bool only_for_text(Comparison comparison) { return comparison >= Comparison::contains; }
bool is_order(Comparison comparison) {
  return comparison >= Comparison::less && comparison <= Comparison::at_least;
}

std::optional<double> number(std::string_view text, std::string_view& unit) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0 || value > 1e12) return std::nullopt;
  unit = base::trim(text.substr(static_cast<std::size_t>(end - text.data())));
  return value;
}

std::optional<FactValue> parse(FactType type, std::string_view text) {
  std::string_view unit;
  switch (type) {
    case FactType::text:
      return FactValue{std::string{text}};
    case FactType::flag:
      if (text == "true" || text == "false") return FactValue{text == "true"};
      return std::nullopt;
    case FactType::duration: {
      const auto value = number(text, unit);
      constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
          {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};
      const auto known = std::find_if(kUnits.begin(), kUnits.end(),
                                      [&](const auto& each) { return each.first == unit; });
      if (!value || known == kUnits.end() || *value * known->second > 9e18) return std::nullopt;
      return FactValue{Duration{static_cast<std::int64_t>(*value * known->second)}};
    }
    case FactType::bytes: {
      const auto value = number(text, unit);
      constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
          {{"", 1}, {"B", 1}, {"kB", 1e3}, {"MB", 1e6}}};
      const auto known = std::find_if(kUnits.begin(), kUnits.end(),
                                      [&](const auto& each) { return each.first == unit; });
      if (!value || known == kUnits.end()) return std::nullopt;
      return FactValue{static_cast<std::int64_t>(*value * known->second)};
    }
    case FactType::number: {
      const auto value = number(text, unit);
      if (!value || !unit.empty() ||
          *value != static_cast<double>(static_cast<std::int64_t>(*value)))
        return std::nullopt;
      return FactValue{static_cast<std::int64_t>(*value)};
    }
  }
  return std::nullopt;
}

std::string_view example(FactType type) {
  switch (type) {
    case FactType::duration:
      return "a duration with its unit (ns, us, ms, s, min, h), such as 1.5 s";
    case FactType::bytes:
      return "a size (B, kB, MB), such as 20 kB";
    case FactType::number:
      return "a whole number without a unit";
    case FactType::flag:
      return "true or false";
    case FactType::text:
      return "a text";
  }
  return "a text";
}

class RuleReader {
 public:
  RuleReader(const Document& document, Path path) : document_{document}, path_{std::move(path)} {}

  OwnRule read(const Json& object, OwnLabel& label) {
    document_.expect(object.is_object(), path_, "a rule is an object");
    for (const auto& [key, value] : object.items()) {
      constexpr std::array<std::string_view, 9> kKeys{
          "label", "title", "on", "when", "severity", "fault", "text", "remedy", "first"};
      if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
        document_.fail(below(path_, key), fmt::format("unknown part \"{}\" of a rule{}", shown(key),
                                                      nearest(key, {kKeys.begin(), kKeys.end()})));
      }
    }
    OwnRule rule;
    label.id = text(object, "label", true);
    check_id(label.id);
    label.title = text(object, "title", true);
    document_.expect(label.title.size() <= 60, at("title"), "a title has 60 characters at most");
    rule.scope = label.scope = choice(
        object, "on", {{"exchange", Scope::exchange}, {"flow", Scope::flow}}, Scope::exchange);
    rule.severity = label.severity = choice(
        object, "severity",
        {{"error", Severity::error}, {"warning", Severity::warning}, {"info", Severity::info}},
        Severity::warning);
    rule.first = flag(object, "first");
    label.remedy = text(object, "remedy", false);
    read_fault(object, rule, label);
    read_conditions(object, rule);
    read_sentence(text(object, "text", true), rule);
    return rule;
  }

 private:
  Path at(const std::string& key) const { return below(path_, key); }

  std::string text(const Json& object, const std::string& key, bool needed) const {
    const auto found = object.find(key);
    if (found == object.end()) {
      document_.expect(!needed, path_, fmt::format("the rule has no \"{}\"", key));
      return {};
    }
    document_.expect(found->is_string() && found->get_ref<const std::string&>().size() <= 1000,
                     at(key), "expected a text of 1000 bytes at most");
    const auto value = found->get<std::string>();
    document_.expect(!needed || !base::trim(value, " \t\r\n").empty(), at(key),
                     "expected a text that says something");
    return value;
  }

  bool flag(const Json& object, const std::string& key) const {
    const auto found = object.find(key);
    if (found == object.end()) return false;
    document_.expect(found->is_boolean(), at(key), "expected true or false");
    return found->get<bool>();
  }

  template <typename T>
  T choice(const Json& object, const std::string& key,
           const std::vector<std::pair<std::string_view, T>>& known, T otherwise) const {
    const auto found = object.find(key);
    if (found == object.end()) return otherwise;
    std::string all;
    for (const auto& [word, value] : known) {
      if (*found == word) return value;
      base::append_item(all, fmt::format("\"{}\"", word));
    }
    document_.fail(at(key), "expected one of " + all);
  }

  void check_id(const std::string& id) const {
    const bool kebab = id.starts_with(kOwnLabelPrefix) && id.size() > kOwnLabelPrefix.size() &&
                       id.size() <= 40 && id.back() != '-' &&
                       std::all_of(id.begin(), id.end(), [](char c) {
                         return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                       });
    document_.expect(kebab, at("label"),
                     "an own label is \"own-\" and more, in a-z, 0-9 and -, 40 characters at most");
  }

  void read_fault(const Json& object, OwnRule& rule, OwnLabel& label) const {
    const auto found = object.find("fault");
    if (found == object.end()) {
      rule.fault.party = label.party = Party::unknown;
      return;
    }
    const Path path = at("fault");
    document_.expect(found->is_object(), path, "expected {\"party\": ..., \"confidence\": ...}");
    for (const auto& [key, value] : found->items()) {
      document_.expect(key == "party" || key == "confidence" || key == "unless", below(path, key),
                       fmt::format("unknown part \"{}\" of a fault{}", shown(key),
                                   nearest(key, {"party", "confidence", "unless"})));
    }
    const RuleReader fault{document_, path};
    std::vector<std::pair<std::string_view, Party>> parties;
    for (const Party party : {Party::client_app, Party::client_host, Party::network,
                              Party::server_host, Party::server_app, Party::unknown}) {
      parties.emplace_back(name(party), party);
    }
    rule.fault.party = label.party = fault.choice(*found, "party", parties, Party::unknown);
    rule.fault.confidence = label.confidence = fault.choice<Confidence>(
        *found, "confidence",
        {{"low", Confidence::low}, {"medium", Confidence::medium}, {"high", Confidence::high}},
        Confidence::medium);
    rule.fault.unless = fault.text(*found, "unless", false);
  }

  void read_conditions(const Json& object, OwnRule& rule) const {
    const auto found = object.find("when");
    document_.expect(found != object.end(), path_, "the rule has no \"when\"");
    const Path path = at("when");
    document_.expect(found->is_array() && !found->empty() && found->size() <= 32, path,
                     "expected a list of 1 to 32 conditions");
    for (std::size_t i = 0; i < found->size(); ++i) {
      const Path here = below(path, i);
      document_.expect((*found)[i].is_string(), here, "a condition is a text");
      rule.when.push_back(
          read_condition((*found)[i].get_ref<const std::string&>(), rule.scope, here));
    }
  }

  std::uint16_t fact_named(std::string_view name, Scope scope, const Path& path) const {
    const auto facts = fact_catalog();
    const auto found = std::find_if(facts.begin(), facts.end(),
                                    [&](const FactInfo& fact) { return fact.name == name; });
    if (found == facts.end()) {
      std::vector<std::string_view> known;
      for (const FactInfo& fact : facts) known.push_back(fact.name);
      document_.fail(path, fmt::format("unknown fact \"{}\"", shown(name)) + nearest(name, known));
    }
    document_.expect(found->scope == Scope::flow || scope == Scope::exchange, path,
                     fmt::format("\"{}\" is known of an exchange; this rule is on a flow", name));
    return static_cast<std::uint16_t>(found - facts.begin());
  }

  Condition read_condition(std::string_view text, Scope scope, const Path& path) const {
    Words words = split(text);
    const bool negated = words.fact == "not";
    if (negated) words = {words.comparison, {}, words.value};
    Condition condition;
    condition.fact = fact_named(words.fact, scope, path);
    const FactInfo& fact = fact_catalog()[condition.fact];
    if (words.comparison.empty()) {
      document_.expect(
          fact.type == FactType::flag && words.value.empty(), path,
          fmt::format("\"{}\" is a {}: say what it is compared with", fact.name, name(fact.type)));
      condition.value = !negated;
      return condition;
    }
    const auto comparison =
        std::find_if(kComparisons.begin(), kComparisons.end(),
                     [&](Comparison each) { return name(each) == words.comparison; });
    document_.expect(comparison != kComparisons.end(), path,
                     fmt::format("\"{}\" is no comparison: =, !=, <, <=, >, >=, contains, "
                                 "starts-with, ends-with",
                                 shown(words.comparison)));
    condition.comparison = *comparison;
    const bool ordered = fact.type != FactType::text && fact.type != FactType::flag;
    document_.expect(
        (only_for_text(*comparison) ? fact.type == FactType::text : true) &&
            (is_order(*comparison) ? ordered : true),
        path,
        fmt::format("\"{}\" is a {} and has no {}", fact.name, name(fact.type), words.comparison));
    const auto value = parse(fact.type, words.value);
    document_.expect(value.has_value(), path,
                     fmt::format("\"{}\" is compared with {}, not with \"{}\"", fact.name,
                                 example(fact.type), shown(words.value)));
    condition.value = *value;
    return condition;
  }

  void read_sentence(const std::string& sentence, OwnRule& rule) const {
    std::string words;
    for (std::size_t i = 0; i < sentence.size(); ++i) {
      if (sentence[i] != '{') {
        words += sentence[i];
        continue;
      }
      const std::size_t end = sentence.find('}', i);
      document_.expect(end != std::string::npos, at("text"), "a { without its }");
      if (!words.empty()) rule.text.emplace_back(std::exchange(words, {}));
      rule.text.emplace_back(fact_named(std::string_view{sentence}.substr(i + 1, end - i - 1),
                                        rule.scope, at("text")));
      i = end;
    }
    if (!words.empty()) rule.text.emplace_back(std::move(words));
  }

  const Document& document_;
  Path path_;
};

}  // namespace

std::vector<OwnRule> read_own_rules(const Document& document, const nlohmann::json& rules,
                                    const Path& path) {
  document.expect(rules.is_array() && rules.size() <= kMaxOwnLabels, path,
                  fmt::format("expected a list of {} rules at most", kMaxOwnLabels));
  std::vector<OwnRule> read;
  std::vector<OwnLabel> labels(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Path here = below(path, i);
    read.push_back(RuleReader{document, here}.read(rules[i], labels[i]));
    for (std::size_t other = 0; other < i; ++other) {
      document.expect(labels[other].id != labels[i].id, below(here, "label"),
                      "there is a rule with this label already");
    }
  }
  for (std::size_t i = 0; i < read.size(); ++i) read[i].label = add_own_label(labels[i]);
  return read;
}

}  // namespace httpdiag::config
