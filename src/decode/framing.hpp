// SPDX-License-Identifier: Apache-2.0
// What may stand between the first byte of a frame and its IP datagram, on the wire
// and in a tunnel alike: Ethernet with tags, LLC, PPPoE, PPP, MPLS. How an outermost
// frame is recorded is the business of link.cpp, tunnels are that of tunnel.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/byte_reader.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

/// A stack of this many headers within each other, tunnels included, is an attempt to keep us busy.
inline constexpr int kMaxNesting = 8;

/// Folds another tag or tunnel into what tells stacks of them apart; never 0.
std::uint32_t fold(std::uint32_t stack, std::uint32_t value);

/// Whether a sound IP header begins the frame's datagram; in a quote its length may lie.
Sound sound_datagram(const Frame& frame);

/// Notes that the frame is inside a tunnel of this kind.
void note_tunnel(Frame& frame, TunnelKind kind);
/// The same with a number that names a network: a VNI or a key.
void note_network(Frame& frame, TunnelKind kind, std::uint32_t id);
/// The same with a number that either end chooses for itself.
void note_session(Frame& frame, TunnelKind kind, std::uint32_t id);

class Framing {
 public:
  /// `wire_length` may lie, the captured bytes cannot.
  Framing(std::span<const std::byte> bytes, std::size_t wire_length, Frame& frame)
      : reader_{bytes},
        wire_length_{wire_length < bytes.size() ? bytes.size() : wire_length},
        frame_{frame} {}

  // Each reads on from where the one before stopped, as far as the IP datagram.
  std::optional<Skip> ethernet();
  /// What follows a two-byte type; 1500 and less are lengths of an LLC frame (IEEE 802.3 §3.2.6).
  std::optional<Skip> ether_type(std::uint16_t type);
  std::optional<Skip> llc();
  std::optional<Skip> pppoe();
  std::optional<Skip> ppp();
  std::optional<Skip> mpls();
  /// Ends the walk. 0: either version.
  std::optional<Skip> ip(std::uint8_t version);

 protected:
  bool has(std::size_t count) const { return reader_.has(count); }
  /// Not captured, or never there?
  Skip missing(std::size_t count) const {
    return wire_length_ - reader_.position() >= count ? Skip::truncated_header
                                                      : Skip::malformed_link;
  }
  /// What follows the service points of a SNAP header.
  std::optional<Skip> snap();
  std::optional<Skip> pass(std::size_t count);

  base::ByteReader reader_;
  std::size_t wire_length_;
  Frame& frame_;

 private:
  std::optional<Skip> pseudowire();

  int frames_ = 0;  // Ethernet headers so far
};

}  // namespace httpdiag::decode
