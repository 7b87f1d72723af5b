// SPDX-License-Identifier: Apache-2.0
// Applies the user's own rules to facts.
#pragma once

#include <optional>

#include "httpdiag/own_rules.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

/// The finding of `rule` if all of its conditions hold. `exchange` is null for a flow as a whole.
std::optional<Finding> apply(const OwnRule& rule, const FlowFacts& flow,
                             const ExchangeFacts* exchange);

}  // namespace httpdiag::rules
