// SPDX-License-Identifier: Apache-2.0
// What is known of several captures that follow each other, as of one input.
#pragma once

#include <memory>
#include <vector>

#include "httpdiag/report.hpp"
#include "httpdiag/shard.hpp"
#include "shard/coding.hpp"

namespace httpdiag::shard {

/// As capture's, from what was written of it.
class ReadPlaces final : public PacketPlaces {
 public:
  struct Run {
    PacketNumber first = 0, number = 0;
    std::uint64_t length = 0;
    std::uint32_t file = 0;
  };
  explicit ReadPlaces(std::size_t files) : last_(files, 0) {}

  /// The next `length` packets. Throws Damaged.
  void add(std::uint32_t file, PacketNumber number, std::uint64_t length);
  const std::vector<Run>& runs() const { return runs_; }
  /// Where it lies, and how many packets, itself included, follow each other there.
  std::pair<PacketPlace, std::uint64_t> run_from(PacketNumber number) const;
  PacketPlace place(PacketNumber number) const override;
  PacketNumber last_of(std::uint32_t file) const override { return last_.at(file); }

 private:
  std::vector<Run> runs_;
  std::vector<PacketNumber> last_;
  PacketNumber packets_ = 0;
};

/// What the first shard of a capture says of it.
struct Input {
  CaptureSummary summary;  // without its places
  Ledger ledger;
  std::unique_ptr<ReadPlaces> places;  // null: one file, as it was recorded

  std::optional<Timestamp> first() const;  // of its records
  std::optional<Timestamp> last() const;   // the latest
};
/// `bytes` get what the fingerprint is made of. Throws Damaged, and Error for another version's.
Input read_input(const ShardState& state, Interned& interned, std::string& bytes);

/// What becomes of the numbers of a capture in a row of them.
struct PlaceInRow {
  std::optional<Timestamp> begin;
  // Nobody may have recorded between this time and its begin.
  std::optional<Timestamp> paused_since;
  PacketNumber packets_before = 0;
  std::uint64_t holes = 0;        // up to its end, those within and behind it
  std::vector<DeviceId> devices;  // by its own, from 1
};

struct InputRow {
  CaptureSummary summary;
  Ledger ledger;
  std::vector<PlaceInRow> captures;
};
/// In the order given. One capture is left as it is.
InputRow row_of(std::vector<Input> inputs);
class Lineup;
/// Captures that overlap in time, in the order in which they were lined up.
InputRow lined_up(std::vector<Input> inputs, const Lineup& lineup);

}  // namespace httpdiag::shard
