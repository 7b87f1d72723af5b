// SPDX-License-Identifier: Apache-2.0
// Who sent a RST: the host in whose name it came, or a device between the hosts
// (taxonomy 65, fact F11).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "httpdiag/finding.hpp"
#include "httpdiag/flow.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::rules {

/// What speaks for another sender of a side's RST.
struct RstSigns {
  bool ttl = false;      // unlike that of its other packets
  bool ip_id = false;    // its other packets count up, and this is no next one
  bool went_on = false;  // the side is heard behind it, though nobody is after a RST
  bool stepped = false;  // another one with a higher number came with it
  int count() const { return int{ttl} + int{ip_id} + int{went_on} + int{stepped}; }
};
/// Of the first RST of `side` that was effective when it came.
RstSigns rst_signs(const FlowRecord& flow, Side side, const Thresholds& limits);
/// That a device sent it; none: nothing speaks for that.
std::optional<Confidence> sent_by_device(const RstSigns& signs, const SideRecord& own);
/// Nothing but its SYN-ACK is there to compare with, which a SYN proxy may have sent.
bool handshake_alone(const SideRecord& own);
/// "its TTL is 61, that of the server's other packets 57; …"
std::string reasons(const RstSigns& signs, const SideRecord& own, Side side);

/// The RST in the name of `side` came from a device, as far as medium confidence goes. A load
/// balancer may send one by right.
bool reset_from_elsewhere(const FlowRecord& flow, Side side, const Thresholds& limits);

/// However little it differs from that of all else which `side` has sent: a device nearer by than
/// its host may have sent the RST. Alone this proves nothing.
bool rst_has_ttl_of_its_own(const FlowRecord& flow, Side side);

}  // namespace httpdiag::rules
