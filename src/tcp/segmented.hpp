// SPDX-License-Identifier: Apache-2.0
// One transmission recorded whole and in pieces: a bridge, a router or a container host
// records a super-segment on one device, and the segments that it is cut up to (TSO, GSO) or
// was put together from (GRO, LRO) on another. The second recording is a copy.
//
// A retransmission has another IP id (RFC 6864 §4); the pieces have those that the kernel gives
// them, counting from the super-segment's, or all the same.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "httpdiag/flow.hpp"
#include "httpdiag/segment.hpp"
#include "tcp/duplicates.hpp"

namespace httpdiag::tcp {

class SegmentedCopies {
 public:
  explicit SegmentedCopies(DuplicateFilter& filter) : filter_{filter} {}

  /// More than fits into a frame of Ethernet: a network card is to cut it up, or has put it
  /// together. So are jumbo frames, at no harm.
  static bool is_whole(const Segment& segment) { return segment.payload_length > kFrame; }
  void remember(const Segment& whole);

  struct Copy {
    PacketRef original;
    CopyOrigin origin;
  };
  /// The super-segment, recorded before, of which `piece` is one.
  std::optional<Copy> find_whole(const Segment& piece);
  /// The pieces, recorded before, that cover `whole` exactly: the first of them. `lengths` are
  /// those that they may have had, all but the last one.
  std::optional<Copy> find_pieces(const Segment& whole, std::span<const std::uint32_t> lengths,
                                  std::uint64_t seed);

 private:
  static constexpr std::uint32_t kFrame = 1460;  // RFC 894: 1500 bytes, less both headers
  // As many as a kernel takes from one queue before it hands them on (NAPI's budget is 64 packets).
  static constexpr std::size_t kEntries = 32;

  struct Entry {
    Segment segment;  // its views are empty
    std::uint64_t options = 0;
    bool begun = false;  // its first piece was recorded: the one that has its IP id in any case
    std::uint32_t covered =
        0;  // bytes of it that pieces have brought: they come in order, and once
  };
  bool is_piece(const Entry& whole, const Segment& piece) const;
  bool all_there(const Segment& whole, std::uint32_t length, bool one_id, std::uint64_t seed,
                 Copy& copy);

  DuplicateFilter& filter_;
  std::array<Entry, kEntries> entries_{};
  std::size_t remembered_ = 0;
  Timestamp last_{};
};

}  // namespace httpdiag::tcp
