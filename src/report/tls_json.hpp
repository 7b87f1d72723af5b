// SPDX-License-Identifier: Apache-2.0
// What was readable of a flow's TLS: a field of its JSON, a line of its text.
#pragma once

#include <string>

#include "httpdiag/report.hpp"
#include "report/json_out.hpp"

namespace httpdiag::report {

void write_tls(JsonOut& json, const FlowReport& flow);
/// "TLS 1.3 to pay.example, handshake done, 2 bursts of the client, 1 answered"; empty without TLS.
std::string tls_text(const FlowReport& flow);

}  // namespace httpdiag::report
