// SPDX-License-Identifier: Apache-2.0
// What many flows show together and no single one could: time limits that both
// sides work with, when failures began, which states are left at the end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/flow.hpp"

namespace httpdiag {

/// How long one server keeps idle connections, against how late its clients use them again.
struct KeepAlivePattern {
  Endpoint server;
  /// Inferred from closes by the server while nothing was outstanding; absent where these do not
  /// agree. `spread` is the distance between the smallest and the largest that do.
  std::optional<Duration> timeout;
  Duration spread{0};
  std::uint64_t samples = 0;       // closes that agree
  std::uint64_t idle_closes = 0;   // all of them
  std::vector<PacketRef> closes;   // FINs of the first few that agree
  std::uint32_t advertised_s = 0;  // Keep-Alive: timeout=N; 0 = not seen
  /// The server closed after this many exchanges, three times or more: a limit of its own.
  std::uint32_t max_requests = 0;
  std::uint64_t reuses = 0;               // requests on a connection that had carried one before
  std::optional<Duration> longest_reuse;  // idle time before one of them
  PacketRef longest_reuse_at;
  std::uint64_t failures = 0;  // request-on-half-closed and keepalive-close-race
};

/// A limit of the clients of one server, from the moments at which they gave up.
struct ClientLimitPattern {
  Endpoint server;
  Duration limit{0};
  Duration spread{0};
  std::uint64_t samples = 0;
  std::optional<Duration> known;  // entry of Thresholds::known_timeouts that it matches
  PacketRef example;
};

enum class Backoff : std::uint8_t { constant, doubling, growing, irregular };
std::string_view name(Backoff backoff);

/// Failed attempts to connect, one after another, from one client to one server.
struct BackoffPattern {
  IpAddress client;
  Endpoint server;
  Backoff kind{};
  std::uint64_t attempts = 0;
  std::vector<Duration> gaps;  // of the first few
  PacketRef first, last;
};

/// Failures towards one server that began after a time without any.
struct OnsetPattern {
  Endpoint server;
  Label label{};                            // of the first failure
  PacketRef first;                          // the packet with which it began
  PacketRef last;                           // of the last failure
  std::uint64_t before = 0;                 // exchanges without failure before it
  std::uint64_t failed_before = 0;          // with one: now and then
  std::uint64_t failed = 0, succeeded = 0;  // from then on
  PacketRef first_rst;  // the server's first RST of all, if it came within a minute before
};

/// Connections of one host that were not over at the end of the capture, as `ss` on that host
/// would count them.
struct HostStates {
  IpAddress host;
  std::array<std::uint64_t, 12> by_state{};  // by TcpState
  std::uint64_t close_wait_long = 0;         // CLOSE_WAIT for a minute or longer
};

/// Lists in order of their endpoints, bounded by Limits::max_endpoints.
struct Patterns {
  std::vector<KeepAlivePattern> keep_alive;
  std::vector<ClientLimitPattern> client_limits;
  std::vector<BackoffPattern> backoffs;
  std::vector<OnsetPattern> onsets;
  std::vector<HostStates> states;
};

}  // namespace httpdiag
