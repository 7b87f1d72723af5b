// SPDX-License-Identifier: Apache-2.0
// The link layer: finds where the IP datagram begins and how long the record
// says it was. Knows nothing of what is inside the datagram. docs/link-layers.md
// says what is read and what is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "httpdiag/packet.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

/// What lies behind the link header; borrowed from the packet.
struct Frame {
  std::span<const std::byte> datagram;  // captured bytes from the IP header on, padding included
  std::size_t wire_length = 0;          // the same on the wire; never less than what was captured
  std::uint32_t vlan = 0;               // as Segment::vlan
  std::uint8_t version = 0;             // IP version named by the link; 0: the IP header decides
  Hints hints;                          // of a cooked capture: which way the packet went
  Tunnel tunnel;                        // what the datagram is wrapped up in so far
  // Frames that were sent as one with this one, behind it (A-MSDU); empty as a rule.
  std::span<const std::byte> behind{};
  std::size_t behind_length = 0;  // the same on the wire
  bool quoted = false;  // in an ICMP error: cut short, whatever its headers say of lengths
};

/// What the capture says of the packet itself, as in a cooked header.
constexpr std::uint8_t direction_hint(Direction direction) {
  constexpr std::uint8_t kHints[] = {0, Hints::to_here, Hints::from_here, Hints::to_other};
  return kHints[static_cast<std::size_t>(direction)];
}

/// Fills `frame`, or says why the packet carries no IP datagram that can be read.
[[nodiscard]] std::optional<Skip> read_link(const Packet& packet, Frame& frame);
/// The same for the first of the frames behind `frame`, of which there must be one.
[[nodiscard]] std::optional<Skip> read_behind(Frame& frame);

}  // namespace httpdiag::decode
