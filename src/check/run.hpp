// SPDX-License-Identifier: Apache-2.0
// Checks captures against their expectations, several at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/cases.hpp"
#include "check/compare.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::check {

enum class Status : std::uint8_t {
  holds,
  differs,
  created,  // --update wrote the expectation
  updated,  // --update wrote it anew
  no_expectation,
  no_capture,
  unreadable,
};
std::string_view name(Status status);  // "no-expectation"

struct Result {
  Case subject;
  Status status = Status::holds;
  bool written = false;                   // by --update; it may differ all the same
  std::vector<Difference> differences{};  // also those that an update has settled
  std::string error{};                    // where unreadable
  // Of an expectation that is not understood: which line and column of it, from 1; 0: it is not
  // that.
  std::size_t line = 0, column = 0;
};

struct RunOptions {
  Settings settings;
  bool update = false;
  unsigned jobs = 1;
};

/// In the order of `cases`, whatever the number of jobs.
std::vector<Result> run(const std::vector<Case>& cases, const RunOptions& options);

struct Totals {
  std::uint64_t checked = 0, hold = 0, differ = 0, written = 0;
  std::uint64_t without_expectation = 0, without_capture = 0, unreadable = 0;
};
Totals totals_of(const std::vector<Result>& results);

/// What a run comes to. `require`: a capture without expectation is a failure.
enum class Verdict : std::uint8_t { holds, differs, failed };
std::string_view name(Verdict verdict);  // "holds"
Verdict verdict_of(const Totals& totals, bool require);
/// Without anything that was checked there is no verdict to be glad of.
inline constexpr std::string_view kNothingChecked =
    "nothing was checked: no capture with an expectation";
inline bool nothing_checked(const Totals& totals) {
  return totals.checked + totals.unreadable + totals.without_capture == 0;
}

}  // namespace httpdiag::check
