// SPDX-License-Identifier: Apache-2.0
// Precedence (taxonomy section 3). Order is meaning here: read the comment of a
// line before moving it.
#include "rules/rule_lists.hpp"

#include <array>

namespace httpdiag::rules {

namespace {

constexpr std::array kExchangePrimaries = {
    &plain_request_to_tls_port,  // 4.3: the answer is no HTTP, or says so
    &request_malformed,          // E1
    &early_response,             // E2
    &zero_window_stall,          // promoted (3.1): never completes against a closed window
    // E4 to E6 and RSTs come before E3: a request that broke off because the connection was dead
    // is not "incomplete". No byte of a final response was seen.
    &request_after_close_token,  // E4
    &request_on_half_closed,     // E5: decided by ACK numbers, whatever the vantage
    &keepalive_close_race,       // E6: likewise
    &idle_conn_reset,            // E7: not acknowledged
    &reset_without_response,     // E7 and E8: the server's RST was the first to end it
    &pmtu_blackhole,             // E7: before "incomplete", which is what it looks like
    &request_incomplete,         // E3
    &idle_conn_blackholed,       // E7
    &request_not_acked,
    &closed_without_response,  // E8: acknowledged; the first to close decides
    &keepalive_probe_failed,   // before "timeout": the kernel gave up, not the application
    &client_timeout,
    &no_response,
    // A response has begun.
    &late_response,           // E11, before the rest: nobody was there to read it
    &response_not_acked,      // before what became of it: the client never had it
    &response_malformed,      // E9
    &response_truncated_fin,  // E10
    &response_truncated_rst,
    &response_stalled,  // before "aborted": a client that gives up on a silent server is not the
                        // cause
    &response_aborted_by_client,
    &proxy_tunnel_refused,  // E12: complete
    &http_gateway_error,
    &http_server_error,
    &http_client_error,
    &http_redirect,
    &ack_negative,
    &ack_unrecognized,
    &slow_response,
};

constexpr std::array kExchangeAnnotations = {
    &exchange_snaplen_cut,         &exchange_gap,
    &exchange_ended_early,         &exchange_one_way,
    &request_malformed_note,       &slow_response,
    &response_malformed_note,      &response_stalled_note,
    &request_on_half_closed,       &request_after_close_token_note,
    &exchange_loss_recovery_delay, &delayed_ack_stall,
};

/// As a label of the flow itself; an established connection carries it as an annotation.
std::optional<Finding> never_got_past_old_connection(const FlowFacts& facts,
                                                     const Thresholds& limits) {
  if (facts.handshake == Handshake::complete) return std::nullopt;
  return stale_port_reuse(facts, limits);
}

constexpr std::array kConnectPrimaries = {
    &connect_refused,
    &connect_unreachable,
    &never_got_past_old_connection,  // before the two that its RST and its wrong ACK resemble
    &handshake_client_reset,
    &handshake_not_completed,
    &syn_retries_exhausted,
    &connect_abandoned,
    &accept_queue_overflow,
    &reset_after_handshake,
};

/// What nobody can read was under way, and its sender broke it off at a window that stayed closed.
std::optional<Finding> encrypted_upload_unread(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.tls->bursts == 0 || !facts.closed_window(Side::server)) return std::nullopt;
  if (facts.flow.c().trouble().rst.number <= facts.flow.s().trouble().zero_window_since.number)
    return std::nullopt;
  auto finding = flow_zero_window_stall(facts, limits);
  if (finding) finding->severity = Severity::error;
  return finding;
}

constexpr std::array kTlsPrimaries = {
    &tls_alert,               // says why by itself
    &tls_plaintext_mismatch,  // no handshake can come of that
    &flow_pmtu_blackhole,     // before "stalled": the certificate is the first that is long
    &tls_handshake_stalled,   // before "aborted": whoever gives up on silence is not the cause
    &tls_handshake_aborted,
    &encrypted_upload_unread,
    &encrypted_request_unanswered,
    &encrypted_answer_not_acked,
    &encrypted_answer_cut,
};

/// Not unused: what the client had to send waited for a window that the handshake did not open.
std::optional<Finding> window_never_opened(const FlowFacts& facts, const Thresholds& limits) {
  const PacketRef synack = facts.flow.s().syn;
  const bool since_handshake = synack && facts.flow.s().trouble().zero_window_since == synack;
  if (!since_handshake || !facts.closed_window(Side::server)) return std::nullopt;
  auto finding = flow_zero_window_stall(facts, limits);
  if (finding) finding->severity = Severity::error;
  return finding;
}

constexpr std::array kQuietPrimaries = {&http2_refused, &payload_opaque, &window_never_opened,
                                        &connection_unused};

constexpr std::array kTeardownPrimaries = {
    &failed_answer_alone,  // the server says what is wrong, though not about what
    &flow_pmtu_blackhole,  // of a request none of which can be read
    &unread_not_acked,     // before "fin-not-acked": what is in front of the FIN says more
    &flow_keepalive_probe_failed,
    &fin_not_acked,
    &close_wait_lingering,
};

constexpr std::array kFlowAnnotations = {
    &flow_snaplen_cut,
    &flow_duplicate_packets,
    &flow_gap,
    &flow_started_midstream,
    &flow_ended_early,
    &flow_one_way,
    &flow_clock_anomaly,
    &stale_port_reuse,
    &connect_slow,
    &accept_queue_was_full,
    &syn_ignored_suspect,
    &payload_opaque,
    &response_unsolicited,
    &failed_answer_in_a_hole,
    &trailing_garbage,
    &pipelined_requests,
    &flow_keepalive_probe_failed,
    &fin_not_acked,
    &close_wait_lingering,
    &reset_after_complete,
    &flow_loss_recovery_delay,
    &flow_zero_window_stall,
    &flow_pmtu_blackhole,
    &rst_injection_suspect,
};

}  // namespace

std::span<const ExchangeRule> exchange_primaries() { return kExchangePrimaries; }
std::span<const ExchangeRule> exchange_annotations() { return kExchangeAnnotations; }
std::array<FlowPhase, 4> flow_primaries(const FlowFacts& flow, Severity worst) {
  const auto only = [](bool asked, std::span<const FlowRule> rules) {
    return asked ? rules : std::span<const FlowRule>{};
  };
  return {
      {{.rules = kConnectPrimaries},
       {.rules = only(flow.tls != nullptr, kTlsPrimaries)},
       // How it was put away, where its exchanges have no problem.
       {.rules = only(worst < Severity::warning, kTeardownPrimaries), .least = Severity::warning},
       {.rules = only(flow.exchanges == 0, kQuietPrimaries)}}};
}
std::span<const FlowRule> flow_annotations() { return kFlowAnnotations; }

}  // namespace httpdiag::rules
