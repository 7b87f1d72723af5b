// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "compare/changes.hpp"
#include "report/json_out.hpp"

namespace httpdiag::compare {

std::string text(const Profile& before, const Profile& after, const Changes& changes);
/// Schema httpdiag.diff/1 (docs/ci.md).
std::string json(const Profile& before, const Profile& after, const Changes& changes);

// Shared with the overview.
std::string share(std::uint64_t part, std::uint64_t whole);  // "3 of 200 (1.50 %)"
std::string_view unit(Whole whole);                          // "requests"
/// The members of an object.
void write_capture(report::JsonOut& json, const Profile& profile);

}  // namespace httpdiag::compare
