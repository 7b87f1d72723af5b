// SPDX-License-Identifier: Apache-2.0
// A capture's flows divided among several runs, and put together again (docs/scale.md). All runs
// read all packets, and each follows the streams of its own flows alone. What it hands to the rules
// it keeps as its state; a merge hands the states of all to the rules in the order of the packets.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/analysis.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag {

/// Which part of the flows.
struct Shard {
  std::uint32_t index = 0, count = 1;
};
inline constexpr std::uint32_t kMostShards = 4096;

/// Pieces of bytes, kept in a temporary file.
class StateBlocks {
 public:
  /// Throws Error where there is no room.
  void add(std::string_view block);
  std::size_t size() const { return ends_.size(); }
  std::string at(std::size_t index) const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<std::uint64_t> ends_;
};

/// All that a merge needs of a shard.
struct ShardState {
  Shard shard;
  std::string name;         // of the report that it was read from
  std::string tool;         // version that made it
  std::string fingerprint;  // of the capture and the settings: equal where shards belong together
  std::vector<std::string> filters;  // of packets, as they were given
  bool recover = false;              // CaptureOptions::recover, with which it was read
  StateBlocks input;                 // what is known of the capture as a whole
  StateBlocks packets;               // when each was recorded, and what began with it
  StateBlocks events;
};

/// As analyze(), of the flows of one shard. Fills in all of `state` but its name, and with what
/// options the capture was opened.
Report analyze_shard(PacketSource& source, const Settings& settings, Shard shard,
                     FlowReportSink& flows, ProgressSink* progress, const Query& query,
                     ShardState& state);

/// Captures at the same time of whose packets the undivided run may make other flows.
class CapturesOverlap : public Error {
 public:
  using Error::Error;
  /// Of all captures: the files, and what was passed over.
  std::shared_ptr<const CaptureSummary> input;
};

/// The states of all shards of a capture; or of several: they are one input then, in order of time,
/// in which what is open at the end of one goes on waiting in the others.
class ShardSet {
 public:
  /// Throws Error where one is missing, or they do not belong together, and CapturesOverlap.
  ShardSet(std::vector<ShardState> states, const Settings& settings);
  ~ShardSet();

  const CaptureSummary& summary() const;
  /// Whether a connection of one capture may go on in a later one, where it is another: the
  /// undivided run would follow it.
  bool may_cut_flows() const;
  /// What analyze() says of the capture. The result borrows the summary. Of `query` only what it
  /// says of exchanges counts.
  Report analyze(const Settings& settings, FlowReportSink& flows, const Query& query);
  /// How many were. To be asked after analyze().
  std::uint64_t cut_flows() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// From the JSON report of a shard; none: it is JSON, and of no shard. Throws Error.
std::optional<ShardState> load_shard(const std::string& path);

}  // namespace httpdiag
