// SPDX-License-Identifier: Apache-2.0
#include "rules/fact_table.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace httpdiag {

std::string_view name(FactType type) {
  switch (type) {
    case FactType::duration:
      return "duration";
    case FactType::bytes:
      return "bytes";
    case FactType::number:
      return "number";
    case FactType::flag:
      return "flag";
    case FactType::text:
      return "text";
  }
  return "text";
}

}  // namespace httpdiag

namespace httpdiag::rules {

namespace {

using Value = std::optional<FactValue>;
using E = ExchangeFacts;
using F = FlowFacts;

Value of(const std::optional<Duration>& duration) {
  return duration ? Value{*duration} : std::nullopt;
}
Value of(std::uint64_t number) { return FactValue{static_cast<std::int64_t>(number)}; }
Value of(bool flag) { return FactValue{flag}; }
Value of(std::string_view text) { return FactValue{std::string{text}}; }

std::string_view closer_name(const Closing& closing) {
  switch (closing.closer) {
    case Closer::client_fin:
      return "client-fin";
    case Closer::client_rst:
      return "client-rst";
    case Closer::server_fin:
      return "server-fin";
    case Closer::server_rst:
      return "server-rst";
    case Closer::none:
      break;
  }
  return "none";
}

const Message* response(const E& facts) {
  return facts.exchange.response ? &*facts.exchange.response : nullptr;
}

/// Without what may hold secrets: the query, and user information.
std::string path(const E& facts) {
  const std::string_view target = facts.exchange.request.start();
  return base::without_user(target.substr(0, target.find('?')));
}

Value gave_up(const E& facts) {
  const bool whole =
      facts.response_complete && facts.exchange.response->last.number < facts.close.packet.number;
  const bool left = by_client(facts.close.closer) && !whole;
  return left && !facts.close_time_unknown ? Value{facts.after_request} : std::nullopt;
}

struct Row {
  FactInfo info;
  Value (*of_exchange)(const E&);
  Value (*of_flow)(const F&);
};

constexpr Row exchange(std::string_view name, FactType type, std::string_view meaning,
                       Value (*value)(const E&)) {
  return {{name, Scope::exchange, type, meaning}, value, nullptr};
}
constexpr Row flow(std::string_view name, FactType type, std::string_view meaning,
                   Value (*value)(const F&)) {
  return {{name, Scope::flow, type, meaning}, nullptr, value};
}

using enum FactType;
// clang-format off
constexpr std::array kRows{
    exchange("request.method", text, "method of the request; empty where it was cut off",
             [](const E& x) { return of(x.exchange.request.method()); }),
    exchange("request.path", text, "target without its query",
             [](const E& x) { return of(path(x)); }),
    exchange("request.host", text, "Host, or the authority of an absolute target",
             [](const E& x) { return of(x.exchange.request.host()); }),
    exchange("request.number", number, "position on its connection, from 1",
             [](const E& x) { return of(std::uint64_t{x.exchange.index}); }),
    exchange("request.body", bytes, "length of the request's body as seen",
             [](const E& x) { return of(x.exchange.request.body_bytes); }),
    exchange("request.callback", flag, "POST, PUT or PATCH",
             [](const E& x) { return of(x.callback); }),
    exchange("request.complete", flag, "sent whole, by its framing",
             [](const E& x) { return of(x.request_complete); }),
    exchange("request.acked", flag, "acknowledged whole by the server's TCP",
             [](const E& x) { return of(x.request_acked); }),
    exchange("request.part_acked", flag, "a byte of it was acknowledged",
             [](const E& x) { return of(x.request_part_acked); }),
    exchange("request.pipelined", flag, "sent before the answer to the one in front was complete",
             [](const E& x) { return of(x.exchange.pipelined); }),
    exchange("request.idle", duration, "rest of the connection before its first byte",
             [](const E& x) { return of(x.idle); }),
    exchange("request.send", duration, "first to last byte of the request",
             [](const E& x) { return of(x.send); }),
    exchange("request.retransmits", number, "retransmissions of its first unacknowledged byte",
             [](const E& x) { return of(std::uint64_t{x.head_retransmits}); }),
    exchange("request.on_half_closed", flag, "its first packet acknowledges the server's FIN",
             [](const E& x) { return of(x.fin_seen_by_client); }),
    exchange("request.half_closed_age", duration, "server's FIN to the request sent behind it",
             [](const E& x) { return of(x.half_closed_age); }),
    exchange("response.started", flag, "a byte of a final response was seen",
             [](const E& x) { return of(x.answered); }),
    exchange("response.complete", flag, "the final response is whole",
             [](const E& x) { return of(x.response_complete); }),
    exchange("response.status", number, "status of the final response",
             [](const E& x) -> Value {
               const Message* r = response(x);
               return r == nullptr || r->status == 0 ? std::nullopt : of(std::uint64_t{r->status});
             }),
    exchange("response.body", bytes, "length of the response's body as seen",
             [](const E& x) -> Value {
               const Message* r = response(x);
               return r == nullptr ? std::nullopt : of(r->body_bytes);
             }),
    exchange("response.server", text, "Server field of the response",
             [](const E& x) -> Value {
               const Message* r = response(x);
               return r == nullptr ? std::nullopt : of(r->host());
             }),
    exchange("response.wait", duration, "last byte of the request to the first of the response",
             [](const E& x) { return of(x.wait); }),
    exchange("response.receive", duration, "first to last byte of the response",
             [](const E& x) { return of(x.receive); }),
    exchange("exchange.silence", duration, "last byte that was seen to the close, or to the end",
             [](const E& x) { return of(std::optional{x.silence}); }),
    exchange("exchange.closed_by", text, "first close after the request: client-fin, server-rst, ...",
             [](const E& x) { return of(closer_name(x.close)); }),
    exchange("exchange.gave_up_after", duration, "end of the request to the client's close, before a whole response",
             [](const E& x) { return gave_up(x); }),
    exchange("exchange.server_idle", duration, "server's last payload to its FIN",
             [](const E& x) { return of(x.server_idle); }),
    flow("flow.client_ip", text, "address of the client",
         [](const F& f) { return of(std::string_view{to_string(f.flow.client.ip)}); }),
    flow("flow.server_ip", text, "address of the server",
         [](const F& f) { return of(std::string_view{to_string(f.flow.server.ip)}); }),
    flow("flow.client_port", number, "port of the client",
         [](const F& f) { return of(std::uint64_t{f.flow.client.port}); }),
    flow("flow.server_port", number, "port of the server",
         [](const F& f) { return of(std::uint64_t{f.flow.server.port}); }),
    flow("flow.handshake", text, "complete, refused, unanswered, unreachable, incomplete, not-captured",
         [](const F& f) { return of(name(f.handshake)); }),
    flow("flow.handshake_time", duration, "first SYN to the client's ACK",
         [](const F& f) { return of(f.handshake_time); }),
    flow("flow.syn_count", number, "SYNs sent by the client",
         [](const F& f) { return of(std::uint64_t{f.syn_count}); }),
    flow("flow.rtt", duration, "smallest round trip seen",
         [](const F& f) -> Value {
           return f.flow.rtt > Duration{0} ? Value{f.flow.rtt} : std::nullopt;
         }),
    flow("flow.duration", duration, "first to last packet",
         [](const F& f) { return of(std::optional{f.flow.last.time - f.flow.first.time}); }),
    flow("flow.client_bytes", bytes, "payload sent by the client",
         [](const F& f) { return of(f.flow.c().payload_bytes); }),
    flow("flow.server_bytes", bytes, "payload sent by the server",
         [](const F& f) { return of(f.flow.s().payload_bytes); }),
    flow("flow.client_retransmitted", number, "segments that the client sent again",
         [](const F& f) { return of(std::uint64_t{f.flow.c().trouble().retransmitted}); }),
    flow("flow.server_retransmitted", number, "segments that the server sent again",
         [](const F& f) { return of(std::uint64_t{f.flow.s().trouble().retransmitted}); }),
    flow("flow.closed_by", text, "first close: client-fin, client-rst, server-fin, server-rst, none",
         [](const F& f) { return of(closer_name(f.first_close)); }),
    flow("flow.unused", flag, "open, and no payload from either side",
         [](const F& f) { return of(f.unused); }),
};
// clang-format on

constexpr auto kInfos = [] {
  std::array<FactInfo, kRows.size()> infos{};
  for (std::size_t i = 0; i < kRows.size(); ++i) infos[i] = kRows[i].info;
  return infos;
}();

}  // namespace

namespace {

struct ShownIn {
  std::string_view fact;
  std::array<PacketRef, 2> (*packets)(const E&);
};

PacketRef first_of_response(const E& x) {
  return response(x) == nullptr ? PacketRef{} : response(x)->first;
}
PacketRef last_of_response(const E& x) {
  return response(x) == nullptr ? PacketRef{} : response(x)->last;
}
std::array<PacketRef, 2> request_packets(const E& x) {
  return {x.exchange.request.first, x.exchange.request.last};
}

constexpr ShownIn kShownIn[] = {
    {"request.method", request_packets},
    {"request.path", request_packets},
    {"request.body", request_packets},
    {"request.complete", request_packets},
    {"request.send", request_packets},
    {"request.acked",
     [](const E& x) {
       return std::array{x.exchange.acked_by, PacketRef{}};
     }},
    {"request.idle",
     [](const E& x) {
       return std::array{x.exchange.active_before, x.exchange.request.first};
     }},
    {"request.on_half_closed",
     [](const E& x) {
       return std::array{x.flow.flow.s().fin, x.exchange.request.first};
     }},
    {"request.half_closed_age",
     [](const E& x) {
       return std::array{x.flow.flow.s().fin, x.exchange.request.first};
     }},
    {"response.status",
     [](const E& x) {
       return std::array{first_of_response(x), PacketRef{}};
     }},
    {"response.complete",
     [](const E& x) {
       return std::array{last_of_response(x), PacketRef{}};
     }},
    {"response.wait",
     [](const E& x) {
       return std::array{x.exchange.request.last, first_of_response(x)};
     }},
    {"response.receive",
     [](const E& x) {
       return std::array{first_of_response(x), last_of_response(x)};
     }},
    {"exchange.closed_by",
     [](const E& x) {
       return std::array{x.close.packet, PacketRef{}};
     }},
    {"exchange.gave_up_after",
     [](const E& x) {
       return std::array{x.exchange.request.last, x.close.packet};
     }},
    {"exchange.server_idle",
     [](const E& x) {
       return std::array{x.flow.flow.s().last_payload, x.flow.flow.s().fin};
     }},
};

}  // namespace

std::array<PacketRef, 2> fact_packets(std::size_t fact, const FlowFacts& flow,
                                      const ExchangeFacts* exchange) {
  const std::string_view name = kRows.at(fact).info.name;
  if (name == "flow.handshake_time") return {flow.flow.c().syn, flow.flow.handshake_ack};
  if (name == "flow.syn_count") return {flow.flow.c().syn, {}};
  if (name == "flow.closed_by") return {flow.first_close.packet, {}};
  if (name == "flow.duration") return {flow.flow.first, flow.flow.last};
  if (exchange == nullptr) return {};
  for (const ShownIn& shown : kShownIn) {
    if (shown.fact == name) return shown.packets(*exchange);
  }
  return {};
}

std::optional<FactValue> fact_value(std::size_t fact, const FlowFacts& flow,
                                    const ExchangeFacts* exchange) {
  const Row& row = kRows.at(fact);
  if (row.of_flow != nullptr) return row.of_flow(flow);
  return exchange == nullptr ? std::nullopt : row.of_exchange(*exchange);
}

std::string_view report_name(std::size_t fact) {
  static const auto names = [] {
    std::array<std::string, kRows.size()> all;
    for (std::size_t i = 0; i < kRows.size(); ++i) {
      all[i] = kRows[i].info.name;
      std::replace(all[i].begin(), all[i].end(), '.', '_');
      if (kRows[i].info.type == duration) all[i] += "_us";
      if (kRows[i].info.type == bytes) all[i] += "_bytes";
    }
    return all;
  }();
  return names.at(fact);
}

std::string words(const FactValue& value, FactType type) {
  if (const auto* duration = std::get_if<Duration>(&value)) return base::duration(*duration);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const std::int64_t number = std::get<std::int64_t>(value);
  return type == FactType::bytes ? base::bytes(static_cast<std::uint64_t>(number))
                                 : std::to_string(number);
}

}  // namespace httpdiag::rules

namespace httpdiag {
std::span<const FactInfo> fact_catalog() { return rules::kInfos; }
}  // namespace httpdiag
