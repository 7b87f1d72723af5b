// SPDX-License-Identifier: Apache-2.0
// What changed between two captures, and whether chance alone would explain it.
#pragma once

#include <string>
#include <vector>

#include "compare/profile.hpp"

namespace httpdiag::compare {

/// `unmeasured`: there is nothing of which it could be a part, so that its absence says nothing.
enum class Kind : std::uint8_t { fresh, more, unmeasured, fewer, gone, same };
std::string_view name(Kind kind);  // "new", "more", ...

struct Change {
  Kind kind{};
  Row row;
  Severity severity{};
  std::uint64_t before = 0, before_of = 0, after = 0, after_of = 0;
  // Not new, gone, more or fewer by chance, at the level of 5 %; never of a capture as a whole.
  bool beyond_chance = false;
  bool graver = false;  // in both, and after of a higher severity than before
  bool worse = false;
};

struct Changes {
  std::vector<Change> list;        // worst first
  std::vector<std::string> notes;  // what makes the two hard to compare
  bool worse = false;
  // Why it cannot be told whether something got worse; empty: it can.
  std::string incomparable;
};

/// Fisher's exact test, two-sided at 5 %, of `a` out of `all_a` against `b` out of `all_b`.
bool differs_beyond_chance(std::uint64_t a, std::uint64_t all_a, std::uint64_t b,
                           std::uint64_t all_b);

/// `by_server` false: causes are put together whichever server they are towards, and with
/// annotations of the same label.
Changes changes_between(const Profile& before, const Profile& after, bool by_server);

}  // namespace httpdiag::compare
