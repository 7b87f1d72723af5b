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
    case 12:  // what DLT_RAW was on most systems; libpcap maps 101 to it,
    case 14:  // or to this one
    case 101:
      return {LinkType::raw_ip, "RAW"};
    case 108:
      return {LinkType::loop, "LOOP"};
    case 113:
      return {LinkType::linux_sll, "LINUX_SLL"};
    case 228:
      return {LinkType::ipv4, "IPV4"};
    case 229:
      return {LinkType::ipv6, "IPV6"};
    case 276:
      return {LinkType::linux_sll2, "LINUX_SLL2"};
    default:
      return {};
  }
}

/// "ETHERNET", or "IEEE802_11 (105)" for one that is not read.
std::string link_name(std::uint32_t number);

}  // namespace httpdiag::capture
