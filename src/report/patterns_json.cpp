// SPDX-License-Identifier: Apache-2.0
#include "report/flow_json.hpp"
#include "report/patterns.hpp"

namespace httpdiag::report {
namespace {

void field_packet(JsonOut& json, std::string_view name, const PacketRef& packet) {
  json.key(name);
  packet ? json.packet(packet) : json.value(nullptr);
}

void write(JsonOut& json, const KeepAlivePattern& pattern) {
  json.object();
  json.key("server");
  write_endpoint(json, pattern.server);
  json.field("idle_timeout_us", microseconds(pattern.timeout));
  json.field("spread_us",
             microseconds(pattern.timeout ? std::optional{pattern.spread} : std::nullopt));
  json.field("samples", pattern.samples);
  json.field("idle_closes", pattern.idle_closes);
  json.field("advertised_s",
             pattern.advertised_s == 0 ? std::nullopt : std::optional{pattern.advertised_s});
  json.field("max_requests",
             pattern.max_requests == 0 ? std::nullopt : std::optional{pattern.max_requests});
  json.field("reuses", pattern.reuses);
  json.field("longest_reuse_us", microseconds(pattern.longest_reuse));
  field_packet(json, "longest_reuse_packet", pattern.longest_reuse_at);
  json.field("failures", pattern.failures);
  json.end();
}

void write(JsonOut& json, const ClientLimitPattern& pattern) {
  json.object();
  json.key("server");
  write_endpoint(json, pattern.server);
  json.field("limit_us", microseconds(pattern.limit));
  json.field("spread_us", microseconds(pattern.spread));
  json.field("samples", pattern.samples);
  json.field("known_limit_us", microseconds(pattern.known));
  field_packet(json, "example_packet", pattern.example);
  json.end();
}

void write(JsonOut& json, const BackoffPattern& pattern) {
  json.object();
  json.field("client", to_string(pattern.client));
  json.key("server");
  write_endpoint(json, pattern.server);
  json.field("kind", name(pattern.kind));
  json.field("attempts", pattern.attempts);
  json.key("gaps_us").array();
  for (const Duration gap : pattern.gaps) json.value(microseconds(gap));
  json.end();
  field_packet(json, "first_packet", pattern.first);
  field_packet(json, "last_packet", pattern.last);
  json.end();
}

void write(JsonOut& json, const OnsetPattern& pattern) {
  json.object();
  json.key("server");
  write_endpoint(json, pattern.server);
  json.field("label", info(pattern.label).id);
  field_packet(json, "first_packet", pattern.first);
  json.field("first_at", pattern.first.time);
  field_packet(json, "last_packet", pattern.last);
  json.field("last_at", pattern.last.time);
  json.field("succeeded_before", pattern.before);
  json.field("failed_before", pattern.failed_before);
  json.field("failed_since", pattern.failed);
  json.field("succeeded_since", pattern.succeeded);
  field_packet(json, "first_rst_packet", pattern.first_rst);
  json.end();
}

void write(JsonOut& json, const HostStates& states) {
  json.object();
  json.field("host", to_string(states.host));
  json.key("states").object();
  for (std::size_t i = 0; i < states.by_state.size(); ++i) {
    if (states.by_state[i] != 0) json.field(name(static_cast<TcpState>(i)), states.by_state[i]);
  }
  json.end();
  json.field("close_wait_for_a_minute", states.close_wait_long);
  json.end();
}

template <typename Pattern>
void write_list(JsonOut& json, std::string_view name, const std::vector<Pattern>& patterns) {
  json.key(name).array();
  for (const Pattern& pattern : patterns) write(json.line_break(), pattern);
  json.end();
}

}  // namespace

void write_patterns(JsonOut& json, const Patterns& patterns) {
  json.key("patterns").object();
  write_list(json, "keep_alive", patterns.keep_alive);
  write_list(json, "client_limits", patterns.client_limits);
  write_list(json, "connect_backoff", patterns.backoffs);
  write_list(json, "onsets", patterns.onsets);
  write_list(json, "states_at_end", patterns.states);
  json.end();
}

}  // namespace httpdiag::report
