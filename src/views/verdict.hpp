// SPDX-License-Identifier: Apache-2.0
// What both views of a flow together prove of what the client's view alone could only suspect
// (taxonomy 6.1 F5, F6, F8).
#pragma once

#include "httpdiag/report.hpp"
#include "views/crossing.hpp"

namespace httpdiag::views {

/// A flow laid beside itself. Borrows the trails.
struct Joined {
  const Trail& client;
  const Trail& server;                // without packets where none of it arrived
  std::array<Way, 2> ways;            // by sending side
  Duration ahead{};                   // the server's clock at that time
  PacketRef server_last;              // of the server's whole capture
  bool there = true;                  // the server's capture has the flow
  bool steady = true;                 // neither clock was set: times of both can be compared
  std::array<const Watch*, 2> ran{};  // the two captures, each by its own clock
  // Of each capture: it was taken between the ends, not at one.
  std::array<bool, 2> on_the_way{};
  bool mute_server = false;  // no packet of a server is in either capture
  // From this packet on the server knows its client by another name.
  PacketRef renamed_in{};
  Endpoint renamed_client{};
};

/// Raises the faults of `report`, which is of the client's view, and adds the evidence of the other
/// end. An annotation that the other end refutes goes. `input` tells where packets lie. Returns
/// what became of its requests without an answer.
std::vector<Revision> raise(FlowReport& report, const Joined& flow, const CaptureSummary& input,
                            const Limits& limits);

}  // namespace httpdiag::views
