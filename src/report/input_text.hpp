// SPDX-License-Identifier: Apache-2.0
// What the text says of the files beside their names and numbers of packets.
#pragma once

#include <string>

#include "httpdiag/report.hpp"
#include "report/page.hpp"

namespace httpdiag::report {

/// Interfaces, comments of whoever saved the capture; then what it lacks.
void show_input(Page& page, const CaptureSummary& input);

/// What a filter could not be applied to.
void show_unfit(Page& page, const CaptureSummary& input, const Ledger& ledger);
/// Pieces of IP datagrams whose others were not recorded.
void show_incomplete(Page& page, const Ledger& ledger);

/// The comments on that packet; empty: none.
std::string note_on(const CaptureSummary* input, PacketNumber packet);

}  // namespace httpdiag::report
