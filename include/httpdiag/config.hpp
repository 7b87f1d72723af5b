// SPDX-License-Identifier: Apache-2.0
// A user's configuration file (JSON, docs/config.schema.json): thresholds,
// severities, labels switched off.
#pragma once

#include <string>
#include <string_view>

#include "httpdiag/settings.hpp"

namespace httpdiag {

/// Reads `json` on top of the defaults. Throws Error "NAME:LINE:COLUMN: what is wrong" at the
/// first thing that is not understood: nothing is ignored silently.
Settings read_config(std::string_view json, const std::string& name);

/// The same from a file of at most a megabyte.
Settings load_config(const std::string& path);

}  // namespace httpdiag
