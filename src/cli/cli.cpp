// SPDX-License-Identifier: Apache-2.0
// The whole command line: parsing, the one catch of the program, exit status.
#include <cerrno>
#include <exception>
#include <ostream>
#include <string>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/suggest.hpp"
#include "httpdiag/packet.hpp"
#include "report/version.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag analyze callback.pcap\n"
    "  httpdiag rules\n"
    "  httpdiag explain no-response\n"
    "  httpdiag explain \"NoHttpResponseException\"\n"
    "  httpdiag check captures/\n"
    "  httpdiag diff before.pcap after.pcap\n"
    "Each subcommand has a --help of its own.\n\n"
    "Exit status: 0 done, 1 a finding at or above --fail-on, 2 the input cannot be\n"
    "read, the output cannot be written, or the command line is wrong.";

/// Messages hold names that people and captures chose. One line, whatever is in
/// them; plain ASCII stays as it is, so that nothing is escaped twice.
std::string one_line(std::string_view message) {
  for (const char c : message) {
    if (c < ' ' || c > '~') return base::escape_for_terminal(message);
  }
  return std::string{message};
}

void complain(Console console, std::string_view message) {
  console.err << "httpdiag: " << one_line(message) << '\n';
}

/// The subcommand that was chosen, or the program itself.
const CLI::App& chosen(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app : *subcommands.front();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
  }
  return names;
}

/// CLI11's words for what is wrong, but with the nearest known word for an unknown one.
std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = chosen(app);
  const std::string where = &command == &app ? "" : command.get_name() + ": ";
  for (const std::string& word : app.remaining(true)) {
    if (word.size() > 1 && word[0] == '-') {
      const std::string option = word.substr(0, word.find('='));
      return where + "unknown option " + option + did_you_mean(option, option_names(command));
    }
    if (&command == &app) {
      if (word.find_first_of("./") != std::string::npos)
        return "did you mean httpdiag analyze " + word + "?";
      return "unknown subcommand " + word + did_you_mean(word, subcommand_names(app));
    }
    return where + "unexpected argument " + word;
  }
  return where + error.what();
}

int finish_parsing(CLI::App& app, const CLI::ParseError& error, Console console) {
  if (error.get_exit_code() == 0) {  // --help and --version "fail" with status 0
    app.exit(error, console.out, console.err);
    check_stream(console.out);
    return static_cast<int>(Exit::clean);
  }
  complain(console, describe(app, error));
  const CLI::App& command = chosen(app);
  console.err << "See httpdiag " << (&command == &app ? "" : command.get_name() + " ")
              << "--help\n";
  return static_cast<int>(Exit::failed);
}

std::string version() {
  std::string text = std::string{report::kToolName} + " " + std::string{report::kToolVersion} +
                     "\nreads: pcap, pcapng";
  for (const std::string_view compression : built_in_compressions()) {
    text += ", " + std::string{compression};
  }
  return text;
}

int parse_and_run(int argc, const char* const* argv, Console console) {
  CLI::App app{"Finds out what went wrong with HTTP callbacks, from a packet capture", "httpdiag"};
  app.set_version_flag("--version", version());
  app.require_subcommand(1);
  app.footer(kExamples);
  Job job;
  add_analyze(app, job);
  add_rules(app, job);
  add_explain(app, job);
  add_facts(app, job);
  add_check(app, job);
  add_diff(app, job);
  add_merge(app, job);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return finish_parsing(app, error, console);
  }
  const Exit status = job(console);
  check_stream(console.out);
  return static_cast<int>(status);
}

/// A run that begins knows the built-in labels alone, and leaves no others behind.
class OwnLabelsOfThisRun {
 public:
  OwnLabelsOfThisRun() { forget_own_labels(); }
  ~OwnLabelsOfThisRun() { forget_own_labels(); }
  OwnLabelsOfThisRun(const OwnLabelsOfThisRun&) = delete;
  OwnLabelsOfThisRun& operator=(const OwnLabelsOfThisRun&) = delete;
};

}  // namespace

int run(int argc, const char* const* argv, Console console) {
  const OwnLabelsOfThisRun labels;
  try {
    errno = 0;
    return parse_and_run(argc, argv, console);
  } catch (const ReaderGone&) {
    return static_cast<int>(Exit::clean);
  } catch (const std::bad_alloc&) {
    complain(console, "out of memory");
  } catch (const std::exception& error) {
    complain(console, error.what());
  }
  return static_cast<int>(Exit::failed);
}

}  // namespace httpdiag::cli
