// SPDX-License-Identifier: Apache-2.0
// What analyze and merge share: the options that say how a report is made and shown, and the run
// from an analysis to the written report.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/filter_options.hpp"
#include "httpdiag/analysis.hpp"
#include "report/render.hpp"

namespace httpdiag::cli {

struct ReportOptions {
  std::string format = "text";
  std::string output;
  std::string config;
  std::string why;
  std::string vantage;
  std::string fail_on;
  std::vector<std::string> labels;
  FilterOptions filters;
  std::optional<std::uint32_t> flow;
  std::string flows = "problems";
  std::string colour = "auto";
  std::string ack_profile;
  std::string ack_token;
  bool show_payload = false;
  bool verbose = false;
  bool quiet = false;
};
void add_report_options(CLI::App& command, ReportOptions& options);

/// What the options come to.
struct ReportPlan {
  report::Format format = report::Format::text;
  report::Options wanted;
  Settings settings;
  std::string settings_digest;       // of what was asked for, whatever the format
  std::vector<std::string> reports;  // that it is made of: not to be replaced, like the captures
};
/// Throws Error.
ReportPlan plan_of(const ReportOptions& options, const Console& console);

/// Whether --fail-on asks for exit status 1, where `worst` is the worst finding.
bool fails(const ReportOptions& options, Severity worst);

using Analysis = std::function<Report(const ReportPlan&, FlowReportSink&, ProgressSink*)>;
/// Analyses and writes the report. `input` is what the analysis reads.
Exit write_report(const ReportOptions& options, ReportPlan& plan, const CaptureSummary& input,
                  const Analysis& analysis, Console console);

/// One line on standard error, unless --quiet.
void warn(const ReportOptions& options, Console console, const std::string& what);

}  // namespace httpdiag::cli
