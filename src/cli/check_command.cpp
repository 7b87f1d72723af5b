// SPDX-License-Identifier: Apache-2.0
// httpdiag check: regression over stored captures.
#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "check/cases.hpp"
#include "check/print.hpp"
#include "check/run.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "httpdiag/config.hpp"

namespace httpdiag::cli {
namespace {

const std::map<std::string, check::Format> kFormats{{"github", check::Format::github},
                                                    {"json", check::Format::json},
                                                    {"junit", check::Format::junit},
                                                    {"text", check::Format::text}};

constexpr unsigned kMostJobs = 256;

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag check captures/ --update             # write what is so now; read it\n"
    "  httpdiag check captures/ -j 8\n"
    "  httpdiag check captures/ --format junit -o check.xml\n"
    "  httpdiag check callback.pcap\n\n"
    "The expectation of callback.pcap is callback.expect.json beside it (docs/ci.md).\n\n"
    "Exit status: 0 all expectations hold; 1 some do not, or the capture of one is\n"
    "missing; 2 a capture or an expectation cannot be read, or nothing was checked.\n"
    "A capture without expectation is named and changes nothing, unless\n"
    "--require-expectations makes it a failure (1).";

struct Options {
  std::vector<std::string> paths;
  std::string format = "text";
  std::string output;
  std::string config;
  unsigned jobs = 1;
  bool update = false;
  bool require = false;
  bool quiet = false;
};

/// In short, for whoever sees no more of the run than what it says of itself.
void tell_unreadable(const std::vector<check::Result>& results, std::ostream& err) {
  const auto is_unreadable = [](const check::Result& each) {
    return each.status == check::Status::unreadable;
  };
  const auto first = std::ranges::find_if(results, is_unreadable);
  if (first == results.end()) return;
  const auto count = std::ranges::count_if(results, is_unreadable);
  err << "httpdiag: " << base::escape_for_terminal(first->error);
  if (count > 1) err << " (and " << count - 1 << " more that cannot be read)";
  err << '\n';
}

Exit check_captures(const Options& options, Console console) {
  check::RunOptions how;
  if (!options.config.empty()) how.settings = load_config(options.config);
  how.update = options.update;
  how.jobs = options.jobs;
  const std::vector<check::Case> cases = check::find_cases(options.paths);
  const auto output = options.output.empty() ? stream_output(console.out)
                                             : file_output(options.output, {}, console.out);
  const std::vector<check::Result> results = check::run(cases, how);
  output->write(check::print(results, kFormats.at(options.format),
                             {.quiet = options.quiet, .require = options.require}));
  output->commit();
  const check::Totals totals = check::totals_of(results);
  if (check::nothing_checked(totals)) console.err << "httpdiag: " << check::kNothingChecked << '\n';
  tell_unreadable(results, console.err);
  switch (check::verdict_of(totals, options.require)) {
    case check::Verdict::holds:
      return Exit::clean;
    case check::Verdict::differs:
      return Exit::findings;
    case check::Verdict::failed:
      break;
  }
  return Exit::failed;
}

}  // namespace

void add_check(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("check", "Hold stored captures to the labels that are expected of them");
  command
      ->add_option("PATH", options->paths,
                   "Captures, expectations, or folders that are searched with all below them")
      ->required();
  command->add_flag("--update", options->update,
                    "Write or rewrite expectations as it is now, and show the difference; what "
                    "must_not and timing demand stays");
  command->add_option("--format", options->format, "text, junit, json or github")
      ->check(CLI::IsMember(kFormats))
      ->type_name("FORMAT")
      ->capture_default_str();
  command
      ->add_option("-o,--output", options->output,
                   "Write the results to this file instead of standard output")
      ->check(names_a_file)
      ->type_name("OUT");
  command->add_option("-j,--jobs", options->jobs, "Captures analysed at once; same output")
      ->check(CLI::Range(1u, kMostJobs))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--config", options->config,
                   "Take thresholds and severities from this JSON file (docs/configuration.md)")
      ->type_name("FILE");
  command->add_flag("--require-expectations", options->require,
                    "Exit with 1 if a capture has no expectation");
  command->add_flag("-q,--quiet", options->quiet, "text: only what does not hold, and the sum");
  command->footer(kExamples);
  command->callback([options, &job] {
    job = [options](Console console) { return check_captures(*options, console); };
  });
}

}  // namespace httpdiag::cli
