// SPDX-License-Identifier: Apache-2.0
// The subcommands and what they share: the two streams they may write to, their
// exit status, and run(), which main() calls and tests call in process.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <iosfwd>

namespace httpdiag::cli {

/// Where a run may write: the report to `out`, everything about the run to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

/// Exit status of the process; documented in docs/usage.md.
enum class Exit : std::uint8_t { clean = 0, findings = 1, failed = 2 };

/// What the chosen subcommand does, once the command line is known to be right.
using Job = std::function<Exit(Console)>;

/// Each adds its subcommand to `app`; when chosen, it puts its work into `job`.
void add_analyze(CLI::App& app, Job& job);
void add_rules(CLI::App& app, Job& job);
void add_explain(CLI::App& app, Job& job);
void add_facts(CLI::App& app, Job& job);
void add_check(CLI::App& app, Job& job);
void add_diff(CLI::App& app, Job& job);
void add_merge(CLI::App& app, Job& job);

/// The whole program: parses the command line, does the job, returns the exit status.
int run(int argc, const char* const* argv, Console console);

}  // namespace httpdiag::cli
