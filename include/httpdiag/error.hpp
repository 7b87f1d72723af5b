// SPDX-License-Identifier: Apache-2.0
// The only exception we throw, for when the world refuses: what, where, why in
// one line. Damaged traffic is never an exception. HTTPDIAG_CHECK is for when
// we are wrong ourselves: no report is better than a false one.
#pragma once

#include <stdexcept>
#include <string>

namespace httpdiag {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error{message} {}
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace httpdiag

#define HTTPDIAG_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::httpdiag::check_failed(#condition, __FILE__, __LINE__))
