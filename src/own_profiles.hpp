// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "httpdiag/profile.hpp"

namespace httpdiag {

/// All that a profile of the user's own wants of a request holds but its fields of the body.
bool told_by_head(const AckProfile& own, const Message& request);

}  // namespace httpdiag
