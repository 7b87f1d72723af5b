// SPDX-License-Identifier: Apache-2.0
// One flow with its exchanges and findings, as the report contract has it.
#pragma once

#include "httpdiag/report.hpp"
#include "report/json_out.hpp"
#include "report/render.hpp"

namespace httpdiag::report {

/// The fields of a flow, into an object that the caller has opened.
void write_flow_fields(JsonOut& json, const FlowReport& flow, const Options& options);
void write_fault(JsonOut& json, const Fault& fault);
void write_finding(JsonOut& json, const Finding& finding);
void write_endpoint(JsonOut& json, const Endpoint& endpoint);

}  // namespace httpdiag::report
