// SPDX-License-Identifier: Apache-2.0
#include "legs/contests.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace httpdiag::legs {

std::size_t Contests::give(std::size_t item, std::uint64_t outcome,
                           std::vector<std::size_t> candidates) {
  const std::size_t winner =
      *std::min_element(candidates.begin(), candidates.end(),
                        [&](std::size_t a, std::size_t b) { return held_[a] < held_[b]; });
  ++held_[winner];
  list_.push_back({item, outcome, std::move(candidates), winner});
  return winner;
}

bool Contests::stands(const Contest& contest) const {
  return std::all_of(contest.candidates.begin(), contest.candidates.end(),
                     [&](std::size_t request) { return held_[request] != 0; });
}

void Contests::decide() {
  std::map<std::size_t, std::uint64_t> outcome_of;  // of what a request may have
  std::set<std::size_t> mixed;
  for (const Contest& contest : list_) {
    for (const std::size_t request : contest.candidates) {
      const auto [at, first] = outcome_of.emplace(request, contest.outcome);
      if (!first && at->second != contest.outcome) mixed.insert(request);
    }
  }
  const auto is_mixed = [&](std::size_t request) { return mixed.contains(request); };
  const auto take_back = [&](Contest& contest) {
    contest.decided = false;
    --held_[contest.winner];
  };
  for (Contest& contest : list_) {
    if (std::any_of(contest.candidates.begin(), contest.candidates.end(), is_mixed))
      take_back(contest);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (Contest& contest : list_) {
      if (!contest.decided || stands(contest)) continue;
      take_back(contest);
      changed = true;
    }
  }
}

}  // namespace httpdiag::legs
