// SPDX-License-Identifier: Apache-2.0
#include "dns/names.hpp"

namespace httpdiag::dns {

void Names::on_message(const DnsMessage& message) {
  lookups_.on_message(message);
  book_.note_query();
  if (!message.response || message.error != DnsError::none) return;
  for (const IpAddress& address : message.addresses)
    book_.learn(address, message.name, message.destination.ip, message.packet.time);
}

}  // namespace httpdiag::dns
