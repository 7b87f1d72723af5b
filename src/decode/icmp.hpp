// SPDX-License-Identifier: Apache-2.0
// ICMP (RFC 792) and ICMPv6 (RFC 4443) errors, for the TCP segment they quote.
#pragma once

#include <optional>

#include "decode/ip.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

/// Fills everything in `error` but the packet, or says why not. Redirects are
/// `icmp_other`: the segment they quote was forwarded (RFC 792), not refused. `tunnel` is the one
/// that the error itself came in; the quote may be of a tunnel's packet, and counts as far as it
/// reaches into it.
[[nodiscard]] std::optional<Skip> read_icmp(const Datagram& datagram, const Tunnel& tunnel,
                                            IcmpError& error);

}  // namespace httpdiag::decode
