// SPDX-License-Identifier: Apache-2.0
// Names are "topic.number_unit"; docs/report-format.md lists them.
#include "report/settings_json.hpp"

#include <chrono>

namespace httpdiag::report {
namespace {

/// Thresholds are whole numbers of milliseconds: see settings.hpp.
std::int64_t ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::int64_t seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

void write_seconds(JsonOut& json, std::string_view key, const std::vector<Duration>& durations) {
  json.key(key).array();
  for (const Duration duration : durations) json.value(seconds(duration));
  json.end();
}

void write_thresholds(JsonOut& json, const Thresholds& t) {
  json.field("capture.dedup_window_ms", ms(t.dedup_window));
  json.field("capture.dedup_window_no_id_ms", ms(t.dedup_window_no_id));
  json.field("capture.dedup_window_other_vlan_ms", ms(t.dedup_window_other_vlan));
  json.field("capture.clock_step_back_ms", ms(t.clock_step_back));
  json.field("capture.clock_gap_ms", ms(t.clock_gap));
  json.field("capture.end_margin_ms", ms(t.capture_end_margin));
  json.field("capture.one_way_min_packets", t.one_way_min_packets);
  json.key("connect.backoff_tolerance").fraction(t.connect_backoff_tolerance);
  json.field("connect.backoff_slack_ms", ms(t.connect_backoff_slack));
  json.field("connect.slow_ms", ms(t.connect_slow));
  json.field("connect.reset_after_handshake_ms", ms(t.reset_after_handshake));
  json.field("connect.half_open_probe_ms", ms(t.half_open_probe));
  json.field("connect.happy_eyeballs_ms", ms(t.happy_eyeballs));
  json.field("retrans.min_count_unacked", t.unacked_min_retransmits);
  json.field("retrans.min_unacked_ms", ms(t.unacked_min));
  json.field("idle.min_ms", ms(t.idle_min));
  write_seconds(json, "idle.known_device_timers_s", t.device_timers);
  json.field("halfclosed.race_ms", ms(t.half_closed_race));
  json.field("client_timeout.min_wait_ms", ms(t.client_timeout_min_wait));
  json.field("half_close.behind_ms", ms(t.half_close_behind));
  write_seconds(json, "client_timeout.known_s", t.known_timeouts);
  json.field("client_timeout.match_tolerance_ms", ms(t.timeout_tolerance));
  json.key("client_timeout.match_tolerance_share").fraction(t.timeout_tolerance_share);
  json.field("no_response.min_ms", ms(t.no_response_min));
  json.field("no_response.medium_ms", ms(t.no_response_medium));
  json.field("no_response.high_ms", ms(t.no_response_high));
  json.field("response.slow_ms", ms(t.slow_response));
  json.field("response.slow_total_ms", ms(t.slow_total));
  json.field("response.stall_ms", ms(t.response_stall));
  json.field("request.stall_ms", ms(t.request_stall));
  json.field("zero_window.min_ms", ms(t.zero_window_min));
  json.field("close_wait.min_ms", ms(t.close_wait_min));
  json.field("fin.min_transmissions", t.fin_min_transmissions);
  json.field("keepalive.min_unanswered", t.keepalive_min_unanswered);
  json.key("loss.ratio").fraction(t.loss_ratio);
  json.field("loss.min_packets", t.loss_min_packets);
  json.field("loss.stall_ms", ms(t.loss_stall));
  json.field("loss.min_rtos", t.loss_min_rtos);
  json.field("rst.ttl_delta", t.rst_ttl_delta);
  json.key("delivery.fail_tokens").array();
  for (const std::string& token : t.negative_acks) json.value(token);
  json.end();
}

void write_limits(JsonOut& json, const Limits& l, std::uint32_t max_healthy_flows) {
  json.field("limits.max_flows", l.max_flows);
  json.field("limits.max_attempts", l.max_attempts);
  json.field("limits.idle_flow_ms", ms(l.idle_flow));
  json.field("limits.idle_attempt_ms", ms(l.idle_attempt));
  json.field("limits.linger_closed_ms", ms(l.linger_closed));
  json.field("limits.max_lingering", l.max_lingering);
  json.field("limits.reassembly_side_bytes", l.reassembly_side_bytes);
  json.field("limits.reassembly_total_bytes", l.reassembly_total_bytes);
  json.field("limits.reorder_window_ms", ms(l.reorder_window));
  json.field("limits.fragment_bytes", l.fragment_bytes);
  json.field("limits.fragment_timeout_ms", ms(l.fragment_timeout));
  json.field("limits.max_target_bytes", l.max_target_bytes);
  json.field("limits.max_field_bytes", l.max_field_bytes);
  json.field("limits.body_head_bytes", l.body_head_bytes);
  json.field("limits.max_head_bytes", l.max_head_bytes);
  json.field("limits.max_pipelined", l.max_pipelined);
  json.field("limits.max_healthy_flows", max_healthy_flows);
  json.field("limits.max_healthy_exchanges", l.max_healthy_exchanges);
  json.field("limits.max_exchanges_per_flow", l.max_exchanges_per_flow);
  json.field("limits.max_causes", l.max_causes);
  json.field("limits.max_evidence", l.max_evidence);
}

/// What was asked of the report, so that a restricted one cannot pass for a full one.
void write_selection(JsonOut& json, const Options& options) {
  json.key("report.labels").array();
  for (const Label label : options.selection.labels) json.value(info(label).id);
  json.end();
  json.key("report.flow");
  if (options.selection.flow) {
    json.value(static_cast<std::uint32_t>(*options.selection.flow));
  } else {
    json.value(nullptr);
  }
  json.field("report.show_payload", options.show_payload);
}

}  // namespace

void write_settings(JsonOut& json, const Settings& settings, const Options& options) {
  json.key("settings").object();
  write_thresholds(json, settings.thresholds);
  write_limits(json, settings.limits, options.max_healthy_flows);
  write_selection(json, options);
  json.end();
}

}  // namespace httpdiag::report
