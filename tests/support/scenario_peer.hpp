// SPDX-License-Identifier: Apache-2.0
// One endpoint of a scenario's connection: what it has sent and what has reached
// it, so that sequence and ACK numbers need not be written down. Offsets count
// payload bytes; the SYN is at -1, a FIN takes one.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "httpdiag/flow.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::test {

/// A segment as it was sent first, for retransmissions.
struct Sent {
  std::int64_t offset = 0;
  std::string payload;
  std::uint8_t flags = 0;
};

struct Peer {
  Endpoint at;
  std::uint32_t isn = 0;
  std::int64_t next = -1;  // offset that the next new byte gets; -1: no SYN yet
  std::optional<std::int64_t> fin_at;
  std::optional<std::uint32_t> last_ack;  // raw number in its last segment with ACK

  // What has reached it of the other side's tape.
  std::int64_t received = -1;
  std::map<std::int64_t, std::int64_t> held;  // begin -> end, out of order
  std::uint32_t ts_recent = 0;

  // Settings.
  std::uint8_t ttl = 64;
  bool offload = false;                     // its checksums are left to its network card
  std::optional<std::uint8_t> packet_type;  // SLL, SLL2; else what `vantage` says
  bool forwarded = false;        // by the capturing host: recorded on the way in and on the way out
  std::uint32_t window = 64240;  // bytes
  int wscale = 7;                // -1: no option
  std::uint16_t mss = 1460;      // 0: no option
  bool timestamps = true;
  std::vector<std::uint16_t> vlans;

  std::vector<Sent> last;  // segments of the last line with SYN, FIN or payload
  std::map<std::string, std::vector<Sent>> named;
  std::string last_packet;  // whole IP packet, for ICMP to quote

  std::uint32_t number(std::int64_t offset) const {
    return isn + 1 + static_cast<std::uint32_t>(offset);
  }
  void receive(std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    auto& reach = held[begin];
    reach = std::max(reach, end);
    while (!held.empty() && held.begin()->first <= received) {
      received = std::max(received, held.begin()->second);
      held.erase(held.begin());
    }
  }
};

struct Flow {
  Peer client, server;
  // The recording host translates addresses: each packet is recorded once more, between these.
  std::optional<Endpoint> translated_client, translated_server;
  std::optional<Side> translated_at;  // with two capture points: by the host of this one
  // With two capture points: its ends as the server's point knows them; the only point that it
  // passes.
  std::optional<Endpoint> there_client, there_server;
  std::optional<Side> only_at;
  // Added on the way to each side's sequence numbers.
  std::uint32_t client_renumbered = 0, server_renumbered = 0;
  Peer& side(bool is_client) { return is_client ? client : server; }
};

}  // namespace httpdiag::test
