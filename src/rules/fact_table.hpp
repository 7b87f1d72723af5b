// SPDX-License-Identifier: Apache-2.0
// The facts by name, as own rules and --why use them.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "httpdiag/own_rules.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

/// Value of the fact with this index in fact_catalog(); none: not measured, or a fact of an
/// exchange where there is none. `exchange` may be null.
std::optional<FactValue> fact_value(std::size_t fact, const FlowFacts& flow,
                                    const ExchangeFacts* exchange);

/// The packets between which, or in which, it was measured; empty ones where there are none.
std::array<PacketRef, 2> fact_packets(std::size_t fact, const FlowFacts& flow,
                                      const ExchangeFacts* exchange);

/// Its name in a report's facts, with the unit: "response_wait_us". Static storage.
std::string_view report_name(std::size_t fact);

/// For people: "2.67 s", "512 bytes", "yes".
std::string words(const FactValue& value, FactType type);

}  // namespace httpdiag::rules
