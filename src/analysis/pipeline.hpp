// SPDX-License-Identifier: Apache-2.0
// The stages, joined. Data is pushed left to right; a stage may keep only what its limit in Limits
// allows, so memory does not grow with the capture.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "analysis/search.hpp"
#include "analysis/taps.hpp"
#include "capture/bpf.hpp"
#include "decode/decoder.hpp"
#include "delivery/collector.hpp"
#include "dns/names.hpp"
#include "dns/reader.hpp"
#include "http/pairer.hpp"
#include "httpdiag/shard.hpp"
#include "legs/joiner.hpp"
#include "rules/engine.hpp"
#include "shard/recorder.hpp"
#include "tcp/tracker.hpp"
#include "tls/reader.hpp"
#include "views/joiner.hpp"

namespace httpdiag::analysis {

/// What stands beside the pipeline and is null in a plain run: the state of a shard, or what is
/// kept to be compared with the capture of the other end.
struct Beside {
  Shard shard{};
  ShardState* state = nullptr;
  views::Recorder* trail = nullptr;
};

/// From packets to a report. The packets of a batch are decoded and announced to the tracker ahead
/// of their turn where that needs nothing but their own bytes.
class Pipeline {
 public:
  /// All of it must outlive the pipeline.
  Pipeline(const Settings& settings, FlowReportSink& flows, Ledger& ledger, const Query& query,
           const Beside& beside = {});

  void use(const CaptureSummary& input) { rules_.use(input); }

  void on_packets(std::span<const Packet> packets);
  /// Packets are missing here, nobody knows which: what was open has ended as it does with the
  /// capture, and silence across the hole proves nothing.
  void on_holes(std::uint64_t count);
  /// Nobody may have recorded for a while: what was asked up to `until` waits no longer.
  void on_pause(Timestamp until) {
    names_.settle(until);
    if (recorder_) recorder_->on_pause(until);
  }
  /// From a name resolution block.
  void on_name(const HostName& host);
  Report finish(const CaptureSummary& input);

 private:
  static std::optional<shard::Recorder> recorder_of(const Beside& beside, const Settings& settings,
                                                    rules::Engine& rules, dns::Names& names);
  /// The rules, or who stands in front of them.
  template <typename Sink>
  Sink& judge() {
    return recorder_ ? static_cast<Sink&>(*recorder_) : rules_;
  }
  DnsMessageSink& messages() {
    return recorder_ ? static_cast<DnsMessageSink&>(*recorder_) : names_;
  }
  StreamSink& streams() { return recorder_ ? static_cast<StreamSink&>(gate_) : http_; }

  void tell_time(PacketRef packet) {
    rules_.on_packet(packet);
    names_.on_packet(packet);
    if (recorder_) recorder_->on_packet(packet);
  }

  void approach(std::size_t i) {
    if (plain_[i]) tcp_.approach(arrivals_[i]);
  }

  /// One by one, and only what was asked for.
  void select(std::span<const Packet> packets);
  bool in_time(Timestamp time) const;
  bool passes_bpf(const Packet& packet);
  void leave_out(PacketRef packet);
  std::optional<Packet> without_tags(const Packet& packet);
  void on_selected(const Packet& packet);
  /// What is neither of a flow nor about one is accounted for as ever.
  bool matches(const Decoded& decoded) const;

  void on_packet(const Packet& packet) {
    decoder_.on_packet(packet);
    decoder_.more() ? take_each(packet) : take(decoder_.last(), packet.ref);
  }
  void take(const Decoded& decoded, PacketRef packet);
  void put(const Decoded& decoded, PacketRef packet);
  void put(const Segment& segment);
  /// Segments of which only the first piece came, as far as `next` shows that.
  template <typename... Next>
  void put_held(const Next&... next);
  void take_each(const Packet& packet);

  Ledger& ledger_;
  const Query& query_;
  views::Recorder* trail_;
  const bool selects_;  // some packets only, or packets one by one
  capture::Bpf bpf_;
  std::optional<Timestamp> first_;   // the first packet's
  std::vector<std::byte> untagged_;  // a packet without its VLAN tags
  std::uint64_t in_tunnels_ = 0;     // TCP that the filter left out before anything passed
  decode::Decoder decoder_;          // packet -> segment
  delivery::Collector deliveries_;   // verdict -> delivery
  legs::Joiner legs_;                // verdicts -> chains
  rules::Engine rules_;              // exchange, flow -> findings
  dns::Names names_;                 // query, answer -> lookup
  std::optional<shard::Recorder> recorder_;
  tls::Reader tls_;  // what is no HTTP -> handshakes, bursts
  dns::Reader dns_;  // datagram, chunk -> query, answer
  OpaqueSplitter opaque_;
  Search search_;
  http::Pairer http_;  // chunk -> message -> exchange
  shard::StreamGate gate_;
  FlowSplitter ended_;
  FlowTap tap_;
  tcp::Tracker tcp_;  // segment -> flow -> chunk
  std::array<tcp::Arrival, PacketSource::kMostPackets> arrivals_;
  std::array<bool, PacketSource::kMostPackets> plain_{};
  Timestamp last_{};  // the capture clock
};

}  // namespace httpdiag::analysis
