// SPDX-License-Identifier: Apache-2.0
// Which states are of one capture.
#pragma once

#include <vector>

#include "httpdiag/shard.hpp"

namespace httpdiag::shard {

[[noreturn]] void refuse(const ShardState& state, std::string_view what);

/// All shards of each capture, in order of their numbers. Throws Error where one is missing or
/// twice there, or where they were not made alike.
std::vector<std::vector<ShardState>> by_capture(std::vector<ShardState> states);

}  // namespace httpdiag::shard
