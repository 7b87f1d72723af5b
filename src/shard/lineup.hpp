// SPDX-License-Identifier: Apache-2.0
// Captures that overlap in time: their packets, and the flows that begin with them, in the order in
// which the undivided run reads them.
#pragma once

#include <vector>

#include "shard/coding.hpp"
#include "shard/input_row.hpp"
#include "shard/packets.hpp"

namespace httpdiag::shard {

/// A capture to be lined up, by its first shard. Borrows both.
struct Member {
  const Input& input;
  const ShardState& state;
};

class Lineup {
 public:
  /// Packets of one capture that follow each other.
  struct Run {
    std::uint32_t capture = 0;
    PacketNumber first = 0, number = 0;  // in the lineup, and in its capture
    std::uint64_t length = 0;
  };

  /// By time, then by file, as capture::Merge does. Throws Error where a state is damaged, and
  /// CapturesOverlap where the undivided run may make other flows of the packets.
  Lineup(const std::vector<Member>& members, Duration happy_eyeballs);

  const std::vector<Run>& runs() const { return runs_; }
  /// Pauses and borders; nothing else.
  const CaptureSummary& summary() const { return summary_; }
  /// The place of a capture's file among all files.
  std::uint32_t file(std::size_t capture, std::uint32_t own) const {
    return files_.at(capture).at(own);
  }
  /// Of a packet or flow of a capture among all. Both throw Damaged where there is none.
  PacketNumber packet(std::size_t capture, PacketNumber own) const;
  FlowId flow(std::size_t capture, FlowId own) const;

 private:
  class Reading;
  class Ends;
  void rank_files(const std::vector<Member>& members);
  void add(std::size_t capture, const Reading& reading);
  void note_pause(PacketRef packet, bool begins);

  std::vector<Run> runs_;
  PacketNumber packets_ = 0;
  std::uint32_t flows_ = 0;
  std::vector<std::vector<std::size_t>> own_runs_;  // of each capture: indices of `runs_`
  std::vector<std::vector<std::uint32_t>> files_;   // of each capture, by its own
  std::vector<std::vector<FlowId>> own_flows_;      // likewise
  std::vector<PacketNumber> sizes_;
  CaptureSummary summary_;
};

}  // namespace httpdiag::shard
