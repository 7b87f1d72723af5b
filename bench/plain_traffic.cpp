// SPDX-License-Identifier: Apache-2.0
// Traffic of one kind each: connections left open, SYNs that nobody answers, and
// downloads. Measures what a flow, an attempt and a byte cost.

#include "packets.hpp"
#include "traffic.hpp"

namespace httpdiag::bench {

namespace {

/// Distinct for every n below 2^32.
Tuple nth_tuple(std::uint64_t n) {
  constexpr std::uint64_t kPorts = 50000;
  Tuple tuple;
  tuple.client_ip = 0x0a000001 + static_cast<std::uint32_t>(n / kPorts % (1u << 23));
  tuple.client_port = static_cast<std::uint16_t>(10000 + n % kPorts);
  tuple.server_ip = 0xcb007101 + static_cast<std::uint32_t>(n / kPorts >> 23);
  tuple.server_port = 8080;
  return tuple;
}

constexpr std::string_view kRequest =
    "POST /v1/notify HTTP/1.1\r\nHost: shop.example\r\nContent-Type: "
    "application/json\r\nContent-Length: 31\r\n\r\n"
    R"({"order":1001,"status":"paid" })";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n"
    R"({"result":"accepted"})";

/// One side's view of a connection whose segments are written at once.
class Wire {
 public:
  Wire(PacketWriter& out, const Tuple& tuple, std::uint64_t start, std::uint32_t isn)
      : out_{out}, tuple_{tuple}, now_{start}, client_{isn}, server_{isn ^ 0x5a5a5a5a} {}

  void at(std::uint64_t time_us) { now_ = time_us; }
  void wait(std::uint64_t microseconds) { now_ += microseconds; }
  void client(std::uint8_t flags, std::string_view payload = {}) { write(true, flags, payload); }
  void server(std::uint8_t flags, std::string_view payload = {}) { write(false, flags, payload); }
  void handshake() {
    client(kSyn);
    wait(500);
    server(kSyn | kAck);
    wait(20);
    client(kAck);
  }

 private:
  void write(bool from_client, std::uint8_t flags, std::string_view payload) {
    std::uint32_t& own = from_client ? client_ : server_;
    out_.write({.time_us = now_,
                .tuple = tuple_,
                .seq = own,
                .ack = from_client ? server_ : client_,
                .flags = flags,
                .from_client = from_client},
               payload);
    own += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
  }

  PacketWriter& out_;
  Tuple tuple_;
  std::uint64_t now_;
  std::uint32_t client_, server_;
};

}  // namespace

Truth write_idle_flows(std::uint64_t flows, ByteSink& out) {
  constexpr std::uint64_t kGap = 50;  // 20,000 new connections a second
  PacketWriter writer{out};
  for (std::uint64_t n = 0; n < flows; ++n) {
    Wire wire{writer, nth_tuple(n), n * kGap, static_cast<std::uint32_t>(n * 2654435761u)};
    // All of a flow at its start: their times run into the next flow's by microseconds only.
    wire.client(kSyn);
    wire.wait(5);
    wire.server(kSyn | kAck);
    wire.wait(5);
    wire.client(kAck);
    wire.wait(5);
    wire.client(kPsh | kAck, kRequest);
    wire.wait(5);
    wire.server(kAck);
    wire.wait(5);
    wire.server(kPsh | kAck, kResponse);
    wire.wait(5);
    wire.client(kAck);
  }
  writer.write_end(flows * kGap + 2'000'000);
  Truth truth{.packets = writer.packets(),
              .flows = flows,
              .exchanges = flows,
              .flow_labels = {},
              .exchange_labels = {}};
  if (flows > 0) truth.flow_labels["ok"] = truth.exchange_labels["ok"] = flows;
  return truth;
}

Truth write_syns(std::uint64_t syns, ByteSink& out) {
  constexpr std::uint64_t kGap = 10;  // 100,000 a second
  PacketWriter writer{out};
  for (std::uint64_t n = 0; n < syns; ++n) {
    Wire wire{writer, nth_tuple(n), n * kGap, static_cast<std::uint32_t>(n * 2654435761u)};
    wire.client(kSyn);
  }
  writer.write_end(syns * kGap + 10'000'000);
  Truth truth{.packets = writer.packets(),
              .flows = syns,
              .exchanges = 0,
              .flow_labels = {},
              .exchange_labels = {}};
  if (syns > 0) truth.flow_labels["connect-abandoned"] = syns;
  return truth;
}

Truth write_bulk(std::uint64_t bytes, ByteSink& out) {
  constexpr std::size_t kSegment = 1448;  // 1514 bytes on the wire
  constexpr std::uint64_t kSegments = 20000;
  std::string segment;
  for (std::size_t i = 0; i < kSegment; ++i) segment += static_cast<char>('!' + i % 90);
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSegments * kSegment) + "\r\n\r\n";

  PacketWriter writer{out};
  Truth truth;
  std::uint64_t now = 0;
  while (writer.bytes() < bytes) {
    Wire wire{writer, nth_tuple(truth.flows), now,
              static_cast<std::uint32_t>((truth.flows + 1) * 2654435761u)};
    wire.handshake();
    wire.client(kPsh | kAck, "GET /export HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    wire.wait(1000);
    wire.server(kPsh | kAck, head);
    for (std::uint64_t i = 0; i < kSegments; ++i) {
      wire.wait(12);  // 1 Gbit/s
      wire.server(kAck, segment);
      if (i % 2 == 1) wire.client(kAck);
    }
    wire.client(kFin | kAck);
    wire.wait(500);
    wire.server(kFin | kAck);
    wire.wait(20);
    wire.client(kAck);
    ++truth.flows;
    now += 12 * kSegments + 10'000;
  }
  writer.write_end(now + 2'000'000);
  truth.packets = writer.packets();
  truth.exchanges = truth.flows;
  if (truth.flows > 0) truth.flow_labels["ok"] = truth.exchange_labels["ok"] = truth.flows;
  return truth;
}

std::string to_json(const Truth& truth) {
  const auto object = [](const std::map<std::string, std::uint64_t>& counts) {
    std::string text = "{";
    for (const auto& [label, count] : counts) {
      if (text.size() > 1) text += ", ";
      text += '"' + label + "\": " + std::to_string(count);
    }
    return text + "}";
  };
  return "{\"packets\": " + std::to_string(truth.packets) +
         ", \"flows\": " + std::to_string(truth.flows) +
         ", \"exchanges\": " + std::to_string(truth.exchanges) +
         ",\n \"exchange_labels\": " + object(truth.exchange_labels) +
         ",\n \"flow_labels\": " + object(truth.flow_labels) + "}\n";
}

}  // namespace httpdiag::bench
