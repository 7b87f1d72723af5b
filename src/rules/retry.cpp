// SPDX-License-Identifier: Apache-2.0
#include "rules/retry.hpp"

#include "httpdiag/http2.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

Retry retry_for(Label label, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  // Only the server's own kernel throws away what it does not acknowledge; a device that resets in
  // its name may have let the request pass. The RST answers one transmission: of an earlier one
  // the acknowledgement may have got lost (taxonomy F3).
  const bool sent_once = !facts.resent;
  const bool discarded = flow.s().trouble().rst && !facts.request_part_acked && sent_once &&
                         !facts.rst_from_elsewhere && !facts.answered;
  switch (label) {
    using enum Label;
    case idle_conn_reset:
      // Whoever forgot the connection, device or host, had nowhere to pass the request on to.
      return flow.s().trouble().rst && !facts.request_part_acked && sent_once
                 ? Retry::safe
                 : Retry::idempotent_only;
    case request_on_half_closed:
    case keepalive_close_race:
    case request_after_close_token:
    case reset_without_response:
      // A RST for bytes that were never acknowledged: the kernel threw them away (taxonomy F3).
      return discarded ? Retry::safe : Retry::idempotent_only;

    case proxy_tunnel_refused:  // the proxy has passed nothing on
      return Retry::safe;

    case tls_plaintext_mismatch:
    case request_malformed:  // the same bytes would fail again
    case http_redirect:
    case http_client_error:
    case ack_negative:
    case slow_response:
      return Retry::do_not;

    case response_malformed:  // who speaks another protocol has read no request
      return facts.exchange.response->error == kHttp2Settings ? Retry::safe
                                                              : Retry::idempotent_only;

    case late_response:
      return drawn_by_leaving(facts) ? Retry::idempotent_only : Retry::do_not;

    case ok:
      // Nothing wrong was found, yet only an answer that was seen is a reason not to send again.
      return facts.response_complete ? Retry::do_not : Retry::idempotent_only;

    default:
      return Retry::idempotent_only;
  }
}

}  // namespace httpdiag::rules
