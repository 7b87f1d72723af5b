// SPDX-License-Identifier: Apache-2.0
// What became of the packets that a finding is about. All measuring is here; what could not be
// measured is absent.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "httpdiag/report.hpp"
#include "views/verdict.hpp"

namespace httpdiag::views {

/// Several packets of one direction.
struct Fates {
  std::vector<PacketRef> all, lost;
  std::size_t arrived = 0, in_part = 0, not_recorded = 0, unknown = 0;
  PacketRef first_there;  // the first that arrived, in the other capture

  bool none_arrived() const { return !all.empty() && lost.size() == all.size(); }
};
/// Of those that `wanted` picks.
Fates fates_of(const Joined& flow, Side from,
               const std::function<bool(const Seen&, const Stretch&)>& wanted);

/// What the server's end saw of a request that has no answer, or not all of it, at the client's.
struct RequestFacts {
  Fates request;
  PacketRef arrived;         // with which all of it was at the server; none: it never was
  bool begun = false;        // some of it was
  bool half_a_head = false;  // what was there ends, or has a hole, in front of the head's end
  PacketRef acknowledged;    // the server's first packet that acknowledges all of it
  bool ack_arrived = false;  // that, or a later one
  Fates answer;              // payload that left the server for it
};
/// None: its packets are not among those that were kept, or it was pipelined.
std::optional<RequestFacts> measure(const Joined& flow, const FlowReport& report,
                                    const ExchangeReport& exchange);

/// In which the client had nothing acknowledged, whatever it repeated, and which ended just before
/// `fin`. None: it had no such stall, or was not waiting.
std::optional<Span> stall_before(const Joined& flow, const PacketRef& fin);

/// A RST or FIN that `to` got, and whether it was sent.
struct Ending {
  PacketRef packet;  // in the capture of the end that got it
  PacketRef sent;    // in the other one; none: it was not
};
/// `seen`: packets of a finding, of which it is one; empty: whichever comes first.
std::optional<Ending> ending_of(const Joined& flow, Side from, std::uint8_t flag,
                                const std::vector<Evidence>& seen);

/// Packets arrived that the capture of their sender's end lacks, so that a RST may be another one.
bool incomplete(const Joined& flow, Side sender);

}  // namespace httpdiag::views
