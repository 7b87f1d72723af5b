// SPDX-License-Identifier: Apache-2.0
// Packet in, Segment, IcmpError, DnsDatagram or Skip out. Everything but fragment
// reassembly is pure.
#pragma once

#include <memory>

#include "httpdiag/segment.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::decode {

class Decoder {
 public:
  explicit Decoder(const Limits& limits);
  ~Decoder();

  /// The result borrows from `packet` (or from the reassembled datagram) until the next call.
  const Decoded& on_packet(const Packet& packet);

 private:
  class Fragments;
  const Decoded& on_any_packet(const Packet& packet);
  Decoded result_;
  std::unique_ptr<Fragments> fragments_;
};

}  // namespace httpdiag::decode
