// SPDX-License-Identifier: Apache-2.0
// First pieces of IP datagrams that begin a TCP segment, until the others come, or something
// shows that they do not: then what is there is a segment of which the end was not recorded.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "decode/fragments.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "httpdiag/packet.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

struct HeldPiece {
  FragmentTable::Ticket ticket;
  PacketRef packet;
  DeviceId device = 0;
  Frame frame;        // its views are not valid
  Datagram datagram;  // neither is its payload
  // Of the segment that it begins.
  Endpoint source, destination;
  std::uint32_t network = 0;
  std::uint32_t seq = 0;
  // So many numbers behind it something else was sent, or the acknowledged bytes end: as long as it
  // is, unless more is missing. 0: not known.
  std::uint32_t reach = 0;
};

class HeldPieces {
 public:
  explicit HeldPieces(const Limits& limits);

  bool empty() const { return held_.empty(); }
  /// The oldest gives way where there are too many.
  void add(HeldPiece piece);
  bool has(const FragmentTable::Ticket& ticket) const;
  /// Its datagram is whole.
  void drop(const FragmentTable::Ticket& ticket);

  struct Due {
    HeldPiece piece;
    // The same bytes were sent again: what is missing here may be there.
    bool sent_again = false;
  };
  // The first one that has waited long enough, by what comes next.
  std::optional<Due> next(const Segment& before);
  std::optional<Due> next(const IcmpError& before);
  std::optional<Due> next(Timestamp now);
  /// Nothing comes any more.
  std::optional<Due> next();

 private:
  Due take(std::size_t i, bool sent_again);
  void measure(const Segment& next);

  const Duration patience_;
  std::deque<HeldPiece> held_;  // oldest first, and few
};

}  // namespace httpdiag::decode
