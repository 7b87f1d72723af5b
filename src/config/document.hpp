// SPDX-License-Identifier: Apache-2.0
// A configuration text that knows how to complain about a place in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/place.hpp"

namespace httpdiag::config {

/// Borrows the text and its name.
class Document {
 public:
  Document(std::string_view text, const std::string& name) : text_{text}, name_{name} {}

  std::string_view text() const { return text_; }
  /// Throws Error "NAME:LINE:COLUMN: what".
  [[noreturn]] void fail(const Path& path, const std::string& what) const;
  [[noreturn]] void fail_at(std::size_t offset, const std::string& what) const;
  void expect(bool holds, const Path& path, const std::string& what) const {
    if (!holds) fail(path, what);
  }

 private:
  [[noreturn]] void fail(Place at, const std::string& what) const;

  std::string_view text_;
  const std::string& name_;
};

Path below(Path path, std::variant<std::string, std::size_t> step);

/// What a user wrote, for a message: escaped and not too long.
std::string shown(std::string_view text);

/// "; did you mean "x"?", or nothing where nothing is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace httpdiag::config
