// SPDX-License-Identifier: Apache-2.0
// Who is the client when the SYN is not in the capture (taxonomy 1.1): the side
// whose first payload starts like an HTTP request, else the higher port.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "httpdiag/flow.hpp"

namespace httpdiag::tcp {

/// The role that a payload's first bytes give to its sender, if any.
inline std::optional<Side> role_of(std::span<const std::byte> payload) {
  const std::string_view text{reinterpret_cast<const char*>(payload.data()),
                              std::min<std::size_t>(payload.size(), 32)};
  if (text.starts_with("HTTP/")) return Side::server;
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || space < 3 || space + 1 >= text.size()) return std::nullopt;
  const bool method = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(space),
                                  [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
  const std::string_view target = text.substr(space + 1);
  const bool known_form = target[0] == '/' || target[0] == '*' || target.starts_with("http") ||
                          text.starts_with("CONNECT ");
  if (method && known_form) return Side::client;
  return std::nullopt;
}

}  // namespace httpdiag::tcp
