// SPDX-License-Identifier: Apache-2.0
// What only the real process needs, and tests of run() must not have.
#pragma once

#include "cli/commands.hpp"

namespace httpdiag::cli {

/// Signals and standard descriptors as the program wants them. Call once, first.
void prepare_process();

/// std::cout and std::cerr, and whether people look at them.
Console standard_console();

}  // namespace httpdiag::cli
