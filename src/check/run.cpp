// SPDX-License-Identifier: Apache-2.0
#include "check/run.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "config/document.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::check {
namespace {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file << text << std::flush;
  if (!file) throw Error{path + ": cannot be written"};
}

std::set<ItemName> timed_in(const std::optional<Expectation>& expected) {
  std::set<ItemName> items;
  if (!expected) return items;
  for (const auto& [item, times] : expected->timing) items.insert(item);
  return items;
}

namespace fs = std::filesystem;

/// `before` is what the expectation was; none: there was no file.
void update(Result& result, const std::optional<Expectation>& before, const Outcome& outcome) {
  const Expectation now = updated(before, outcome);
  const std::string text = write(now);
  Expectation nothing;
  nothing.capture.emplace();
  nothing.deliveries.emplace();
  result.differences = differences_of_update(before.value_or(nothing), now, outcome);
  const bool changed = !before || text != write(*before);
  if (changed) write_file(result.subject.expectation, text);
  result.written = changed;
  // What people alone may change is left: must_not, timing, any_of.
  const bool left =
      std::ranges::any_of(result.differences, [](const Difference& each) { return !each.settled; });
  result.status = left ? Status::differs : before ? Status::updated : Status::created;
}

/// `first`: of the captures that share its expectation, so that it is the one to write it.
void check_one(Result& result, const RunOptions& options, bool first) {
  const Case& subject = result.subject;
  if (!subject.error.empty()) throw Error{subject.error};
  if (subject.capture.empty()) {
    result.status = Status::no_capture;
    return;
  }
  const bool expects = subject.expected || (!first && fs::exists(subject.expectation));
  if (!expects && !options.update) {
    result.status = Status::no_expectation;
    return;
  }
  std::optional<Expectation> expected;
  if (expects) expected = load_expectation(subject.expectation);
  const Outcome outcome = outcome_of(subject.capture, options.settings, timed_in(expected));
  if (expected) result.differences = compare(*expected, outcome);
  const bool holds = expected && result.differences.empty();
  result.status = holds ? Status::holds : Status::differs;
  if (options.update && !holds && first) update(result, expected, outcome);
}

void check_caught(Result& result, const RunOptions& options, bool first) {
  try {
    check_one(result, options, first);
  } catch (const config::PlacedError& error) {
    result.status = Status::unreadable;
    result.error = error.what();
    result.line = error.place.line;
    result.column = error.place.column;
  } catch (const std::exception& error) {
    result.status = Status::unreadable;
    result.error = error.what();
  }
}

}  // namespace

std::string_view name(Status status) {
  switch (status) {
    case Status::holds:
      return "holds";
    case Status::differs:
      return "differs";
    case Status::created:
      return "created";
    case Status::updated:
      return "updated";
    case Status::no_expectation:
      return "no-expectation";
    case Status::no_capture:
      return "no-capture";
    case Status::unreadable:
      return "unreadable";
  }
  return {};
}

std::vector<Result> run(const std::vector<Case>& cases, const RunOptions& options) {
  std::vector<Result> results;
  for (const Case& subject : cases) results.push_back({.subject = subject});
  // Captures that share an expectation come one after the other.
  std::map<std::string, std::vector<std::size_t>> by_expectation;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Case& subject = results[i].subject;
    by_expectation[subject.expectation.empty() ? subject.capture : subject.expectation].push_back(
        i);
  }
  std::vector<std::vector<std::size_t>> groups;
  for (auto& [path, group] : by_expectation) groups.push_back(std::move(group));
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < groups.size();) {
      bool first = true;
      for (const std::size_t each : groups[i]) {
        check_caught(results[each], options, first);
        if (results[each].status != Status::unreadable) first = false;
      }
    }
  };
  {
    std::vector<std::jthread> workers;  // joined at the end of this block
    const std::size_t most = std::min<std::size_t>(options.jobs, results.size());
    for (std::size_t i = 1; i < most; ++i) workers.emplace_back(work);
    work();
  }
  return results;
}

Totals totals_of(const std::vector<Result>& results) {
  Totals totals;
  for (const Result& result : results) {
    const bool settled = result.status == Status::created || result.status == Status::updated;
    totals.hold += result.status == Status::holds;
    totals.differ += result.status == Status::differs;
    totals.written += result.written;
    totals.checked += settled;
    totals.without_expectation += result.status == Status::no_expectation;
    totals.without_capture += result.status == Status::no_capture;
    totals.unreadable += result.status == Status::unreadable;
  }
  totals.checked += totals.hold + totals.differ;
  return totals;
}

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::holds:
      return "holds";
    case Verdict::differs:
      return "differs";
    case Verdict::failed:
      return "failed";
  }
  return {};
}

Verdict verdict_of(const Totals& totals, bool require) {
  if (totals.unreadable != 0) return Verdict::failed;
  if (totals.differ != 0 || totals.without_capture != 0) return Verdict::differs;
  if (require && totals.without_expectation != 0) return Verdict::differs;
  return nothing_checked(totals) ? Verdict::failed : Verdict::holds;
}

}  // namespace httpdiag::check
