// SPDX-License-Identifier: Apache-2.0
// Collects, over the whole capture, what shows only in many flows together, and
// concludes from it at the end. Bounded by Limits::max_endpoints.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "httpdiag/flow.hpp"
#include "httpdiag/patterns.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::rules {

/// What the exchanges of one live flow add up to, kept in its account.
struct FlowUsage {
  std::uint32_t reuses = 0;
  std::uint32_t advertised_s = 0;
  Duration longest_reuse{-1};
  PacketRef longest_reuse_at;

  void on_exchange(const Exchange& exchange) {
    if (exchange.response && exchange.response->keep_alive_timeout_s != 0)
      advertised_s = exchange.response->keep_alive_timeout_s;
    if (exchange.index < 2 || !exchange.active_before) return;
    ++reuses;
    const Duration idle = exchange.request.first.time - exchange.active_before.time;
    if (idle <= longest_reuse) return;
    longest_reuse = idle;
    longest_reuse_at = exchange.request.first;
  }
};

/// Exchanges over time, good and bad, in few buckets that double their width when time runs on.
class Timeline {
 public:
  void add(Timestamp at);
  struct Failure {
    PacketRef at;
    Label label{};
  };
  void add(const Failure& failure);
  /// Good and bad ones before a failure, and from then on: by whole buckets, where good ones lie
  /// before and behind it in its own.
  struct Split {
    Failure at;
    std::uint64_t good_before = 0, bad_before = 0, good_after = 0, bad_after = 0;
  };
  /// At the failure, of those that began a bucket, where the share of the bad ones rose most
  /// surely; none where it did not rise from next to nothing to something, or may have done so by
  /// chance.
  std::optional<Split> turn(std::uint64_t least_good_before, std::uint64_t least_bad_after) const;

 private:
  static constexpr std::size_t kBuckets = 64;
  /// Makes room for `at` first.
  std::size_t bucket(Timestamp at);
  void keep_first(std::size_t bucket, const Failure& failure);
  Split split(std::size_t bucket) const;

  Timestamp begin_{};
  Duration width_{0};
  std::array<std::uint32_t, kBuckets> good_{}, bad_{};
  std::array<Timestamp, kBuckets> last_good_{};
  std::array<Failure, kBuckets> first_bad_{};
};

/// Where in time things of one kind came closest together.
class BusiestWindow {
 public:
  /// Packets in any order, nearly; `window` is in whole seconds.
  void add(PacketRef packet, Duration window);

  std::uint64_t most = 0;  // in any window so far
  PacketRef from, to;      // of that window

 private:
  // Flows end up to Limits::linger_closed late and not in order; this many seconds are kept apart.
  static constexpr std::size_t kSeconds = 128;
  struct Second {
    std::int64_t at = 0;  // since the epoch
    std::uint64_t count = 0;
    PacketRef first;
  };
  std::vector<Second> seconds_;  // in order
};

class PatternCollector {
 public:
  explicit PatternCollector(const Settings& settings) : settings_{settings} {}

  struct IdleClose {
    Duration idle;
    PacketRef fin;
    std::uint32_t exchanges;
  };
  struct Server {
    std::vector<IdleClose> closes;  // the first few
    std::uint64_t idle_closes = 0;
    std::uint32_t advertised_s = 0;
    std::uint64_t reuses = 0;
    std::optional<Duration> longest_reuse;
    PacketRef longest_reuse_at;
    std::uint64_t reuse_failures = 0;
    std::vector<std::pair<Duration, PacketRef>> client_waits;  // the first few
    Timeline timeline;
    PacketRef last_failure;
    std::uint64_t failures = 0;
    PacketRef first_rst;
    bool asked = false;    // it had requests
    bool answers = false;  // and answered one of them with what is no error
  };
  /// What is kept of a server; lives as long as the collector. Null: there is no room for it.
  Server* server(const Endpoint& endpoint);
  /// Both take null for a server that has no room.
  void on_healthy(Server* server, Timestamp at);
  void on_exchange(Server* server, const ExchangeReport& exchange);
  /// Somebody sent it requests.
  bool was_asked(const Endpoint& endpoint) const;
  /// True where the server has closed at least two connections after a rest of this length.
  bool closes_after(const Server* server, Duration idle) const;
  void on_flow(const FlowRecord& flow, Timestamp until, EndCause cause, const FlowReport& report,
               const FlowUsage& usage);

  /// Fills report.patterns and adds the findings that follow from it.
  void finish(Report& report) const;

 private:
  struct Attempt {
    PacketRef first;
    Timestamp until;  // the client's last packet
  };
  struct Attempts {
    std::vector<Attempt> times;  // the first few
    std::uint64_t count = 0;
  };
  /// Connections that went into TIME_WAIT on one host.
  struct Closings {
    BusiestWindow window;
    bool closer_is_client = false;
  };
  /// Handshakes of one server that stopped at its SYN-ACK.
  struct HalfOpen {
    BusiestWindow window;
    std::set<IpAddress> sources;  // the first few
  };

  void note_idle_close(const FlowRecord& flow, const FlowReport& report, Server& server);
  void note_failure(Server& server, PacketRef first, Label label);
  void note_failed_connect(const FlowRecord& flow, const FlowReport& report);
  void note_time_wait(const FlowRecord& flow, Side closer);
  void note_half_open(const FlowRecord& flow);
  void note_states(const FlowRecord& flow, Timestamp until, EndCause cause,
                   const FlowReport& report);

  KeepAlivePattern keep_alive(const Endpoint& endpoint, const Server& server) const;
  std::optional<Finding> mismatch(const KeepAlivePattern& pattern) const;
  void conclude_client_limits(const Endpoint& endpoint, const Server& server,
                              Patterns& patterns) const;
  void conclude_onset(const Endpoint& endpoint, const Server& server, Patterns& patterns) const;
  void conclude_backoffs(Patterns& patterns) const;
  void add_time_wait_findings(Report& report) const;
  void add_flood_findings(Report& report) const;

  const Settings& settings_;
  std::map<Endpoint, Server> servers_;
  std::map<std::pair<IpAddress, Endpoint>, Attempts> attempts_;
  std::map<std::pair<IpAddress, Endpoint>, Closings> closings_;  // closer, and its peer
  std::map<Endpoint, HalfOpen> half_open_;
  std::map<IpAddress, HostStates> states_;
};

}  // namespace httpdiag::rules
