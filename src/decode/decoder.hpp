// SPDX-License-Identifier: Apache-2.0
// Packet in, Segment, IcmpError, DnsDatagram or Skip out. Everything but fragment
// reassembly is pure.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "decode/link.hpp"
#include "httpdiag/segment.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::decode {

class Decoder {
 public:
  explicit Decoder(const Limits& limits);
  ~Decoder();

  /// The result borrows from `packet` (or from the reassembled datagram) until the next call.
  const Decoded& on_packet(const Packet& packet);
  /// The same once more.
  const Decoded& last() const { return result_; }
  /// The packet holds another frame, behind the one that was decoded last (A-MSDU of IEEE 802.11).
  bool more() const { return !behind_.behind.empty(); }
  /// Decodes that one.
  const Decoded& next(const Packet& packet);
  /// How many packets were `ip_fragment` so far of datagrams that have not become whole.
  std::uint64_t incomplete_pieces() const;

 private:
  class Fragments;
  struct Inner;  // the innermost datagram, and what it is wrapped up in
  const Decoded& on_any_packet(const Packet& packet);
  const Decoded& on_frame(const Packet& packet, Inner& inner);
  std::optional<Skip> unwrap(const Packet& packet, Inner& inner);
  std::optional<Skip> read_datagram(const Packet& packet, Inner& inner);
  Decoded result_;
  Frame behind_;  // the frame in front of those that are not decoded yet
  std::unique_ptr<Fragments> fragments_;
  std::vector<std::byte> piece_;  // of a datagram that was itself put together from pieces
};

}  // namespace httpdiag::decode
