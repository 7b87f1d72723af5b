// SPDX-License-Identifier: Apache-2.0
// The pipeline. Data is pushed left to right; a stage may keep only what its
// limit in Limits allows, so memory does not grow with the capture. The only
// file that includes more than one stage.
#include "httpdiag/analysis.hpp"

#include "decode/decoder.hpp"
#include "http/pairer.hpp"
#include "rules/engine.hpp"
#include "tcp/tracker.hpp"

namespace httpdiag {

Report analyze(PacketSource& source, const Settings& settings, FlowReportSink& flows,
               ProgressSink* progress) {
  constexpr std::uint64_t kProgressEvery = 1u << 16;
  Ledger ledger;
  decode::Decoder decoder{settings.limits};         // packet -> segment
  rules::Engine rules{settings, flows};             // exchange, flow -> findings
  http::Pairer http{settings.limits, rules};        // chunk -> message -> exchange
  tcp::Tracker tcp{settings, ledger, http, rules};  // segment -> flow -> chunk

  while (const Packet* packet = source.next()) {
    ++ledger.packets;
    rules.on_packet(packet->ref);
    const Decoded& decoded = decoder.on_packet(*packet);
    if (const auto* segment = std::get_if<Segment>(&decoded)) {
      tcp.on_segment(*segment);
    } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
      tcp.on_icmp_error(*error);
    } else {
      ++ledger.skipped[static_cast<std::size_t>(std::get<Skip>(decoded))];
      tcp.on_other_packet(packet->ref);
    }
    if (progress != nullptr && ledger.packets % kProgressEvery == 0)
      progress->on_progress(ledger.packets);
  }
  tcp.finish();  // ends every open stream, which flushes http, which feeds rules
  return rules.finish(source.summary(), ledger);
}

}  // namespace httpdiag
