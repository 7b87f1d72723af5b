// SPDX-License-Identifier: Apache-2.0
// The link types we read, by the numbers libpcap gives them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

struct KnownLink {
  LinkType type = LinkType::unsupported;
  std::string_view name;  // of LINKTYPE_..., for the report
};

constexpr KnownLink known_link(std::uint32_t number) {
  switch (number) {
    case 0:
      return {LinkType::null, "NULL"};
    case 1:
      return {LinkType::ethernet, "ETHERNET"};
    case 9:
      return {LinkType::ppp, "PPP"};
    case 50:
      return {LinkType::ppp, "PPP_HDLC"};
    case 51:
      return {LinkType::pppoe, "PPP_ETHER"};
    case 12:  // what DLT_RAW was on most systems; libpcap maps 101 to it,
    case 14:  // or to this one
    case 101:
      return {LinkType::raw_ip, "RAW"};
    case 104:
      return {LinkType::cisco_hdlc, "C_HDLC"};
    case 105:
      return {LinkType::ieee802_11, "IEEE802_11"};
    case 107:
      return {LinkType::frame_relay, "FRELAY"};
    case 108:
      return {LinkType::loop, "LOOP"};
    case 113:
      return {LinkType::linux_sll, "LINUX_SLL"};
    case 117:
      return {LinkType::pflog, "PFLOG"};
    case 127:
      return {LinkType::radiotap, "IEEE802_11_RADIOTAP"};
    case 192:
      return {LinkType::ppi, "PPI"};
    case 204:
      return {LinkType::ppp_direction, "PPP_WITH_DIR"};
    case 205:
      return {LinkType::cisco_hdlc_direction, "C_HDLC_WITH_DIR"};
    case 206:
      return {LinkType::frame_relay_direction, "FRELAY_WITH_DIR"};
    case 219:
      return {LinkType::mpls, "MPLS"};
    case 226:
      return {LinkType::ipnet, "IPNET"};
    case 228:
      return {LinkType::ipv4, "IPV4"};
    case 229:
      return {LinkType::ipv6, "IPV6"};
    case 239:
      return {LinkType::nflog, "NFLOG"};
    case 258:
      return {LinkType::pktap, "PKTAP"};
    case 276:
      return {LinkType::linux_sll2, "LINUX_SLL2"};
    default:
      return {};
  }
}

/// "ETHERNET", or "IEEE802_11 (105)" for one that is not read.
std::string link_name(std::uint32_t number);

}  // namespace httpdiag::capture
