// SPDX-License-Identifier: Apache-2.0
// Totals over the capture: labels, causes with a worked example each, capture
// quality. Bounded by Limits, whatever the length of the capture.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "httpdiag/report.hpp"
#include "rules/facts.hpp"
#include "rules/patterns.hpp"

namespace httpdiag::rules {

class Tally {
 public:
  explicit Tally(const Settings& settings) : settings_{settings} {}

  void on_packet(PacketRef packet) {
    // Nearly always a moment after the latest so far.
    const Duration step = packet.time - previous_.time;
    if (rising_ && step > Duration{0} && step <= settings_.thresholds.clock_gap) {
      previous_ = packet;
    } else {
      on_step(packet);
    }
  }
  /// One that carries no label but ok.
  void count_healthy_exchange() {
    ++report_.exchanges;
    ++report_.exchange_labels[static_cast<std::size_t>(Label::ok)];
  }
  void count_exchange(Label primary, const std::vector<Finding>& findings,
                      const std::vector<Label>& annotations);
  /// A flow that has ended, with the exchanges that its report shows. Counts causes.
  void count_flow(const FlowReport& flow);
  /// A flow that nobody had closed when the capture ended.
  void note_open(FlowId flow) {
    constexpr std::size_t kListed = 16;
    ++report_.open_at_end;
    if (report_.open_flows.size() < kListed) report_.open_flows.push_back(flow);
  }
  /// It had not: packets are missing here, and it goes on behind them.
  void forget_open();
  /// Problem exchanges of one flow beyond what its report can hold.
  void count_unshown(Label label, Severity severity, const FlowReport& flow, std::uint64_t count);

  /// How long `flow`, which ended at `now`, was watched: not beyond a jump of the clock behind its
  /// last packet, or a border of captures where nobody may have recorded for a while.
  struct Watched {
    EndCause cause;
    Timestamp until;
  };
  Watched watched(const FlowRecord& flow, EndCause cause, Timestamp now,
                  const CaptureSummary* input) const;

  /// The largest step back of the clock between two packets of this range, of those still known.
  std::optional<ClockStep> largest_step(PacketNumber first, PacketNumber last) const;

  Report finish(const CaptureSummary& input, const Ledger& ledger, const PatternCollector& patterns,
                std::vector<Finding> lookups);

 private:
  struct CauseKey {
    Label label;
    Endpoint server;
    friend auto operator<=>(const CauseKey&, const CauseKey&) = default;
  };
  struct CauseRow {
    Cause cause;
    std::set<IpAddress> clients;
  };
  // What the capture lacks, over all flows: how often, and the first finding as an example.
  struct Quality {
    std::uint64_t flows = 0;
    Finding example;
    std::map<std::string, std::uint64_t> origins;  // of copies: the first kinds, with their flows
  };

  void note_step_back(const ClockStep& back);
  void on_step(PacketRef packet);
  /// `previous_` is the latest: of those that only rose, it alone is noted.
  void note_latest() {
    if (rising_) report_.last = previous_;
  }
  Cause* cause_for(Label label, Severity severity, const FlowReport& flow);
  void count_cause(Label label, Severity severity, const FlowReport& flow,
                   const ExchangeReport* exchange);
  void count_oddities(const FlowReport& flow);
  void note_quality(const std::vector<Finding>& findings);
  Finding file_broken_off(const CaptureDamage& damage) const;
  Finding file_broken_off(const CaptureSummary& input, std::uint32_t file) const;
  void note_open_at_damage(const CaptureSummary& input);
  void add_damage(const CaptureSummary& input);
  Finding stretches_skipped(const CaptureSummary& input) const;
  void add_quality_findings(const Ledger& ledger);
  std::optional<Finding> clock_anomaly(const CaptureSummary& input) const;
  void add_capture_findings(const CaptureSummary& input, const Ledger& ledger);

  static constexpr std::size_t kMaxJumps = 64;
  static constexpr std::size_t kMostHoles = 1024;  // of which is known what was open there

  const Settings& settings_;
  std::vector<OpenFlows> open_at_holes_;  // the first ones
  std::uint64_t holes_ = 0;
  PacketRef at_hole_;  // the latest packet by then
  Report report_;
  std::map<CauseKey, CauseRow> causes_;
  std::map<Label, Quality> quality_;
  PacketRef previous_;
  bool rising_ = false;               // previous_ is the latest so far
  ClockStep largest_step_;            // back, of all
  std::deque<ClockStep> last_steps_;  // bounded
  std::uint64_t steps_back_ = 0;
  struct Jump {
    PacketRef from, to;
  };
  std::vector<Jump> jumps_;  // forward, beyond Thresholds::clock_gap; the first kMaxJumps
};

}  // namespace httpdiag::rules
