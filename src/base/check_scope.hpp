// SPDX-License-Identifier: Apache-2.0
// For input that claims to be what we wrote: where it contradicts what we always write, a failed
// HTTPDIAG_CHECK says something of the input, not of us.
#pragma once

#include "httpdiag/error.hpp"

namespace httpdiag::base {

class FailedCheck : public Error {
 public:
  FailedCheck() : Error{"the input contradicts itself"} {}
};

/// As long as it lives, a check that fails in this thread throws FailedCheck.
class CheckScope {
 public:
  CheckScope();
  ~CheckScope();
  CheckScope(const CheckScope&) = delete;
  CheckScope& operator=(const CheckScope&) = delete;

 private:
  bool before_;
};

}  // namespace httpdiag::base
