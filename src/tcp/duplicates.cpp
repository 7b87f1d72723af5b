// SPDX-License-Identifier: Apache-2.0
#include "tcp/duplicates.hpp"

#include "tcp/hashing.hpp"

namespace httpdiag::tcp {

DuplicateFilter::DuplicateFilter(const Thresholds& thresholds)
    : thresholds_{thresholds}, sets_{std::make_unique<std::array<Set, kSets>>()} {}

// TTL, checksums, MAC, VLAN and interface are not part of a packet's identity:
// routers and bridges change them. A retransmission differs in IP id or TSval,
// or comes at least an RTO (200 ms on Linux, TCP_RTO_MIN) later.
Duration DuplicateFilter::window(const Segment& segment, const Entry& entry) const {
  if (segment.vlan != entry.vlan) return thresholds_.dedup_window_other_vlan;
  return segment.ip_id != 0 ? thresholds_.dedup_window : thresholds_.dedup_window_no_id;
}

PacketRef DuplicateFilter::find_or_remember(const Segment& segment, std::uint64_t tuple_hash,
                                            std::uint64_t payload_hash) {
  std::uint64_t print = mix(tuple_hash, (std::uint64_t{segment.seq} << 32) | segment.ack);
  print = mix(print, (std::uint64_t{segment.payload_length} << 32) |
                         (std::uint64_t{segment.window} << 16) | segment.flags.bits);
  print = mix(print ^ segment.ip_id, payload_hash ^ hash_bytes(segment.options));

  Set& set = (*sets_)[static_cast<std::size_t>(print % kSets)];
  for (Entry& entry : set.entries) {
    if (entry.fingerprint != print || entry.ip_id != segment.ip_id || !entry.packet) continue;
    const Duration age = segment.packet.time - entry.packet.time;
    if (age < Duration{0} ? -age > thresholds_.dedup_window_no_id : age > window(segment, entry)) {
      continue;
    }
    return entry.packet;
  }
  set.entries[set.next % kWays] = {print, segment.packet, segment.vlan, segment.ip_id};
  ++set.next;
  return {};
}

}  // namespace httpdiag::tcp
