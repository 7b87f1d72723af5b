// SPDX-License-Identifier: Apache-2.0
// Headers that a capturing system makes up, with no link behind them: the logs of packet filters,
// Solaris' IP observability, and envelopes around another link type.
#pragma once

#include "decode/framing.hpp"

namespace httpdiag::decode {

/// The IP version of an address family number of any system, or 0.
std::uint8_t ip_version_of_family(std::uint32_t family);

class PseudoLink : public Framing {
 public:
  using Framing::Framing;
  /// nflog, pflog or ipnet.
  std::optional<Skip> read(LinkType link);

 private:
  std::optional<Skip> nflog();
  std::optional<Skip> pflog();
  std::optional<Skip> ipnet();
};

/// PPI and PKTAP: makes `inside` the packet behind the header, with its link type.
[[nodiscard]] std::optional<Skip> open_envelope(const Packet& packet, Packet& inside);

}  // namespace httpdiag::decode
