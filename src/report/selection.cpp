// SPDX-License-Identifier: Apache-2.0
#include "report/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "httpdiag/error.hpp"

namespace httpdiag::report {
namespace {

/// FlowReport or ExchangeReport.
template <typename Item>
bool carries(const Item& item, const Selection& selection) {
  return selection.has(item.label) ||
         std::any_of(item.labels.begin(), item.labels.end(),
                     [&](Label label) { return selection.has(label); });
}

Severity worst_of(const std::vector<Finding>& findings, const Selection& selection) {
  Severity worst = Severity::ok;
  for (const Finding& finding : findings) {
    if (selection.labels.empty() || selection.has(finding.label)) {
      worst = std::max(worst, finding.severity);
    }
  }
  return worst;
}

}  // namespace

bool Selection::has(Label label) const {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

bool Selection::covers(const FlowReport& flow_report) const {
  if (flow && *flow != flow_report.id) return false;
  if (labels.empty() || carries(flow_report, *this)) return true;
  return std::any_of(flow_report.exchanges.begin(), flow_report.exchanges.end(),
                     [&](const ExchangeReport& exchange) { return carries(exchange, *this); });
}

std::vector<const ExchangeReport*> Selection::exchanges(const FlowReport& flow_report) const {
  std::vector<const ExchangeReport*> all;
  std::vector<const ExchangeReport*> chosen;
  for (const ExchangeReport& exchange : flow_report.exchanges) {
    all.push_back(&exchange);
    if (carries(exchange, *this)) chosen.push_back(&exchange);
  }
  return chosen.empty() ? all : chosen;
}

Severity Selection::worst(const FlowReport& flow_report) const {
  if (!covers(flow_report)) return Severity::ok;
  if (labels.empty()) return std::max(flow_report.worst, flow_report.severity);
  Severity worst = worst_of(flow_report.findings, *this);
  if (has(flow_report.label)) worst = std::max(worst, flow_report.severity);
  for (const ExchangeReport& exchange : flow_report.exchanges) {
    worst = std::max(worst, worst_of(exchange.findings, *this));
    if (has(exchange.label)) worst = std::max(worst, exchange.severity);
  }
  return worst;
}

Severity Selection::worst(const Report& report) const {
  Severity worst = worst_of(report.findings, *this);
  if (!labels.empty() || flow) return worst;
  for (const Delivery& delivery : report.deliveries.list) {
    worst = std::max(worst, delivery.severity);
  }
  return worst;
}

bool is_healthy(const FlowReport& flow) {
  return std::max(flow.worst, flow.severity) <= Severity::info;
}

bool HealthyCap::admit(const FlowReport& flow) {
  if (is_healthy(flow) && admitted_ >= limit_) {
    ++omitted_flows_;
    omitted_exchanges_ += flow.exchange_count;
    return false;
  }
  if (is_healthy(flow)) ++admitted_;
  omitted_exchanges_ += flow.omitted_exchanges;
  return true;
}

void check_flow_exists(const Selection& selection, const Report& report) {
  if (!selection.flow) return;
  const auto id = static_cast<std::uint32_t>(*selection.flow);
  if (id >= 1 && id <= report.flows) return;
  throw Error{report.flows == 0
                  ? fmt::format("--flow {}: the capture has no flow", id)
                  : fmt::format("--flow {}: the capture has flows 1 to {}", id, report.flows)};
}

}  // namespace httpdiag::report
