// SPDX-License-Identifier: Apache-2.0
// May this very request be sent again? Decided from what was delivered, not
// from the label alone.
#pragma once

#include "rules/facts.hpp"

namespace httpdiag::rules {

/// Not delivered: safe. Delivered and unanswered: only if idempotent. Answered: do not,
/// except where the answer itself says that the work was not done for good.
Retry retry_for(Label label, const ExchangeFacts& facts);

}  // namespace httpdiag::rules
