// SPDX-License-Identifier: Apache-2.0
// The program; everything it does is in cli/.
#include "cli/process.hpp"

int main(int argc, char** argv) {
  httpdiag::cli::prepare_process();
  return httpdiag::cli::run(argc, argv, httpdiag::cli::standard_console());
}
