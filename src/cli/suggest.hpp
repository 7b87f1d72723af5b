// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word nearest to one that was mistyped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace httpdiag::cli {

/// "; did you mean X?", or nothing where no word is near enough to be meant.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace httpdiag::cli
