// SPDX-License-Identifier: Apache-2.0
#include "cli/filter_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <variant>

#include "base/text.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::cli {
namespace {

IpNetwork network_of(const char* option, const std::string& text, bool host) {
  const auto network = read_network(text);
  if (!network || (host && text.find('/') != std::string::npos)) {
    throw Error{fmt::format("{}: expected {}, not \"{}\"", option,
                            host ? "an IP address" : "a network such as 10.0.0.0/8", text)};
  }
  return *network;
}

std::uint16_t port_of(const std::string& text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error == std::errc{} && rest == end) return port;
  throw Error{fmt::format("--port: expected a number from 0 to 65535, not \"{}\"", text)};
}

std::optional<TimeBound> bound_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto bound = read_time_bound(text);
  if (bound) return bound;
  throw Error{
      fmt::format("--time: expected 2024-05-14T08:00:00Z, 08:00:00 or +10s, not \"{}\"", text)};
}

void set_time(const std::string& text, Query& query) {
  if (text.empty()) return;
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos)
    throw Error{fmt::format("--time: expected FROM..TO, either may be left out, not \"{}\"", text)};
  query.from = bound_of(text.substr(0, dots));
  query.to = bound_of(text.substr(dots + 2));
  const bool backward = query.from && query.to && query.from->from == query.to->from &&
                        query.from->offset > query.to->offset;
  if (!backward) return;
  throw Error{fmt::format("--time: \"{}\" ends before it begins{}", text,
                          query.from->from == TimeBound::From::first_day
                              ? "; behind midnight give dates, 2024-05-14T08:00:00Z"
                              : "")};
}

void note(const char* option, const std::vector<std::string>& values,
          std::vector<std::string>& filters) {
  for (const std::string& value : values) filters.push_back(fmt::format("{} {}", option, value));
}
void note(const char* option, const std::string& value, std::vector<std::string>& filters) {
  if (!value.empty()) note(option, std::vector{value}, filters);
}

/// Where the value of an option goes.
struct Place {
  std::string_view option;
  std::variant<std::vector<std::string> FilterOptions::*, std::string FilterOptions::*> member;
};

/// "--port 80", as note() writes it. False: it is none of these.
bool add_noted(const std::string& noted, std::span<const Place> places, FilterOptions& options) {
  const std::size_t space = noted.find(' ');
  const std::string_view option = std::string_view{noted}.substr(0, space);
  const auto place = std::ranges::find(places, option, &Place::option);
  if (place == places.end()) return false;
  std::string value = space == std::string::npos ? "" : noted.substr(space + 1);
  if (const auto* one = std::get_if<std::string FilterOptions::*>(&place->member)) {
    options.*(*one) = std::move(value);
  } else {
    (options.*std::get<0>(place->member)).push_back(std::move(value));
  }
  return true;
}

bool add_packet_filter(const std::string& noted, FilterOptions& options) {
  static constexpr std::array kPlaces{
      Place{"--host", &FilterOptions::hosts}, Place{"--net", &FilterOptions::networks},
      Place{"--port", &FilterOptions::ports}, Place{"--time", &FilterOptions::time},
      Place{"--bpf", &FilterOptions::bpf}};
  return add_noted(noted, kPlaces, options);
}

bool add_exchange_filter(const std::string& noted, FilterOptions& options) {
  static constexpr std::array kPlaces{
      Place{"--uri", &FilterOptions::uris}, Place{"--method", &FilterOptions::methods},
      Place{"--status", &FilterOptions::statuses}, Place{"--header-id", &FilterOptions::header_id},
      Place{"--find", &FilterOptions::find}};
  return add_noted(noted, kPlaces, options);
}

}  // namespace

