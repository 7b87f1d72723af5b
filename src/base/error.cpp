// SPDX-License-Identifier: Apache-2.0
// Where a broken invariant of our own ends the program.
#include "httpdiag/error.hpp"

#include <cstdio>
#include <cstdlib>

#include "base/check_scope.hpp"

namespace httpdiag {

namespace base {
namespace {

thread_local bool checks_throw = false;

}  // namespace

CheckScope::CheckScope() : before_{checks_throw} { checks_throw = true; }
CheckScope::~CheckScope() { checks_throw = before_; }

}  // namespace base

void check_failed(const char* condition, const char* file, int line) {
  if (base::checks_throw) throw base::FailedCheck{};
  // No allocation, no locks of ours: whatever is broken must not stop the message.
  std::fprintf(stderr, "httpdiag: internal error: %s:%d: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace httpdiag
