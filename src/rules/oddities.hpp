// SPDX-License-Identifier: Apache-2.0
// What TCP noted about a flow and no rule judges, with the packets that show it.
#pragma once

#include <vector>

#include "httpdiag/report.hpp"

namespace httpdiag::rules {

std::vector<OddityReport> oddities_of(const FlowRecord& flow);

}  // namespace httpdiag::rules
