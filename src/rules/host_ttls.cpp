// SPDX-License-Identifier: Apache-2.0
#include "rules/host_ttls.hpp"

#include "rules/ip_slot.hpp"

namespace httpdiag::rules {

void HostTtls::note(const FlowRecord& flow) {
  const SideRecord& server = flow.s();
  if (!server.syn || server.last_ttl == 0 || server.trouble().rst) return;
  (*entries_)[ip_slot(flow.server.ip, kEntries)] = {.server = flow.server.ip,
                                                    .ttl = server.last_ttl};
}

std::optional<std::uint8_t> HostTtls::of(const IpAddress& server) const {
  const Entry& entry = (*entries_)[ip_slot(server, kEntries)];
  if (entry.ttl == 0 || entry.server != server) return std::nullopt;
  return entry.ttl;
}

}  // namespace httpdiag::rules
