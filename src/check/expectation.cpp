// SPDX-License-Identifier: Apache-2.0
#include "check/expectation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace httpdiag::check {

std::string to_string(ItemName item) {
  return item.exchange == 0 ? fmt::format("{}", item.flow)
                            : fmt::format("{}.{}", item.flow, item.exchange);
}

std::optional<ItemName> read_item(std::string_view text) {
  constexpr std::size_t kMostDigits = 10;
  const auto number = [](std::string_view digits) -> std::uint64_t {
    std::uint64_t value = 0;
    if (digits.size() > kMostDigits || digits.starts_with('0')) return 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? value : 0;
  };
  const auto dot = text.find('.');
  const ItemName item{number(text.substr(0, dot)),
                      dot == text.npos ? 0 : number(text.substr(dot + 1))};
  if (item.flow == 0 || (dot != text.npos && item.exchange == 0)) return std::nullopt;
  return item;
}

std::string to_string(const Range& range) {
  return range.low == range.high ? fmt::format("{}", range.low)
                                 : fmt::format("{} to {}", range.low, range.high);
}

}  // namespace httpdiag::check
