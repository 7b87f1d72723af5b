// SPDX-License-Identifier: Apache-2.0
// Every tunable number in the program, with its reason. Thresholds are those of
// the failure taxonomy's section 7 and are echoed in the JSON report.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "httpdiag/own_rules.hpp"
#include "httpdiag/packet.hpp"
#include "httpdiag/vantage.hpp"

namespace httpdiag {

using namespace std::chrono_literals;

struct AckProfile;

/// Bounds on memory and work. When one bites, the report says so.
struct Limits {
  // Full flows and half-open attempts in the table at once. 2^20 full flows are about 1 GiB.
  std::uint32_t max_flows = 1u << 20;
  std::uint32_t max_attempts = 1u << 22;
  // A flow is waited for a little longer than Linux's and Windows's TCP keep-alive (2 h). One at
  // rest is so until it is one of more than max_resting that have said nothing for longer: a pool
  // may use it again, be it after a weekend ...
  Duration idle_flow = 2h + 10min;
  std::uint32_t max_resting = 4096;
  Duration resting_flow = 168h;
  // ... and one with an open request may be one of more than max_unanswered clients that wait in
  // silence for an answer: of them, those go first that have done so for longest, and for longer
  // than clients, proxies and long polls do as a rule (300 s). They keep their requests, some
  // 3.5 KiB each.
  std::uint32_t max_unanswered = 1024;
  Duration unanswered = 305s;
  // Past the longest gap in any known SYN schedule (64 s) plus slack.
  Duration idle_attempt = 180s;
  // Closed flows wait for their trailing packets for Linux's TIME_WAIT (60 s,
  // include/net/tcp.h TCP_TIMEWAIT_LEN) ...
  Duration linger_closed = 60s;
  // ... but no more than this many of them, oldest first.
  std::uint32_t max_lingering = 4096;

  // Out-of-order bytes held back: per side, and in all.
  std::uint32_t reassembly_side_bytes = 4u << 20;
  std::uint64_t reassembly_total_bytes = 24u << 20;
  // A hole that the peer has acknowledged may still be filled by a packet
  // recorded late (multi-queue NICs, -i any): wait this long, then call it a gap.
  Duration reorder_window = 100ms;
  // Records written late (several queues or interfaces) are sorted in over that much time and that
  // many packets (and 16 MiB), from the first such record on.
  Duration sort_window = 100ms;
  std::uint32_t sort_packets = 4096;

  // IP fragments (Suricata's and Linux's timeouts are 60 s and 30 s).
  std::uint64_t fragment_bytes = 8u << 20;
  Duration fragment_timeout = 30s;

  std::uint32_t max_target_bytes = 2048;     // kept of a request target
  std::uint32_t max_field_bytes = 256;       // kept of a header value
  std::uint32_t body_head_bytes = 512;       // kept of a response body for the acknowledgement rule
  std::uint32_t request_body_bytes = 16384;  // kept of the body of a POST, PUT or PATCH
  std::uint64_t request_bodies_bytes = 16u << 20;  // kept of open requests in all; then none is
  std::uint32_t max_head_bytes = 1u << 20;         // a message head beyond this is malformed
  std::uint32_t max_pipelined = 1024;              // open exchanges per flow

  // TLS sessions read at once (about 600 bytes each); handshake messages kept while they are not
  // whole: of each (certificate chains are 2 to 10 kB, the server's own certificate comes first),
  // and of all together.
  std::uint32_t max_dns_lookups = 4096;  // under way, and as many waiting for their connection
  std::uint32_t max_names = 1u << 16;    // addresses whose names are remembered
  std::uint32_t max_tls_sessions = 1u << 18;
  std::uint32_t tls_message_bytes = 32u << 10;
  std::uint64_t tls_total_bytes = 16u << 20;

  // Healthy flows and exchanges reported in full; further ones are counted. Those with a problem
  // always are.
  std::uint32_t max_healthy_flows = 10000;
  std::uint32_t max_healthy_exchanges = 20000;
  std::uint32_t max_exchanges_per_flow = 10000;  // problem exchanges of one flow in full
  std::uint32_t max_causes = 200;                // rows in the table of causes
  std::uint32_t max_evidence = 16;               // packets per finding
  std::uint32_t max_endpoints = 1024;  // servers, pairs and hosts that patterns are kept of

