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

/// Part of what is asked for: a label, and all that is asked of the exchange itself.
bool wanted(const ExchangeReport& exchange, const FlowReport& flow, const Selection& selection) {
  const bool labelled =
      selection.labels.empty() || carries(exchange, selection) || carries(flow, selection);
  return labelled && selection.asks_for(exchange);
}

}  // namespace

std::optional<StatusRange> read_status(std::string_view text) {
  if (text == "none") return StatusRange{0, 0};
  if (text.size() != 3 || text[0] < '1' || text[0] > '9') return std::nullopt;
  StatusRange range;
  for (const char c : text) {
    const bool any = c == 'x' || c == 'X';
    if (!any && (c < '0' || c > '9')) return std::nullopt;
    range.low = static_cast<std::uint16_t>(range.low * 10 + (any ? 0 : c - '0'));
    range.high = static_cast<std::uint16_t>(range.high * 10 + (any ? 9 : c - '0'));
  }
  return range;
}

bool Selection::asks_for(const ExchangeReport& exchange) const {
  const auto in_target = [&](const std::string& part) {
    return exchange.request.target.find(part) != std::string::npos;
  };
  const std::uint16_t status = exchange.response ? exchange.response->status : std::uint16_t{0};
  const auto in_range = [&](const StatusRange& range) {
    return status >= range.low && status <= range.high;
  };
  return (uris.empty() || std::ranges::any_of(uris, in_target)) &&
         (methods.empty() ||
          std::ranges::find(methods, exchange.request.method) != methods.end()) &&
         (statuses.empty() || std::ranges::any_of(statuses, in_range)) &&
         (!found || !exchange.found_in.empty());
}

bool Selection::has(Label label) const {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

bool Selection::covers(const FlowReport& flow_report) const {
  if (flow && *flow != flow_report.id) return false;
  if (by_exchange()) {
    return std::ranges::any_of(flow_report.exchanges, [&](const ExchangeReport& exchange) {
      return wanted(exchange, flow_report, *this);
    });
  }
  if (labels.empty() || carries(flow_report, *this)) return true;
  return std::any_of(flow_report.exchanges.begin(), flow_report.exchanges.end(),
                     [&](const ExchangeReport& exchange) { return carries(exchange, *this); });
}

std::vector<const ExchangeReport*> Selection::exchanges(const FlowReport& flow_report) const {
  std::vector<const ExchangeReport*> all;
  std::vector<const ExchangeReport*> chosen;
  for (const ExchangeReport& exchange : flow_report.exchanges) {
    all.push_back(&exchange);
    const bool asked =
        by_exchange() ? wanted(exchange, flow_report, *this) : carries(exchange, *this);
    if (asked) chosen.push_back(&exchange);
  }
  return chosen.empty() && !by_exchange() ? all : chosen;
}

Severity Selection::worst(const FlowReport& flow_report) const {
  if (!covers(flow_report)) return Severity::ok;
  if (by_exchange()) {
    Severity worst = Severity::ok;
    for (const ExchangeReport* exchange : exchanges(flow_report))
      worst = std::max({worst, exchange->severity, worst_of(exchange->findings, *this)});
    return worst;
  }
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
  if (!labels.empty() || flow || by_exchange()) return worst;
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
  throw Error{
      fmt::format("{} {}: the capture has {}", selection.flow_option, id,
                  report.flows == 0 ? "no flow" : fmt::format("flows 1 to {}", report.flows))};
}

}  // namespace httpdiag::report
