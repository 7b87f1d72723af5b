// SPDX-License-Identifier: Apache-2.0
// Oddities in words, for the text report.
#pragma once

#include <string>

#include "httpdiag/report.hpp"

namespace httpdiag::report {

/// Makes what was read from the payload doubtful.
bool misleads(Oddity oddity);

/// "the client sent bytes again that differ; ... (packets 5 and 9)". Empty for
/// what another part of the report says already.
std::string words(const OddityReport& odd, const CaptureSummary* input);
std::string words(const OddityTotal& total, const CaptureSummary* input);

}  // namespace httpdiag::report
