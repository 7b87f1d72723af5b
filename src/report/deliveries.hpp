// SPDX-License-Identifier: Apache-2.0
// Deliveries in the formats of the report.
#pragma once

#include "report/json_out.hpp"
#include "report/page.hpp"
#include "report/render.hpp"

namespace httpdiag::report {

/// Members of the document: deliveries, callback_endpoints, failed_connections.
void write_deliveries(JsonOut& json, const Deliveries& deliveries, const Options& options);
/// Members of the summary: deliveries, delivery_verdicts, deliveries_duplicated.
void write_delivery_counts(JsonOut& json, const Deliveries& deliveries);

/// Something about deliveries that people have to know. Otherwise the text is silent about them.
bool has_delivery_to_tell(const Deliveries& deliveries);
void show_deliveries(Page& page, const Deliveries& deliveries, const Options& options);

}  // namespace httpdiag::report
