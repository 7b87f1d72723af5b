// SPDX-License-Identifier: Apache-2.0
// What one capture saw of each flow, packet by packet, kept until it can be laid beside what the
// other capture saw. Only with two captures.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "httpdiag/flow.hpp"
#include "httpdiag/segment.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::views {

/// One packet as one capture saw it.
struct Seen {
  PacketRef packet;
  std::uint32_t seq = 0, ack = 0, length = 0;
  std::uint32_t options = 0;  // a hash
  std::uint32_t head = 0;     // a hash of the first bytes of payload; 0: too few are there
  std::uint32_t content = 0;  // a hash of the whole payload; 0: it is not there
  std::uint16_t ip_id = 0;
  std::uint8_t ttl = 0;
  TcpFlags flags;
  Side from = Side::client;

  bool is_rst() const { return flags.has(TcpFlags::rst); }
  /// No payload, SYN, FIN or RST: nobody answers it, so that its loss leaves no trace.
  bool is_bare_ack() const { return span() == 0 && !is_rst(); }
  /// What it takes of its sender's sequence numbers (RFC 9293 §3.4).
  std::uint32_t span() const {
    if (is_rst()) return 0;
    return length + (flags.has(TcpFlags::syn) ? 1u : 0u) + (flags.has(TcpFlags::fin) ? 1u : 0u);
  }
};

struct Trail {
  FlowId flow{};
  Endpoint client, server;
  // Its other name, where the capturing host translates addresses; port 0: none.
  Endpoint other_client, other_server;
  std::array<std::uint32_t, 2> isn{};  // by side
  std::array<bool, 2> began{};         // whether the SYN of either side, and so its isn, was seen
  PacketRef first, last;
  std::vector<Seen> seen;
  bool whole = true;  // false: the rest of it found no room

  bool starts() const { return began[0] || began[1]; }
  bool has_two_names() const { return other_server.port != 0; }
};

/// Writes trails: told of every packet that is no copy, in front of whatever ends its flow.
class Recorder final : public FlowSink {
 public:
  /// `before`: how many packets the common order has in front of this capture's.
  Recorder(const Limits& limits, PacketNumber before)
      : packets_left_{limits.max_view_packets},
        flows_left_{limits.max_view_flows},
        before_{before} {}

  /// `flow` is the one that it is of, `source` its sender as that flow knows it.
  void on_segment(const Segment& segment, FlowId flow, const Endpoint& source);
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override;

  /// Of the flows that have ended, in the order in which they did.
  std::vector<Trail>& trails() { return trails_; }
  /// A RST or FIN with this number is in the capture, of whatever connection: a device that
  /// translates addresses may have changed the name of this one.
  bool has_ending(const Seen& seen) const { return endings_.contains(ending_key(seen)); }
  /// Flows that had a trail and found no room.
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Open {
    Endpoint first;          // who sent the first packet
    std::vector<Seen> seen;  // `from` is client where `first` sent
    bool whole = true;
  };
  static std::uint64_t ending_key(const Seen& seen) {
    return std::uint64_t{seen.seq} << 1 | (seen.is_rst() ? 1u : 0u);
  }

  std::uint64_t packets_left_, flows_left_;
  PacketNumber before_;
  std::unordered_map<FlowId, Open> open_;
  std::unordered_set<std::uint64_t> endings_;
  std::vector<Trail> trails_;
  std::uint64_t dropped_ = 0;
};

}  // namespace httpdiag::views
