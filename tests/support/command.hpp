// SPDX-License-Identifier: Apache-2.0
// The program as its users call it, within a test.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.hpp"

namespace httpdiag::test {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

struct CommandOutcome {
  int status = 0;
  std::string out, err;
};

inline CommandOutcome run(Arguments arguments) {
  arguments.insert(arguments.begin(), "httpdiag");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out, err;
  CommandOutcome outcome;
  outcome.status = cli::run(static_cast<int>(argv.size()), argv.data(),
                            {.out = out, .err = err, .out_is_terminal = false});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

}  // namespace httpdiag::test
