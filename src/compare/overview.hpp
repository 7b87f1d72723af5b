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
  Severity worst = Severity::ok;  // of all findings in any of them

  std::uint64_t size_of(Whole whole) const { return Sizes::size_of(whole, captures.size()); }
};

/// Of reports of the same packets the first counts.
Overview overview_of(std::vector<Profile> given);

std::string text(const Overview& overview);
/// Schema httpdiag.overview/1 (docs/scale.md).
std::string json(const Overview& overview);
/// A line for each capture and each cause, and one for the sums.
std::string ndjson(const Overview& overview);

}  // namespace httpdiag::compare
