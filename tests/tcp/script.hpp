// SPDX-License-Identifier: Apache-2.0
// Drives a Tracker with hand-made segments and writes down what it says.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "tcp/tracker.hpp"

namespace httpdiag::tcp {

/// Records every call as a line. Keeps each flow's facts as text, since records die with the call.
class Recorder final : public StreamSink, public FlowSink {
 public:
  std::vector<std::string> lines;
  std::vector<std::string> flows;
  std::array<std::string, 2> tape;  // delivered bytes per side; gaps as '?'

  void on_chunk(const FlowRecord&, const StreamChunk& chunk) override {
    const std::string bytes{reinterpret_cast<const char*>(chunk.bytes.data()), chunk.bytes.size()};
    lines.push_back(fmt::format("{} {}+{} '{}' by {} at {}", side(chunk.from), chunk.offset,
                                chunk.bytes.size(), bytes, chunk.carried_by.number,
                                chunk.released_by.number));
    tape[index(chunk.from)] += bytes;
  }
  void on_gap(const FlowRecord&, const StreamGap& gap) override {
    static constexpr const char* kCauses[] = {"not-captured", "snaplen", "lost", "buffer-limit"};
    lines.push_back(fmt::format("{} {}+{} gap {}", side(gap.from), gap.offset, gap.length,
                                kCauses[static_cast<std::size_t>(gap.cause)]));
    tape[index(gap.from)] += std::string(gap.length, '?');
  }
  void on_ack(const FlowRecord&, Side) override {}
  void on_fin(const FlowRecord&, Side from) override {
    lines.push_back(fmt::format("{} fin", side(from)));
  }
  void on_rst(const FlowRecord&, Side from) override {
    lines.push_back(fmt::format("{} rst", side(from)));
  }
  void on_end(const FlowRecord&, EndCause, Timestamp) override { lines.push_back("end"); }
  void on_flow(const FlowRecord& flow, EndCause, Timestamp) override {
    flows.push_back(fmt::format("{} {} {} {} {}/{}", static_cast<std::uint32_t>(flow.id),
                                flow.history.data(), name(handshake(flow)), name(ended_by(flow)),
                                name(tcp_state(flow, Side::client)),
                                name(tcp_state(flow, Side::server))));
    oddities = flow.oddities;
    client = trouble_text(flow.c());
    server = trouble_text(flow.s());
    duplicates = flow.trouble().duplicates;
  }

  std::uint16_t oddities = 0;
  std::uint32_t duplicates = 0;
  std::string client, server;  // of the last flow: what was not by the book

  bool odd(Oddity oddity) const { return (oddities & static_cast<std::uint16_t>(oddity)) != 0; }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
  }

 private:
  static char side(Side s) { return s == Side::client ? 'C' : 'S'; }
  static std::string trouble_text(const SideRecord& record) {
    const SideTrouble& t = record.trouble();
    std::string out;
    const auto add = [&](const char* word, std::uint64_t value) {
      if (value != 0) out += fmt::format("{}{}={}", out.empty() ? "" : " ", word, value);
    };
    add("retransmitted", t.retransmitted);
    add("spurious", t.spurious);
    add("head", t.most_head_retransmits);
    add("out-of-order", t.out_of_order);
    add("keepalives", t.keepalives);
    add("probed", t.window_probes);
    add("gap", t.gap_bytes);
    add("lost", t.lost_bytes);
    add("cut", t.snaplen_bytes);
    add("ignored-rst", t.ignored_rst.number);
    add("rst", t.rst.number);
    add("differing", t.differing[1].number);
    return out;
  }
};

/// One client and one server; numbers are absolute, times in milliseconds.
class Script {
 public:
  explicit Script(Settings chosen = {})
      : settings{std::move(chosen)}, tracker{settings, ledger, recorder, recorder} {}

  static constexpr std::uint32_t kClientIsn = 1000;
  static constexpr std::uint32_t kServerIsn = 5000;

  struct Options {
    std::uint16_t window = 1000;
    std::uint16_t ip_id = 0xffff;   // 0xffff: counts up
    std::uint32_t wire_length = 0;  // 0: as long as the payload
    std::uint32_t vlan = 0;
    std::uint8_t ttl = 64;
    std::int8_t window_scale = -1;
    DeviceId device = 0;
    std::uint16_t mss = 0;
  };

  Script& send(Side from, std::int64_t ms, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
               const std::string& payload = {}) {
    return send(from, ms, flags, seq, ack, payload, Options{});
  }
  Script& send(Side from, std::int64_t ms, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
               const std::string& payload, Options options) {
    const Endpoint client{IpAddress::v4(0x0a000001), client_port};
    const Endpoint server{IpAddress::v4(0x0a000002), 80};
    Segment segment;
    segment.packet = {++number, Timestamp{std::chrono::milliseconds{1'000'000 + ms}}};
    segment.source = from == Side::client ? client : server;
    segment.destination = from == Side::client ? server : client;
    segment.seq = seq;
    segment.ack = ack;
    segment.flags.bits = flags;
    segment.window = options.window;
    segment.window_scale = options.window_scale;
    segment.ttl = options.ttl;
    segment.vlan = options.vlan;
    segment.device = options.device;
    segment.mss = options.mss;
    segment.ip_id = options.ip_id == 0xffff ? ++ip_id : options.ip_id;
    segment.payload = std::as_bytes(std::span{payload.data(), payload.size()});
    segment.payload_length =
        options.wire_length != 0 ? options.wire_length : static_cast<std::uint32_t>(payload.size());
    tracker.on_segment(segment);
    return *this;
  }
  Script& c(std::int64_t ms, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
            const std::string& payload = {}) {
    return send(Side::client, ms, flags, seq, ack, payload);
  }
  Script& s(std::int64_t ms, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
            const std::string& payload = {}) {
    return send(Side::server, ms, flags, seq, ack, payload);
  }
  /// SYN, SYN-ACK, ACK at 0, 10, 20 ms. Tapes begin at 1001 and 5001.
  Script& handshake() {
    c(0, TcpFlags::syn, kClientIsn, 0);
    s(10, TcpFlags::syn | TcpFlags::ack, kServerIsn, kClientIsn + 1);
    return c(20, TcpFlags::ack, kClientIsn + 1, kServerIsn + 1);
  }
  Script& finish() {
    tracker.finish();
    return *this;
  }

  Settings settings;
  Ledger ledger;
  Recorder recorder;
  Tracker tracker;
  std::uint16_t client_port = 40000;
  PacketNumber number = 0;
  std::uint16_t ip_id = 100;
};

inline constexpr std::uint8_t kAck = TcpFlags::ack;
inline constexpr std::uint8_t kSyn = TcpFlags::syn;
inline constexpr std::uint8_t kFinAck = TcpFlags::fin | TcpFlags::ack;
inline constexpr std::uint8_t kRst = TcpFlags::rst;
inline constexpr std::uint8_t kRstAck = TcpFlags::rst | TcpFlags::ack;

}  // namespace httpdiag::tcp
