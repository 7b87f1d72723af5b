// SPDX-License-Identifier: Apache-2.0
// Where the capture was taken (taxonomy 6.3). Each flow votes with what its first packets tell;
// votes that contradict each other make it unknown, because a wrong vantage accuses the wrong side.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>

#include "httpdiag/flow.hpp"
#include "httpdiag/settings.hpp"
#include "httpdiag/vantage.hpp"

namespace httpdiag::rules {

/// Kinds of evidence, the weightiest first.
enum class Clue : std::uint8_t { same_host, direction, forwarded, ttl, checksum, split };
inline constexpr std::size_t kClues = 6;

/// How many routers a packet has passed, by the initial TTL next above its own (taxonomy 6.4).
/// None: not seen, or too odd to say.
std::optional<int> hops(std::uint8_t ttl);

/// What each kind says of one flow; unknown where it says nothing.
struct Votes {
  std::array<VantagePoint, kClues> by{};
  bool strong_split = false;  // the halves of the handshake differ by far
  VantagePoint& operator[](Clue clue) { return by[static_cast<std::size_t>(clue)]; }
  VantagePoint operator[](Clue clue) const { return by[static_cast<std::size_t>(clue)]; }
};
/// Which ends of the flow the capturing host is, by what the link headers say: both on a loopback
/// device, neither where it only passes the packets on.
struct CapturingHost {
  bool client = false, server = false;
};
CapturingHost capturing_host(const FlowRecord& flow);

Votes votes_of(const FlowRecord& flow);
Sighting sighting_of(const Votes& votes);

class VantageCollector {
 public:
  explicit VantageCollector(const Settings& settings) : settings_{settings} {}

  /// To be called once for each flow, as soon as its handshake is over.
  void on_flow(const FlowRecord& flow);
  /// The capturing host sent the RST in the server's name: the server's packets come to it from
  /// outside, on this connection or on the earlier ones.
  bool made_reset(const FlowRecord& flow) const;
  /// Other connections show that the capturing host has this address.
  bool lives_here(const IpAddress& address) const { return live_here_.contains(address); }
  /// The capturing host passes packets on to the server, as earlier connections show, and passed
  /// none of this client's on, to which nobody answered.
  bool dropped(const FlowRecord& flow) const;
  /// By the flow's own evidence; else by what its hosts' other flows have shown so far.
  Sighting of(const FlowRecord& flow) const;
  Vantage finish(const CaptureSummary& input) const;

 private:
  // How often a host was seen to be the one that records, by its role.
  struct Host {
    std::uint64_t as_client = 0, as_server = 0;
  };
  static constexpr std::size_t kMaxHosts = 256;
  struct Count {
    std::uint64_t flows = 0;
    PacketRef first;  // of the first such flow
    std::array<std::uint8_t, 2> ttl{};
    std::array<Duration, 2> halves{};
  };

  Sighting by_hosts(const FlowRecord& flow) const;
  Votes votes(const FlowRecord& flow) const;
  VantagePoint majority() const;
  std::string reason(Clue clue, VantagePoint point, const Count& count,
                     const CaptureSummary& input) const;

  const Settings& settings_;
  std::map<IpAddress, Host> hosts_;
  std::set<IpAddress> live_here_;       // addresses of the capturing host
  std::set<IpAddress> passed_on_from_;  // clients for which it does
  std::set<IpAddress> passed_on_to_;    // servers to which the capturing host passes packets on
  std::array<std::uint64_t, 6> flows_at_{};  // by VantagePoint, of at least medium confidence
  std::array<std::uint64_t, 6> sure_at_{};   // of these: of high confidence
  std::uint64_t contradictory_ = 0;          // flows whose votes contradict each other
  std::array<std::array<Count, 6>, kClues> counts_{};  // by Clue and VantagePoint
};

}  // namespace httpdiag::rules
