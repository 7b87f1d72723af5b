// SPDX-License-Identifier: Apache-2.0
// What passes one way only: a capture beside one of two paths hears nothing of what a host sends,
// and the silence of that host in a short flow says nothing then (taxonomy 4.1).
#pragma once

#include <optional>
#include <unordered_map>

#include "httpdiag/flow.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::rules {

/// Whether `side` sent nothing that the capture has, although the other side reacts to it, or does
/// not mind its silence.
bool unheard(const FlowRecord& flow, Side side);

/// The ACK numbers of the other side advance over bytes that nobody saw, or its handshake got past
/// the SYN, or it answers a SYN: `side`, which was not heard, did talk.
bool proves_unheard(const FlowRecord& flow, Side side);

/// What other flows show of the way from one host to another. Bounded; O(1) for a flow.
class OneWayHosts {
 public:
  explicit OneWayHosts(const Thresholds& limits) : limits_{limits} {}

  /// To be called once for each flow: when it has ended, or before any of those is judged that are
  /// open when the capture ends.
  void note(const FlowRecord& flow);
  /// Other flows prove that what `side` sends does not come past here, and it was not heard in this
  /// one.
  bool hides(const FlowRecord& flow, Side side) const;
  /// Flows prove that nothing that anybody sends to `host` comes past here.
  bool is_sent_nothing(const IpAddress& host) const { return never_heard({{}, host}); }
  /// Other flows prove that what `side` sends does come past here.
  bool hears(const FlowRecord& flow, Side side) const;

 private:
  /// Of a host that talks to itself, what the client sends and what the server sends.
  struct Way {
    IpAddress from, to;  // one of them may be nobody: from or to anybody
    Side of = Side::client;
    friend bool operator==(const Way&, const Way&) = default;
  };
  struct WayHash {
    std::size_t operator()(const Way& way) const;
  };
  struct Silence {
    std::uint64_t proven = 0;   // flows in which the other side reacts to it
    std::uint64_t packets = 0;  // of the other side in flows where it may as well have been silent
    bool believed = false;      // in one of them the other side said the same again
  };
  static constexpr std::size_t kMaxWays = 1024;
  static Way way(const FlowRecord& flow, Side from);
  static Way into(const Way& way) { return {{}, way.to}; }
  static Way out_of(const Way& way) { return {way.from, {}}; }

  void note_heard(const Way& way);
  void note_silence(const Way& way, const FlowRecord& flow, Side side);
  /// Flows in which something came this way; none: nobody kept count.
  std::optional<std::uint64_t> heard(const Way& way) const;
  Silence silence(const Way& way) const;
  /// Nothing came this way in any flow, and there was occasion enough.
  bool never_heard(const Way& way) const;

  const Thresholds& limits_;
  std::unordered_map<Way, std::uint64_t, WayHash> heard_;
  std::unordered_map<Way, Silence, WayHash> silent_;
};

}  // namespace httpdiag::rules
