// SPDX-License-Identifier: Apache-2.0
// What one exchange, or one connection without any, was for its callback.
#pragma once

#include <optional>

#include "httpdiag/delivery.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::delivery {

/// An exchange that has been judged, and the texts of its request.
struct JudgedExchange {
  const FlowEnds& flow;
  const Exchange& exchange;
  std::string_view method, target, host;
  const ExchangeReport* report;  // null: plainly ok
};

AttemptClass classify(const JudgedExchange& judged);
Attempt attempt_of(const JudgedExchange& judged);

/// A connection that failed before it could carry a request.
std::optional<Attempt> failed_connection(const FlowReport& flow);

/// The sender has to send again, or to give up.
bool is_failure(AttemptClass outcome);

/// Client libraries send again by themselves, at once and on a new connection, when a kept-alive
/// one turns out to be dead (taxonomy 5.3).
bool invites_auto_retry(Label label);

}  // namespace httpdiag::delivery
