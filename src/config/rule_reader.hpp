// SPDX-License-Identifier: Apache-2.0
// The part "rules" of a configuration: own labels with conditions over facts.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "config/document.hpp"
#include "httpdiag/own_rules.hpp"

namespace httpdiag::config {

/// In the order of the file. Registers their labels (add_own_label) once all of them are right.
std::vector<OwnRule> read_own_rules(const Document& document, const nlohmann::json& rules,
                                    const Path& path);

}  // namespace httpdiag::config
