// SPDX-License-Identifier: Apache-2.0
// httpdiag merge: the reports of the shards of a capture, or of captures that follow each other,
// become the report of all; so do finished reports of captures that are still there. Of others, and
// of a fleet's, there is a table.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/finished_reports.hpp"
#include "cli/output.hpp"
#include "cli/read_again.hpp"
#include "cli/report_run.hpp"
#include "compare/overview.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/shard.hpp"
#include "report/version.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag analyze big.pcap --shard 0/4 --format json -o part0.json    # and 1/4 to 3/4\n"
    "  httpdiag merge part*.json\n"
    "  httpdiag merge part*.json --format json -o report.json\n"
    "  httpdiag analyze monday.pcap --shard 0/1 --format json -o monday.json\n"
    "  httpdiag merge monday.json tuesday.json     # captures that follow each other\n\n"
    "Of shards, the bytes are those of httpdiag analyze without --shard, in every\n"
    "format; give merge the same --config, --vantage, --profile and --ack-token.\n"
    "Shards of several captures, one after the other or at once, become one report as\n"
    "if all had been given to analyze. Where they have connections in common, merge reads\n"
    "the captures again, if they are where they were, and so it does of finished JSON\n"
    "reports. Where captures are gone, of NDJSON, and with --table it makes a table: which\n"
    "causes, how often, in which of them; the same packets count once. --fail-on heeds the\n"
    "worst of their findings.";

struct Options : ReportOptions {
  std::vector<std::string> reports;
  bool table = false;
};

/// What the shards left out cannot be asked for again.
void refuse_packet_filters(const FilterOptions& filters) {
  const bool any = !filters.hosts.empty() || !filters.networks.empty() || !filters.ports.empty() ||
                   !filters.time.empty() || !filters.bpf.empty();
  if (any) {
    throw Error{
        "merge: --host, --net, --port, --time and --bpf choose packets: give them to analyze "
        "--shard"};
  }
}

/// What a shard keeps is for the rules of the version that made it.
void expect_this_version(const ShardState& state) {
  if (state.tool == report::kToolVersion) return;
  throw Error{fmt::format(
      "{}: is of httpdiag {}, this is {}: shards are merged by the version that "
      "made them",
      state.name, base::escape_for_terminal(base::shorten(state.tool, 40)), report::kToolVersion)};
}

/// What a table cannot heed: the captures are not read again.
void refuse_for_overview(const CLI::App& command, const std::string& why) {
  for (const char* option :
       {"--label", "--flow", "--why", "--flows", "--uri", "--method", "--status", "--header-id",
        "--find", "--config", "--vantage", "--profile", "--ack-token", "--show-payload"}) {
    if (command.count(option) == 0) continue;
    throw Error{fmt::format("merge: {} is for one report, and of these there is a table only: {}",
                            option, why)};
  }
}

std::string written(const compare::Overview& overview, const std::string& format) {
  if (format == "ndjson") return compare::ndjson(overview);
  return format == "json" ? compare::json(overview) : compare::text(overview);
}

std::vector<compare::Profile> load_profiles(const Options& options) {
  std::vector<compare::Profile> profiles;
  for (const std::string& path : options.reports)
    profiles.push_back(compare::load_profile(path, {}));
  return profiles;
}

/// No report of all can be told from these. `why` is said where nobody asked for a table.
Exit show_overview(const Options& options, std::vector<compare::Profile> profiles, Console console,
                   const std::string& why) {
  const auto output = options.output.empty()
                          ? stream_output(console.out)
                          : file_output(options.output, options.reports, console.out);
  compare::Overview overview = compare::overview_of(std::move(profiles));
  if (!why.empty())
    overview.notes.insert(overview.notes.begin(),
                          why + ": for one report of them give the captures to analyze.");
  output->write(written(overview, options.format));
  output->commit();
  return fails(options, overview.worst) ? Exit::findings : Exit::clean;
}

/// How the captures were opened and filtered.
struct MadeWith {
  std::vector<std::string> filters;
  bool recover = false;  // one of them at least
  bool alike = true;     // all of them
};

MadeWith made_with(const std::vector<ShardState>& states) {
  MadeWith made{.filters = states.front().filters};
  for (const ShardState& state : states) {
    made.recover = made.recover || state.recover;
    made.alike = made.alike && state.recover == states.front().recover;
  }
  return made;
}

/// What the states do not tell is in the packets.
FilesAgain files_of(const CaptureSummary& made_of, const MadeWith& made) {
  if (!made.alike) return {{}, "one was read with --recover, another without"};
  return files_again(made_of);
}

Exit read_again(const ReportOptions& options, ReportPlan& plan, const FilterOptions& filters,
                const std::vector<std::string>& paths, const std::string& why, Console console) {
  const Query query = query_of(filters);
  const auto source = open_captures(
      paths, {.digest = plan.format != report::Format::text, .recover = plan.wanted.recover});
  const auto analysis = [&](const ReportPlan& how, FlowReportSink& flows, ProgressSink* progress) {
    return httpdiag::analyze(*source, how.settings, flows, progress, query);
  };
  const Exit exit = write_report(options, plan, source->summary(), analysis, console);
  warn(options, console, why + ": the captures were read again");
  return exit;
}

