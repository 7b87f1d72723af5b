// SPDX-License-Identifier: Apache-2.0
#include "rules/headline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/tally.hpp"

namespace httpdiag::rules {

namespace {

/// Of flows or of exchanges, with a primary label of this severity.
std::uint64_t sum(const Report& report, Severity severity, bool exchanges) {
  std::uint64_t total = 0;
  if (report.omitted_causes == 0) {
    for (const Cause& cause : report.causes) {
      if (cause.severity == severity && (cause.example_exchange != 0) == exchanges)
        total += cause.count;
    }
    return total;
  }
  for (const LabelProblems& each : exchanges ? report.exchange_problems : report.flow_problems) {
    if (each.primary.severity == severity) total += each.primary.count;
  }
  return total;
}

/// Where not all causes are listed, the one that is most frequent may not be.
std::string most_frequent_label(const Report& report, Severity severity) {
  std::uint64_t most = 0;
  std::size_t most_of = 0;
  for (std::size_t i = 0; i < label_count(); ++i) {
    std::uint64_t count = 0;
    for (const LabelProblems& each : {report.flow_problems[i], report.exchange_problems[i]}) {
      if (each.primary.severity == severity) count += each.primary.count;
    }
    if (count <= most) continue;
    most = count;
    most_of = i;
  }
  return fmt::format("{} {}", times(most), info(static_cast<Label>(most_of)).id);
}

/// "5 times closed-without-response towards 10.0.0.9:80"
std::string most_frequent(const Report& report, Severity severity) {
  if (report.omitted_causes != 0) return most_frequent_label(report, severity);
  const auto worst = std::find_if(report.causes.begin(), report.causes.end(),
                                  [&](const Cause& cause) { return cause.severity == severity; });
  return fmt::format("{} {} towards {}", times(worst->count), info(worst->label).id,
                     to_string(worst->server));
}

/// All that failed as connections did so before a request could be sent.
bool none_came_about(const Report& report) {
  for (std::size_t i = 0; i < label_count(); ++i) {
    const Phase phase = info(static_cast<Label>(i)).phase;
    if (report.flow_problems[i].primary.severity == Severity::error && phase != Phase::connect &&
        phase != Phase::tls)
      return false;
  }
  return true;
}

/// Legs behind a proxy are counted as well: as requests there would be too many.
std::string all_requests(const Report& report) {
  return base::count(report.exchanges, report.chains.requests > 0 ? "exchange" : "request");
}

/// " (9 of them at a constant distance, as of a health check)"
std::string regular_ones(const Report& report) {
  std::uint64_t regular = 0;
  for (const Cause& cause : report.causes) {
    if (cause.regular) regular += cause.count;
  }
  return regular == 0
             ? std::string{}
             : fmt::format(" ({} of them at a constant distance, as of a health check)", regular);
}

std::string failed(const Report& report, std::uint64_t exchanges, std::uint64_t flows) {
  std::string text;
  if (exchanges > 0)
    text = fmt::format(
        "{} of {} failed{}", exchanges, all_requests(report),
        report.chains.requests > 0 ? " (a request that passes a proxy is one on each leg)" : "");
  if (flows > 0) {
    if (!text.empty()) text += " and ";
    text += fmt::format("{} of {} failed{}{}", flows, base::count(report.flows, "connection"),
                        none_came_about(report) ? " to come about" : "", regular_ones(report));
  }
  return text;
}

/// "among 3 requests on 2 connections", "on 1 connection".
std::string among_all(const Report& report) {
  const std::string connections = "on " + base::count(report.flows, "connection");
  if (report.exchanges == 0) return connections;
  return fmt::format("among {} {}", all_requests(report), connections);
}

/// One, or as many as a name server failed for.
std::uint64_t names_of(const Finding& finding) {
  const auto* names = finding.fact<std::int64_t>("names");
  return names == nullptr ? 1 : static_cast<std::uint64_t>(*names);
}

/// Where no connection failed, one that never began may be what the capture is about.
std::string unresolved(const Report& report) {
  std::uint64_t lookups = 0;
  for (const Finding& finding : report.findings) {
    if (finding.label == Label::dns_failed && finding.severity == Severity::error)
      lookups += names_of(finding);
  }
  if (lookups == 0) return {};
  return fmt::format("{} did not resolve; no connection failed{}.", base::count(lookups, "name"),
                     report.flows == 0 ? ", and none is in this capture" : "");
}

/// Most connections were recorded in one direction only: that nothing failed says little then.
bool mostly_one_way(const Report& report) {
  const auto label = static_cast<std::size_t>(Label::capture_one_way);
  const std::uint64_t one_way = report.flow_problems[label].annotation.count;
  return one_way > 0 && one_way * 2 >= report.flows;
}

std::string_view one_way_words(const Report& report) {
  return mostly_one_way(report)
             ? "; only one direction of most connections is in this capture, and how they went on "
               "is not known"
             : "";
}

/// The first warning that no single connection or request carries: what many of them show together.
const Finding* warning_over_all(const Report& report) {
  const auto found =
      std::find_if(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
        return finding.severity >= Severity::warning && info(finding.label).phase != Phase::capture;
      });
  return found == report.findings.end() ? nullptr : &*found;
}

/// The most frequent of the warnings that stand beside a primary label; empty: there is none.
std::string_view warning_beside(const Report& report) {
  std::uint64_t most = 0;
  std::size_t most_of = 0;
  for (std::size_t i = 0; i < label_count(); ++i) {
    if (info(static_cast<Label>(i)).phase == Phase::capture) continue;
    for (const LabelProblems& each : {report.flow_problems[i], report.exchange_problems[i]}) {
      if (each.annotation.severity < Severity::warning || each.annotation.count <= most) continue;
      most = each.annotation.count;
      most_of = i;
    }
  }
  return most == 0 ? std::string_view{} : info(static_cast<Label>(most_of)).id;
}

/// What of the exchanges is not in the capture, though nothing went wrong with what is.
std::string left_unseen(const Report& report) {
  const auto exchanges = [&](Label label) {
    return report.exchange_problems[static_cast<std::size_t>(label)].annotation.count;
  };
  const auto were = [](std::uint64_t count) {
    return count == 1 ? "1 was" : fmt::format("{} were", count);
  };
  if (const auto unseen = exchanges(Label::capture_one_way); unseen > 0)
    return fmt::format("the server's side of {} is not in this capture", unseen);
  if (const auto open = report.annotations[static_cast<std::size_t>(Label::capture_ended_early)];
      open > 0) {
    return were(open) + " still under way when the capture ended";
  }
  if (const auto cut = exchanges(Label::capture_snaplen_cut); cut > 0)
    return were(cut) + " recorded only in part";
  return {};
}

}  // namespace

