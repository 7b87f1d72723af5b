// SPDX-License-Identifier: Apache-2.0
// The packets that most captures consist of, in one pass over their headers:
// Ethernet without tags, IPv4 without options or fragments, TCP. A shortcut and no
// second opinion: what it takes it reads as the layered readers do, which a test
// holds it to, and it leaves everything doubtful to them.
#pragma once

#include "httpdiag/packet.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag::decode {

/// Fills `segment` like read_link(), read_ip() and read_tcp() together. False: the packet is not of
/// that shape; `segment` is untouched.
[[nodiscard]] bool read_plain(const Packet& packet, Segment& segment);

}  // namespace httpdiag::decode
