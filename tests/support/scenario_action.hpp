// SPDX-License-Identifier: Apache-2.0
// What one line of a scenario says about the segments that it sends: verbs,
// payload, overrides and mishaps.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/scenario_peer.hpp"
#include "support/scenario_text.hpp"

namespace httpdiag::test {

using Nanoseconds = std::chrono::nanoseconds;

struct Action {
  std::uint8_t flags = 0;
  std::string payload;
  bool probe = false;
  const std::vector<Sent>* again = nullptr;  // retransmission

  std::optional<std::int64_t> seq, ack, window, ttl, id, ts_value, ts_echo, sack_from, sack_to,
      wscale, mss, packet_type;
  std::optional<std::vector<std::uint16_t>> vlans;
  std::size_t split = 0, fragment = 0, pieces = 0, snap = 0;
  Nanoseconds gap{0}, delay{0}, arrives{0}, stamp{0};
  std::optional<Side> unseen;  // with two capture points: passed this one, and was not recorded
  bool forged = false;         // sent by something between the two
  std::size_t cut = 0;         // arrives in segments of so many bytes
  bool dropped = false, lost = false, zero_length = false, padded = false, bad_checksum = false;
  std::string name;

  bool twice = false;  // captured twice
  Nanoseconds copy_after{0};
  std::optional<std::int64_t> copy_ttl, copy_mss;
  std::optional<std::vector<std::uint16_t>> copy_vlans;
};

/// Reads a line behind its time and side. `self` knows what it can retransmit.
Action read_action(Cursor& line, Peer& self);
/// "100", "30,200" (outermost first) or "off".
std::vector<std::uint16_t> read_vlans(Cursor& line);

}  // namespace httpdiag::test
