// SPDX-License-Identifier: Apache-2.0
// Wraps IP datagrams up: in the links that captures come from, and in tunnels.
// Written from the formats' documents, not from the readers that it is to test.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "httpdiag/packet.hpp"

namespace httpdiag::test {

/// A whole record of link type `link` around an IP datagram; empty: not one of ours.
std::string wrap_in_link(LinkType link, std::string_view ip);

/// An outer IP datagram that carries `ip` in a tunnel. `id` is the VNI, key, TEID, label or session
/// where the kind has one. Empty: no such kind.
std::string wrap_in_tunnel(std::string_view kind, std::uint32_t id, std::string_view ip);

/// The kinds that wrap_in_tunnel() knows and that can carry this version of IP.
std::span<const std::string_view> tunnel_kinds();
bool tunnel_carries(std::string_view kind, bool v6);

}  // namespace httpdiag::test