  // Deliveries. An acknowledged callback is remembered by its keys alone (100 bytes) ...
  std::uint32_t max_remembered_callbacks = 1u << 15;
  std::uint32_t recent_bodies_bytes = 2u << 20;  // ... and, for a while, by its body
  std::uint32_t max_deliveries = 4000;           // in full: failed or repeated; some 6 MiB
  std::uint32_t max_delivery_attempts = 64;      // of one delivery, in full
  std::uint32_t max_legs = 4096;  // kept of requests seen on several legs with a problem on one
  std::uint32_t max_callback_endpoints = 4096;  // method, host and path with counts of their own

  // Of two captures that are compared, of each: packets (48 bytes each) and flows in memory.
  std::uint32_t max_view_packets = 1u << 20;
  std::uint32_t max_view_flows = 1u << 15;
};

struct Thresholds {
  Duration dedup_window = 10ms;       // capture.dedup_window_ms, IP id != 0; below RTO min 200 ms
  Duration dedup_window_no_id = 1ms;  // IP id 0, IPv6
  Duration dedup_window_other_vlan = 199ms;  // copies under different VLAN tags, or on
                                             // different devices: below RTO min
  Duration clock_step_back = 1ms;            // capture-clock-anomaly
  Duration clock_gap = 24h;
  Duration capture_end_margin = 1s;

  double connect_backoff_tolerance = 0.10;  // + connect_backoff_slack
  Duration connect_backoff_slack = 250ms;
  Duration connect_slow = 1s;           // initial RTO
  Duration reset_after_handshake = 1s;  // later it ends an idle connection
  Duration syn_clock_memory = 60s;      // syn-ignored-suspect: TCP_PAWS_MSL, include/net/tcp.h
  std::uint32_t flood_min = 100;        // half-open connections of one server ...
  Duration flood_window = 10s;          // ... within this time are no accident
  Duration half_open_probe = 500ms;     // handshake-client-reset: faster is a port probe

  std::uint32_t unacked_min_retransmits = 3;
  Duration unacked_min = 3s;
  Duration idle_min = 30s;  // below the smallest device timer
  std::vector<Duration> device_timers = {60s, 240s, 300s, 350s, 600s, 900s, 1800s, 3600s, 432000s};
  Duration half_closed_race = 50ms;  // advice wording only

  Duration client_timeout_min_wait = 500ms;  // half-close guard
  Duration half_close_behind =
      20ms;  // a FIN this close behind the request belongs to it: nc, scripts
  std::vector<Duration> known_timeouts = {1s,  2s,  3s,  5s,   8s,   10s,  15s,  20s, 30s,
                                          45s, 60s, 90s, 100s, 120s, 180s, 300s, 600s};
  Duration timeout_tolerance = 100ms;  // or 2 %, whichever is larger
  double timeout_tolerance_share = 0.02;

  Duration no_response_min = 1s;
  Duration no_response_medium = 5s;
  Duration no_response_high = 30s;
  Duration slow_response = 3s;
  Duration slow_total = 10s;
  Duration response_stall = 5s;
  Duration request_stall = 5s;
  Duration zero_window_min = 500ms;
  Duration close_wait_min = 60s;  // Linux lets an orphaned FIN_WAIT_2 live that long
  std::uint32_t fin_min_transmissions = 3;
  std::uint32_t keepalive_min_unanswered = 2;

  // What many flows show together.
  std::uint32_t keepalive_min_samples = 3;  // closes, or waits, that agree
  Duration keepalive_margin = 1s;           // a reuse this close to the server's limit is too late
  Duration keepalive_advice = 2s;           // undici's distance to the advertised timeout
  Duration time_wait = 60s;                 // TCP_TIMEWAIT_LEN, include/net/tcp.h
  std::uint32_t port_range = 28232;         // 32768 to 60999, Linux ip-sysctl
  double time_wait_warn_share = 0.5;
  std::uint32_t time_wait_server_min = 5000;
  std::uint32_t onset_min_failures = 3;
  std::uint32_t onset_min_before = 10;  // good exchanges before the first failure
  Duration onset_trigger = 60s;         // a first RST this close to it belongs to it
  Duration dns_slow = 1s;               // a resolver at hand answers in milliseconds
  Duration tls_stall = 5s;              // a handshake takes two round trips
  Duration tls_alert_close = 1s;        // a warning alert this close in front of the end caused it
  std::uint32_t tls_burst_multiplexed = 100;  // bytes; housekeeping of HTTP/2 is shorter

