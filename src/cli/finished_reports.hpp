// SPDX-License-Identifier: Apache-2.0
// Finished reports, and the one run over all of their captures that they stand for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/report_run.hpp"
#include "compare/profile.hpp"

namespace httpdiag::cli {

// Nobody who puts the reports of a fleet side by side wants to read the captures of a week.
inline constexpr std::size_t kMostFilesAgain = 100;
inline constexpr std::uint64_t kMostBytesAgain = 10'000'000'000;  // in all

/// What such a run is given.
struct OneRun {
  std::vector<std::string> paths;
  ReportOptions options;
  bool recover = false;
  std::string why_not;  // there is none: reports and captures do not tell how; empty: there is
};

/// `given`: the options of merge, which are added to those that the reports were made with.
/// Settings are not in a report, but their digest is: they have to be given again.
OneRun one_run_of(std::span<const compare::Profile> reports, const ReportOptions& given,
                  const std::string& settings_digest);

}  // namespace httpdiag::cli
