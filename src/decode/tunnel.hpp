// SPDX-License-Identifier: Apache-2.0
// Datagrams within datagrams: takes one tunnel's headers off. What is inside is the
// traffic; the tunnel only leaves its kind and number behind. Encrypted tunnels
// (ESP, WireGuard) are none to us, but some that are not read are told by their names.
#pragma once

#include <cstdint>
#include <optional>

#include "decode/ip.hpp"
#include "decode/link.hpp"

namespace httpdiag::decode {

/// What became of a datagram that may be a tunnel.
enum class Opened : std::uint8_t {
  no_tunnel,  // it is what it says: UDP, or a protocol we do not know
  inside,     // `frame` is what was in it
  unread,     // it is one, but see the Skip
};
struct Opening {
  Opened what = Opened::no_tunnel;
  Skip skip = Skip::not_tcp;  // valid if unread
};

/// Whether the datagram is of a protocol that tunnels use. UDP is.
bool may_be_tunnel(const Datagram& datagram);

/// `frame` is the one that the datagram came in; if the result is `inside`, it is the inner one
/// afterwards, else it is undefined.
[[nodiscard]] Opening open_tunnel(const Datagram& datagram, Frame& frame);

/// The same for tunnels over UDP. A port is a weak sign, so what is inside must be a sound IP
/// header.
[[nodiscard]] Opening open_udp_tunnel(const Datagram& datagram, Frame& frame);

/// Of a datagram that is neither any of those nor TCP, ICMP or DNS: a tunnel that is not looked
/// into by its name, else `not_tcp`.
[[nodiscard]] Skip unread_protocol(const Datagram& datagram);

}  // namespace httpdiag::decode
