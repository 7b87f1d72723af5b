// SPDX-License-Identifier: Apache-2.0
#include "cli/suggest.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace httpdiag::cli {
namespace {

constexpr std::size_t kLongestWord =
    64;  // distance() is quadratic, and nobody mistypes more than that

std::size_t without_dashes(std::string_view word) {
  return word.size() - std::min(word.find_first_not_of('-'), word.size());
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > kLongestWord) return "";
  const std::string* nearest = nullptr;
  // About a third of the word may be wrong; of one or two characters nothing is left to go by.
  std::size_t best = word.size() <= 2 ? 0 : std::max<std::size_t>(2, word.size() / 3 + 1) + 1;
  for (const std::string& candidate : known) {
    const bool begins = candidate.starts_with(word);
    const std::size_t away = begins ? 1 : base::distance(word, candidate);
    // What differs in more than half of its letters is another word.
    if (!begins && away * 2 > without_dashes(word)) continue;
    if (away < best) {
      best = away;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : "; did you mean " + *nearest + "?";
}

}  // namespace httpdiag::cli
