// SPDX-License-Identifier: Apache-2.0
// httpdiag merge: the reports of the shards of a capture become the report of the capture.
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/report_run.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag analyze big.pcap --shard 0/4 --format json -o part0.json    # and 1/4 to 3/4\n"
    "  httpdiag merge part*.json\n"
    "  httpdiag merge part*.json --format json -o report.json\n\n"
    "The bytes are those of httpdiag analyze without --shard, in every format. Give\n"
    "merge the same --config, --vantage, --profile and --ack-token as the shards.";

struct Options : ReportOptions {
  std::vector<std::string> reports;
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

Exit merge(const Options& options, Console console) {
  refuse_packet_filters(options.filters);
  ReportPlan plan = plan_of(options, console);
  std::vector<ShardState> states;
  for (const std::string& path : options.reports) states.push_back(load_shard(path));
  std::vector<std::string>& filters = plan.wanted.selection.filters;
  filters.insert(filters.begin(), states.front().filters.begin(), states.front().filters.end());
  ShardSet shards{std::move(states), plan.settings};
  const Query query = query_of(options.filters);
  const auto analysis = [&](const ReportPlan& how, FlowReportSink& flows, ProgressSink*) {
    return shards.analyze(how.settings, flows, query);
  };
  return write_report(options, plan, shards.summary(), analysis, console);
}

}  // namespace

void add_merge(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("merge", "Make one report of the reports of all shards of a capture");
  command
      ->add_option("REPORT", options->reports,
                   "JSON reports of analyze --shard I/N, one for each I, in any order")
      ->required();
  add_report_options(*command, *options);
  command->footer(kExamples);
  command->callback(
      [options, &job] { job = [options](Console console) { return merge(*options, console); }; });
}

}  // namespace httpdiag::cli
