// SPDX-License-Identifier: Apache-2.0
// What the rules say: labels with their documentation, and findings with the
// packets that prove them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "httpdiag/flow.hpp"

namespace httpdiag {

enum class Severity : std::uint8_t { ok, info, warning, error };
std::string_view name(Severity severity);

/// Built-in labels, in the order of the catalogue. The kebab-case id of each is
/// in its RuleInfo and is never reused or renamed.
enum class Label : std::uint16_t {
  capture_file_truncated,
  capture_snaplen_cut,
  capture_duplicate_packets,
  capture_gap,
  capture_started_midstream,
  capture_ended_early,
  capture_one_way,
  capture_clock_anomaly,
  dns_failed,
  dns_slow,
  connect_refused,
  syn_retries_exhausted,
  connect_abandoned,
  connect_unreachable,
  handshake_not_completed,
  handshake_client_reset,
  accept_queue_overflow,
  reset_after_handshake,
  stale_port_reuse,
  connect_slow,
  syn_ignored_suspect,
  connection_unused,
  tls_alert,
  tls_handshake_aborted,
  tls_handshake_stalled,
  tls_plaintext_mismatch,
  payload_opaque,
  request_not_acked,
  request_incomplete,
  request_malformed,
  early_response,
  client_timeout,
  late_response,
  closed_without_response,
  reset_without_response,
  no_response,
  slow_response,
  response_truncated_fin,
  response_truncated_rst,
  response_stalled,
  response_not_acked,
  response_aborted_by_client,
  response_malformed,
  response_unsolicited,
  http_redirect,
  http_client_error,
  http_server_error,
  http_gateway_error,
  ack_negative,
  ack_unrecognized,
  proxy_tunnel_refused,
  proxy_gave_up,
  request_on_half_closed,
  keepalive_close_race,
  idle_conn_reset,
  idle_conn_blackholed,
  request_after_close_token,
  keepalive_mismatch,
  pipelined_requests,
  close_wait_lingering,
  fin_not_acked,
  reset_after_complete,
  keepalive_probe_failed,
  timewait_buildup,
  loss_recovery_delay,
  zero_window_stall,
  pmtu_blackhole,
  delayed_ack_stall,
  rst_injection_suspect,
  ok,
};
inline constexpr std::size_t kLabelCount = static_cast<std::size_t>(Label::ok) + 1;

/// aggregate: about many flows together.
enum class Scope : std::uint8_t { capture, flow, exchange, aggregate, lookup };
enum class Role : std::uint8_t { primary, annotation, either };
enum class Phase : std::uint8_t {
  capture,
  dns,
  connect,
  tls,
  payload,
  request,
  wait,
  response,
  http,
  reuse,
  teardown,
  transport,
  own,  // a rule of the user's
  none
};
std::string_view name(Scope scope);
std::string_view name(Role role);
std::string_view name(Phase phase);

enum class Party : std::uint8_t {
  none,
  client_app,
  client_host,
  network,
  server_host,
  server_app,
  capture,
  unknown
};
std::string_view name(Party party);  // "client-app"
enum class Confidence : std::uint8_t { low, medium, high };
std::string_view name(Confidence confidence);

enum class Retry : std::uint8_t { safe, idempotent_only, do_not };
std::string_view name(Retry retry);  // "idempotent-only"

struct Fault {
  Party party = Party::none;
  Confidence confidence = Confidence::low;
  std::string unless;  // the alternative explanation; may be empty
};

/// Everything there is to say about a label; the one source for `explain`,
/// `rules`, docs/rules.md and the remedy in reports. Static storage.
struct RuleInfo {
  Label label;
  std::string_view id;     // "connect-refused"
  std::string_view title;  // at most 60 characters
  Scope scope;
  Role role;
  Phase phase;
  Severity severity;  // default; a finding may differ
  Party party;        // default fault
  Confidence confidence;
  std::string_view what;      // definition, in packets
  std::string_view guards;    // what must not be mistaken for it
  std::string_view symptoms;  // what people saw, separated by "; "
  std::string_view remedy;    // what to change, on which side
  std::string_view references;
};
std::span<const RuleInfo> rule_catalog();  // in Label order
const RuleInfo& info(Label label);
const RuleInfo* find_rule(std::string_view id);  // null: no such label

struct Evidence {
  PacketRef packet;
  std::optional<Side> from;  // none: not a packet of the flow (ICMP error)
  std::string what;          // short, for a ladder: "server FIN"
};

/// A second capture that would decide what this one cannot.
struct Settle {
  Side at = Side::server;
  IpAddress host;        // as this capture knows it
  std::string question;  // what to look for in it
  std::string command;   // for the shell of that host
};

/// A measured number behind a finding. `name` carries the unit ("wait_us").
struct NamedFact {
  std::string_view name;  // static storage
  std::variant<std::int64_t, bool, std::string> value;
};

struct Finding {
  Label label{};
  Severity severity{};
  Fault fault;
  std::string detail;              // one sentence with the numbers in it
  std::vector<Evidence> evidence;  // in packet order; empty only where no packet could be read
  std::vector<NamedFact> facts;
  std::string remedy;            // the rule's, or a more specific one
  std::optional<Settle> settle;  // none: nothing is left to settle, or no capture can
  std::string seen_as;           // what each side would have seen, for this very case

  /// The value of a named fact; null: it has none of this name and type.
  template <typename Value>
  const Value* fact(std::string_view name) const {
    for (const NamedFact& each : facts) {
      if (each.name == name) return std::get_if<Value>(&each.value);
    }
    return nullptr;
  }
  bool has_fact(std::string_view name) const {
    return std::any_of(facts.begin(), facts.end(),
                       [&](const NamedFact& each) { return each.name == name; });
  }
};

}  // namespace httpdiag
