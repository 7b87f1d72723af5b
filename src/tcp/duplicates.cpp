// SPDX-License-Identifier: Apache-2.0
#include "tcp/duplicates.hpp"

#include <cstdlib>

namespace httpdiag::tcp {

DuplicateFilter::DuplicateFilter(const Thresholds& thresholds)
    : thresholds_{thresholds}, sets_{std::make_unique<std::array<Set, kSets>>()} {}

// TTL, checksums, MAC, VLAN and interface are not part of a packet's identity:
// routers and bridges change them. A retransmission differs in IP id or TSval,
// or comes at least an RTO (200 ms on Linux, TCP_RTO_MIN) later.
// Captures of two hosts that are put on one timeline have a way between them; without an id,
// payload or timestamp nothing tells a packet from the next of its kind.
Duration DuplicateFilter::window(const Segment& segment, std::uint32_t vlan,
                                 DeviceId device) const {
  const bool told_apart = has_identity(segment) || !segment.options.empty();
  if (segment.vlan != vlan || (segment.device != device && told_apart))
    return thresholds_.dedup_window_other_vlan;
  return segment.ip_id != 0 ? thresholds_.dedup_window : thresholds_.dedup_window_no_id;
}

/// It was recorded where that one was, as far as can be seen, or the way from its sender was as
/// long: one place may well have seen such a packet twice.
bool DuplicateFilter::same_place(const Segment& segment, const Set& set, std::size_t way) {
  constexpr int kMostRouters = 3;
  const int routers = std::abs(int{set.ttls[way]} - int{segment.ttl});
  const bool other_ttl = routers > 0 && routers <= kMostRouters;
  return set.devices[way] == segment.device && set.vlans[way] == segment.vlan && !other_ttl;
}

// Cold: hardly any packet has the fingerprint of another.
PacketRef DuplicateFilter::original_of(const Segment& segment, const Set& set,
                                       std::uint64_t fingerprint) {
  for (std::size_t way = 0; way < kWays; ++way) {
    if (!same_packet(set.fingerprints[way], fingerprint)) continue;
    if (!has_identity(segment) && same_place(segment, set, way)) continue;
    if (!within_window(segment, set.vlans[way], set.devices[way], set.packets[way].time)) continue;
    origin_ = {.devices = {set.devices[way], segment.device},
               .vlans = {set.vlans[way], segment.vlan},
               .ttls = {set.ttls[way], segment.ttl}};
    return set.packets[way];
  }
  return {};
}

void DuplicateFilter::renew(const Segment& segment, std::uint64_t fingerprint,
                            std::uint32_t place) {
  Set& set = (*sets_)[place];
  for (std::size_t way = 0; way < kWays; ++way) {
    if (same_packet(set.fingerprints[way], fingerprint)) remember(segment, fingerprint, set, way);
  }
}

}  // namespace httpdiag::tcp
