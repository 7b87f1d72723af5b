// SPDX-License-Identifier: Apache-2.0
// Why a label was given, for people.
#pragma once

#include "httpdiag/report.hpp"
#include "report/page.hpp"

namespace httpdiag::report {

void show_why(Page& page, const Why& why, const CaptureSummary* input);

}  // namespace httpdiag::report
