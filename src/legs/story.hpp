// SPDX-License-Identifier: Apache-2.0
// What the legs of one request tell together: where in the chain the time went,
// or the request died.
#pragma once

#include <vector>

#include "legs/record.hpp"

namespace httpdiag::legs {

/// `legs` as Book::chain_of() gives them, not empty.
Chain chain_of(const std::vector<Record>& legs);

/// Of a leg whose reason can lie behind the proxy.
bool explained_behind(Label label);

/// "3.1", or "3" of a connection that failed.
inline std::string name_of(const Leg& leg) { return exchange_name(leg.flow, leg.exchange); }

/// Puts what the chain says into the report of one of its legs: its name, its sentence, the fault,
/// and proxy-gave-up on a gateway's error that a leg behind it explains. True: the latter.
bool tell(const Chain& chain, ExchangeReport& exchange, FlowId flow);

}  // namespace httpdiag::legs
