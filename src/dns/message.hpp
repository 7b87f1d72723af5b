// SPDX-License-Identifier: Apache-2.0
// A DNS message (RFC 1035 §4.1), as far as it is about the address of a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "httpdiag/segment.hpp"

namespace httpdiag::dns {

inline constexpr std::uint16_t kTypeA = 1, kTypeCname = 5, kTypeAaaa = 28;

struct Message {
  std::uint16_t id = 0;
  bool response = false;
  bool truncated = false;  // TC: the answer comes again over TCP
  std::uint8_t rcode = 0;
  std::uint16_t type = 0;  // of the question
  std::string name;        // of the question; lower case, printable, without the dot at the end
  std::vector<IpAddress> addresses;  // of the name, or of what it is an alias of
};

/// Nothing: not one question of class IN, or no DNS at all. `bytes` may be cut short.
std::optional<Message> read_message(std::span<const std::byte> bytes);

}  // namespace httpdiag::dns
