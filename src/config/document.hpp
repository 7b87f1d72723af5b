// SPDX-License-Identifier: Apache-2.0
// A configuration text that knows how to complain about a place in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/place.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::config {

/// "NAME:LINE:COLUMN: what", for who shows it at the place.
class PlacedError : public Error {
 public:
  PlacedError(const std::string& name, Place place, std::string reason);
  Place place;
  std::string reason;
};

/// Borrows the text and its name.
class Document {
 public:
  Document(std::string_view text, const std::string& name) : text_{text}, name_{name} {}

  std::string_view text() const { return text_; }
  /// As JSON. A member that is there twice is refused, since only one of the two would count.
  template <typename Json>
  Json parse() const {
    Json root;
    try {
      root = Json::parse(text_);
    } catch (const typename Json::parse_error& error) {
      fail_at(error.byte == 0 ? 0 : error.byte - 1, "is no JSON here");
    } catch (const typename Json::out_of_range& error) {
      refuse_number(error.what());
    }
    refuse_repeated();
    return root;
  }
  /// Throws PlacedError.
  [[noreturn]] void fail(const Path& path, const std::string& what) const;
  [[noreturn]] void fail_at(std::size_t offset, const std::string& what) const;
  void expect(bool holds, const Path& path, const std::string& what) const {
    if (!holds) fail(path, what);
  }

 private:
  [[noreturn]] void fail(Place at, const std::string& what) const;
  void refuse_repeated() const;
  /// "… '1e400'": the parser says which, and not where.
  [[noreturn]] void refuse_number(std::string_view complaint) const;

  std::string_view text_;
  const std::string& name_;
};

Path below(Path path, std::variant<std::string, std::size_t> step);

/// What a user wrote, for a message: escaped and not too long.
std::string shown(std::string_view text);

/// "; did you mean "x"?", or nothing where nothing is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace httpdiag::config
