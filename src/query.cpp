// SPDX-License-Identifier: Apache-2.0
#include "httpdiag/query.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace httpdiag {
namespace {

constexpr unsigned kMappedBits = 96;  // in front of an IPv4 address

/// Takes digits from the front; `width` 0: as many as there are.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t width) {
  const std::size_t most = width == 0 ? std::min<std::size_t>(text.size(), 15) : width;
  if (text.size() < most || most == 0) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + most, value);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || value < 0 || text[0] == '-' || (width != 0 && digits != width))
    return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text[0] != wanted) return false;
  text.remove_prefix(1);
  return true;
}

/// ".25" is a quarter of `unit`; nothing is 0.
std::optional<Duration> take_fraction(std::string_view& text, Duration unit) {
  Duration fraction{0};
  if (!take(text, '.')) return fraction;
  std::size_t digits = 0;
  for (Duration place = unit / 10; !text.empty() && text[0] >= '0' && text[0] <= '9'; place /= 10) {
    fraction += place * (text[0] - '0');
    text.remove_prefix(1);
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  return fraction;
}

/// HH:MM:SS[.fraction]; 60 is a leap second.
std::optional<Duration> take_clock(std::string_view& text) {
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || !take(text, ':')) return std::nullopt;
  const auto seconds = take_number(text, 2);
  if (!seconds || *hours > 23 || *minutes > 59 || *seconds > 60) return std::nullopt;
  const auto fraction = take_fraction(text, std::chrono::seconds{1});
  if (!fraction) return std::nullopt;
  return std::chrono::hours{*hours} + std::chrono::minutes{*minutes} +
         std::chrono::seconds{*seconds} + *fraction;
}

/// RFC 3339 §5.6, with "Z", an offset, or nothing, which is UTC.
std::optional<TimeBound> read_date_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(day.value_or(0))}};
  // Nanoseconds of 64 bits end in 2262.
  if (!date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  Duration offset{0};
  const bool behind = take(text, '-');
  if (behind || take(text, '+')) {
    const auto hours = take_number(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
    if (behind) offset = -offset;
  } else if (!take(text, 'Z')) {
    take(text, 'z');
  }
  if (!text.empty()) return std::nullopt;
  const Duration midnight = std::chrono::sys_days{date}.time_since_epoch();
  return TimeBound{TimeBound::From::epoch, midnight + *clock - offset};
}

/// "10s", "1.5m", "200ms".
std::optional<Duration> read_duration(std::string_view text) {
  constexpr std::int64_t kMost = 1'000'000'000;
  std::string_view rest = text;
  const auto whole = take_number(rest, 0);
  if (!whole || *whole > kMost) return std::nullopt;
  const std::size_t unit_at = rest.find_first_not_of(".0123456789");
  const std::string_view name = unit_at == std::string_view::npos ? "" : rest.substr(unit_at);
  const Duration unit = name == "ms"                ? Duration{std::chrono::milliseconds{1}}
                        : name == "s" || name == "" ? Duration{std::chrono::seconds{1}}
                        : name == "m"               ? Duration{std::chrono::minutes{1}}
                        : name == "h"               ? Duration{std::chrono::hours{1}}
                                                    : Duration{0};
  const auto fraction = take_fraction(rest, unit);
  if (unit == Duration{0} || !fraction || rest != name) return std::nullopt;
  if (*whole > std::chrono::hours{1'000'000} / unit) return std::nullopt;
  return *whole * unit + *fraction;
}

}  // namespace

bool IpNetwork::contains(const IpAddress& ip) const {
  if (ip.is_v4() && bits < kMappedBits) return false;  // a network of IPv6
  const std::size_t whole = bits / 8;
  if (std::memcmp(address.bytes.data(), ip.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const unsigned mask = 0xff00u >> bits % 8;
  return ((address.bytes[whole] ^ ip.bytes[whole]) & mask & 0xffu) == 0;
}

std::optional<IpNetwork> read_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned in_front = address->is_v4() && text.find(':') > slash ? kMappedBits : 0;
  IpNetwork network{*address, 128};
  if (slash == std::string_view::npos) return network;
  std::string_view length = text.substr(slash + 1);
  const auto bits = take_number(length, 0);
  if (!bits || !length.empty() || *bits > 128 - in_front) return std::nullopt;
  network.bits = static_cast<unsigned>(*bits) + in_front;
  return network;
}

Timestamp TimeBound::at(Timestamp first) const {
  switch (from) {
    case From::epoch:
      break;
    case From::first_day:
      return std::chrono::floor<std::chrono::days>(first) + offset;
    case From::first_packet: {
      const Duration left = Timestamp::max() - first;
      return first > Timestamp{} && offset > left ? Timestamp::max() : first + offset;
    }
  }
  return Timestamp{offset};
}

std::optional<TimeBound> read_time_bound(std::string_view text) {
  if (take(text, '+')) {
    const auto offset = read_duration(text);
    if (!offset) return std::nullopt;
    return TimeBound{TimeBound::From::first_packet, *offset};
  }
  std::string_view clock = text;
  const auto of_day = take_clock(clock);
  if (of_day && clock.empty()) return TimeBound{TimeBound::From::first_day, *of_day};
  return read_date_time(text);
}

bool Query::matches(const Endpoint& a, const Endpoint& b) const {
  const auto in_any = [&](const IpAddress& ip) {
    return std::ranges::any_of(networks, [&](const IpNetwork& n) { return n.contains(ip); });
  };
  if (!networks.empty() && !in_any(a.ip) && !in_any(b.ip)) return false;
  const auto has = [&](std::uint16_t port) {
    return std::ranges::find(ports, port) != ports.end();
  };
  return ports.empty() || has(a.port) || has(b.port);
}

}  // namespace httpdiag
