// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "httpdiag/settings.hpp"

namespace httpdiag::shard {

/// Of what all shards of a capture have in common: what is known of the capture, and the settings
/// but for those that only say how much of a report is shown.
std::string fingerprint(const Settings& settings, std::string_view input);
/// The part of it that two shards of one capture share, whatever the settings; the part that is
/// equal where settings are.
std::string_view capture_part(std::string_view fingerprint);
std::string_view settings_part(std::string_view fingerprint);

}  // namespace httpdiag::shard
