// SPDX-License-Identifier: Apache-2.0
// Reports built by hand, for tests of what renders them.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "httpdiag/report.hpp"
#include "report/render.hpp"

namespace httpdiag::report::test {

/// Collects what a writer writes.
class StringOutput final : public Output {
 public:
  void write(std::string_view bytes) override { text += bytes; }
  std::string text;
};

/// Packet `number` of a capture that begins at 2024-03-01T12:00:00Z, `us` later.
inline PacketRef packet(PacketNumber number, std::int64_t us) {
  using namespace std::chrono;
  return {.number = number, .time = sys_days{2024y / March / 1} + 12h + microseconds{us}};
}

inline Endpoint endpoint(std::uint8_t last_byte, std::uint16_t port) {
  return {.ip = IpAddress::v4(0x0a000000u | last_byte), .port = port};
}

/// The server closed the pooled connection; the client used it all the same.
inline Finding half_closed_finding() {
  return {.label = Label::request_on_half_closed,
          .severity = Severity::error,
          .fault = {.party = Party::client_app,
                    .confidence = Confidence::high,
                    .unless = "a proxy owns the ACKs"},
          .detail = "the request left 2.67 s after the server's FIN had been acknowledged",
          .evidence = {{packet(5, 1'000'000), Side::server, "server FIN"},
                       {packet(7, 3'667'123), Side::client, "POST /notify, acknowledges the FIN"},
                       {packet(8, 3'667'145), Side::server, "RST"}},
          .facts = {{"half_closed_age_us", std::int64_t{2'667'123}},
                    {"outcome", std::string{"rst"}},
                    {"server_fin_seen", true}},
          .remedy = "Close pooled connections sooner than the server does.",
          .settle = {},
          .seen_as = "client: NoHttpResponseException; server: nothing"};
}

inline ExchangeReport healthy_exchange(std::uint32_t number) {
  ExchangeReport exchange;
  exchange.index = number;
  exchange.request = {.method = "POST",
                      .target = "/notify?token=s3cret&id=7",
                      .host = "shop.example",
                      .body_bytes = 512,
                      .digest = 0x0123456789abcdef,
                      .first = packet(4, 10'000),
                      .last = packet(4, 10'000),
                      .state = MessageState::complete};
  exchange.response = ResponseReport{.status = 200,
                                     .reason = "OK",
                                     .location = {},
                                     .body_bytes = 7,
                                     .digest = 42,
                                     .first = packet(5, 20'000),
                                     .last = packet(5, 20'000),
                                     .state = MessageState::complete};
  exchange.acked = Acked::all;
  exchange.answered = true;
  exchange.wait = std::chrono::milliseconds{10};
  exchange.retry = Retry::do_not;
  return exchange;
}

inline FlowReport healthy_flow(std::uint32_t id) {
  FlowReport flow;
  flow.id = FlowId{id};
  flow.client = endpoint(5, 53122);
  flow.server = endpoint(9, 8080);
  flow.first = packet(1, 0);
  flow.last = packet(12, 4'000'000);
  flow.history = "ShADadFf";
  flow.ended_by = EndedBy::client_fin;
  flow.sides[0] = {
      .packets = 7, .payload_bytes = 600, .retransmitted = 0, .state = TcpState::time_wait};
  flow.sides[1] = {
      .packets = 5, .payload_bytes = 90, .retransmitted = 0, .state = TcpState::closed};
  flow.rtt = std::chrono::microseconds{240};
  flow.exchanges = {healthy_exchange(1)};
  flow.exchange_count = 1;
  return flow;
}

/// Exchange 1 is fine, exchange 2 meets half_closed_finding().
inline FlowReport half_closed_flow(std::uint32_t id) {
  FlowReport flow = healthy_flow(id);
  ExchangeReport exchange = healthy_exchange(2);
  exchange.request.first = exchange.request.last = packet(7, 3'667'123);
  exchange.response.reset();
  exchange.acked = Acked::none;
  exchange.answered = false;
  exchange.wait.reset();
  exchange.retry = Retry::safe;
  exchange.label = Label::request_on_half_closed;
  exchange.severity = Severity::error;
  exchange.findings = {half_closed_finding()};
  flow.exchanges.push_back(exchange);
  flow.exchange_count = 2;
  flow.label = exchange.label;
  flow.severity = flow.worst = Severity::error;
  flow.ended_by = EndedBy::server_fin;
  return flow;
}

inline FlowReport refused_flow(std::uint32_t id) {
  FlowReport flow = healthy_flow(id);
  flow.exchanges.clear();
  flow.exchange_count = 0;
  flow.handshake = Handshake::refused;
  flow.rtt.reset();
  flow.sides[0].payload_bytes = flow.sides[1].payload_bytes = 0;
  flow.label = Label::connect_refused;
  flow.severity = flow.worst = Severity::error;
  flow.findings = {
      {.label = Label::connect_refused,
       .severity = Severity::error,
       .fault = {.party = Party::server_host, .confidence = Confidence::medium, .unless = {}},
       .detail = "SYN answered by a RST after 24 µs",
       .evidence = {{packet(20, 5'000'000), Side::client, "SYN"},
                    {packet(21, 5'000'024), Side::server, "RST, ACK"}},
       .facts = {},
       .remedy = {},
       .settle = {},
       .seen_as = {}}};
  return flow;
}

/// A cause whose example is the last exchange of `flow`, or the flow itself.
inline Cause cause_of(const FlowReport& flow, std::uint64_t count) {
  Cause cause{.label = flow.label,
              .severity = flow.severity,
              .server = flow.server,
              .count = count,
              .clients = 2,
              .first = packet(7, 3'667'123),
              .last = packet(99, 9'000'000),
              .example_flow = flow.id,
              .example_exchange = flow.exchanges.empty() ? 0 : flow.exchanges.back().index,
              .example = flow};
  if (!flow.exchanges.empty()) cause.example.exchanges = {flow.exchanges.back()};
  return cause;
}

/// What a writer needs at the end, of a capture with `flows` flows.
class ReportBuilder {
 public:
  ReportBuilder() {
    summary_.files = {{.name = "callback.pcap",
                       .bytes = 4096,
                       .sha256 = std::string(64, 'a'),
                       .format = "pcap",
                       .link_types = {"LINUX_SLL2"}}};
    report.input = &summary_;
    report.first = packet(1, 0);
    report.last = packet(99, 9'000'000);
    report.ledger.packets = 100;
    report.ledger.decoded = 97;
    report.ledger.duplicates = 1;
    report.ledger.skipped[static_cast<std::size_t>(Skip::not_tcp)] = 2;
    report.headline = "No problem found.";
  }
  ReportBuilder(const ReportBuilder&) = delete;
  ReportBuilder& operator=(const ReportBuilder&) = delete;

  /// Counts the flow and hands it to the writer.
  void flow(Writer& writer, const FlowReport& flow) {
    ++report.flows;
    ++report.flow_labels[static_cast<std::size_t>(flow.label)];
    report.exchanges += flow.exchange_count;
    for (const ExchangeReport& exchange : flow.exchanges) {
      ++report.exchange_labels[static_cast<std::size_t>(exchange.label)];
    }
    report.worst = std::max(report.worst, flow.worst);
    writer.on_flow_report(flow);
  }
  void damage(CaptureDamage damage) {
    summary_.damage = std::make_unique<CaptureDamage>(std::move(damage));
  }

  Report report;

 private:
  CaptureSummary summary_;
};

}  // namespace httpdiag::report::test
