// SPDX-License-Identifier: Apache-2.0
#include "check/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace httpdiag::check {
namespace {

std::string alternatives(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) base::append_item(text, label, " or ");
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
        static const ExpectedLabels kPlain{.primary = {"ok"}};
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

  void compare_capture() {
    for (const auto& [label, detail] : outcome_.capture) {
      const bool listed = !expected_.capture || expected_.capture->contains(label);
      if (expected_.must_not.contains(label)) {
        add("capture", "must not carry " + label, label, detail);
      } else if (!listed && !expected_.tolerate.lets_pass(label, true)) {
        add("capture", {}, label, detail);
      }
    }
    if (!expected_.capture) return;
    for (const std::string& label : *expected_.capture) {
      if (!outcome_.capture.contains(label) && !expected_.tolerate.lets_pass(label, false))
        add("capture", label, {});
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
      if (!found.annotations.contains(annotation) &&
          !expected_.tolerate.lets_pass(annotation, false))
        add(where, "annotation " + annotation, {});
    }
    for (const std::string& annotation : found.annotations) {
      if (!expected.annotations.contains(annotation) &&
          !expected_.tolerate.lets_pass(annotation, true))
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

/// Without what --update never touches.
Expectation rewritable(Expectation expectation) {
  expectation.must_not.clear();
  expectation.timing.clear();
  return expectation;
}

/// Items that do not carry the labels that `expected` wants.
std::set<std::string> differing(const Expectation& expected, const Outcome& outcome) {
  std::set<std::string> where;
  for (const Difference& each : compare(rewritable(expected), outcome)) where.insert(each.where);
  return where;
}

const OutcomeItem& found_at(const Outcome& outcome, ItemName item) {
  static const OutcomeItem kPlain{.label = "ok", .annotations = {}, .detail = {}, .timing = {}};
  const auto found = outcome.items.find(item);
  return found == outcome.items.end() ? kPlain : found->second;
}

/// What is let pass needs no mention, and keeps it where it has one.
std::set<std::string> renewed(const std::set<std::string>& listed,
                              const std::set<std::string>& found, const Tolerance& tolerate) {
  std::set<std::string> result;
  for (const std::string& each : found) {
    if (listed.contains(each) || !tolerate.lets_pass(each, true)) result.insert(each);
  }
  for (const std::string& each : listed) {
    if (tolerate.lets_pass(each, false)) result.insert(each);
  }
  return result;
}

void update_labels(Expectation& expectation, const Outcome& outcome) {
  const std::set<std::string> wrong = differing(expectation, outcome);
  std::map<ItemName, ExpectedLabels> labels;
  // What a person listed stays listed, though it may be plainly ok now.
  for (const auto& [item, before] : expectation.labels) {
    ExpectedLabels now = before;
    if (wrong.contains(to_string(item)) && outcome.has(item)) {
      const OutcomeItem& found = found_at(outcome, item);
      if (!before.any_of) now.primary = {found.label};
      now.annotations = renewed(before.annotations, found.annotations, expectation.tolerate);
    }
    if (outcome.has(item) || before.any_of) labels.emplace(item, std::move(now));
  }
  for (const auto& [item, found] : outcome.items) {
    if (expectation.labels.contains(item) || !wrong.contains(to_string(item))) continue;
    labels.emplace(
        item, ExpectedLabels{.primary = {found.label},
                             .annotations = renewed({}, found.annotations, expectation.tolerate)});
  }
  expectation.labels = std::move(labels);
}

void update_deliveries(Expectation& expectation, const Outcome& outcome) {
  std::map<std::string, Range>& verdicts = *expectation.deliveries;
  std::erase_if(verdicts, [&](const auto& expected) {
    const auto found = outcome.deliveries.find(expected.first);
    return found == outcome.deliveries.end() && !expected.second.has(0);
  });
  for (const auto& [verdict, count] : outcome.deliveries) {
    const auto kept = verdicts.find(verdict);
    if (kept == verdicts.end() || !kept->second.has(count)) verdicts[verdict] = {count, count};
  }
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
  // A new one demands all that is so, and so that nothing else is.
  if (!before || before->deliveries) {
    if (!result.deliveries) result.deliveries.emplace();
    update_deliveries(result, outcome);
  }
  if (!before || (before->capture && differing(*before, outcome).contains("capture"))) {
    std::set<std::string> found;
    for (const auto& [label, detail] : outcome.capture) found.insert(label);
    result.capture = renewed(result.capture.value_or(found), found, result.tolerate);
  }
  update_labels(result, outcome);
  return result;
}

std::vector<Difference> differences_of_update(const Expectation& before, const Expectation& now,
                                              const Outcome& outcome) {
  const auto same = [](const Difference& a, const Difference& b) {
    return a.where == b.where && a.expected == b.expected && a.found == b.found;
  };
  const std::vector<Difference> left = compare(now, outcome);
  std::vector<Difference> all = compare(rewritable(before), outcome);
  std::erase_if(all, [&](const Difference& each) {
    return std::ranges::any_of(left, [&](const Difference& other) { return same(each, other); });
  });
  for (Difference& each : all) each.settled = true;
  all.insert(all.end(), left.begin(), left.end());
  return all;
}

}  // namespace httpdiag::check
