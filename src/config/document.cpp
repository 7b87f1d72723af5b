// SPDX-License-Identifier: Apache-2.0
#include "config/document.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::config {

void Document::fail(Place at, const std::string& what) const {
  throw Error{fmt::format("{}:{}:{}: {}", name_, at.line, at.column, what)};
}

void Document::fail(const Path& path, const std::string& what) const {
  fail(place_of(text_, path), what);
}

void Document::fail_at(std::size_t offset, const std::string& what) const {
  fail(place_of(text_, offset), what);
}

Path below(Path path, std::variant<std::string, std::size_t> step) {
  path.push_back(std::move(step));
  return path;
}

std::string shown(std::string_view text) {
  return base::escape_for_terminal(base::shorten(text, 60));
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t least = word.size() / 2 + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = base::distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best.empty() ? "" : fmt::format("; did you mean \"{}\"?", best);
}

}  // namespace httpdiag::config
