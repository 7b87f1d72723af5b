// SPDX-License-Identifier: Apache-2.0
// The only file that includes libpcap's header: it knows the names of link types
// that we do not read.
#include "capture/link_types.hpp"

#include <pcap/pcap.h>

namespace httpdiag::capture {

std::string link_name(std::uint32_t number) {
  if (const auto known = known_link(number); !known.name.empty()) return std::string{known.name};
  const char* name = pcap_datalink_val_to_name(static_cast<int>(number));
  return (name != nullptr ? std::string{name} + " (" : "number (") + std::to_string(number) + ")";
}

}  // namespace httpdiag::capture
