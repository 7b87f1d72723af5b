// SPDX-License-Identifier: Apache-2.0
// Recognises a packet that the capture holds more than once (taxonomy 3):
// -i any, mirrored VLANs, both sides of a router. Must come before any TCP
// analysis, or every copy looks like a retransmission.
#pragma once

#include <array>
#include <memory>

#include "httpdiag/segment.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::tcp {

/// Remembers a fixed number of recent packets by fingerprint; the oldest of a
/// set gives way. 128 KiB whatever the traffic, to stay in the second-level cache.
class DuplicateFilter {
 public:
  explicit DuplicateFilter(const Thresholds& thresholds);

  /// What makes a packet the one it is, never 0; `payload_hash` is over the captured payload.
  /// Has the place fetched where find_or_remember() will look.
  std::uint64_t fingerprint(const Segment& segment, std::uint64_t payload_hash) const;
  /// The packet that `segment` is a copy of, or none.
  PacketRef find_or_remember(const Segment& segment, std::uint64_t fingerprint);

 private:
  struct Entry {
    std::uint64_t fingerprint = 0;  // the IP id is in it
    PacketRef packet;
    std::uint32_t vlan = 0;
  };
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = 1024;
  // Copies come close together: the oldest gives way.
  using Set = std::array<Entry, kWays>;

  Duration window(const Segment& segment, const Entry& entry) const;

  const Thresholds& thresholds_;
  std::unique_ptr<std::array<Set, kSets>> sets_;
};

}  // namespace httpdiag::tcp
