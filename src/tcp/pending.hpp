// SPDX-License-Identifier: Apache-2.0
// Segments that arrived before the bytes in front of them, per side of a flow.
// Copies what it holds; in-order traffic never comes here.
#pragma once

#include <map>
#include <vector>

#include "httpdiag/stream.hpp"

namespace httpdiag::tcp {

/// A run of bytes that waits for its predecessors. `length` counts wire bytes;
/// `bytes` may be shorter (snaplen).
struct Piece {
  std::uint64_t length = 0;
  std::vector<std::byte> bytes;
  PacketRef carried_by;
  Offset peer_acked = 0;
};

/// Disjoint pieces in order of offset; the first copy of a byte wins.
/// Insertion is logarithmic in the number of pieces it holds.
class Pending {
 public:
  struct Inserted {
    std::uint64_t fresh = 0;  // wire bytes that were not held before
    PacketRef differs_from;   // held packet with other bytes for the same offsets
  };

  Inserted insert(Offset offset, std::uint64_t length, std::span<const std::byte> bytes,
                  PacketRef carried_by, Offset peer_acked);

  bool empty() const { return pieces_.empty(); }
  Offset first_offset() const { return pieces_.begin()->first; }
  const Piece& front() const { return pieces_.begin()->second; }
  /// Removes and returns the first piece.
  std::pair<Offset, Piece> pop_front();

  /// Held bytes, with an allowance for the bookkeeping of each piece.
  std::uint64_t cost() const { return cost_; }

  // The hole in front of the first piece.
  PacketRef hole_noticed;  // when it was first seen
  PacketRef hole_acked;    // when the peer was first seen to acknowledge bytes in it
 private:
  static constexpr std::uint64_t kPieceCost = 96;

  std::map<Offset, Piece> pieces_;
  std::uint64_t cost_ = 0;
};

}  // namespace httpdiag::tcp
