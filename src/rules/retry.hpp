// SPDX-License-Identifier: Apache-2.0
// May this very request be sent again? Decided from what was delivered, not
// from the label alone.
#pragma once

#include "httpdiag/report.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

Said said_by_answer(const ExchangeFacts& facts);

/// `said` is what said_by_answer() found. Not delivered: safe. Delivered and unanswered: only if
/// idempotent. Answered: do not, except where the answer itself says that the work was not done for
/// good.
Retry retry_for(Label label, Said said, const ExchangeFacts& facts);

}  // namespace httpdiag::rules
