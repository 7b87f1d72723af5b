// SPDX-License-Identifier: Apache-2.0
// The part "profiles" of a configuration: how senders of one's own want to be answered.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "config/document.hpp"
#include "httpdiag/profile.hpp"

namespace httpdiag::config {

/// In the order of the file.
std::vector<const AckProfile*> read_own_profiles(const Document& document,
                                                 const nlohmann::json& profiles, const Path& path);

}  // namespace httpdiag::config
