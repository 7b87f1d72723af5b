// SPDX-License-Identifier: Apache-2.0
#include "check/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace httpdiag::check {
namespace {

std::string alternatives(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) text += (text.empty() ? "" : " or ") + label;
  return text;
}

class Comparison {
 public:
  Comparison(const Expectation& expected, const Outcome& outcome)
      : expected_{expected}, outcome_{outcome} {}

  std::vector<Difference> run() {
    count("flows", expected_.flows, outcome_.flows);
    count("exchanges", expected_.exchanges, outcome_.exchanges);
    compare_capture();
    compare_deliveries();
    for (const auto& [item, labels] : expected_.labels) compare_listed(item, labels);
    for (const auto& [item, found] : outcome_.items) {
      if (!expected_.labels.contains(item) && !expected_.tolerate.unlisted) {
        static const ExpectedLabels kPlain{.primary = {"ok"}, .annotations = {}};
        compare_labels(to_string(item), kPlain, found);
      }
      compare_forbidden(to_string(item), found);
    }
    compare_timing();
    return std::move(differences_);
  }

 private:
  void add(std::string where, std::string expected, std::string found, std::string detail = {}) {
    differences_.push_back(
        {std::move(where), std::move(expected), std::move(found), std::move(detail)});
  }

  void count(std::string_view what, const std::optional<Range>& range, std::uint64_t found) {
    if (range && !range->has(found))
      add("counts", fmt::format("{} {}", to_string(*range), what), fmt::format("{}", found));
  }

  bool tolerated(const std::string& annotation, bool extra) const {
    return (extra && expected_.tolerate.any_annotation) ||
           expected_.tolerate.annotations.contains(annotation);
  }

  void compare_capture() {
    for (const auto& [label, detail] : outcome_.capture) {
      const bool listed = !expected_.capture || expected_.capture->contains(label);
      if (expected_.must_not.contains(label)) {
        add("capture", "must not carry " + label, label, detail);
      } else if (!listed && !tolerated(label, true)) {
        add("capture", {}, label, detail);
      }
    }
    if (!expected_.capture) return;
    for (const std::string& label : *expected_.capture) {
      if (!outcome_.capture.contains(label) && !tolerated(label, false)) add("capture", label, {});
    }
  }

  void compare_deliveries() {
    if (!expected_.deliveries) return;
    for (const auto& [verdict, range] : *expected_.deliveries) {
      const auto found = outcome_.deliveries.find(verdict);
      const std::uint64_t count = found == outcome_.deliveries.end() ? 0 : found->second;
      if (!range.has(count))
        add("deliveries", fmt::format("{} {}", to_string(range), verdict),
            fmt::format("{}", count));
    }
    for (const auto& [verdict, count] : outcome_.deliveries) {
      if (!expected_.deliveries->contains(verdict))
        add("deliveries", {}, fmt::format("{} {}", count, verdict));
    }
  }

  void compare_listed(ItemName item, const ExpectedLabels& labels) {
    const std::string where = to_string(item);
    if (!outcome_.has(item)) {
      add(where, alternatives(labels.primary),
          fmt::format("no such {}", item.exchange == 0 ? "flow" : "exchange"));
      return;
    }
    static const OutcomeItem kPlain{.label = "ok", .annotations = {}, .detail = {}, .timing = {}};
    const auto found = outcome_.items.find(item);
    compare_labels(where, labels, found == outcome_.items.end() ? kPlain : found->second);
  }

  void compare_labels(const std::string& where, const ExpectedLabels& expected,
                      const OutcomeItem& found) {
    if (std::ranges::find(expected.primary, found.label) == expected.primary.end())
      add(where, alternatives(expected.primary), found.label, found.detail);
    for (const std::string& annotation : expected.annotations) {
      if (!found.annotations.contains(annotation) && !tolerated(annotation, false))
        add(where, "annotation " + annotation, {});
    }
    for (const std::string& annotation : found.annotations) {
      if (!expected.annotations.contains(annotation) && !tolerated(annotation, true))
        add(where, {}, "annotation " + annotation);
    }
  }

