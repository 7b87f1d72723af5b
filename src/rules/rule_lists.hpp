// SPDX-License-Identifier: Apache-2.0
// Every rule of the program, and the order in which they win. A rule is a pure
// function from facts to a finding; to add one, write it in the file of its
// phase, declare it here and list it in rule_lists.cpp.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/settings.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

using ExchangeRule = std::optional<Finding> (*)(const ExchangeFacts&, const Thresholds&);
using FlowRule = std::optional<Finding> (*)(const FlowFacts&, const Thresholds&);

/// First match is the primary label (taxonomy 3.1); none matches: ok.
std::span<const ExchangeRule> exchange_primaries();
/// All that match are annotations, except the one that is primary already.
std::span<const ExchangeRule> exchange_annotations();
/// Rules of one phase of a flow's life; less than `least` does not name the flow.
struct FlowPhase {
  std::span<const FlowRule> rules;
  Severity least = Severity::ok;
};
/// Of this flow; the first match of all is its primary label (taxonomy 3.2). `worst` is what its
/// exchanges amount to.
std::array<FlowPhase, 4> flow_primaries(const FlowFacts& flow, Severity worst);
std::span<const FlowRule> flow_annotations();

// Request (request_rules.cpp)
std::optional<Finding> request_malformed(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> request_malformed_note(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> early_response(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> request_incomplete(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> request_not_acked(const ExchangeFacts&, const Thresholds&);
// Reuse of connections (reuse_rules.cpp)
std::optional<Finding> request_after_close_token(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> request_after_close_token_note(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> request_on_half_closed(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> keepalive_close_race(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> idle_conn_reset(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> idle_conn_blackholed(const ExchangeFacts&, const Thresholds&);
// The server ended the wait for the response (server_end_rules.cpp)
std::optional<Finding> closed_without_response(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> reset_without_response(const ExchangeFacts&, const Thresholds&);
// Nobody answers, and the server has not ended the wait (wait_rules.cpp)
std::optional<Finding> client_timeout(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> no_response(const ExchangeFacts&, const Thresholds&);
// The response came late (late_rules.cpp)
std::optional<Finding> late_response(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> slow_response(const ExchangeFacts&, const Thresholds&);
// Receiving the response (response_rules.cpp)
std::optional<Finding> response_malformed(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_malformed_note(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> zero_window_stall(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_truncated_fin(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_truncated_rst(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_aborted_by_client(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_stalled(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_not_acked(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> response_stalled_note(const ExchangeFacts&, const Thresholds&);
// What the response says (http_rules.cpp)
std::optional<Finding> proxy_tunnel_refused(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> http_gateway_error(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> http_server_error(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> http_client_error(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> http_redirect(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> failed_answer_alone(const FlowFacts&, const Thresholds&);
/// Beside other findings: bytes of the client's are missing that the answer is for.
std::optional<Finding> failed_answer_in_a_hole(const FlowFacts&, const Thresholds&);
std::optional<Finding> ack_negative(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> ack_unrecognized(const ExchangeFacts&, const Thresholds&);
// Connect (connect_rules.cpp)
std::optional<Finding> connect_refused(const FlowFacts&, const Thresholds&);
std::optional<Finding> connect_unreachable(const FlowFacts&, const Thresholds&);
std::optional<Finding> handshake_client_reset(const FlowFacts&, const Thresholds&);
std::optional<Finding> handshake_not_completed(const FlowFacts&, const Thresholds&);
std::optional<Finding> syn_retries_exhausted(const FlowFacts&, const Thresholds&);
std::optional<Finding> connect_abandoned(const FlowFacts&, const Thresholds&);
std::optional<Finding> connect_slow(const FlowFacts&, const Thresholds&);
std::optional<Finding> syn_ignored_suspect(const FlowFacts&, const Thresholds&);
// A handshake that was taken back (handshake_rules.cpp)
std::optional<Finding> accept_queue_overflow(const FlowFacts&, const Thresholds&);
std::optional<Finding> accept_queue_was_full(const FlowFacts&, const Thresholds&);
/// The server's accept queue was full for a while: what that cost is no loss on the way.
bool accepted_late(const FlowFacts& facts);
/// Repetitions of the server's SYN-ACK behind `data`, up to `until`.
std::vector<PacketRef> synacks_behind(const SideRecord& server, PacketRef data, PacketRef until);
/// The same where the server takes nothing of what the client sends: all of them behind that.
std::vector<PacketRef> asked_again_for_ack(const FlowFacts& facts);
std::optional<Finding> reset_after_handshake(const FlowFacts&, const Thresholds&);
std::optional<Finding> stale_port_reuse(const FlowFacts&, const Thresholds&);
std::optional<Finding> connection_unused(const FlowFacts&, const Thresholds&);
// TLS, as far as it is in plaintext (tls_rules.cpp)
std::optional<Finding> tls_alert(const FlowFacts&, const Thresholds&);
std::optional<Finding> tls_plaintext_mismatch(const FlowFacts&, const Thresholds&);
std::optional<Finding> tls_handshake_stalled(const FlowFacts&, const Thresholds&);
std::optional<Finding> tls_handshake_aborted(const FlowFacts&, const Thresholds&);
std::optional<Finding> plain_request_to_tls_port(const ExchangeFacts&, const Thresholds&);
// What encrypted bursts show (encrypted_rules.cpp)
std::optional<Finding> encrypted_request_unanswered(const FlowFacts&, const Thresholds&);
std::optional<Finding> encrypted_answer_not_acked(const FlowFacts&, const Thresholds&);
std::optional<Finding> encrypted_answer_cut(const FlowFacts&, const Thresholds&);
// How the connection was put away (teardown_rules.cpp)
std::optional<Finding> close_wait_lingering(const FlowFacts&, const Thresholds&);
std::optional<Finding> fin_not_acked(const FlowFacts&, const Thresholds&);
std::optional<Finding> keepalive_probe_failed(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> flow_keepalive_probe_failed(const FlowFacts&, const Thresholds&);
std::optional<Finding> reset_after_complete(const FlowFacts&, const Thresholds&);
// What the flow carried beside exchanges (content_rules.cpp)
std::optional<Finding> payload_opaque(const FlowFacts&, const Thresholds&);
/// What a server that speaks HTTP/1.1 alone does with HTTP/2.
std::optional<Finding> http2_refused(const FlowFacts&, const Thresholds&);
/// request-not-acked or response-not-acked, of what is no HTTP.
std::optional<Finding> unread_not_acked(const FlowFacts&, const Thresholds&);
std::optional<Finding> response_unsolicited(const FlowFacts&, const Thresholds&);
std::optional<Finding> trailing_garbage(const FlowFacts&, const Thresholds&);
std::optional<Finding> pipelined_requests(const FlowFacts&, const Thresholds&);
// What the path does to packets (path_rules.cpp)
std::optional<Finding> pmtu_blackhole(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> flow_pmtu_blackhole(const FlowFacts&, const Thresholds&);
std::optional<Finding> delayed_ack_stall(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> rst_injection_suspect(const FlowFacts&, const Thresholds&);
// Transport quality (transport_rules.cpp)
std::optional<Finding> flow_loss_recovery_delay(const FlowFacts&, const Thresholds&);
std::optional<Finding> exchange_loss_recovery_delay(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> flow_zero_window_stall(const FlowFacts&, const Thresholds&);
// Capture quality (capture_rules.cpp)
std::optional<Finding> flow_started_midstream(const FlowFacts&, const Thresholds&);
std::optional<Finding> flow_duplicate_packets(const FlowFacts&, const Thresholds&);
std::optional<Finding> flow_gap(const FlowFacts&, const Thresholds&);
std::optional<Finding> flow_snaplen_cut(const FlowFacts&, const Thresholds&);
std::optional<Finding> flow_one_way(const FlowFacts&, const Thresholds&);
std::optional<Finding> flow_clock_anomaly(const FlowFacts&, const Thresholds&);
std::optional<Finding> flow_ended_early(const FlowFacts&, const Thresholds&);
std::optional<Finding> exchange_ended_early(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> exchange_one_way(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> exchange_gap(const ExchangeFacts&, const Thresholds&);
std::optional<Finding> exchange_snaplen_cut(const ExchangeFacts&, const Thresholds&);

}  // namespace httpdiag::rules
