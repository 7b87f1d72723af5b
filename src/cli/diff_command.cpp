// SPDX-License-Identifier: Apache-2.0
// httpdiag diff: before and after.
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "compare/changes.hpp"
#include "compare/print.hpp"
#include "httpdiag/config.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag diff before.pcap after.pcap\n"
    "  httpdiag diff monday.json after.pcap.gz --fail-on-new\n"
    "  httpdiag diff before.json after.json --by label --format json\n\n"
    "Rates are of requests, of connections or of deliveries. MORE and FEWER are\n"
    "beyond chance (Fisher's exact test at 5 %); what is not is SAME.\n\n"
    "Exit status: 0 done; 1 with --fail-on-new if something got worse: a warning, an\n"
    "error or a failed delivery that is NEW or MORE; 2 one of the two cannot be read, or,\n"
    "with --fail-on-new, they cannot be compared: one holds no connection, or AFTER no\n"
    "request or delivery where BEFORE had some.";

struct Options {
  std::string before, after;
  std::string format = "text";
  std::string by = "server";
  std::string output;
  std::string config;
  bool fail_on_new = false;
};

Exit diff(const Options& options, Console console) {
  const Settings settings = options.config.empty() ? Settings{} : load_config(options.config);
  const compare::Profile before = compare::load_profile(options.before, settings);
  const compare::Profile after = compare::load_profile(options.after, settings);
  const compare::Changes changes = compare::changes_between(before, after, options.by == "server");
  const auto output =
      options.output.empty()
          ? stream_output(console.out)
          : file_output(options.output, {options.before, options.after}, console.out);
  output->write(options.format == "json" ? compare::json(before, after, changes)
                                         : compare::text(before, after, changes));
  output->commit();
  if (!options.fail_on_new) return Exit::clean;
  if (changes.worse) return Exit::findings;
  return changes.incomparable.empty() ? Exit::clean : Exit::failed;
}

}  // namespace

void add_diff(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("diff", "Compare two captures or reports: what is new, gone, more, fewer");
  command->add_option("BEFORE", options->before, "Capture, or JSON or NDJSON report")->required();
  command->add_option("AFTER", options->after, "Capture, or JSON or NDJSON report")->required();
  command->add_option("--format", options->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command
      ->add_option("--by", options->by,
                   "What makes two causes the same: label and server, or the label alone")
      ->check(CLI::IsMember({"server", "label"}))
      ->type_name("WHAT")
      ->capture_default_str();
  command
      ->add_option("-o,--output", options->output,
                   "Write the result to this file instead of standard output")
      ->check(names_a_file)
      ->type_name("OUT");
  command
      ->add_option("--config", options->config,
                   "Analyse captures with this configuration (docs/configuration.md)")
      ->type_name("FILE");
  command->add_flag("--fail-on-new", options->fail_on_new, "Exit with 1 if something got worse");
  command->footer(kExamples);
  command->callback(
      [options, &job] { job = [options](Console console) { return diff(*options, console); }; });
}

}  // namespace httpdiag::cli
