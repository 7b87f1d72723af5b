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

/// The host that a DNS answer was for says that the port is closed, and quotes the answer: fills
/// all but the packet. False: it is another message.
[[nodiscard]] bool read_refused_answer(const Datagram& datagram, DnsDatagram& dns);

}  // namespace httpdiag::decode
