// SPDX-License-Identifier: Apache-2.0
// The reports of different captures as one table: what went wrong, how often, and in which of them.
#pragma once

#include <string>
#include <vector>

#include "compare/profile.hpp"

namespace httpdiag::compare {

struct OverviewRow {
  Row row;
  Severity severity = Severity::ok;
  std::uint64_t count = 0;
  std::uint64_t captures = 0;  // in which it came up
  std::size_t most_in = 0;     // index of the capture that has most of it
  std::uint64_t most = 0;      // there
};

/// Its sizes are sums over the captures.
struct Overview : Sizes {
  std::vector<Profile> captures;  // in the order in which they were given
  std::vector<OverviewRow> rows;  // worst first, then most frequent
  std::vector<std::string> notes;

  std::uint64_t size_of(Whole whole) const { return Sizes::size_of(whole, captures.size()); }
};

Overview overview_of(std::vector<Profile> captures);

std::string text(const Overview& overview);
/// Schema httpdiag.overview/1 (docs/scale.md).
std::string json(const Overview& overview);

}  // namespace httpdiag::compare
