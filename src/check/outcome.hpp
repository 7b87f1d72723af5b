// SPDX-License-Identifier: Apache-2.0
// What the analysis of a capture came to, as far as expectations speak of it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "check/expectation.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::check {

struct OutcomeItem {
  std::string label;
  std::set<std::string> annotations;
  std::string detail;                           // of the finding behind the label; may be empty
  std::map<std::string, std::uint64_t> timing;  // measured ones
};

struct Outcome {
  std::uint64_t flows = 0, exchanges = 0;
  std::map<ItemName, OutcomeItem> items;    // those that are not plainly ok, or are asked about
  std::vector<std::uint64_t> exchanges_of;  // by flow; the first is flow 1's
  std::map<std::string, std::string>
      capture;  // label of a finding about it: the first one's detail
  std::map<std::string, std::uint64_t> deliveries;  // by verdict

  bool has(ItemName item) const {
    return item.flow <= exchanges_of.size() && item.exchange <= exchanges_of[item.flow - 1];
  }
};

/// Analyses `capture`. Exchanges in `timed` are kept with their times. Throws Error where it cannot
/// be read.
Outcome outcome_of(const std::string& capture, const Settings& settings,
                   const std::set<ItemName>& timed);

}  // namespace httpdiag::check
