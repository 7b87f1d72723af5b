// SPDX-License-Identifier: Apache-2.0
// The names of settings, for reports and for configuration files.
#include "httpdiag/settings.hpp"

#include <array>

namespace httpdiag {
namespace {

// In the order of reports. clang-format would put two on a line.
// clang-format off
constexpr std::array kSettings{
    Setting{"capture.dedup_window_ms", &Thresholds::dedup_window},
    Setting{"capture.dedup_window_no_id_ms", &Thresholds::dedup_window_no_id},
    Setting{"capture.dedup_window_other_vlan_ms", &Thresholds::dedup_window_other_vlan},
    Setting{"capture.clock_step_back_ms", &Thresholds::clock_step_back},
    Setting{"capture.clock_gap_ms", &Thresholds::clock_gap},
    Setting{"capture.end_margin_ms", &Thresholds::capture_end_margin},
    Setting{"capture.one_way_min_packets", &Thresholds::one_way_min_packets},
    Setting{"connect.backoff_tolerance", &Thresholds::connect_backoff_tolerance},
    Setting{"connect.backoff_slack_ms", &Thresholds::connect_backoff_slack},
    Setting{"connect.slow_ms", &Thresholds::connect_slow},
    Setting{"connect.reset_after_handshake_ms", &Thresholds::reset_after_handshake},
    Setting{"connect.half_open_probe_ms", &Thresholds::half_open_probe},
    Setting{"connect.happy_eyeballs_ms", &Thresholds::happy_eyeballs},
    Setting{"retrans.min_count_unacked", &Thresholds::unacked_min_retransmits},
    Setting{"retrans.min_unacked_ms", &Thresholds::unacked_min},
    Setting{"idle.min_ms", &Thresholds::idle_min},
    Setting{"idle.known_device_timers_s", &Thresholds::device_timers},
    Setting{"halfclosed.race_ms", &Thresholds::half_closed_race},
    Setting{"client_timeout.min_wait_ms", &Thresholds::client_timeout_min_wait},
    Setting{"half_close.behind_ms", &Thresholds::half_close_behind},
    Setting{"client_timeout.known_s", &Thresholds::known_timeouts},
    Setting{"client_timeout.match_tolerance_ms", &Thresholds::timeout_tolerance},
    Setting{"client_timeout.match_tolerance_share", &Thresholds::timeout_tolerance_share},
    Setting{"no_response.min_ms", &Thresholds::no_response_min},
    Setting{"no_response.medium_ms", &Thresholds::no_response_medium},
    Setting{"no_response.high_ms", &Thresholds::no_response_high},
    Setting{"response.slow_ms", &Thresholds::slow_response},
    Setting{"response.slow_total_ms", &Thresholds::slow_total},
    Setting{"response.stall_ms", &Thresholds::response_stall},
    Setting{"request.stall_ms", &Thresholds::request_stall},
    Setting{"zero_window.min_ms", &Thresholds::zero_window_min},
    Setting{"close_wait.min_ms", &Thresholds::close_wait_min},
    Setting{"fin.min_transmissions", &Thresholds::fin_min_transmissions},
    Setting{"keepalive.min_unanswered", &Thresholds::keepalive_min_unanswered},
    Setting{"keepalive_mismatch.min_samples", &Thresholds::keepalive_min_samples},
    Setting{"keepalive_mismatch.margin_ms", &Thresholds::keepalive_margin},
    Setting{"keepalive_mismatch.advice_ms", &Thresholds::keepalive_advice},
    Setting{"timewait.window_ms", &Thresholds::time_wait},
    Setting{"timewait.port_range", &Thresholds::port_range},
    Setting{"timewait.warn_fraction", &Thresholds::time_wait_warn_share},
    Setting{"timewait.server_min", &Thresholds::time_wait_server_min},
    Setting{"onset.min_failures", &Thresholds::onset_min_failures},
    Setting{"onset.min_before", &Thresholds::onset_min_before},
    Setting{"onset.trigger_ms", &Thresholds::onset_trigger},
    Setting{"dns.slow_ms", &Thresholds::dns_slow},
    Setting{"tls.stall_ms", &Thresholds::tls_stall},
    Setting{"tls.alert_close_ms", &Thresholds::tls_alert_close},
    Setting{"tls.burst_multiplexed_bytes", &Thresholds::tls_burst_multiplexed},
    Setting{"loss.ratio", &Thresholds::loss_ratio},
    Setting{"loss.min_packets", &Thresholds::loss_min_packets},
    Setting{"loss.stall_ms", &Thresholds::loss_stall},
    Setting{"loss.min_rtos", &Thresholds::loss_min_rtos},
    Setting{"rst.ttl_delta", &Thresholds::rst_ttl_delta},
    Setting{"delivery.fail_tokens", &Thresholds::negative_acks},
    Setting{"limits.max_flows", &Limits::max_flows},
    Setting{"limits.max_attempts", &Limits::max_attempts},
    Setting{"limits.idle_flow_ms", &Limits::idle_flow},
    Setting{"limits.idle_attempt_ms", &Limits::idle_attempt},
    Setting{"limits.linger_closed_ms", &Limits::linger_closed},
    Setting{"limits.max_lingering", &Limits::max_lingering},
    Setting{"limits.reassembly_side_bytes", &Limits::reassembly_side_bytes},
    Setting{"limits.reassembly_total_bytes", &Limits::reassembly_total_bytes},
    Setting{"limits.reorder_window_ms", &Limits::reorder_window},
    Setting{"limits.fragment_bytes", &Limits::fragment_bytes},
    Setting{"limits.fragment_timeout_ms", &Limits::fragment_timeout},
    Setting{"limits.max_target_bytes", &Limits::max_target_bytes},
    Setting{"limits.max_field_bytes", &Limits::max_field_bytes},
    Setting{"limits.body_head_bytes", &Limits::body_head_bytes},
    Setting{"limits.max_head_bytes", &Limits::max_head_bytes},
    Setting{"limits.max_pipelined", &Limits::max_pipelined},
    Setting{"limits.max_dns_lookups", &Limits::max_dns_lookups},
    Setting{"limits.max_names", &Limits::max_names},
    Setting{"limits.max_tls_sessions", &Limits::max_tls_sessions},
    Setting{"limits.tls_message_bytes", &Limits::tls_message_bytes},
    Setting{"limits.tls_total_bytes", &Limits::tls_total_bytes},
    Setting{"limits.max_healthy_flows", &Limits::max_healthy_flows},
    Setting{"limits.max_healthy_exchanges", &Limits::max_healthy_exchanges},
    Setting{"limits.max_exchanges_per_flow", &Limits::max_exchanges_per_flow},
    Setting{"limits.max_causes", &Limits::max_causes},
    Setting{"limits.max_evidence", &Limits::max_evidence},
    Setting{"limits.max_endpoints", &Limits::max_endpoints},
};
// clang-format on

}  // namespace

std::span<const Setting> setting_table() { return kSettings; }

}  // namespace httpdiag
