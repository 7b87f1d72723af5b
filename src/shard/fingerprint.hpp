// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "httpdiag/settings.hpp"

namespace httpdiag::shard {

/// Of what all shards of a capture have in common: what is known of the capture, and the settings
/// but for those that only say how much of a report is shown.
std::string fingerprint(const Settings& settings, std::string_view input);

}  // namespace httpdiag::shard
