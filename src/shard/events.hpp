// SPDX-License-Identifier: Apache-2.0
// What is written of an analysis: all that reaches the rules, with its place in the order of the
// undivided run.
#pragma once

#include <cstdint>

#include "httpdiag/flow.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag::shard {

inline constexpr std::uint64_t kVersion = 13;

enum class Event : std::uint8_t {
  packet = 1,  // one after which time did not go on as ever, or the one in front of it
  exchange,
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
  unrelated,  // an ICMP error about no flow of the capture
  pause,      // nobody may have recorded for a while: no lookup waits across it
};

/// Both directions of a flow, and it under all numbers of sides, are in the same shard.
bool belongs_to(const Shard& shard, const FlowRecord& flow);
/// DNS over TCP is read by all: names and lookups are nobody's alone.
bool is_everybodys(const FlowRecord& flow);

}  // namespace httpdiag::shard
