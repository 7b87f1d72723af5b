// SPDX-License-Identifier: Apache-2.0
// httpdiag analyze: opens the capture, runs the pipeline, writes the report.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "base/text.hpp"
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
    "  httpdiag analyze --client sender.pcap --server receiver.pcap\n"
    "  ssh host tcpdump -U -w - port 8080 | httpdiag analyze - --fail-on error";

struct Options : ReportOptions {
  std::vector<std::string> captures;
  std::vector<std::string> client, server;  // captures of either end
  bool both_ends() const { return !client.empty(); }
  std::string shard;
  bool recover = false;
};

std::unique_ptr<PacketSource> open_input(const std::vector<std::string>& captures,
                                         const Options& options, bool digest) {
  for (const std::string& path : captures) {
    if (path == "-" && ::isatty(STDIN_FILENO) == 1) {
      throw Error{"standard input: is a terminal; a capture must be piped or redirected into it"};
    }
  }
  return open_captures(captures, {.digest = digest, .recover = options.recover});
}

/// One capture, or one of either end.
struct Input {
  std::unique_ptr<PacketSource> one, other;
  std::optional<BothEnds> both;

  Input(const Options& options, bool digest) {
    if (!options.both_ends()) {
      one = open_input(options.captures, options, digest);
      return;
    }
    one = open_input(options.client, options, digest);
    other = open_input(options.server, options, digest);
    both.emplace(*one, *other);
  }
  const CaptureSummary& summary() const { return both ? both->summary() : one->summary(); }
  Report analyze(const Settings& settings, FlowReportSink& flows, ProgressSink* progress,
                 const Query& query) {
    return both ? httpdiag::analyze(*both, settings, flows, progress, query)
                : httpdiag::analyze(*one, settings, flows, progress, query);
  }
};

/// Files, or both ends, and not half of them.
void check_captures(const Options& options) {
  const bool client = !options.client.empty(), server = !options.server.empty();
  if (client != server) {
    throw Error{fmt::format("--{} needs --{} too: the capture of the other end",
                            client ? "client" : "server", client ? "server" : "client")};
  }
  if (client && !options.captures.empty()) {
    throw Error{fmt::format("{}: a capture without --client or --server does not go with these",
                            base::escape_for_terminal(options.captures.front()))};
  }
  if (!client && options.captures.empty())
    throw Error{"FILE is required, or --client FILE and --server FILE"};
  if (client && !options.vantage.empty())
    throw Error{"--vantage: is what --client and --server say already"};
  if (client && !options.shard.empty())
    throw Error{"--shard: parts are made of one capture, not of --client and --server"};
  const auto from_stdin = [](const std::vector<std::string>& paths) {
    return std::count(paths.begin(), paths.end(), "-");
  };
  if (from_stdin(options.client) + from_stdin(options.server) > 1)
    throw Error{"standard input: can be read but once"};
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
  check_captures(options);
  ReportPlan plan = plan_of(options, console);
  plan.wanted.recover = options.recover;
  std::optional<Shard> shard;
  ShardState state;
  if (!options.shard.empty()) {
    shard = shard_of(options.shard);
    if (plan.format == report::Format::json) {
      state.filters = filters_for_state(plan);
      state.recover = options.recover;
      plan.wanted.shard = &state;
    }
    // It says so of itself: a part cannot pass for the whole.
    plan.wanted.selection.filters.push_back("--shard " + options.shard);
  }
  // Input first: a bad one must not cost an output file.
  Input input{options, plan.format != report::Format::text};
  const Query query = query_of(options.filters);
  const auto analysis = [&](const ReportPlan& how, FlowReportSink& flows, ProgressSink* progress) {
    return shard ? analyze_shard(*input.one, how.settings, *shard, flows, progress, query, state)
                 : input.analyze(how.settings, flows, progress, query);
  };
  return write_report(options, plan, input.summary(), analysis, console);
}

void add_ends(CLI::App& command, Options& options) {
  command
      .add_option(
          "--client", options.client,
          "Capture taken at the client, of the same traffic as --server's; repeatable, or a "
          "folder (docs/two-captures.md)")
      ->type_name("FILE")
      ->take_all()
      ->allow_extra_args(false);
  command
      .add_option("--server", options.server,
                  "Capture taken at the server: the report says what was lost between the two")
      ->type_name("FILE")
      ->take_all()
      ->allow_extra_args(false);
}

}  // namespace

void add_analyze(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("analyze", "Say what went wrong with the HTTP in a capture");
  command->add_option("FILE", options->captures,
                      "pcap or pcapng file, also compressed (gzip, zstd, lz4, xz); - is standard "
                      "input; several, "
                      "or a folder of them, are one timeline");
  add_ends(*command, *options);
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
