// SPDX-License-Identifier: Apache-2.0
// The first sentence of a report.
#pragma once

#include <string>

#include "httpdiag/report.hpp"

namespace httpdiag::rules {

/// One sentence a manager could read, of a report that has all but this.
std::string headline(const Report& report);

}  // namespace httpdiag::rules
