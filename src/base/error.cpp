// SPDX-License-Identifier: Apache-2.0
// Where a broken invariant of our own ends the program.
#include "httpdiag/error.hpp"

#include <cstdio>
#include <cstdlib>

namespace httpdiag {

void check_failed(const char* condition, const char* file, int line) {
  // No allocation, no locks of ours: whatever is broken must not stop the message.
  std::fprintf(stderr, "httpdiag: internal error: %s:%d: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace httpdiag
