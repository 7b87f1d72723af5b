// SPDX-License-Identifier: Apache-2.0
// A delivery is all attempts of one logical callback: what became of it, and
// was it delivered more than once? (taxonomy section 5, docs/deliveries.md)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/flow.hpp"
#include "httpdiag/profile.hpp"

namespace httpdiag {

/// What an attempt came to, for the callback. In the order of the taxonomy's 5.4.
enum class AttemptClass : std::uint8_t {
  not_delivered,  // N: no byte reached the receiving application
  unknown,        // U: it did, or part of it; what became of it is unknown
  late,           // L: answered when the sender had gone
  refused,        // F: answered, and the answer is no
  unrecognized,   // ?: 2xx without the token that the sender wants
  acknowledged,   // A
  open,           // the capture ended while it was under way
  unseen,         // its outcome is in no packet of the capture
};
inline constexpr std::size_t kAttemptClassCount = 8;
std::string_view name(AttemptClass attempt);   // "N", "U", ..., "open", "unseen"
std::string_view words(AttemptClass attempt);  // "not delivered"

enum class DeliveryVerdict : std::uint8_t {
  acknowledged,
  recovered,
  never_delivered,
  unacknowledged,
  ack_late,
  rejected,
  ack_unrecognized,
  duplicated,
  in_progress,
  unseen,
};
inline constexpr std::size_t kDeliveryVerdictCount = 10;
std::string_view name(DeliveryVerdict verdict);   // "delivery-never-delivered"
std::string_view words(DeliveryVerdict verdict);  // "never delivered"

/// Why attempts belong together, strongest first.
enum class KeyKind : std::uint8_t {
  header,     // the sender's own id of the delivery
  field,      // a field of the body that names the event
  body,       // the same bytes to the same place
  canonical,  // the same but for time, signature and the like
  none,       // nothing to go by: the body is not in the capture, or there is no second one
};
std::string_view name(KeyKind kind);

struct DeliveryKey {
  KeyKind kind = KeyKind::none;
  std::string name;          // of the header, or of the fields
  std::string value;         // as sent, bounded: for header and field
  std::uint64_t digest = 0;  // what was compared
};

struct Attempt {
  FlowId flow{};
  std::uint32_t exchange = 0;  // 0: a connection that failed, its content is unknown
  AttemptClass outcome{};
  Severity severity = Severity::ok;  // of the label
  Label label = Label::ok;
  std::uint16_t status = 0;  // 0: not answered
  PacketRef first;           // of the request, or of the connection
  PacketRef last;            // that proves the outcome
  IpAddress client;
  Endpoint server;
  std::uint64_t body_digest = 0;    // of the request's body; 0: not all of it was seen
  std::uint64_t answer_digest = 0;  // of the response's body
  bool short_answer = false;        // a body that can be an acknowledgement
  bool auto_retry = false;          // of a client library, at once: no scheduled one
  bool weak = false;                // may belong to this delivery: same endpoint, near in time
  bool proven = false;              // by the capture of the other end
  bool unacked = false;             // no byte of the request was acknowledged
  // As far as a proxy in the capture shows it: on so many legs it reached a receiver that may have
  // acted on it, and so many answers say that it did. 0: nothing but what the attempt itself shows.
  std::uint32_t may_be_done = 0, done = 0;
  std::uint32_t done_exchange = 0;  // the leg that proves that it was done, though the sender never
  FlowId done_flow{};               // heard of it; 0: none
  std::uint16_t done_status = 0;
};

struct Delivery {
  DeliveryKey key;
  const AckProfile* profile = nullptr;  // never null in a report
  std::string method, host, target;     // of one of the attempts; target bounded
  Endpoint server;
  std::vector<Attempt> attempts;    // in time order; the first ones
  std::uint64_t attempt_count = 0;  // all
  DeliveryVerdict verdict{};
  Severity severity{};
  bool duplicated = false;          // the receiver got it more than once
  bool duplicate_certain = false;   // it did; otherwise it may have
  bool bodies_differ = false;       // it did not: one key came with more than one body
  bool after_success = false;       // an attempt follows one that was acknowledged
  std::string proxies;              // what proxies in the capture did with it; may be empty
  bool repeats_a_message = false;   // may be a second message with the same words
  std::vector<Duration> gaps;       // between scheduled attempts, start to start
  std::optional<bool> on_schedule;  // the gaps are those that the profile publishes
  std::string detail;               // one sentence with the numbers in it
  std::string advice;               // may be empty
};

/// Requests to one method, host and path.
struct CallbackEndpoint {
  std::string method, host, path;
  Endpoint server;  // of the first request
  std::array<std::uint64_t, kAttemptClassCount> outcomes{};
  PacketRef first_success, last_success, first_failure, last_failure;
  struct Source {
    IpAddress client;
    std::uint64_t acknowledged = 0, not_delivered = 0, other = 0;
  };
  std::vector<Source> sources;  // the first few
  bool more_sources = false;
};

/// Connections to a server that failed before any request, and belong to no known delivery.
struct FailedConnections {
  Endpoint server;
  Label label{};
  std::uint64_t count = 0;
  PacketRef first, last;
  FlowId example{};
};

struct Deliveries {
  std::uint64_t total = 0;
  std::array<std::uint64_t, kDeliveryVerdictCount> verdicts{};
  std::uint64_t duplicated = 0;             // with any verdict
  std::vector<Delivery> list;               // failed or repeated ones, by first packet
  std::uint64_t omitted = 0;                // of those, beyond the cap
  std::vector<CallbackEndpoint> endpoints;  // those with a failure, by first failure
  std::uint64_t omitted_endpoints = 0;
  std::vector<FailedConnections> failed_connections;
};

}  // namespace httpdiag
