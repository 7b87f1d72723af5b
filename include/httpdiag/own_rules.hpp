// SPDX-License-Identifier: Apache-2.0
// Rules of the user's own: a label with conditions over named facts. The facts
// are the ones that the built-in rules compare.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "httpdiag/finding.hpp"

namespace httpdiag {

enum class FactType : std::uint8_t { duration, bytes, number, flag, text };
std::string_view name(FactType type);

/// A fact that conditions may use. `exchange` facts exist for exchanges only, `flow` facts for
/// both. A fact that could not be measured makes any condition on it false.
struct FactInfo {
  std::string_view name;  // "response.wait"
  Scope scope;
  FactType type;
  std::string_view meaning;
};
std::span<const FactInfo> fact_catalog();

using FactValue = std::variant<Duration, std::int64_t, bool, std::string>;

enum class Comparison : std::uint8_t {
  equal,
  unequal,
  less,
  at_most,
  greater,
  at_least,
  contains,
  starts_with,
  ends_with,
};
std::string_view name(Comparison comparison);  // ">="

struct Condition {
  std::uint16_t fact = 0;  // index into fact_catalog()
  Comparison comparison{};
  FactValue value;
};

/// A piece of an own rule's sentence: words, or the value of a fact.
using TextPart = std::variant<std::string, std::uint16_t>;

struct OwnRule {
  Label label{};  // of add_own_label()
  Scope scope = Scope::exchange;
  bool first = false;  // before the built-in labels
  Severity severity = Severity::warning;
  Fault fault;
  std::vector<Condition> when;  // all of them
  std::vector<TextPart> text;
};

/// Own labels begin with this, so that they never collide with a label to come.
inline constexpr std::string_view kOwnLabelPrefix = "own-";
inline constexpr std::size_t kMaxOwnLabels = 64;
/// Built-in and own labels.
inline constexpr std::size_t kMaxLabels = kLabelCount + kMaxOwnLabels;

struct OwnLabel {
  std::string id, title, remedy;
  Scope scope = Scope::exchange;
  Severity severity = Severity::warning;
  Party party = Party::unknown;
  Confidence confidence = Confidence::low;
};

/// Makes info() and find_rule() know it, for the life of the process. Same id: the same label with
/// the new texts. Requires room: fewer than kMaxOwnLabels.
Label add_own_label(OwnLabel label);
/// For a run that begins: only the built-in labels are known.
void forget_own_labels();
/// How many labels there are; own ones follow Label::ok.
std::size_t label_count();

}  // namespace httpdiag
