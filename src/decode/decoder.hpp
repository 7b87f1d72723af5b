// SPDX-License-Identifier: Apache-2.0
// Packet in, Segment, IcmpError, DnsDatagram or Skip out. Everything but fragment
// reassembly is pure.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

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

 private:
  class Fragments;
  struct Inner;  // the innermost datagram, and what it is wrapped up in
  const Decoded& on_any_packet(const Packet& packet);
  std::optional<Skip> unwrap(const Packet& packet, Inner& inner);
  std::optional<Skip> read_datagram(const Packet& packet, Inner& inner);
  Decoded result_;
  std::unique_ptr<Fragments> fragments_;
  std::vector<std::byte> piece_;  // of a datagram that was itself put together from pieces
};

}  // namespace httpdiag::decode
