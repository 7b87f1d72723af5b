// SPDX-License-Identifier: Apache-2.0
// Answers that are a step on the way: they ask for the request once more, with credentials or
// elsewhere, and what comes of that says whether anything has failed.
#pragma once

#include <vector>

#include "httpdiag/exchange.hpp"

namespace httpdiag::rules {

/// 401 and 407 ask for credentials, 307 and 308 send the same request elsewhere, 301 and 302 may
/// (RFC 9110 §15.4), 417 wants it without Expect (§10.1.1). Where the head was recorded in part it
/// is believed to say so.
bool asks_for_more(const Exchange& exchange);

/// `exchange` has the request that the answer of `before` asked for.
bool goes_on(const Exchange& exchange, const Exchange& before);

/// `next` comes behind those: where it goes on and got through, they note that.
void note_grant(std::vector<Exchange>& challenged, const Exchange& next);

}  // namespace httpdiag::rules
