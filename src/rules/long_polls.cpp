// SPDX-License-Identifier: Apache-2.0
#include "rules/long_polls.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/fields.hpp"
#include "base/text.hpp"

namespace httpdiag::rules {

namespace {

/// A number with or without a unit: "30", "30s", "5m", "30000", "30000ms". Without one, of a
/// thousand and more, they are milliseconds: nobody holds a request for a quarter of an hour.
std::optional<Duration> time_in(std::string_view value) {
  constexpr std::uint32_t kMilliseconds = 1000;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = value.substr(static_cast<std::size_t>(end - value.data()));
  if (unit == "ms" || (unit.empty() && number >= kMilliseconds))
    return std::chrono::milliseconds{number};
  if (unit == "m") return std::chrono::minutes{number};
  if (unit == "s" || unit.empty()) return std::chrono::seconds{number};
  return std::nullopt;
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](auto each) { return base::is_named(name, each); });
}

/// That says for how long to hold the request, whatever it is sent to.
bool asks_to_hold(std::string_view name) {
  constexpr std::array<std::string_view, 12> kHolds = {
      "wait",     "waitfor",     "waitms",   "waitseconds",     "waittime", "waittimeseconds",
      "holdtime", "holdseconds", "longpoll", "longpolltimeout", "hold",     "polltimeout"};
  return is_one_of(kHolds, name);
}

/// A mere timeout may be anything's: of a query in a database, of an idle session.
bool is_timeout(std::string_view name) {
  constexpr std::array<std::string_view, 4> kTimeouts = {"timeout", "timeoutms", "timeoutsec",
                                                         "timeoutseconds"};
  return is_one_of(kTimeouts, name);
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view query_of(std::string_view target) {
  const std::size_t begin = target.find('?');
  return begin == std::string_view::npos ? std::string_view{} : target.substr(begin + 1);
}

/// `timeouts_count`: a timeout is one of the request itself.
std::optional<Duration> hold_in(const base::Fields& fields, bool timeouts_count) {
  for (const base::Field& field : fields.list) {
    if (field.depth > 1) continue;
    if (!asks_to_hold(field.name) && !(timeouts_count && is_timeout(field.name))) continue;
    if (const auto time = time_in(field.value)) return time;
  }
  return std::nullopt;
}

}  // namespace

bool is_named_for_news(std::string_view target) {
  constexpr std::array<std::string_view, 8> kNews = {"poll", "update", "watch", "event",
                                                     "wait", "notif",  "sync",  "changes"};
  const std::string lower = base::lower(target);
  return std::ranges::any_of(
      kNews, [&](std::string_view each) { return lower.find(each) != std::string::npos; });
}

std::optional<Duration> asks_to_be_held(const Message& request) {
  const std::string_view target = request.start();
  const std::string_view path = path_of(target);
  if (request.method() == "GET")
    return hold_in(base::read_form(query_of(target)), is_named_for_news(path));
  if (request.method() != "POST" || request.body_bytes > request.body_head.size())
    return std::nullopt;
  // A callback is called an event or a notification, too, and its body names many a time.
  const std::string_view last = path.substr(path.rfind('/') + 1);
  const bool fetches = base::lower(last).starts_with("get");
  if (const auto time = hold_in(base::read_form(query_of(target)), fetches)) return time;
  return hold_in(base::read_fields(request.body_head), fetches);
}

bool says_it_polls(const Message& request) {
  constexpr std::array<std::string_view, 3> kPolls = {"polling", "longpolling", "longpoll"};
  if (request.method() != "GET") return false;
  const base::Fields query = base::read_form(query_of(request.start()));
  return std::ranges::any_of(query.list,
                             [&](const auto& each) { return is_one_of(kPolls, each.value); });
}

}  // namespace httpdiag::rules
