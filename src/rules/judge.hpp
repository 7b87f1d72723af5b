// SPDX-License-Identifier: Apache-2.0
// From facts to a report entry: picks the primary label by precedence, adds the
// annotations, copies what the report shows of the messages.
#pragma once

#include "httpdiag/report.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

// The common cases, decided without measuring facts. Tests hold both to what the rules say.

/// Nothing about it can interest any rule: whole, in time, 2xx, no oddity.
bool plainly_ok(const Exchange& exchange, const Thresholds& limits);

/// No rule about flows can fire on one that had exchanges and nothing else: a handshake by the
/// book, nothing lost, reset or odd.
bool plainly_ok(const FlowRecord& flow, const Thresholds& limits);

ExchangeReport judge(const Exchange& exchange, const FlowFacts& flow, const Settings& settings);

struct FlowVerdict {
  Label label = Label::ok;
  Severity severity = Severity::ok;
  std::vector<Finding> findings;  // of the flow itself: primary first
  std::vector<Label> annotations;
};
/// `worst` is the label that the flow's exchanges amount to (ok if there were none).
FlowVerdict judge(const FlowFacts& flow, Label worst, Severity worst_severity,
                  const Settings& settings);

/// Worst severity among an entry's findings.
Severity worst_of(const std::vector<Finding>& findings);

}  // namespace httpdiag::rules
