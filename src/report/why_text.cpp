// SPDX-License-Identifier: Apache-2.0
#include "report/why_text.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/text_parts.hpp"

namespace httpdiag::report {
namespace {

constexpr std::size_t kFactHang = 28;
constexpr std::size_t kRuleHang = 6;

std::string place(const std::array<PacketRef, 2>& packets, const CaptureSummary* input) {
  const auto& [from, to] = packets;
  if (from && to && from.number != to.number)
    return fmt::format(" (packets {} and {})", packet_name(input, from.number),
                       packet_name(input, to.number));
  const PacketRef one = from ? from : to;
  return one ? fmt::format(" (packet {})", packet_name(input, one.number)) : "";
}

void show_facts(Page& page, const std::vector<WhyFact>& facts, const CaptureSummary* input) {
  page.line(0, Ink::bold, "Facts");
  std::string unmeasured;
  for (const WhyFact& fact : facts) {
    if (fact.value) {
      page.wrapped(2, Ink::plain, fact.name, kFactHang, *fact.value + place(fact.packets, input));
    } else {
      base::append_item(unmeasured, fact.name);
    }
  }
  if (!unmeasured.empty()) page.wrapped(2, Ink::dim, "not measured", kFactHang, unmeasured);
}

void show_rules(Page& page, const Why& why) {
  page.blank();
  page.line(0, Ink::bold, "Rules that matched, in order of precedence");
  if (why.matched.empty()) {
    page.line(2, Ink::plain,
              why.worst_exchange != 0
                  ? fmt::format("none about the flow itself; exchange {} names it: {} (--why {})",
                                exchange_name(why.flow, why.worst_exchange), info(why.worst).id,
                                exchange_name(why.flow, why.worst_exchange))
                  : std::string{"none: ok"});
  }
  bool first = true;
  for (const Finding& finding : why.matched) {
    page.line(2, ink_of(finding.severity), info(finding.label).id,
              first ? "decides" : "matched as well, and stands behind it");
    page.wrapped(0, Ink::plain, "", kRuleHang, finding.detail);
    first = false;
  }
  for (const Finding& finding : why.noted) {
    page.line(2, ink_of(finding.severity), info(finding.label).id, "noted beside it");
    page.wrapped(0, Ink::plain, "", kRuleHang, finding.detail);
  }
}

}  // namespace

void show_why(Page& page, const Why& why, const CaptureSummary* input) {
  show_facts(page, why.facts, input);
  show_rules(page, why);
  page.blank();
  page.line(0, Ink::bold, "What would have changed the answer");
  if (why.changes.empty())
    page.line(2, Ink::plain, "none of the facts and thresholds that were tried, one at a time");
  for (const std::string& change : why.changes) page.wrapped(2, Ink::plain, "-", 4, change);
}

}  // namespace httpdiag::report
