// SPDX-License-Identifier: Apache-2.0
#include "rules/host_ttls.hpp"

#include "base/hash.hpp"

namespace httpdiag::rules {

std::size_t HostTtls::slot(const IpAddress& ip) {
  return static_cast<std::size_t>(base::hash64(std::as_bytes(std::span{ip.bytes})) % kEntries);
}

void HostTtls::note(const FlowRecord& flow) {
  const SideRecord& server = flow.s();
  if (!server.syn || server.last_ttl == 0 || server.trouble().rst) return;
  (*entries_)[slot(flow.server.ip)] = {.server = flow.server.ip, .ttl = server.last_ttl};
}

std::optional<std::uint8_t> HostTtls::of(const IpAddress& server) const {
  const Entry& entry = (*entries_)[slot(server)];
  if (entry.ttl == 0 || entry.server != server) return std::nullopt;
  return entry.ttl;
}

}  // namespace httpdiag::rules
