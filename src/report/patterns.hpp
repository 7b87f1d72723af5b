// SPDX-License-Identifier: Apache-2.0
// Patterns (what many flows show together) for people and for machines.
#pragma once

#include "httpdiag/report.hpp"
#include "report/json_out.hpp"
#include "report/page.hpp"

namespace httpdiag::report {

/// The field "patterns" with its object.
void write_patterns(JsonOut& json, const Patterns& patterns);

/// A part of its own with the findings about many flows, or nothing where there is nothing to say.
void show_patterns(Page& page, const Report& report);

}  // namespace httpdiag::report
