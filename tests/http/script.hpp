// SPDX-License-Identifier: Apache-2.0
// Drives a Pairer by hand, in the order in which the tracker calls it, and
// writes down what it says, a line per exchange or stray.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/pairer.hpp"

namespace httpdiag::http {

inline std::string describe(const Message& m, bool request) {
  static constexpr const char* kStates[] = {"incomplete", "complete", "unknown"};
  std::string text = request ? fmt::format("{} {}", m.method(), m.start())
                             : fmt::format("{} {}", m.status, m.start());
  text += fmt::format(" {}", kStates[static_cast<std::size_t>(m.state)]);
  if (m.body_bytes > 0) text += fmt::format(" body={}", m.body_bytes);
  if (m.chunked) text += " chunked";
  if (m.close_delimited) text += " until-close";
  if (m.close_token) text += " close";
  if (m.has_gap) text += " gap";
  if (m.snaplen_cut) text += " cut";
  if (m.resynchronised) text += " resync";
  if (m.missing_last_chunk) text += " no-last-chunk";
  if (m.body_omitted) text += " body-omitted";
  if (m.body_decoded) text += " decoded";
  if (!m.error.empty())
    text += fmt::format(" {}@{}/p{}", m.error, m.error_offset, m.error_packet.number);
  if (m.fatal) text += " fatal";
  return text;
}

inline std::string describe(const Exchange& x) {
  std::string text = fmt::format("{}: {}", x.index, describe(x.request, true));
  text += x.response ? " -> " + describe(*x.response, false) : std::string{" -> none"};
  if (x.interim) text += fmt::format(" interim={}", x.interim_status);
  if (x.pipelined) text += " pipelined";
  if (x.previous_said_close)
    text += x.close_token_in_flight ? " said-close(in-flight)" : " said-close";
  if (x.response_missing)
    text += fmt::format(" missing={}@p{}", x.response_gap_bytes, x.response_gap.number);
  if (x.uncertain) text += " uncertain";
  if (x.unsolicited_before) text += fmt::format(" unsolicited={}", x.unsolicited_status);
  if (x.client_closed_before_response)
    text += fmt::format(" client-closed=p{}", x.client_closed_before_response.number);
  return text;
}

class Recorder final : public ExchangeSink {
 public:
  std::vector<std::string> lines;
  std::vector<Exchange> exchanges;
  std::vector<bool> settled_early;

  void on_exchange(const FlowRecord&, Exchange& exchange, bool settled, Timestamp) override {
    lines.push_back(describe(exchange) + (settled ? "" : " (end)"));
    settled_early.push_back(settled);
    exchanges.push_back(std::move(exchange));
  }
  void on_stray(const FlowRecord&, const Stray& stray) override {
    static constexpr const char* kKinds[] = {"unsolicited", "opaque", "garbage", "alone"};
    std::string line =
        fmt::format("{} p{}", kKinds[static_cast<std::size_t>(stray.kind)], stray.packet.number);
    if (stray.status != 0) line += fmt::format(" {}", stray.status);
    if (!stray.protocol.empty()) line += " " + stray.protocol;
    lines.push_back(line);
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
  }
};

/// One flow. Each call is a packet, 1 ms after the one before; by default it
/// acknowledges all that the other side has sent so far.
class Script {
 public:
  explicit Script(Limits limits = {}) : limits_{limits}, pairer_{limits_, recorder} {
    flow.id = FlowId{1};
    next_packet();
    flow.active = flow.last = packet_;
  }
  ~Script() {
    if (!ended_) end();
  }

  Script& midstream() {
    flow.oddities |= static_cast<std::uint16_t>(Oddity::midstream);
    return *this;
  }
  Script& client(std::string_view bytes, std::optional<Offset> acks = {}) {
    return send(Side::client, bytes, acks);
  }
  Script& server(std::string_view bytes, std::optional<Offset> acks = {}) {
    return send(Side::server, bytes, acks);
  }

  Script& send(Side from, std::string_view bytes, std::optional<Offset> acks = {}) {
    next_packet();
    return deliver(from, bytes, packet_, acks);
  }
  /// Bytes that were on the wire in an earlier packet and become readable now.
  Script& deliver(Side from, std::string_view bytes, PacketRef carried_by,
                  std::optional<Offset> acks = {}) {
    const Offset peer_acked = acks.value_or(flow.side(other(from)).next);
    acknowledge(other(from), peer_acked);
    SideRecord& own = flow.side(from);
    const Offset offset = own.delivered;
    own.delivered += bytes.size();
    own.next = std::max(own.next, own.delivered);
    const std::span<const std::byte> span{reinterpret_cast<const std::byte*>(bytes.data()),
                                          bytes.size()};
    pairer_.on_chunk(flow, {from, offset, span, carried_by, packet_, peer_acked});
    done(from, true);
    return *this;
  }
  Script& ack(Side from, std::optional<Offset> acks = {}) {
    next_packet();
    acknowledge(other(from), acks.value_or(flow.side(other(from)).next));
    done(from, false);
    return *this;
  }
  Script& gap(Side from, std::uint64_t length, GapCause cause = GapCause::not_captured) {
    if (cause != GapCause::snaplen) next_packet();
    SideRecord& own = flow.side(from);
    const Offset offset = own.delivered;
    own.delivered += length;
    own.next = std::max(own.next, own.delivered);
    if (cause == GapCause::not_captured) own.acked = std::max(own.acked, own.delivered);
    pairer_.on_gap(flow, {from, offset, length, cause, packet_});
    return *this;
  }
  Script& fin(Side from, std::uint64_t unseen_bytes = 0) {
    next_packet();
    SideRecord& own = flow.side(from);
    own.fin = packet_;
    own.fin_offset = own.delivered + unseen_bytes;
    own.next = own.fin_offset;
    if (unseen_bytes == 0) pairer_.on_fin(flow, from);
    done(from, true);
    return *this;
  }
  Script& rst(Side from) {
    next_packet();
    auto& trouble = flow.side(from).trouble_ptr;
    if (!trouble) trouble = std::make_unique<SideTrouble>();
    trouble->rst = packet_;
    pairer_.on_rst(flow, from);
    done(from, false);
    return *this;
  }
  std::string end() {
    ended_ = true;
    pairer_.on_end(flow, EndCause::capture_over, packet_.time);
    EXPECT_EQ(flow.sink_slot, 0u);
    return recorder.text();
  }
  PacketRef next_packet() {
    packet_.number += 1;
    packet_.time += std::chrono::milliseconds{1};
    return packet_;
  }

  FlowRecord flow;
  Recorder recorder;

 private:
  void acknowledge(Side tape, Offset upto) {
    SideRecord& theirs = flow.side(tape);
    if (upto <= theirs.acked) return;
    theirs.acked = upto;
    theirs.acked_by = packet_;
    pairer_.on_ack(flow, tape);
  }
  void done(Side from, bool active) {
    flow.side(from).last = flow.last = packet_;
    if (active) flow.active = packet_;
  }

  Limits limits_;
  PacketRef packet_;
  Pairer pairer_;
  bool ended_ = false;
};

}  // namespace httpdiag::http
