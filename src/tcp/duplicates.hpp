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
/// set gives way. 400 KiB whatever the traffic; one probe per packet.
class DuplicateFilter {
 public:
  explicit DuplicateFilter(const Thresholds& thresholds);

  /// The packet that `segment` is a copy of, or none. `payload_hash` is over the
  /// captured payload, `tuple_hash` over addresses and ports in their direction.
  PacketRef find_or_remember(const Segment& segment, std::uint64_t tuple_hash,
                             std::uint64_t payload_hash);

 private:
  struct Entry {
    std::uint64_t fingerprint = 0;
    PacketRef packet;
    std::uint32_t vlan = 0;
    std::uint16_t ip_id = 0;
  };
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = 2560;
  struct Set {
    std::array<Entry, kWays> entries;
    std::uint32_t next = 0;
  };

  Duration window(const Segment& segment, const Entry& entry) const;

  const Thresholds& thresholds_;
  std::unique_ptr<std::array<Set, kSets>> sets_;
};

}  // namespace httpdiag::tcp
