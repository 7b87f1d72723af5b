// SPDX-License-Identifier: Apache-2.0
// Remembers the clocks of connections that were opened or closed lately, for the SYN that finds no
// answer because its own clock is older (taxonomy 19). Of a fixed size: the latest flows.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "rules/facts.hpp"

namespace httpdiag::rules {

class SynClocks {
 public:
  SynClocks();
  /// A flow that has ended.
  void note(const FlowRecord& flow);
  /// The connection whose clock may be why the SYN of `flow` was ignored: closed at most
  /// `thresholds.syn_clock_memory` before, with a later clock, while nothing refutes it.
  std::optional<ClosedClock> older_of(const FlowRecord& flow, const Thresholds& thresholds) const;

 private:
  struct Entry {
    Endpoint client, server;
    PacketRef syn, fin;  // none: not answered, not closed
    std::uint32_t syn_clock = 0, fin_clock = 0;
    std::uint64_t before = 0;  // the entry before it from an address of the same slot, counted
  };
  static constexpr std::size_t kEntries = 4096;
  static constexpr int kFarthest = 64;  // entries that one search looks at
  /// Calls `visit` with the entries for these two, the latest first, until it returns true.
  template <typename Visit>
  void each(const FlowRecord& flow, Visit visit) const;

  std::unique_ptr<std::array<Entry, kEntries>> entries_;
  std::unique_ptr<std::array<std::uint64_t, kEntries>> latest_;  // by slot; 1-based, 0: none
  std::uint64_t count_ = 0;
};

}  // namespace httpdiag::rules
