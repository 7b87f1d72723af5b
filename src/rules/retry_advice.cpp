// SPDX-License-Identifier: Apache-2.0
// Is it safe to send again? What holds for every exchange with a label; the
// report decides for the single exchange from what was acknowledged.
#include "httpdiag/symptoms.hpp"

namespace httpdiag {

std::string_view retry_advice(Label label) {
  switch (label) {
    using enum Label;
    case dns_slow:
      return "As the connection behind it says: a slow name alone is no reason to repeat.";
    case dns_failed:
      return "Safe: nothing was sent, not even a SYN.";
    case connect_refused:
    case syn_retries_exhausted:
    case connect_abandoned:
    case connect_unreachable:
    case handshake_not_completed:
    case handshake_client_reset:
    case accept_queue_overflow:
    case reset_after_handshake:
    case stale_port_reuse:
    case tls_alert:
    case tls_handshake_aborted:
    case tls_handshake_stalled:
      return "Safe: no request was delivered.";
    case tls_plaintext_mismatch:
      return "Safe, and pointless before scheme and port fit: no application saw the request.";

    case request_on_half_closed:
    case keepalive_close_race:
    case request_after_close_token:
    case idle_conn_reset:
      return "Safe, even for a POST, if a RST answered, no byte of the request was acknowledged, "
             "and it had been sent once: no application saw it. Otherwise only if doing it twice "
             "does no harm.";
    case request_not_acked:
    case pmtu_blackhole:
    case idle_conn_blackholed:
      return "Only if doing it twice does no harm: the bytes may have arrived and only their "
             "acknowledgements got lost.";
    case reset_without_response:
      return "Safe if no byte of the request was acknowledged and it had been sent once. Otherwise "
             "only if doing it twice does no harm: the server may have acted on it. Do not where "
             "its whole answer is in the capture.";

    case request_incomplete:
      return "Only if doing it twice does no harm: the server saw part of the request.";
    case request_malformed:
      return "Pointless before the request is fixed: the same bytes will fail again.";
    case early_response:
      return "Not unchanged: the server refused before it had read everything. Do what the status "
             "asks for first.";

    case client_timeout:
    case closed_without_response:
    case no_response:
      return "Only if doing it twice does no harm: the request was delivered and may have been "
             "executed, or may still be.";
    case late_response:
      return "Do not: the server has answered, the client only did not wait for it. Look up the "
             "result instead.";

    case response_truncated_fin:
    case response_truncated_rst:
    case response_stalled:
    case response_aborted_by_client:
      return "Only if doing it twice does no harm: the server began to answer, so it has very "
             "likely acted.";
    case response_not_acked:
      return "Do not where the whole answer is in the capture: the server has done it. Otherwise "
             "only if doing it twice does no harm.";
    case response_malformed:
      return "Only if doing it twice does no harm: the server began to answer, so it has very "
             "likely acted. Safe, and pointless, where it speaks HTTP/2: it has read no request.";
    case zero_window_stall:
    case keepalive_probe_failed:
      return "Only if doing it twice does no harm, when the exchange did not complete.";

    case http_redirect:
      return "To the final URL, not to this one; where the redirect leads back, nowhere before "
             "that is mended.";
    case http_client_error:
      return "Not unchanged: the same request will be refused again. After 425 and 429 safe, but "
             "later: they say that the server has not acted on it; after 408 only if doing it "
             "twice does no harm.";
    case http_server_error:
      return "Only if doing it twice does no harm: part of the work may have been done.";
    case http_gateway_error:
      return "Only if doing it twice does no harm: behind a 502 or 504 the request may have been "
             "executed.";
    case proxy_tunnel_refused:
      return "Safe: nothing was passed on. It will be refused again until the proxy's rules or the "
             "credentials change.";
    case ack_unrecognized:
      return "Only if doing it twice does no harm: the receiver has answered and has very likely "
             "acted; it only did not say so in the agreed word.";
    case ack_negative:
      return "Do not repeat blindly: the receiver has decided. Clear up the reason first.";

    case capture_file_truncated:
    case capture_snaplen_cut:
    case capture_duplicate_packets:
    case capture_gap:
    case capture_started_midstream:
    case capture_ended_early:
    case capture_one_way:
    case capture_clock_anomaly:
    case connect_slow:
    case syn_ignored_suspect:
    case close_wait_lingering:
    case fin_not_acked:
    case connection_unused:
    case payload_opaque:
    case slow_response:
    case response_unsolicited:
    case pipelined_requests:
    case keepalive_mismatch:
    case timewait_buildup:
    case proxy_gave_up:
    case reset_after_complete:
    case loss_recovery_delay:
    case delayed_ack_stall:
    case rst_injection_suspect:
    case ok:
      return {};
  }
  return {};
}

}  // namespace httpdiag
