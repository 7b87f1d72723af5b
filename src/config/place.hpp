// SPDX-License-Identifier: Apache-2.0
// Where in a JSON text a value stands, for error messages.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace httpdiag::config {

/// Steps from the root: member names and array indices.
using Path = std::vector<std::variant<std::string, std::size_t>>;

struct Place {
  std::size_t line = 1, column = 1;  // from 1; columns are bytes
};

/// The offset of the first member name that its object has had before. JSON leaves open which of
/// the two counts (RFC 8259 §4). `json` is valid.
std::optional<std::size_t> repeated_member(std::string_view json);

/// The place of byte `offset`.
Place place_of(std::string_view text, std::size_t offset);

/// The place of the value at `path` in valid JSON; of a member it is the place of its name.
/// Of a path that leads nowhere, the place of the last step that exists.
Place place_of(std::string_view json, const Path& path);

}  // namespace httpdiag::config
