// SPDX-License-Identifier: Apache-2.0
// Stands in front of the rules in the run of one shard: passes on what is of its own flows, and
// writes it down. The tracker follows the flows of all shards in all runs, so that they count
// alike.
#pragma once

#include <optional>
#include <set>

#include "httpdiag/dns.hpp"
#include "httpdiag/exchange.hpp"
#include "httpdiag/shard.hpp"
#include "httpdiag/stream.hpp"
#include "httpdiag/tls.hpp"
#include "shard/coding.hpp"
#include "shard/events.hpp"
#include "shard/packets.hpp"

namespace httpdiag::shard {

/// Who gets what is passed on.
struct Sinks {
  ExchangeSink& exchanges;
  FlowSink& flows;
  TlsSink& tls;
  DnsMessageSink& messages;
};

class Recorder final : public ExchangeSink, public FlowSink, public TlsSink, public DnsMessageSink {
 public:
  /// Borrows all but the shard.
  Recorder(Shard shard, const Settings& settings, Sinks next, ShardState& out)
      : shard_{shard}, settings_{settings}, next_{next}, out_{out} {}

  /// Every packet of the capture, as the rules are told.
  void on_packet(PacketRef packet);
  /// As the rules are told.
  void forget_open();
  /// All flows end now, the last packet having been at `now`: in front of a hole (Event::hole), or
  /// with the capture.
  void on_all_end(Event why, Timestamp now);
  /// Behind `until` nobody may have recorded for a while.
  void on_pause(Timestamp until);

  void on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                   Timestamp now) override;
  void on_stray(const FlowRecord& flow, const Stray& stray) override;
  void on_tls_server(const Endpoint& server) override;
  void on_tls(const FlowRecord& flow, std::shared_ptr<const TlsSession> session) override;
  // DNS is read in all shards: its streams are everybody's.
  void on_message(const DnsMessage& message) override;
  void on_name(const IpAddress& address, const std::string& name) override;
  // To be called for the flows of all shards.
  void on_begin(FlowId flow, const Segment& segment, bool again) override;
  void on_attempt(FlowId flow, const Endpoint& server, Timestamp now) override;
  void on_connected(FlowId flow) override;
  void on_unrelated(const IcmpError& error) override;
  void on_open(const FlowRecord& flow) override;
  void on_let_go(const Waited& waited) override;
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override;

  /// After the last flow and packet.
  void finish(const CaptureSummary& input, const Ledger& ledger);

 private:
  bool own(const FlowRecord& flow) const { return belongs_to(shard_, flow); }
  /// What concerns no flow is written by the first shard alone.
  bool first() const { return shard_.index == 0; }
  template <typename... Values>
  void write(Event event, const Values&... values);
  void flush();
  void write_packet();
  void write_places(const PacketPlaces& places, PacketNumber packets);

  Shard shard_;
  const Settings& settings_;
  Sinks next_;
  ShardState& out_;
  Encoder encoder_;
  Moment moment_, written_;
  PacketWriter packets_{out_.packets};
  PacketRef packet_;                    // the last one, which is not written yet
  Occasions occasions_;                 // of it
  std::optional<Timestamp> begin_;      // of the first packet
  std::optional<Timestamp> unrelated_;  // when the last ICMP error came that quotes no flow
  Waited waited_;                       // the flow that is ending
  std::uint64_t attempts_ = 0;
  std::set<FlowId> told_attempts_;  // not connected
};

/// Stands in front of HTTP: the streams of other shards' flows go no further.
class StreamGate final : public StreamSink {
 public:
  StreamGate(Shard shard, StreamSink& next) : shard_{shard}, next_{next} {}

  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override {
    if (open(flow)) next_.on_chunk(flow, chunk);
  }
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override {
    if (open(flow)) next_.on_gap(flow, gap);
  }
  void on_ack(const FlowRecord& flow, Side side) override {
    if (open(flow)) next_.on_ack(flow, side);
  }
  void on_fin(const FlowRecord& flow, Side side) override {
    if (open(flow)) next_.on_fin(flow, side);
  }
  void on_rst(const FlowRecord& flow, Side side) override {
    if (open(flow)) next_.on_rst(flow, side);
  }
  void on_end(const FlowRecord& flow, EndCause cause, Timestamp now) override {
    if (open(flow)) next_.on_end(flow, cause, now);
  }
  void on_waiting(const FlowRecord& flow) override {
    if (open(flow)) next_.on_waiting(flow);
  }

 private:
  bool open(const FlowRecord& flow) const {
    return belongs_to(shard_, flow) || is_everybodys(flow);
  }

  Shard shard_;
  StreamSink& next_;
};

}  // namespace httpdiag::shard
