// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "compare/changes.hpp"

namespace httpdiag::compare {

std::string text(const Profile& before, const Profile& after, const Changes& changes);
/// Schema httpdiag.diff/1 (docs/usage.md).
std::string json(const Profile& before, const Profile& after, const Changes& changes);

}  // namespace httpdiag::compare
