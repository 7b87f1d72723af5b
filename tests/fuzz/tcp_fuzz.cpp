// SPDX-License-Identifier: Apache-2.0
// Operations on a few tuples through one Tracker, checked against what the
// stream sink is promised, and the shortcut for expected segments against what it is
// a shortcut for. Each operation is 8 bytes: tuple and side, flags,
// sequence and acknowledgement (signed, relative to where the side stands),
// payload length, window, time step, IP id.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include "fuzz/require.hpp"
#include "tcp/flow_twin.hpp"
#include "tcp/tracker.hpp"

namespace {

using namespace httpdiag;

/// Chunks and gaps must tile each tape, and nothing may follow the end of a flow.
class Checker final : public StreamSink, public FlowSink {
 public:
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override {
    REQUIRE(!chunk.bytes.empty());
    REQUIRE(chunk.carried_by && chunk.released_by);
    advance(flow, chunk.from, chunk.offset, chunk.bytes.size());
    fuzz::touch(chunk.bytes);
  }
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override {
    REQUIRE(gap.length > 0);
    advance(flow, gap.from, gap.offset, gap.length);
    if (gap.cause == GapCause::lost) tapes_[flow.id].lost[index(gap.from)] = true;
  }
  void on_ack(const FlowRecord& flow, Side side) override {
    REQUIRE(static_cast<bool>(flow.side(side).acked_by));
  }
  void on_fin(const FlowRecord& flow, Side side) override {
    REQUIRE(flow.side(side).delivered >= flow.side(side).fin_offset);
    REQUIRE(!tapes_[flow.id].fin[index(side)]);
    tapes_[flow.id].fin[index(side)] = true;
  }
  void on_rst(const FlowRecord&, Side) override {}
  void on_end(const FlowRecord& flow, EndCause, Timestamp) override {
    REQUIRE(!tapes_[flow.id].ended);
    tapes_[flow.id].ended = true;
  }
  void on_flow(const FlowRecord& flow, EndCause, Timestamp) override {
    REQUIRE(tapes_[flow.id].ended);
    static_cast<void>(handshake(flow));
    static_cast<void>(ended_by(flow));
    for (const Side side : {Side::client, Side::server}) {
      static_cast<void>(tcp_state(flow, side));
      REQUIRE(flow.side(side).delivered <= flow.side(side).next || flow.side(side).next == 0);
    }
    ++flows;
  }

  std::uint64_t flows = 0;

 private:
  struct Tapes {
    std::array<Offset, 2> at{};
    std::array<bool, 2> lost{}, fin{};
    bool ended = false;
  };
  void advance(const FlowRecord& flow, Side from, Offset offset, std::uint64_t length) {
    Tapes& tapes = tapes_[flow.id];
    REQUIRE(!tapes.ended && !tapes.lost[index(from)]);
    REQUIRE(tapes.at[index(from)] == offset);
    tapes.at[index(from)] += length;
  }

  std::map<FlowId, Tapes> tapes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Settings settings;
  settings.limits.max_flows = 4;
  settings.limits.max_attempts = 3;
  settings.limits.max_lingering = 2;
  settings.limits.reassembly_side_bytes = 600;
  settings.limits.reassembly_total_bytes = 1000;
  Ledger ledger;
  Checker checker;
  tcp::Tracker tracker{settings, ledger, checker, checker};
  tcp::FlowTwins twins{settings};

  static const std::array<std::byte, 256> kPayload = [] {
    std::array<std::byte, 256> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
  }();
  struct Stand {
    std::uint32_t seq = 0xffffff00, peer = 100;
  };
  std::array<Stand, 8> stands;
  Timestamp now{std::chrono::seconds{1'700'000'000}};
  PacketNumber number = 0;
  for (; size >= 8; data += 8, size -= 8) {
    const bool from_client = (data[0] & 1) != 0;
    Stand& stand = stands[data[0] & 7u];
    Segment segment;
    const Endpoint client{IpAddress::v4(0x0a000001),
                          static_cast<std::uint16_t>(40000 + (data[0] >> 1 & 3))};
    const Endpoint server{IpAddress::v4(0x0a000002), 80};
    segment.source = from_client ? client : server;
    segment.destination = from_client ? server : client;
    segment.flags.bits = data[1] & 0x1f;
    segment.seq = stand.seq + static_cast<std::uint32_t>(static_cast<std::int8_t>(data[2]));
    segment.ack = stand.peer + static_cast<std::uint32_t>(static_cast<std::int8_t>(data[3]));
    segment.payload_length = data[4];
    segment.payload = std::span{kPayload}.first(data[4] & ((data[0] & 0x80) != 0 ? 0x0fu : 0xffu));
    segment.window = data[5];
    const auto step = static_cast<std::int8_t>(data[6]);
    now += std::chrono::milliseconds{step < 0 ? step : step * step};
    segment.packet = {++number, now};
    segment.ip_id = data[7];
    segment.window_scale = segment.flags.has(TcpFlags::syn)
                               ? static_cast<std::int8_t>(data[7] % 16 - 1)
                               : std::int8_t{-1};
    if ((data[0] & 0x40) != 0) stand.seq += data[4];
    if ((data[0] & 0x20) != 0) stands[(data[0] & 7u) ^ 1u].peer = stand.seq;
    if (data[1] >= 0xf0) {
      IcmpError error;
      error.packet = segment.packet;
      error.type = 3;
      error.source = segment.source;
      error.destination = segment.destination;
      error.seq = segment.seq;
      error.has_seq = true;
      tracker.on_icmp_error(error);
    } else {
      tracker.on_segment(segment);
      REQUIRE(twins.on_segment(segment));
    }
  }
  tracker.finish();
  std::uint64_t accounted = ledger.decoded + ledger.duplicates;
  for (const std::uint64_t count : ledger.skipped) accounted += count;
  REQUIRE(accounted == number);
  return 0;
}
