// SPDX-License-Identifier: Apache-2.0
// Hands the states of all shards to the rules, in the order of the undivided run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shard/coding.hpp"
#include "shard/recorder.hpp"

namespace httpdiag::shard {

/// What concerns no flow.
struct Stage {
  std::function<void(PacketRef)> on_packet;
  std::function<void()> forget_open;
};

class Player final : public NameTable {
 public:
  /// Throws Error where shards are missing or do not belong together.
  Player(std::vector<ShardState> states, const Settings& settings);
  ~Player();

  const CaptureSummary& summary() const { return summary_; }
  const Ledger& ledger() const { return ledger_; }
  /// Once. Throws Error where a state is damaged.
  void play(Sinks sinks, const Stage& stage);

  /// Of the flow that is being handed on.
  std::string_view name_of(const IpAddress&, const IpAddress&, Timestamp) const override {
    return server_name_;
  }

 private:
  class Tape;
  void read_input(const ShardState& state);
  void hand_on(Tape& tape, Sinks sinks, const Stage& stage);
  void attach(FlowRecord& flow);

  std::vector<ShardState> states_;
  Interned interned_;
  CaptureSummary summary_;
  Ledger ledger_;
  std::string server_name_;
  std::map<FlowId, std::uint32_t> slots_;  // FlowRecord::rules_slot of the flows that go on
};

}  // namespace httpdiag::shard
