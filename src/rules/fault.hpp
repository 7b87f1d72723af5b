// SPDX-License-Identifier: Apache-2.0
// Whose fault it is (taxonomy 6). A rule says what its own facts prove; here it is held against
// where the capture was taken, and what remains open gets the capture that would settle it.
#pragma once

#include "httpdiag/finding.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

/// To be called once for each finding of a built-in rule.
void attribute(Finding& finding, const FlowFacts& flow, const Thresholds& limits);

}  // namespace httpdiag::rules