  double loss_ratio = 0.02;
  std::uint32_t loss_min_packets = 5;
  Duration loss_stall = 1s;
  std::uint32_t loss_min_rtos = 3;

  // A path that loses long packets only. Shorter ones get through every tunnel; segments of one
  // transfer differ by their options.
  std::uint32_t pmtu_min_bytes = 1000;
  double pmtu_full_share = 0.9;
  // Linux delays an ACK for 40 to 200 ms (TCP_DELACK_MIN, TCP_DELACK_MAX), others for up to that;
  // what Nagle's algorithm held back leaves at once when it comes.
  Duration delayed_ack_min = 35ms;
  Duration delayed_ack_max = 220ms;
  Duration delayed_ack_follow = 5ms;

  int rst_ttl_delta = 3;  // smaller differences are path jitter (ECMP)
  std::uint32_t one_way_min_packets = 4;
  Duration happy_eyeballs = 300ms;  // RFC 8305 §5: 250 ms recommended, up to 2 s allowed

  // Retries that look different on the wire are linked this long after a failure, connections that
  // failed are linked to deliveries this close.
  Duration delivery_link_window = 1h;
  Duration delivery_window = 25h;  // the same body later is another delivery: Alipay's schedule
  Duration auto_retry = 1s;        // a client library's own, on a new connection
  Duration quick_repeat = 1s;      // the same body so soon was no second message

  // How callbacks are acknowledged: name of a profile, or empty: told from each request.
  std::string ack_profile;
  std::string ack_token;  // the one body that acknowledges; empty: the profile's
  std::vector<const AckProfile*> own_profiles;  // in the order of the file; never null

  // Whole, trimmed response bodies that mean "not accepted", compared without case (taxonomy D0).
  std::vector<std::string> negative_acks = {"fail", "failure", "failed", "error", "false", "0"};
};

/// What a user changed about a label.
struct LabelChange {
  bool off = false;
  std::optional<Severity> severity;  // in place of any that a rule gives it
};

/// The flow, or the exchange of it, whose label is to be explained.
struct WhyQuestion {
  FlowId flow{};
  std::uint32_t exchange = 0;  // 0: the flow as a whole
};

struct Settings {
  Limits limits;
  Thresholds thresholds;
  std::map<Label, LabelChange> changes;
  std::vector<OwnRule> own_rules;  // in the order of the file
  std::uint64_t own_parts = 0;     // a hash of own rules and profiles as the file has them; 0: none
  std::optional<WhyQuestion> why;
  std::optional<VantagePoint> vantage;  // where the user says that the capture was taken
  bool digest_bodies = true;            // not worth the work for a report that shows no digests
};

/// A number or list of Settings by the name that reports and configuration files use:
/// "topic.number_unit". Durations are whole milliseconds there, lists of them whole seconds.
struct Setting {
  std::string_view key;
  std::variant<Duration Thresholds::*, std::uint32_t Thresholds::*, int Thresholds::*,
               double Thresholds::*, std::vector<Duration> Thresholds::*,
               std::vector<std::string> Thresholds::*, Duration Limits::*, std::uint32_t Limits::*,
               std::uint64_t Limits::*>
      member;
};
std::span<const Setting> setting_table();

/// Equal where two runs judge and list alike: of all that a configuration and --vantage, --profile
/// and --ack-token say. 16 hexadecimal digits.
std::string digest(const Settings& settings);

template <typename T>
T& member_of(Settings& settings, T Thresholds::*member) {
  return settings.thresholds.*member;
}
template <typename T>
T& member_of(Settings& settings, T Limits::*member) {
  return settings.limits.*member;
}
/// Calls `function` with a reference to the value of `setting` in `settings`.
template <typename Function>
void with_value(const Setting& setting, Settings& settings, Function&& function) {
  std::visit([&](auto member) { function(member_of(settings, member)); }, setting.member);
}

}  // namespace httpdiag
