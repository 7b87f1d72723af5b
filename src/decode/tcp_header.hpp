// SPDX-License-Identifier: Apache-2.0
// The TCP header (RFC 9293 §3.1) and the few options that the analysis needs.
#pragma once

#include <optional>

#include "decode/ip.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

/// Fills everything in `segment` but the packet and the VLAN, or says why not.
[[nodiscard]] std::optional<Skip> read_tcp(const Datagram& datagram, Segment& segment);

}  // namespace httpdiag::decode
