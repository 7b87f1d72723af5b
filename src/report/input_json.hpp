// SPDX-License-Identifier: Apache-2.0
// `input` of the JSON formats: the files, what is wrong with them, the ledger.
#pragma once

#include "httpdiag/report.hpp"
#include "report/json_out.hpp"

namespace httpdiag::report {

void write_input(JsonOut& json, const Report& report);

}  // namespace httpdiag::report
