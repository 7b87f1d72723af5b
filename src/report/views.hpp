// SPDX-License-Identifier: Apache-2.0
// Two captures of the same traffic: what the reports say of both together.
#pragma once

#include "httpdiag/report.hpp"
#include "report/json_out.hpp"
#include "report/page.hpp"

namespace httpdiag::report {

/// Nothing was concluded from both: they do not belong together, or not in this way.
inline bool apart(const Views& views) {
  return views.unrelated || views.swapped || views.same_point;
}

void show_views(Page& page, const Views& views);
/// One line of a flow shown in full: where it is in the other capture, and what got lost.
std::string views_text(const FlowViews& views, const CaptureSummary* input);

void write_views(JsonOut& json, const Views& views);
void write_views(JsonOut& json, const FlowViews& views);

}  // namespace httpdiag::report
