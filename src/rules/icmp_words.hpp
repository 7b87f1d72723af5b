// SPDX-License-Identifier: Apache-2.0
// What an ICMP error about a flow says.
#pragma once

#include <string>
#include <string_view>

#include "httpdiag/flow.hpp"

namespace httpdiag::rules {

std::string_view icmp_meaning(const FlowTrouble& trouble);  // "host unreachable"
std::string icmp_evidence(const FlowTrouble& trouble);      // "ICMP host unreachable from 10.0.0.1"
/// The packet went in circles, or passed more routers than its sender allowed.
bool time_exceeded(const FlowTrouble& trouble);

}  // namespace httpdiag::rules
