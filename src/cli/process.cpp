// SPDX-License-Identifier: Apache-2.0
#include "cli/process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

namespace httpdiag::cli {
namespace {

/// A closed standard descriptor would be handed to the next file we open, and a
/// report or a message could end up in it. Occupy it with something that fails.
void occupy(int descriptor, int flags) {
  if (::fcntl(descriptor, F_GETFD) != -1) return;
  const int opened = ::open("/dev/null", flags);
  if (opened >= 0 && opened != descriptor) {
    ::dup2(opened, descriptor);
    ::close(opened);
  }
}

}  // namespace

void prepare_process() {
  occupy(STDIN_FILENO, O_WRONLY);
  occupy(STDOUT_FILENO, O_RDONLY);
  occupy(STDERR_FILENO, O_WRONLY);
  std::signal(SIGPIPE, SIG_IGN);  // writes fail with EPIPE instead: see output.cpp
  std::ios::sync_with_stdio(false);
}

Console standard_console() {
  return {std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
}

}  // namespace httpdiag::cli
