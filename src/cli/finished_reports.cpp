// SPDX-License-Identifier: Apache-2.0
#include "cli/finished_reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "cli/read_again.hpp"
#include "httpdiag/error.hpp"
#include "report/version.hpp"

namespace httpdiag::cli {
namespace {

using compare::Origin;
using compare::Profile;

std::string shown(const std::string& text) {
  return base::escape_for_terminal(base::shorten(text, 200));
}

/// Those of packets, or those of exchanges.
std::vector<std::string> filters_of(const Origin& origin, bool of_packets) {
  std::vector<std::string> filters;
  std::ranges::copy_if(origin.filters, std::back_inserter(filters), [&](const std::string& each) {
    return is_packet_filter(each) == of_packets;
  });
  return filters;
}

bool same_packets(const Origin& a, const Origin& b) {
  std::vector<std::string> of_a = filters_of(a, true), of_b = filters_of(b, true);
  std::ranges::sort(of_a);
  std::ranges::sort(of_b);
  return of_a == of_b;
}

bool same_view(const Origin& a, const Origin& b) {
  return a.labels == b.labels && a.show_payload == b.show_payload &&
         filters_of(a, false) == filters_of(b, false);
}

/// `more` behind `texts`, but for what is there already: who gives an option again means the same.
std::vector<std::string> with(std::vector<std::string> texts,
                              const std::vector<std::string>& more) {
  for (const std::string& each : more) {
    if (std::ranges::find(texts, each) == texts.end()) texts.push_back(each);
  }
  return texts;
}

/// Why no other run can be told from this report; empty: it says all.
std::string why_not(const Profile& report) {
  const Origin& origin = report.origin;
  const std::string name = shown(report.name);
  if (origin.lines) return name + " is NDJSON";
  if (report.tool != report::kToolVersion)
    return fmt::format("{} is of httpdiag {}, this is {}", name, shown(report.tool),
                       report::kToolVersion);
  if (origin.settings_digest.empty()) return name + " does not say what it was made with";
  if (origin.both_ends) return name + " compares two captures";
  if (!origin.passed_over.empty()) return shown(origin.passed_over) + " was passed over";
  constexpr std::string_view kLost = "\xef\xbf\xbd";  // in place of a byte that is no UTF-8
  for (const std::string& filter : origin.filters) {
    FilterOptions known;
    if (!add_noted_filter(filter, known) || filter.find(kLost) != filter.npos)
      return fmt::format("{} was made with {}", name, shown(filter));
  }
  return {};
}

std::string why_not_alike(const Profile& a, const Profile& b) {
  const std::string names = fmt::format("{} and {}", shown(a.name), shown(b.name));
  if (a.origin.settings_digest != b.origin.settings_digest)
    return names + " were made with different settings";
  if (!same_packets(a.origin, b.origin))
    return names + " were made of differently filtered packets";
  if (a.origin.recover != b.origin.recover)
    return fmt::format("{} was read with --recover, {} without",
                       shown((a.origin.recover ? a : b).name),
                       shown((a.origin.recover ? b : a).name));
  return {};
}

std::string why_too_much(std::span<const Profile> reports) {
  std::size_t files = 0;
  std::uint64_t bytes_left = kMostBytesAgain;
  for (const Profile& report : reports) {
    for (const Origin::File& file : report.origin.files) {
      if (++files > kMostFilesAgain)
        return fmt::format("they are of more than {} files", kMostFilesAgain);
      if (file.bytes > bytes_left)
        return fmt::format("their captures are larger than {} GB in all",
                           kMostBytesAgain / 1'000'000'000);
      bytes_left -= file.bytes;
    }
  }
  return {};
}

/// What one flow is elsewhere, and what is shown of one capture and not of another, nobody can say.
std::string why_no_view(std::span<const Profile> reports) {
  const Profile& first = reports.front();
  for (const Profile& each : reports) {
    if (each.origin.flow != 0) return shown(each.name) + " shows one flow of its capture";
    if (!same_view(each.origin, first.origin))
      return fmt::format("{} and {} do not show the same", shown(first.name), shown(each.name));
  }
  return {};
}

/// Those of the reports, and behind them those of merge.
ReportOptions options_of(const Origin& origin, const ReportOptions& given) {
  ReportOptions options = given;
  options.labels = with(origin.labels, given.labels);
  options.show_payload = origin.show_payload || given.show_payload;
  FilterOptions filters;
  for (const std::string& filter : origin.filters) add_noted_filter(filter, filters);
  filters.uris = with(filters.uris, given.filters.uris);
  filters.methods = with(filters.methods, given.filters.methods);
  filters.statuses = with(filters.statuses, given.filters.statuses);
  if (!given.filters.header_id.empty()) filters.header_id = given.filters.header_id;
  if (!given.filters.find.empty()) filters.find = given.filters.find;
  options.filters = std::move(filters);
  return options;
}

FilesAgain files_of(std::span<const Profile> reports) {
  CaptureSummary made_of;
  for (const Profile& report : reports) {
    for (const Origin::File& file : report.origin.files) {
      CaptureFile& added = made_of.files.emplace_back();
      added.name = file.name;
      added.bytes = file.bytes;
      added.sha256 = file.sha256;
    }
  }
  return files_again(made_of);
}

}  // namespace

OneRun one_run_of(std::span<const Profile> reports, const ReportOptions& given,
                  const std::string& settings_digest) {
  const Profile& first = reports.front();
  OneRun run;
  for (const Profile& each : reports) {
    run.why_not = why_not(each);
    if (run.why_not.empty()) run.why_not = why_not_alike(first, each);
    if (!run.why_not.empty()) return run;
  }
  if (settings_digest != first.origin.settings_digest) {
    run.why_not =
        "they were made with other settings than those of merge (give it the same --config, "
        "--vantage, --profile and --ack-token)";
    return run;
  }
  run.why_not = why_no_view(reports);
  if (run.why_not.empty()) run.why_not = why_too_much(reports);
  if (!run.why_not.empty()) return run;
  run.options = options_of(first.origin, given);
  run.recover = first.origin.recover;
  FilesAgain files = files_of(reports);
  run.paths = std::move(files.paths);
  run.why_not = std::move(files.why_not);
  return run;
}

}  // namespace httpdiag::cli
