// SPDX-License-Identifier: Apache-2.0
// Why a flow or an exchange got its label: the facts, every rule that matched,
// and what would have changed the answer.
#pragma once

#include "httpdiag/report.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

Why why(const ExchangeFacts& facts, const Settings& settings);
/// What the exchanges of a flow came to.
struct WorstExchange {
  Label label = Label::ok;
  Severity severity{};
  std::uint32_t exchange = 0;  // 0: there is none
};
/// About the flow as a whole.
Why why(const FlowFacts& facts, const WorstExchange& worst, const Settings& settings);

}  // namespace httpdiag::rules
