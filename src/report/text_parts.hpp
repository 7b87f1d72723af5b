// SPDX-License-Identifier: Apache-2.0
// The pieces of a text report that show one flow: its line in a list, an
// exchange with its ladder, the whole flow in full.
#pragma once

#include <string>

#include "httpdiag/report.hpp"
#include "report/page.hpp"
#include "report/render.hpp"

namespace httpdiag::report {

Ink ink_of(Severity severity);

/// "2024-03-01 12:00:01.123": UTC, for people.
std::string clock(Timestamp time);

/// "10.0.0.5:53122 -> 10.0.0.9:8080"
std::string route(const FlowReport& flow);

/// One line, without its line break: id, label, endpoints, what else is odd.
std::string flow_line(const FlowReport& flow);

/// The other name of a flow whose addresses the capturing host translates.
void show_translation(Page& page, const FlowReport& flow);
void show_tunnel(Page& page, const FlowReport& flow);
/// Where it is in the capture of the other end; nothing where there is none.
void show_other_end(Page& page, const FlowReport& flow, const CaptureSummary* input);
/// One line: which exchange, what it was, what became of it, where a query was found in it. As
/// long as the files of its packets are not known, in a form for with_packet_names() only.
std::string listed(const FlowReport& flow, const ExchangeReport& exchange, bool show_payload,
                   bool colour);
/// Any number of such lines as they are to be read.
std::string with_packet_names(std::string_view lines, const CaptureSummary* input);
/// One finding explained: ladder, meaning, fault, delivery, retry, symptoms,
/// remedy. `exchange` is null for a finding about the flow as a whole; `input` may be null.
void explain_finding(Page& page, const Finding& finding, const FlowReport& flow,
                     const ExchangeReport* exchange, const CaptureSummary* input);

/// Request and response in a line or two.
void show_exchange(Page& page, const ExchangeReport& exchange, bool show_payload);

void show_flow_in_full(Page& page, const FlowReport& flow, const Options& options,
                       const CaptureSummary* input);

}  // namespace httpdiag::report