void add_filter_options(CLI::App& command, FilterOptions& options) {
  const auto repeatable = [&](const char* name, auto& values, const char* help, const char* type) {
    command.add_option(name, values, help)->type_name(type)->take_all()->allow_extra_args(false);
  };
  const auto single = [&](const char* name, std::string& value, const char* help,
                          const char* type) {
    command.add_option(name, value, help)->type_name(type);
  };
  repeatable("--host", options.hosts,
             "Only packets from or to this address, also inside of tunnels; repeatable", "IP");
  repeatable("--net", options.networks, "The same for a network; repeatable", "IP/BITS");
  repeatable("--port", options.ports, "Only packets from or to this port; repeatable", "PORT");
  single("--time", options.time,
         "Only packets from this time to that one: 2024-05-14T08:00:00Z, 08:00:00 of the first "
         "day (UTC), or +10s behind the first packet; either may be left out",
         "FROM..TO");
  single("--bpf", options.bpf,
         "Only packets that this filter of libpcap's matches, as recorded: not behind VLAN tags "
         "or in tunnels",
         "EXPR");
  repeatable("--uri", options.uris,
             "Report only on exchanges with this in the request target; repeatable", "TEXT");
  repeatable("--method", options.methods, "Report only on exchanges with this method; repeatable",
             "METHOD");
  repeatable("--status", options.statuses,
             "Report only on exchanges with this status, 404, 5xx or none; repeatable", "STATUS");
  single("--header-id", options.header_id,
         "Report only on exchanges whose delivery or trace id header has this value", "ID");
  single("--find", options.find,
         "Report only on exchanges that hold this text, in the same letter case, and say where: in "
         "what is kept of start lines (2 KiB), Host, id and forwarding headers (256 B), bodies of "
         "POST, PUT and PATCH "
         "requests (16 KiB) and of responses (512 B)",
         "TEXT");
}

Query query_of(const FilterOptions& options) {
  Query query;
  for (const std::string& host : options.hosts)
    query.networks.push_back(network_of("--host", host, true));
  for (const std::string& network : options.networks)
    query.networks.push_back(network_of("--net", network, false));
  for (const std::string& port : options.ports) query.ports.push_back(port_of(port));
  set_time(options.time, query);
  query.bpf = options.bpf;
  query.text = options.find;
  query.header_id = options.header_id;
  return query;
}

bool is_packet_filter(const std::string& noted) {
  FilterOptions options;
  return add_packet_filter(noted, options);
}

void add_packet_filters(const std::vector<std::string>& noted, FilterOptions& options) {
  for (const std::string& filter : noted) {
    if (add_packet_filter(filter, options)) continue;
    throw Error{fmt::format("there is no filter of packets \"{}\"",
                            base::escape_for_terminal(base::shorten(filter, 80)))};
  }
}

bool add_noted_filter(const std::string& noted, FilterOptions& options) {
  return add_packet_filter(noted, options) || add_exchange_filter(noted, options);
}

void add_filters(const FilterOptions& options, report::Selection& selection) {
  selection.uris = options.uris;
  for (std::string method : options.methods) {
    if (method.empty()) throw Error{"--method: expected a method such as POST, not \"\""};
    std::ranges::transform(method, method.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    selection.methods.push_back(std::move(method));
  }
  for (const std::string& status : options.statuses) {
    const auto range = report::read_status(status);
    if (!range) throw Error{fmt::format("--status: expected 404, 5xx or none, not \"{}\"", status)};
    selection.statuses.push_back(*range);
  }
  selection.found = !options.find.empty() || !options.header_id.empty();

  std::vector<std::string>& filters = selection.filters;
  note("--host", options.hosts, filters);
  note("--net", options.networks, filters);
  note("--port", options.ports, filters);
  note("--time", options.time, filters);
  note("--bpf", options.bpf, filters);
  note("--uri", options.uris, filters);
  note("--method", options.methods, filters);
  note("--status", options.statuses, filters);
  note("--header-id", options.header_id, filters);
  note("--find", options.find, filters);
}

}  // namespace httpdiag::cli
