// SPDX-License-Identifier: Apache-2.0
// The pipeline. Data is pushed left to right; a stage may keep only what its
// limit in Limits allows, so memory does not grow with the capture. The only
// file that includes more than one stage.
#include "httpdiag/analysis.hpp"

#include <algorithm>
#include <array>

#include "decode/decoder.hpp"
#include "decode/plain.hpp"
#include "http/pairer.hpp"
#include "rules/engine.hpp"
#include "tcp/tracker.hpp"
#include "tls/reader.hpp"

namespace httpdiag {

namespace {

/// The packets of one batch, decoded and announced to the tracker ahead of their turn where that
/// needs nothing but their own bytes.
class Pipeline {
 public:
  Pipeline(const Settings& settings, FlowReportSink& flows, Ledger& ledger)
      : ledger_{ledger},
        decoder_{settings.limits},
        rules_{settings, flows},
        tls_{settings.limits, rules_},
        http_{settings.limits, rules_, settings.digest_bodies, &tls_},
        tcp_{settings, ledger, http_, rules_} {}

  void on_packets(std::span<const Packet> packets) {
    // How many packets before its turn a flow is fetched: long enough for main memory.
    constexpr std::size_t kAhead = 4;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      plain_[i] = decode::read_plain(packets[i], arrivals_[i].segment);
      if (plain_[i]) tcp_.announce(arrivals_[i]);
    }
    for (std::size_t i = 0; i < std::min(kAhead, packets.size()); ++i) approach(i);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      if (i + kAhead < packets.size()) approach(i + kAhead);
      ++ledger_.packets;
      rules_.on_packet(packets[i].ref);
      if (plain_[i]) {
        tcp_.on_segment(arrivals_[i]);
      } else {
        on_packet(packets[i]);
      }
    }
  }

  Report finish(const CaptureSummary& input) {
    tcp_.finish();  // ends every open stream, which flushes http, which feeds rules
    return rules_.finish(input, ledger_);
  }

 private:
  void approach(std::size_t i) {
    if (plain_[i]) tcp_.approach(arrivals_[i]);
  }

  void on_packet(const Packet& packet) {
    const Decoded& decoded = decoder_.on_packet(packet);
    if (const auto* segment = std::get_if<Segment>(&decoded)) {
      tcp_.on_segment(*segment);
    } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
      tcp_.on_icmp_error(*error);
    } else {
      ++ledger_.skipped[static_cast<std::size_t>(std::get<Skip>(decoded))];
      tcp_.on_other_packet(packet.ref);
    }
  }

  Ledger& ledger_;
  decode::Decoder decoder_;  // packet -> segment
  rules::Engine rules_;      // exchange, flow -> findings
  tls::Reader tls_;          // what is no HTTP -> handshakes, bursts
  http::Pairer http_;        // chunk -> message -> exchange
  tcp::Tracker tcp_;         // segment -> flow -> chunk
  std::array<tcp::Arrival, PacketSource::kMostPackets> arrivals_;
  std::array<bool, PacketSource::kMostPackets> plain_{};
};

}  // namespace

Report analyze(PacketSource& source, const Settings& settings, FlowReportSink& flows,
               ProgressSink* progress) {
  constexpr std::uint64_t kProgressEvery = 1u << 16;
  Ledger ledger;
  Pipeline pipeline{settings, flows, ledger};
  std::uint64_t told = 0;
  for (auto packets = source.next_packets(); !packets.empty(); packets = source.next_packets()) {
    pipeline.on_packets(packets);
    if (progress != nullptr && ledger.packets - told >= kProgressEvery) {
      told = ledger.packets;
      progress->on_progress(told);
    }
  }
  return pipeline.finish(source.summary());
}

}  // namespace httpdiag
