// SPDX-License-Identifier: Apache-2.0
// When each packet of a capture was recorded, and which flows began with it: what decides in which
// order the packets of several captures are, and whether captures have flows in common.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "httpdiag/shard.hpp"
#include "shard/coding.hpp"
#include "shard/events.hpp"

namespace httpdiag::shard {

/// What a packet brought about.
struct Occasions {
  std::vector<Begin> begins;
  std::vector<Unrelated> unrelated;
  std::vector<Refusal> refusals;  // of flows that ended

  bool none() const { return begins.empty() && unrelated.empty() && refusals.empty(); }
};

/// Of two ends, alike from either side.
std::uint64_t hash_of(const Endpoint& one, const Endpoint& other);

class PacketWriter {
 public:
  /// Borrows it.
  explicit PacketWriter(StateBlocks& out) : out_{out} {}

  /// The next one that was not filtered out.
  void add(PacketRef packet, const Occasions& occasions);
  void flush();

 private:
  StateBlocks& out_;
  Encoder encoder_;
  PacketRef last_;
};

class PacketReader {
 public:
  /// Borrows all of it.
  PacketReader(const StateBlocks& blocks, Interned& interned, const Numbering* numbering = nullptr)
      : blocks_{blocks}, interned_{interned}, numbering_{numbering} {}

  /// False: there are no more. Throws Damaged.
  bool next();
  /// By its number in its own capture.
  PacketRef packet() const { return packet_; }
  const Occasions& occasions() const { return occasions_; }

 private:
  const StateBlocks& blocks_;
  Interned& interned_;
  const Numbering* numbering_;
  std::string bytes_;
  std::optional<Decoder> decoder_;
  std::size_t block_ = 0;
  PacketRef packet_;
  Occasions occasions_;
};

}  // namespace httpdiag::shard