namespace {

/// What went well each time, and more often than once.
std::string delivered_again(const Report& report) {
  std::uint64_t duplicated = 0, reused = 0;
  for (const Delivery& delivery : report.deliveries.list) {
    if (delivery.severity < Severity::warning) continue;
    if (delivery.duplicated) ++duplicated;
    if (delivery.bodies_differ) ++reused;
  }
  if (duplicated + reused == 0) return {};
  const std::string among = base::count(report.exchanges, "request");
  if (duplicated == 0)
    return fmt::format("Nothing failed among {}, but {} came with different bodies.", among,
                       base::count(reused, "callback key"));
  return fmt::format(
      "Nothing failed among {}, but {} delivered more than once.", among,
      duplicated == 1 ? "1 callback was" : fmt::format("{} callbacks were", duplicated));
}

/// What stands in front of the most frequent cause of this severity: others may be beside it.
std::string_view beside_others(const Report& report, Severity severity) {
  std::size_t causes = 0;
  std::uint64_t most = 0;
  for (const Cause& cause : report.causes) {
    if (cause.severity != severity) continue;
    ++causes;
    most = std::max(most, cause.count);
  }
  if (causes < 2) return {};
  return most > 1 ? "most often, " : "among others, ";
}

}  // namespace

std::string headline(const Report& report) {
  const std::uint64_t exchanges = sum(report, Severity::error, true);
  const std::uint64_t flows = sum(report, Severity::error, false);
  if (exchanges + flows > 0) {
    return fmt::format("{}: {}{}{}.", failed(report, exchanges, flows),
                       beside_others(report, Severity::error),
                       most_frequent(report, Severity::error), one_way_words(report));
  }
  if (const std::string names = unresolved(report); !names.empty()) return names;
  if (report.flows == 0) {
    const Finding* warning = warning_over_all(report);
    const std::string_view none = report.ledger.filtered > 0
                                      ? "The filters left over no TCP connection"
                                      : "No TCP connection is in this capture";
    return warning == nullptr
               ? fmt::format("{}.", none)
               : fmt::format("{}, but a warning: {}.", none, info(warning->label).id);
  }
  if (!report.causes.empty()) {
    const std::uint64_t warnings =
        sum(report, Severity::warning, true) + sum(report, Severity::warning, false);
    return fmt::format("No failure {}, but {}: {}{}{}.", among_all(report),
                       base::count(warnings, "warning"), beside_others(report, Severity::warning),
                       most_frequent(report, Severity::warning), one_way_words(report));
  }
  if (const std::string again = delivered_again(report); !again.empty()) return again;
  if (mostly_one_way(report)) {
    return fmt::format(
        "No failure is visible {}, but only one direction of most of them is in this capture.",
        among_all(report));
  }
  if (const Finding* warning = warning_over_all(report); warning != nullptr) {
    return fmt::format("No failure {}, but over all of it a warning: {}.", among_all(report),
                       info(warning->label).id);
  }
  const std::string unseen = left_unseen(report);
  const std::string_view beside = warning_beside(report);
  if (unseen.empty() && !beside.empty())
    return fmt::format("No failure {}, but a warning: {}.", among_all(report), beside);
  const auto cut = report.annotations[static_cast<std::size_t>(Label::capture_snaplen_cut)];
  if (report.exchanges == 0 && cut > 0) {
    return fmt::format(
        "No HTTP request can be told on {}, since packets were recorded only in part; no "
        "connection failed to come about.",
        base::count(report.flows, "connection"));
  }
  if (report.exchanges == 0) {
    return fmt::format("No HTTP request is visible on {}; no connection failed.",
                       base::count(report.flows, "connection"));
  }
  const std::string all = fmt::format("{} on {}", base::count(report.exchanges, "request"),
                                      base::count(report.flows, "connection"));
  return unseen.empty() ? fmt::format("Nothing is wrong with {}.", all)
                        : fmt::format("No failure is visible among {}; {}.", all, unseen);
}

}  // namespace httpdiag::rules
