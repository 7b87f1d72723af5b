// SPDX-License-Identifier: Apache-2.0
// What may be a leg of either of several requests that were under way at once. Where the requests
// all ended alike, and so did all that may belong to them, it does not matter which is whose: each
// gets one. Where there are too few for all, or they differ, nobody knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace httpdiag::legs {

class Contests {
 public:
  struct Contest {
    std::size_t item;
    std::uint64_t outcome;                // how it ended
    std::vector<std::size_t> candidates;  // requests, in the order of their beginning
    std::size_t winner;
    bool decided = true;
  };

  /// `held`: how many legs each request has beyond doubt.
  explicit Contests(std::vector<std::size_t> held) : held_{std::move(held)} {}

  /// Beyond doubt.
  void give(std::size_t request) { ++held_[request]; }
  /// For the time being: to the one that has the fewest. Which one that is.
  std::size_t give(std::size_t item, std::uint64_t outcome, std::vector<std::size_t> candidates);
  /// When all are known: takes back what there was too little of, and what ended in several ways.
  void decide();

  const std::vector<Contest>& list() const { return list_; }

 private:
  bool stands(const Contest& contest) const;

  std::vector<std::size_t> held_;
  std::vector<Contest> list_;
};

}  // namespace httpdiag::legs
