// SPDX-License-Identifier: Apache-2.0
#include "rules/retry.hpp"

#include "httpdiag/http2.hpp"
#include "rules/ack.hpp"
#include "rules/rst_origin.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

Retry after_refusal(std::uint16_t status) {
  switch (status) {
    case 408:  // RFC 9110 §15.5.9; but a gateway may say it of what it had passed on
      return Retry::idempotent_only;
    case 421:  // RFC 9110 §15.5.20: over another connection, whatever the method
    case 425:  // RFC 8470 §5.2: not acted on
    case 429:  // RFC 6585 §4: likewise
      return Retry::safe;
    default:
      return Retry::do_not;
  }
}

/// As if it had come at its time; what has no status may say anything.
Retry by_late_answer(Said said, const ExchangeFacts& facts) {
  if (said == Said::unheard) return Retry::idempotent_only;
  const std::uint16_t status = facts.exchange.response->status;
  return status == 0 || status >= 500 ? Retry::idempotent_only : after_refusal(status);
}

/// The end of its head was not sent, as far as all numbers tell.
bool has_half_a_head(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  const SideTrouble& client = facts.flow.flow.c().trouble();
  const bool all_seen = !request.has_gap && !request.snaplen_cut && client.lost_bytes == 0 &&
                        client.told <= facts.flow.flow.c().next + 1;
  return all_seen && !request.head_complete && facts.flow.flow.c().acked <= facts.q1 + 1;
}

}  // namespace

Said said_by_answer(const ExchangeFacts& facts) {
  const auto& response = facts.exchange.response;
  if (!response || drawn_by_leaving(facts)) return Said::nothing;
  if (is_gateway_error(response->status)) return Said::unheard;
  if (is_success(response->status)) {
    const Ack ack = agreed_ack(facts.exchange, facts.limits);
    if (ack == Ack::unrecognized) return Said::unheard;  // a login page, a framework's own words
    return ack == Ack::refused ? Said::refused : Said::done;
  }
  return response->status >= 300 && response->status <= 599 ? Said::refused : Said::nothing;
}

Retry retry_for(Label label, Said said, const ExchangeFacts& facts) {
  // All of it was said, of all of the request.
  const bool done = said == Said::done && facts.request_complete && facts.response_complete;
  const FlowRecord& flow = facts.flow.flow;
  // Only the server's own kernel throws away what it does not acknowledge; a device that resets in
  // its name may have let the request pass. The RST answers one transmission: of an earlier one
  // the acknowledgement may have got lost (taxonomy F3).
  const bool sent_once = !facts.resent && facts.rst_in_answer;
  const bool server_known = facts.flow.handshake == Handshake::refused || facts.flow.knows_server();
  const bool discarded = flow.s().trouble().rst && !facts.request_part_acked && sent_once &&
                         server_known && !facts.rst_from_elsewhere && !facts.answered &&
                         !rst_has_ttl_of_its_own(flow, Side::server);
  // Nothing passes through a tunnel of which the client was not told (RFC 9110 §9.3.6).
  const bool no_tunnel = facts.exchange.request.method() == "CONNECT" &&
                         (!facts.answered || facts.exchange.client_closed_before_response);
  switch (label) {
    using enum Label;
    case client_timeout:
    case closed_without_response:
    case no_response:
      if (no_tunnel) return Retry::safe;
      return done ? Retry::do_not : Retry::idempotent_only;

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
      if (discarded || no_tunnel) return Retry::safe;
      return done ? Retry::do_not : Retry::idempotent_only;

    case proxy_tunnel_refused:  // the proxy has passed nothing on
      return Retry::safe;

    case tls_plaintext_mismatch:
    case request_malformed:  // the same bytes would fail again
    case http_redirect:
    case ack_negative:
    case slow_response:
      return Retry::do_not;

    case http_client_error:
      return after_refusal(facts.exchange.response->status);

    case response_malformed:  // who speaks another protocol has read no request
      return facts.exchange.response->error == kHttp2Settings ? Retry::safe
                                                              : Retry::idempotent_only;

    case late_response:
      if (no_tunnel) return Retry::safe;
      return drawn_by_leaving(facts) ? Retry::idempotent_only : by_late_answer(said, facts);

    case ok:
      // Nothing wrong was found, yet only an answer that was seen is a reason not to send again.
      return facts.response_complete && facts.exchange.response->status != 0
                 ? Retry::do_not
                 : Retry::idempotent_only;

    case request_incomplete:  // whose head has no end is nothing that anybody could act upon
      return has_half_a_head(facts) ? Retry::safe : done ? Retry::do_not : Retry::idempotent_only;

    case early_response:  // it had not read everything; a refusal stands all the same
      return facts.exchange.response->status < 400 ? Retry::idempotent_only
                                                   : by_late_answer(said, facts);

    case ack_unrecognized:  // done, but by the sender's rules not yet
      return Retry::idempotent_only;

    default:
      return done ? Retry::do_not : Retry::idempotent_only;
  }
}

}  // namespace httpdiag::rules