/// What one run over all captures of finished reports says; a table where there is none.
Exit merge_finished(const CLI::App& command, const Options& options, const std::string& digest,
                    Console console) {
  std::vector<compare::Profile> reports = load_profiles(options);
  OneRun run = one_run_of(reports, options, digest);
  if (!run.why_not.empty()) {
    refuse_for_overview(command, run.why_not);
    // Whoever has lines wants to count them.
    const bool lines = std::ranges::all_of(
        reports, [](const compare::Profile& each) { return each.origin.lines; });
    return show_overview(options, std::move(reports), console, lines ? "" : run.why_not);
  }
  ReportPlan plan = plan_of(run.options, console);
  plan.wanted.recover = run.recover;
  plan.reports = options.reports;
  return read_again(run.options, plan, run.options.filters, run.paths,
                    "finished reports do not hold what one run over all would say", console);
}

/// A table counts reports, of which shards are parts.
Exit merge_to_table(const CLI::App& command, const Options& options, Console console) {
  refuse_for_overview(command, "--table asks for it");
  for (const std::string& path : options.reports) {
    const auto state = load_shard(path);
    if (state && state->shard.count > 1)
      throw Error{fmt::format("{}: is a part of its capture (--shard {}/{}): merge the parts first",
                              path, state->shard.index, state->shard.count)};
  }
  return show_overview(options, load_profiles(options), console, {});
}

Exit merge(const CLI::App& command, const Options& options, Console console) {
  refuse_packet_filters(options.filters);
  if (options.table) return merge_to_table(command, options, console);
  ReportPlan plan = plan_of(options, console);
  std::vector<ShardState> states;
  std::string of_none;
  for (const std::string& path : options.reports) {
    if (auto state = load_shard(path)) {
      expect_this_version(*state);
      states.push_back(std::move(*state));
    } else {
      of_none = path;
    }
  }
  if (states.empty()) return merge_finished(command, options, plan.settings_digest, console);
  if (!of_none.empty())
    throw Error{
        fmt::format("{}: is no JSON report of a shard, {} is one", of_none, states.front().name)};
  std::vector<std::string>& filters = plan.wanted.selection.filters;
  filters.insert(filters.begin(), states.front().filters.begin(), states.front().filters.end());
  const MadeWith made = made_with(states);
  plan.wanted.recover = made.recover;
  plan.reports = options.reports;
  FilterOptions all_filters = options.filters;
  add_packet_filters(made.filters, all_filters);
  const bool divided =
      std::ranges::any_of(states, [](const ShardState& state) { return state.shard.count > 1; });
  std::optional<ShardSet> shards;
  try {
    shards.emplace(std::move(states), plan.settings);
  } catch (const CapturesOverlap& overlap) {
    const FilesAgain files = files_of(*overlap.input, made);
    if (files.why_not.empty())
      return read_again(options, plan, all_filters, files.paths, overlap.what(), console);
    const std::string why = fmt::format("{}; {}", overlap.what(), files.why_not);
    if (divided) throw Error{why + ": give all captures to each shard of analyze"};
    refuse_for_overview(command, why);
    return show_overview(options, load_profiles(options), console, why);
  }
  if (shards->may_cut_flows()) {
    const FilesAgain files = files_of(shards->summary(), made);
    const std::string why = "connections may go on from one capture to the next";
    if (files.why_not.empty())
      return read_again(options, plan, all_filters, files.paths, why, console);
  }
  const Query query = query_of(options.filters);
  const auto analysis = [&](const ReportPlan& how, FlowReportSink& flows, ProgressSink*) {
    return shards->analyze(how.settings, flows, query);
  };
  const Exit exit = write_report(options, plan, shards->summary(), analysis, console);
  if (const std::uint64_t cut = shards->cut_flows(); cut > 0) {
    warn(options, console,
         fmt::format("{} from one capture to the next, where {}: to follow {}, give the captures "
                     "to analyze",
                     cut == 1 ? "1 connection goes on" : fmt::format("{} connections go on", cut),
                     cut == 1 ? "it is another" : "they are others", cut == 1 ? "it" : "them"));
  }
  return exit;
}

}  // namespace

void add_merge(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "merge",
      "Make one report of those of all shards of one or more captures, or of finished reports");
  command
      ->add_option(
          "REPORT", options->reports,
          "JSON reports of analyze --shard I/N, one for each I, in any order, of one capture or "
          "several; or finished JSON or NDJSON reports")
      ->required();
  command->add_flag("--table", options->table,
                    "A table of the reports, and no report of all, whether or not the captures "
                    "are there");
  add_report_options(*command, *options);
  command->footer(kExamples);
  command->callback([command, options, &job] {
    job = [command, options](Console console) { return merge(*command, *options, console); };
  });
}

}  // namespace httpdiag::cli
