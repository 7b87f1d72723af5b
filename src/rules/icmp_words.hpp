// SPDX-License-Identifier: Apache-2.0
// What an ICMP error about a flow says.
#pragma once

#include <string>
#include <string_view>

#include "httpdiag/flow.hpp"

namespace httpdiag::rules {

std::string_view icmp_meaning(const FlowTrouble& trouble);  // "host unreachable"
std::string icmp_evidence(const FlowTrouble& trouble);      // "ICMP host unreachable from 10.0.0.1"
/// A firewall rejects the flow's packets by its rules, and says so (RFC 1812 §5.2.7.1, RFC 4443
/// §3.1).
bool rejected_by_rule(const FlowTrouble& trouble);
/// The packet went in circles, or passed more routers than its sender allowed.
bool time_exceeded(const FlowTrouble& trouble);

/// The reporter passes packets on and has no way to whom they are for.
bool has_no_way_on(const FlowTrouble& trouble);

/// A packet was too long for the path, and its sender is told so (RFC 1191, RFC 8201).
bool too_big(const FlowTrouble& trouble);

/// Pieces of an IP datagram did not come in time (RFC 792, RFC 4443 §3.3).
bool reassembly_time_exceeded(const FlowTrouble& trouble);

}  // namespace httpdiag::rules
