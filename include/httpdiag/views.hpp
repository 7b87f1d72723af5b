// SPDX-License-Identifier: Apache-2.0
// Two captures of the same traffic, one from either end (docs/two-captures.md): what became of the
// packets between the two points. All packets have numbers of the common order, the client's
// capture first; times of the server's capture are those of its own clock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/flow.hpp"

namespace httpdiag {

/// How the clocks of the two points relate.
struct ClockRelation {
  Timestamp at{};                           // of the client's capture; where `offset` holds
  Duration offset{};                        // the server's clock minus the client's
  Duration uncertainty{};                   // half of the shortest way there and back
  std::optional<std::int64_t> drift_ppb{};  // what the server's gains; none: not to be told
  std::uint64_t pairs = 0;                  // packets seen at both points that this rests on
  bool both_ways = false;  // false: they went one way, and the offset has the way in it
  bool steady = true;      // false: one of the clocks was set meanwhile
};

/// What one side sent, and what the other end got of it.
struct Crossing {
  std::uint64_t sent = 0;  // packets in the capture of their sender's end
  // Of these: in whole or in part, on the way. Not ACKs without payload: one that its receiver's
  // capture missed looks the same.
  std::uint64_t lost = 0;
  std::uint64_t lost_bytes = 0;    // of payload
  std::uint64_t not_recorded = 0;  // acknowledged, but not in the capture of the receiver's end
  std::uint64_t unknown = 0;       // nobody knows: that capture did not run then
  std::uint64_t not_sent = 0;      // arrived, and are not in the capture of their sender's end
  std::uint64_t altered = 0;       // arrived with other payload
  std::optional<Duration> least_delay{}, most_delay{};  // by the relation of the clocks
};

/// Where a flow of the client's capture is in the server's.
enum class Presence : std::uint8_t {
  both,      // it is there
  lost,      // none of it arrived, though the capture there would show it
  absent,    // it is not there, and nobody knows why
  replaced,  // something between the points ends TCP: what it carried is there, if at all, in
             // another connection
};
std::string_view name(Presence presence);

struct LostPacket {
  PacketRef packet;
  Side from = Side::client;
};

/// A RST, FIN or payload that one end got in the name of the other, which never sent it.
struct ForgedPacket {
  PacketRef packet;
  Side from = Side::client;  // in whose name
  std::string what;          // "RST"
};

/// What the other end's capture shows of an attempt.
struct Revision {
  FlowId flow{};
  std::uint32_t exchange = 0;
  bool arrived = false;  // else it is proven that nothing of it did
};

struct FlowViews {
  Presence presence = Presence::both;
  bool by_payload = false;  // told by what it carried: its beginning is not in both captures
  bool whole = true;        // false: too long to be compared to its end
  Endpoint client, server;  // as the server's capture knows them; port 0: it does not
  PacketRef first, last;    // in the server's capture
  Label label = Label::ok;  // what that capture alone says of it
  Severity severity = Severity::ok;
  std::array<Crossing, 2> ways;      // by sending side
  std::vector<LostPacket> lost;      // the first ones
  std::vector<ForgedPacket> forged;  // the first ones
};

/// The two captures as a whole.
struct Views {
  std::optional<ClockRelation> clock;
  std::uint64_t joined = 0, translated = 0;  // flows in both; of these, under other names
  std::uint64_t renumbered = 0;  // of these: their sequence numbers are rewritten on the way
  std::uint64_t renamed = 0;     // flows of the server's capture that only carry on joined ones
  std::uint64_t lost = 0, absent = 0, replaced = 0;
  // Flows of the server's capture that the client's lacks; 0 where filters chose among the
  // client's.
  std::uint64_t server_only = 0;
  std::uint64_t not_compared = 0;  // beyond Limits::max_view_flows
  bool unrelated = false;          // no flow is in both
  bool swapped = false;            // the client's capture was taken nearer to the server
  bool same_point = false;         // both were taken at one point: no packet took any time
  // Of each capture, by the side that it was given for: its packets tell that it was taken between
  // the two ends.
  std::array<bool, 2> on_the_way{};
  std::array<std::uint64_t, 2> packets{}, flows{};  // of each capture
  std::array<Crossing, 2> ways;                     // by sending side, of all joined flows
  std::vector<Revision> revisions;  // of attempts that the client's capture alone could not settle
};

}  // namespace httpdiag
