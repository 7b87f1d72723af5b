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

/// A DNS query does not reach its server, or an answer comes to a port that is closed by now: fills
/// all but the packet, from the quote. False: it is another message.
[[nodiscard]] bool read_dns_error(const Datagram& datagram, DnsDatagram& dns);

}  // namespace httpdiag::decode
