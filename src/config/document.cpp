// SPDX-License-Identifier: Apache-2.0
#include "config/document.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace httpdiag::config {

PlacedError::PlacedError(const std::string& name, Place at, std::string why)
    : Error{fmt::format("{}:{}:{}: {}", name, at.line, at.column, why)},
      place{at},
      reason{std::move(why)} {}

void Document::fail(Place at, const std::string& what) const { throw PlacedError{name_, at, what}; }

void Document::refuse_repeated() const {
  const auto at = repeated_member(text_);
  if (!at) return;
  const std::size_t end = text_.find('"', *at + 1);
  fail_at(*at, fmt::format("\"{}\" is in this object twice",
                           shown(text_.substr(*at + 1, end - *at - 1))));
}

void Document::refuse_number(std::string_view complaint) const {
  const std::size_t begin = complaint.find('\'');
  const std::size_t end = complaint.rfind('\'');
  const bool quoted = begin != std::string_view::npos && end > begin + 1;
  const std::size_t at = quoted ? text_.find(complaint.substr(begin + 1, end - begin - 1)) : 0;
  fail_at(at == std::string_view::npos ? 0 : at, "a number that is too large");
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