  void compare_forbidden(const std::string& where, const OutcomeItem& found) {
    for (const std::string& label : expected_.must_not) {
      if (found.label == label || found.annotations.contains(label))
        add(where, "must not carry " + label, label, found.label == label ? found.detail : "");
    }
  }

  void compare_timing() {
    for (const auto& [item, times] : expected_.timing) {
      const auto found = outcome_.items.find(item);
      for (const auto& [which, range] : times) {
        const bool measured = found != outcome_.items.end() && found->second.timing.contains(which);
        const Range wide = widened(range);
        const std::string wanted = fmt::format("{} of {}", which, to_string(wide));
        if (!measured) {
          add(to_string(item), wanted, "not measured");
        } else if (const std::uint64_t time = found->second.timing.at(which); !wide.has(time)) {
          add(to_string(item), wanted, fmt::format("{}", time));
        }
      }
    }
  }

  /// A time given as one number may be off.
  Range widened(Range range) const {
    const std::uint64_t by = expected_.tolerate.timing_us;
    if (range.low != range.high) return range;
    return {range.low - std::min(range.low, by), range.high + by};
  }

  const Expectation& expected_;
  const Outcome& outcome_;
  std::vector<Difference> differences_;
};

ExpectedLabels labels_of(const OutcomeItem& item) {
  return {.primary = {item.label}, .annotations = item.annotations};
}

void update_labels(Expectation& expectation, const Outcome& outcome) {
  std::map<ItemName, ExpectedLabels> labels;
  for (const auto& [item, found] : outcome.items) {
    const bool plain = found.label == "ok" && found.annotations.empty();
    const auto before = expectation.labels.find(item);
    const bool listed = before != expectation.labels.end();
    if (!listed && (plain || expectation.tolerate.unlisted)) continue;
    ExpectedLabels now = labels_of(found);
    // Of several possible ones it is still one.
    if (listed &&
        std::ranges::find(before->second.primary, found.label) != before->second.primary.end()) {
      now.primary = before->second.primary;
    }
    labels.emplace(item, std::move(now));
  }
  // What a person listed though it is plainly ok stays listed.
  for (const auto& [item, before] : expectation.labels) {
    if (outcome.has(item))
      labels.emplace(item, ExpectedLabels{.primary = {"ok"}, .annotations = {}});
  }
  expectation.labels = std::move(labels);
}

}  // namespace

std::vector<Difference> compare(const Expectation& expected, const Outcome& outcome) {
  return Comparison{expected, outcome}.run();
}

Expectation updated(const std::optional<Expectation>& before, const Outcome& outcome) {
  Expectation result = before.value_or(Expectation{});
  const auto set_count = [&](std::optional<Range>& range, std::uint64_t count) {
    if (!before || (range && !range->has(count))) range = Range{count, count};
  };
  set_count(result.flows, outcome.flows);
  set_count(result.exchanges, outcome.exchanges);
  update_labels(result, outcome);
  if (before ? before->capture.has_value() : !outcome.capture.empty()) {
    result.capture.emplace();
    for (const auto& [label, detail] : outcome.capture) result.capture->insert(label);
  }
  if (before ? before->deliveries.has_value() : !outcome.deliveries.empty()) {
    std::map<std::string, Range> verdicts;
    for (const auto& [verdict, count] : outcome.deliveries) {
      const auto kept = result.deliveries ? result.deliveries->find(verdict) : verdicts.end();
      const bool holds =
          result.deliveries && kept != result.deliveries->end() && kept->second.has(count);
      verdicts[verdict] = holds ? kept->second : Range{count, count};
    }
    result.deliveries = std::move(verdicts);
  }
  return result;
}

}  // namespace httpdiag::check
