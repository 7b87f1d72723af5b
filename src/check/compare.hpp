// SPDX-License-Identifier: Apache-2.0
// An expectation held against an outcome; and the expectation that an outcome fulfils.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "check/expectation.hpp"
#include "check/outcome.hpp"

namespace httpdiag::check {

/// One thing that does not hold.
struct Difference {
  std::string where;     // "1.2", "counts", "capture", "deliveries"
  std::string expected;  // "label request-on-half-closed"; empty: nothing of the kind
  std::string found;     // "label no-response"; empty: nothing of the kind
  std::string detail;    // the finding's sentence; may be empty
  bool settled = false;  // --update has written what was found
};

/// In the order: counts, capture, deliveries, then flows and exchanges.
std::vector<Difference> compare(const Expectation& expected, const Outcome& outcome);

/// What --update writes: labels, counts and verdicts as they are now, where they do not hold. What
/// people alone can write (note, must_not, timing, tolerances, any_of) stays, whether it holds or
/// not.
Expectation updated(const std::optional<Expectation>& before, const Outcome& outcome);
/// What an update from `before` to `now` has settled, and then what it has left.
std::vector<Difference> differences_of_update(const Expectation& before, const Expectation& now,
                                              const Outcome& outcome);

}  // namespace httpdiag::check
