// SPDX-License-Identifier: Apache-2.0
#include "rules/retry.hpp"

namespace httpdiag::rules {

Retry retry_for(Label label, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const bool discarded = static_cast<bool>(flow.s().trouble().rst) && !facts.request_part_acked;
  switch (label) {
    using enum Label;
    case request_on_half_closed:
    case keepalive_close_race:
    case request_after_close_token:
    case idle_conn_reset:
    case reset_without_response:
      // A RST for bytes that were never acknowledged: the kernel threw them away (taxonomy F3).
      return discarded ? Retry::safe : Retry::idempotent_only;

    case request_malformed:  // the same bytes would fail again
    case late_response:
    case http_redirect:
    case http_client_error:
    case ack_negative:
    case slow_response:
      return Retry::do_not;

    case ok:
      // Nothing wrong was found, yet only an answer that was seen is a reason not to send again.
      return facts.response_complete ? Retry::do_not : Retry::idempotent_only;

    default:
      return Retry::idempotent_only;
  }
}

}  // namespace httpdiag::rules
