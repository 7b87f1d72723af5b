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

// Not seeded: which copies are found may not differ from run to run.
std::uint64_t DuplicateFilter::fingerprint(const Segment& segment,
                                           std::uint64_t payload_hash) const {
  const Words from = words_of(segment.source.ip);
  const Words to = words_of(segment.destination.ip);
  const std::uint64_t ports = std::uint64_t{segment.source.port} << 16 | segment.destination.port;
  std::uint64_t print = mix(from.low ^ ports, from.high);
  print = mix(print ^ to.low, to.high);
  print = mix(print, (std::uint64_t{segment.seq} << 32) | segment.ack);
  print =
      mix(print ^ segment.ip_id, (std::uint64_t{segment.payload_length} << 32) |
                                     (std::uint64_t{segment.window} << 16) | segment.flags.bits);
  print = mix(print, payload_hash ^ hash_few(segment.options));
  if (print == 0) print = 1;
  const Set& set = (*sets_)[static_cast<std::size_t>(print % kSets)];
  __builtin_prefetch(&set[0]);
  __builtin_prefetch(&set[kWays / 2]);
  return print;
}

PacketRef DuplicateFilter::find_or_remember(const Segment& segment, std::uint64_t fingerprint) {
  Set& set = (*sets_)[static_cast<std::size_t>(fingerprint % kSets)];
  for (const Entry& entry : set) {
    if (entry.fingerprint != fingerprint || !entry.packet) continue;
    const Duration age = segment.packet.time - entry.packet.time;
    if (age < Duration{0} ? -age > thresholds_.dedup_window_no_id : age > window(segment, entry)) {
      continue;
    }
    return entry.packet;
  }
  Entry* oldest = &set[0];
  for (Entry& entry : set) {
    if (entry.packet.number < oldest->packet.number) oldest = &entry;
  }
  // Member by member: a whole Entry would be built first and then copied.
  oldest->fingerprint = fingerprint;
  oldest->packet = segment.packet;
  oldest->vlan = segment.vlan;
  return {};
}

}  // namespace httpdiag::tcp
