// SPDX-License-Identifier: Apache-2.0
// The bytes of a DNS message, read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "httpdiag/dns.hpp"

namespace httpdiag::dns {

inline constexpr std::uint16_t kTypeA = 1, kTypeCname = 5, kTypeAaaa = 28;

/// Nothing: not one question of class IN, or no DNS at all. `bytes` may be cut short. What it does
/// not hold, packet and ends, is left as it is.
std::optional<DnsMessage> read_message(std::span<const std::byte> bytes);

}  // namespace httpdiag::dns
