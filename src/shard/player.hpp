// SPDX-License-Identifier: Apache-2.0
// Hands the states of all shards to the rules, in the order of the undivided run. Captures follow
// each other in it, as the files of a rotation do, or overlap in time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/capture_clock.hpp"
#include "shard/coding.hpp"
#include "shard/input_row.hpp"
#include "shard/lineup.hpp"
#include "shard/open_flows.hpp"
#include "shard/recorder.hpp"

namespace httpdiag::shard {

/// What concerns no flow.
struct Stage {
  std::function<void(PacketRef)> on_packet;
  std::function<void()> forget_open;
  std::function<void(Timestamp)> settle;  // no lookup waits any longer
};

class Player {
 public:
  /// Throws Error where shards are missing or do not belong together, CapturesOverlap where
  /// captures overlap in time that the undivided run may make other flows of.
  Player(std::vector<ShardState> states, const Settings& settings);
  ~Player();

  const CaptureSummary& summary() const { return input_.summary; }
  const Ledger& ledger() const { return input_.ledger; }
  /// Once. Throws Error where a state is damaged.
  void play(Sinks sinks, const Stage& stage);
  /// Whether connections may go on from one capture to a later one, where they are others.
  bool may_cut_flows() const;
  /// How many did, once it was played.
  std::uint64_t cut_flows() const { return cut_.size(); }

 private:
  class Tape;
  class Reel;
  struct Run;

  void play_capture(std::size_t index, const Run& run);
  void play_together(const Run& run);
  void play_up_to(Reel& reel, PacketNumber last, const Run& run);
  void pass_packets(Reel& reel, PacketNumber last, const Run& run);
  void listen(Reel& reel);
  Told read_told(Tape& tape);
  void hand_on(Tape& tape, const Run& run);
  void hear(Told told, Moment moment, const Run& run);
  void hear(const Unrelated& unrelated_error);
  void tell(Told& told, const Run& run);
  void tell(Ending ending, const Run& run);
  void tell_open(FlowRecord& flow, const Run& run);
  void let_go(Timestamp now, const Run& run);
  void end_open(Timestamp now, const Run& run);
  void relate(const Begin& begin, PacketRef packet, const Run& run);
  void complete(FlowRecord& flow) const;
  void name_devices(FlowRecord& flow) const;
  void attach(FlowRecord& flow);
  void keep(const FlowRecord& flow);

  std::optional<Lineup> lineup_;                   // where captures overlap in time
  std::vector<std::vector<ShardState>> captures_;  // in order of time, each with all its shards
  Interned interned_;
  InputRow input_;
  OpenFlows open_;
  std::map<FlowId, std::uint32_t> slots_;  // FlowRecord::rules_slot of the flows that go on
  FlowId last_flow_{};                     // the highest number so far
  std::uint64_t holes_ = 0;                // that the rules were told of
  Timestamp now_{};          // of the last packet in front of the end of all that was open
  std::set<FlowId> cut_;     // go on from one in an earlier capture
  std::set<FlowId> reused_;  // between the ends of one in an earlier capture
  base::CaptureClock clock_;
  Duration clock_gap_;

  /// The capture that is being played.
  struct Playing {
    bool last = true;
    bool holds_ends = false;  // it is over, and what was open goes on waiting
    std::uint64_t holes = 0;  // up to its end and behind it
    std::uint32_t flows_before = 0;
    const std::vector<DeviceId>* devices = nullptr;  // by its own
    Ending heard;                                    // of one moment: the end of a flow
    Moment heard_at;
  } playing_;
};

}  // namespace httpdiag::shard
