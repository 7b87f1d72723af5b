// SPDX-License-Identifier: Apache-2.0
// With what TTL the packets of a server arrived, for the RST that is all there is of a connection:
// one that comes another way was sent by a device in between (taxonomy 6.4). Of a fixed size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "httpdiag/flow.hpp"

namespace httpdiag::rules {

class HostTtls {
 public:
  HostTtls() : entries_{std::make_unique<std::array<Entry, kEntries>>()} {}

  /// A flow with its first exchange, or at its end. Counts if the server answered its SYN.
  void note(const FlowRecord& flow);
  /// As last noted of a connection to this address, if it is still remembered.
  std::optional<std::uint8_t> of(const IpAddress& server) const;

 private:
  struct Entry {
    IpAddress server;
    std::uint8_t ttl = 0;  // 0: none
  };
  static constexpr std::size_t kEntries = 1024;

  std::unique_ptr<std::array<Entry, kEntries>> entries_;  // the latest of each slot
};

}  // namespace httpdiag::rules
