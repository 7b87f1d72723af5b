// SPDX-License-Identifier: Apache-2.0
// The UDP header (RFC 768). Only datagrams from or to port 53 are wanted.
#pragma once

#include <optional>

#include "decode/ip.hpp"

namespace httpdiag::decode {

inline constexpr std::uint16_t kDomain = 53;  // IANA service name "domain"

/// Fills all but `packet`. `datagram.protocol` is UDP.
[[nodiscard]] std::optional<Skip> read_udp(const Datagram& datagram, DnsDatagram& dns);

}  // namespace httpdiag::decode
