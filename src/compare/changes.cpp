// SPDX-License-Identifier: Apache-2.0
#include "compare/changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.hpp"

namespace httpdiag::compare {
namespace {

double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

/// What describes the capture, not the traffic, may come and go.
bool about_capture(const std::string& label) {
  const RuleInfo* rule = find_rule(label);
  return rule != nullptr && rule->phase == Phase::capture;
}

bool is_empty(const Profile& profile) { return profile.flows + profile.exchanges == 0; }

/// Whether what `row` counts could have come up in both. Where there were no requests before, a
/// failing one is new all the same.
bool is_measured(const Row& row, const Profile& before, const Profile& after, const Entry& found) {
  if (row.whole == Whole::none && about_capture(row.label)) return true;
  if (found.count != 0 && !is_empty(before)) return true;
  return !is_empty(before) && !is_empty(after) && after.size_of(row.whole) != 0;
}

/// Silence about requests, where there are none, is no sign that they went well.
std::string why_incomparable(const Profile& before, const Profile& after, bool by_server) {
  for (const Profile* each : {&before, &after}) {
    if (is_empty(*each)) return fmt::format("{} holds no connection", each->name);
  }
  if (before.exchanges != 0 && after.exchanges == 0)
    return fmt::format("{} holds no request that can be judged", after.name);
  if (before.deliveries != 0 && after.deliveries == 0)
    return fmt::format("{} holds no delivery", after.name);
  for (const Profile* each : {&before, &after}) {
    if (by_server && !capped_labels(*each).empty()) {
      return fmt::format(
          "{} does not name all servers (limits.max_causes); --by label compares without them",
          each->name);
    }
  }
  return {};
}

Kind kind_of(const Change& change) {
  if (change.before == 0) return Kind::fresh;
  if (change.after == 0) return Kind::gone;
  if (!change.beyond_chance) return Kind::same;
  // a/b < c/d without the rounding of a division.
  const auto product = [](std::uint64_t a, std::uint64_t b) {
    return static_cast<long double>(a) * static_cast<long double>(b);
  };
  return product(change.before, change.after_of) < product(change.after, change.before_of)
             ? Kind::more
             : Kind::fewer;
}

Change change_of(const Row& row, const Entry& before, const Entry& after, const Profile& a,
                 const Profile& b) {
  Change change{.row = row,
                .severity = std::max(before.severity, after.severity),
                .before = before.count,
                .before_of = a.size_of(row.whole),
                .after = after.count,
                .after_of = b.size_of(row.whole)};
  if (row.whole == Whole::none) {
    change.before = std::min<std::uint64_t>(change.before, 1);
    change.after = std::min<std::uint64_t>(change.after, 1);
    // There or not there, in one capture each: nothing is beyond chance.
  } else {
    change.beyond_chance =
        differs_beyond_chance(change.before, change.before_of, change.after, change.after_of);
  }
  change.kind = is_measured(row, a, b, after) ? kind_of(change) : Kind::unmeasured;
  // A warning that has become an error is one more error.
  change.graver = before.count != 0 && after.count != 0 && after.severity > before.severity;
  if (change.graver) change.kind = Kind::more;
  change.worse = (change.kind == Kind::fresh || change.kind == Kind::more) &&
                 change.severity >= Severity::warning && !about_capture(row.label);
  return change;
}

std::set<std::string> servers_of(const Profile& profile) {
  std::set<std::string> servers;
  for (const auto& [row, entry] : profile.rows) {
    if (!row.server.empty()) servers.insert(row.server);
  }
  return servers;
}

std::vector<std::string> notes_on(const Profile& a, const Profile& b, bool by_server) {
  std::vector<std::string> notes;
  if (a.settings != b.settings)
    notes.push_back("The two were analysed with different settings; labels may differ for that.");
  if (a.tool != b.tool)
    notes.push_back(fmt::format("The two are of different versions: {} and {}.", a.tool, b.tool));
  for (const Profile* each : {&a, &b}) {
    if (each->damaged)
      notes.push_back(fmt::format("{} breaks off: what followed is not counted.", each->name));
    if (std::string note = capped_note(*each); by_server && !note.empty())
      notes.push_back(std::move(note));
  }
  const std::set<std::string> before = servers_of(a), after = servers_of(b);
  const bool common =
      std::ranges::any_of(before, [&](const std::string& each) { return after.contains(each); });
  if (by_server && !before.empty() && !after.empty() && !common)
    notes.push_back("The failing servers are others; --by label compares without them.");
  return notes;
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::fresh:
      return "new";
    case Kind::more:
      return "more";
    case Kind::unmeasured:
      return "unmeasured";
    case Kind::fewer:
      return "fewer";
    case Kind::gone:
      return "gone";
    case Kind::same:
      return "same";
  }
  return {};
}

bool differs_beyond_chance(std::uint64_t a, std::uint64_t all_a, std::uint64_t b,
                           std::uint64_t all_b) {
  if (all_a == 0 || all_b == 0 || a > all_a || b > all_b) return false;
  const double n_a = static_cast<double>(all_a), n_b = static_cast<double>(all_b);
  const double hits = static_cast<double>(a) + static_cast<double>(b);
  const double expected = hits * n_b / (n_a + n_b);
  const double observed = static_cast<double>(b);
  if (observed == expected) return false;
  // Given how many there are in all, how many of them fall to b is hypergeometric. The tail that
  // begins with what was observed:
  const bool upper = observed > expected;
  const double last = upper ? std::min(hits, n_b) : std::max(0.0, hits - n_a);
  const double all = log_choose(n_a + n_b, hits);
  double tail = 0;
  for (double x = observed; upper ? x <= last : x >= last; x += upper ? 1 : -1) {
    const double term = std::exp(log_choose(n_b, x) + log_choose(n_a, hits - x) - all);
    tail += term;
    if (term < tail * 1e-12) break;  // they only get smaller
  }
  return tail < 0.025;
}

Changes changes_between(const Profile& before, const Profile& after, bool by_server) {
  std::set<std::string> capped = capped_labels(before);
  capped.merge(capped_labels(after));
  const auto old_rows = comparable_rows(before, by_server, capped),
             new_rows = comparable_rows(after, by_server, capped);
  Changes changes;
  const auto find = [](const std::map<Row, Entry>& rows, const Row& row) {
    const auto found = rows.find(row);
    return found == rows.end() ? Entry{} : found->second;
  };
  std::set<Row> all;
  for (const auto& [row, entry] : old_rows) all.insert(row);
  for (const auto& [row, entry] : new_rows) all.insert(row);
  for (const Row& row : all) {
    const Change change = change_of(row, find(old_rows, row), find(new_rows, row), before, after);
    // Deliveries with which all is well are what the others are counted against.
    if (row.whole == Whole::deliveries && change.severity == Severity::ok) continue;
    changes.worse = changes.worse || change.worse;
    changes.list.push_back(change);
  }
  std::ranges::stable_sort(changes.list, {}, [](const Change& each) {
    return std::tuple{each.kind, -static_cast<int>(each.severity)};
  });
  changes.notes = notes_on(before, after, by_server);
  changes.incomparable = why_incomparable(before, after, by_server);
  return changes;
}

}  // namespace httpdiag::compare
