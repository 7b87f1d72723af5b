// SPDX-License-Identifier: Apache-2.0
// What a JSON report says besides its flows: input, settings, summary, causes.
#pragma once

#include "httpdiag/report.hpp"
#include "report/json_out.hpp"
#include "report/render.hpp"

namespace httpdiag::report {

/// The fields before the flows, into an object that the caller has opened.
void write_head_fields(JsonOut& json, const Report& report, const Options& options);
/// The fields behind the flows.
void write_tail_fields(JsonOut& json, const Report& report, const Options& options,
                       const HealthyCap& cap);

}  // namespace httpdiag::report
