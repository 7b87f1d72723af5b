// SPDX-License-Identifier: Apache-2.0
// Why a flow or an exchange got its label: the facts, every rule that matched,
// and what would have changed the answer.
#pragma once

#include "httpdiag/report.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

Why why(const ExchangeFacts& facts, const Settings& settings);
/// About the flow as a whole.
Why why(const FlowFacts& facts, const Settings& settings);

}  // namespace httpdiag::rules
