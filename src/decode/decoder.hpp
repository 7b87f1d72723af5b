// SPDX-License-Identifier: Apache-2.0
// Packet in, Segment, IcmpError, DnsDatagram or Skip out. Everything but fragment
// reassembly is pure.
#pragma once

#include <array>
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

  /// First pieces of datagrams are held whose other pieces have not come.
  bool holds_pieces() const;
  // One of them that is to be taken now, before what comes next; call it until there is none. Its
  // packet was `ip_fragment`, and counts as this from now on. Borrowed until the next call.
  const Segment* next_held(const Segment& before);
  const Segment* next_held(const IcmpError& before);
  const Segment* next_held(Timestamp now);
  /// When nothing comes any more.
  const Segment* next_held();

  /// How many packets were `ip_fragment` so far of datagrams that have not become whole.
  std::uint64_t incomplete_pieces() const;

 private:
  class Fragments;
  class Held;
  struct Inner;  // the innermost datagram, and what it is wrapped up in
  const Decoded& on_any_packet(const Packet& packet);
  const Decoded& on_frame(const Packet& packet, Inner& inner);
  std::optional<Skip> unwrap(Timestamp now, Inner& inner);
  std::optional<Skip> open_tunnels(Timestamp now, Inner& inner);
  std::optional<Skip> read_datagram(Timestamp now, Inner& inner);
  void hold(const Packet& packet, const Inner& first);
  std::optional<Skip> read_part(Inner& inner, Segment& segment);
  template <typename... Next>
  const Segment* take_held(const Next&... next);
  bool is_stt(const Segment& segment);
  Decoded result_;
  Frame behind_;  // the frame in front of those that are not decoded yet
  std::unique_ptr<Fragments> fragments_;
  std::unique_ptr<Held> held_;
  Segment part_;                               // the last one of those
  std::vector<std::array<IpAddress, 2>> stt_;  // from and to, of the first that were seen
  std::vector<std::byte> piece_;  // of a datagram that was itself put together from pieces
};

}  // namespace httpdiag::decode
