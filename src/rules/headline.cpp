// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/tally.hpp"

namespace httpdiag::rules {

namespace {

std::uint64_t sum(const std::vector<Cause>& causes, Severity severity, bool exchanges) {
  std::uint64_t total = 0;
  for (const Cause& cause : causes) {
    if (cause.severity == severity && (cause.example_exchange != 0) == exchanges)
      total += cause.count;
  }
  return total;
}

/// "5 times closed-without-response towards 10.0.0.9:80"
std::string most_frequent(const std::vector<Cause>& causes, Severity severity) {
  const auto worst = std::find_if(causes.begin(), causes.end(),
                                  [&](const Cause& cause) { return cause.severity == severity; });
  return fmt::format("{} {} towards {}",
                     worst->count == 1 ? "once" : fmt::format("{} times", worst->count),
                     info(worst->label).id, to_string(worst->server));
}

/// All that failed as connections did so before a request could be sent.
bool none_came_about(const std::vector<Cause>& causes) {
  return std::all_of(causes.begin(), causes.end(), [](const Cause& cause) {
    const Phase phase = info(cause.label).phase;
    return cause.severity != Severity::error || cause.example_exchange != 0 ||
           phase == Phase::connect || phase == Phase::tls;
  });
}

std::string failed(const Report& report, std::uint64_t exchanges, std::uint64_t flows) {
  std::string text;
  if (exchanges > 0)
    text = fmt::format("{} of {} failed", exchanges, base::count(report.exchanges, "request"));
  if (flows > 0) {
    if (!text.empty()) text += " and ";
    text += fmt::format("{} of {} failed{}", flows, base::count(report.flows, "connection"),
                        none_came_about(report.causes) ? " to come about" : "");
  }
  return text;
}

/// Where no connection failed, one that never began may be what the capture is about.
std::string unresolved(const Report& report) {
  std::uint64_t lookups = 0;
  for (const Finding& finding : report.findings) {
    if (finding.label == Label::dns_failed && finding.severity == Severity::error) ++lookups;
  }
  if (lookups == 0) return {};
  return fmt::format("{} did not resolve; no connection failed{}.", base::count(lookups, "name"),
                     report.flows == 0 ? ", and none is in this capture" : "");
}

/// Most connections were recorded in one direction only: that nothing failed says little then.
bool mostly_one_way(const Report& report) {
  const auto one_way = report.annotations[static_cast<std::size_t>(Label::capture_one_way)];
  return one_way > 0 && one_way * 2 >= report.flows;
}

}  // namespace

std::string headline(const Report& report) {
  const std::uint64_t exchanges = sum(report.causes, Severity::error, true);
  const std::uint64_t flows = sum(report.causes, Severity::error, false);
  if (exchanges + flows > 0) {
    return fmt::format("{}: {}{}.", failed(report, exchanges, flows),
                       report.causes.size() > 1 ? "most often, " : "",
                       most_frequent(report.causes, Severity::error));
  }
  if (const std::string names = unresolved(report); !names.empty()) return names;
  if (report.flows == 0) return "No TCP connection is in this capture.";
  if (!report.causes.empty()) {
    std::uint64_t warnings = 0;
    for (const Cause& cause : report.causes) warnings += cause.count;
    return fmt::format("No failure among {} on {}, but {}: {}{}.",
                       base::count(report.exchanges, "request"),
                       base::count(report.flows, "connection"), base::count(warnings, "warning"),
                       report.causes.size() > 1 ? "most often, " : "",
                       most_frequent(report.causes, Severity::warning));
  }
  if (mostly_one_way(report)) {
    return fmt::format(
        "No failure is visible among {} on {}, but only one direction of most of them is in this "
        "capture.",
        base::count(report.exchanges, "request"), base::count(report.flows, "connection"));
  }
  if (report.exchanges == 0) {
    return fmt::format("No HTTP request is visible on {}; no connection failed.",
                       base::count(report.flows, "connection"));
  }
  return fmt::format("Nothing is wrong with {} on {}.", base::count(report.exchanges, "request"),
                     base::count(report.flows, "connection"));
}

}  // namespace httpdiag::rules
