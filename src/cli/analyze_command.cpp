// SPDX-License-Identifier: Apache-2.0
// httpdiag analyze: opens the capture, runs the pipeline, writes the report.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <optional>

#include "cli/commands.hpp"
#include "cli/report_run.hpp"
#include "httpdiag/analysis.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag analyze callback.pcap\n"
    "  httpdiag analyze callback.pcap --flow 12\n"
    "  httpdiag analyze callback.pcap --label no-response --flows all\n"
    "  httpdiag analyze callback.pcap --format json -o report.json\n"
    "  httpdiag analyze callback.pcapng.gz --recover\n"
    "  httpdiag analyze rotated.pcap0 rotated.pcap1 rotated.pcap2\n"
    "  ssh host tcpdump -U -w - port 8080 | httpdiag analyze - --fail-on error";

struct Options : ReportOptions {
  std::vector<std::string> captures;
  std::string shard;
  bool recover = false;
};

std::unique_ptr<PacketSource> open_input(const Options& options, bool digest) {
  for (const std::string& path : options.captures) {
    if (path == "-" && ::isatty(STDIN_FILENO) == 1) {
      throw Error{"standard input: is a terminal; a capture must be piped or redirected into it"};
    }
  }
  return open_captures(options.captures, {.digest = digest, .recover = options.recover});
}

/// "3/8": the fourth of eight.
Shard shard_of(const std::string& text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, shard.index);
  bool right = error == std::errc{} && slash != end && *slash == '/';
  if (right) {
    const auto [after, other] = std::from_chars(slash + 1, end, shard.count);
    right = other == std::errc{} && after == end;
  }
  if (!right || shard.index >= shard.count || shard.count > kMostShards) {
    throw Error{fmt::format(
        "--shard: expected I/N, from 0/N to N-1/N with N up to {}, such as 0/4, not \"{}\"",
        kMostShards, text)};
  }
  return shard;
}

/// The filters of packets; those of exchanges are applied when shards are merged.
std::vector<std::string> filters_for_state(const ReportPlan& plan) {
  const report::Selection& selection = plan.wanted.selection;
  if (selection.by_exchange() || selection.flow || !selection.labels.empty()) {
    throw Error{
        "--shard --format json: what is reported of the exchanges is for merge to say (--label, "
        "--flow, --uri, --method, --status, --header-id, --find)"};
  }
  return selection.filters;
}

Exit analyze_capture(const Options& options, Console console) {
  ReportPlan plan = plan_of(options, console);
  std::optional<Shard> shard;
  ShardState state;
  if (!options.shard.empty()) {
    shard = shard_of(options.shard);
    if (plan.format == report::Format::json) {
      state.filters = filters_for_state(plan);
      plan.wanted.shard = &state;
    }
    // It says so of itself: a part cannot pass for the whole.
    plan.wanted.selection.filters.push_back("--shard " + options.shard);
  }
  // Input first: a bad one must not cost an output file.
  const auto source = open_input(options, plan.format != report::Format::text);
  const Query query = query_of(options.filters);
  const auto analysis = [&](const ReportPlan& how, FlowReportSink& flows, ProgressSink* progress) {
    return shard ? analyze_shard(*source, how.settings, *shard, flows, progress, query, state)
                 : analyze(*source, how.settings, flows, progress, query);
  };
  return write_report(options, plan, source->summary(), analysis, console);
}

}  // namespace

void add_analyze(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("analyze", "Say what went wrong with the HTTP in a capture");
  command
      ->add_option("FILE", options->captures,
                   "pcap or pcapng file, also compressed (gzip, zstd, lz4, xz); - is standard "
                   "input; several, "
                   "or a folder of them, are one timeline")
      ->required();
  add_report_options(*command, *options);
  command->add_flag("--recover", options->recover,
                    "Behind damage, look for the next plausible record and go on; the report says "
                    "what was passed over");
  command
      ->add_option("--shard", options->shard,
                   "Only flows of part I of N, from 0/N on, by a hash of their ends; with "
                   "--format json for merge (docs/scale.md)")
      ->type_name("I/N");
  command->footer(kExamples);
  command->callback([options, &job] {
    job = [options](Console console) { return analyze_capture(*options, console); };
  });
}

}  // namespace httpdiag::cli
