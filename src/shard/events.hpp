// SPDX-License-Identifier: Apache-2.0
// What is written of an analysis: all that reaches the rules, with its place in the order of the
// undivided run.
#pragma once

#include <cstdint>

#include "httpdiag/flow.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag::shard {

inline constexpr std::uint64_t kVersion = 22;

enum class Event : std::uint8_t {
  exchange = 1,
  stray,
  tls_server,
  tls,
  message,  // of DNS
  name,     // of an address, by the capture file
  flow,
  forget_open,
  hole,         // all that is open ends now, as it does with the capture
  capture_end,  // likewise
  open,         // is open, and will end now
  // What may be about flows of an earlier capture.
  attempt,    // to connect, soon after the capture began, or after such an error
  connected,  // one of those
  pause,      // nobody may have recorded for a while: no lookup waits across it
};

/// Where an event is in the order of the undivided run: with a packet, and in which step of what
/// comes of it. All of one step that reaches the rules is of one flow.
struct Moment {
  PacketNumber packet = 0;
  std::uint64_t step = 0;
  auto operator<=>(const Moment&) const = default;
};

/// How a flow began.
struct Begin {
  FlowId flow{};
  Endpoint source, destination;
  std::uint32_t network = 0;
  std::uint32_t seq = 0;
  bool syn = false;    // a client asks for a connection
  bool again = false;  // another one between its ends was still waited for
};

/// A state may hold any time.
inline Timestamp after(Timestamp time, Duration wait) {
  return time > Timestamp::max() - wait ? Timestamp::max() : time + wait;
}

/// A connection that a client was refused, and may have got over the other IP version.
struct Refusal {
  Endpoint server;
  Timestamp first{}, at{};  // when it was asked for, and refused
};

/// An ICMP error about no flow of its capture.
struct Unrelated {
  IcmpError error;
  std::uint64_t attempts = 0;  // to connect, in that capture so far
};

/// Both directions of a flow, and it under all numbers of sides, are in the same shard.
bool belongs_to(const Shard& shard, const FlowRecord& flow);
/// DNS over TCP is read by all: names and lookups are nobody's alone.
bool is_everybodys(const FlowRecord& flow);

}  // namespace httpdiag::shard
