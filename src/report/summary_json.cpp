// SPDX-License-Identifier: Apache-2.0
#include "report/summary_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/chains_json.hpp"
#include "report/deliveries.hpp"
#include "report/flow_json.hpp"
#include "report/input_json.hpp"
#include "report/patterns.hpp"
#include "report/settings_json.hpp"
#include "report/version.hpp"
#include "report/views.hpp"

namespace httpdiag::report {
namespace {

using Counts = std::vector<std::pair<std::string_view, std::uint64_t>>;

/// In order of name, so that the order survives new names.
void write_sorted(JsonOut& json, std::string_view key, Counts counts) {
  std::sort(counts.begin(), counts.end());
  json.key(key).object();
  for (const auto& [name, count] : counts) json.field(name, count);
  json.end();
}

/// Labels that occur.
void write_counts(JsonOut& json, std::string_view key,
                  const std::array<std::uint64_t, kMaxLabels>& counts) {
  Counts present;
  for (std::size_t i = 0; i < label_count(); ++i) {
    if (counts[i] != 0) present.emplace_back(info(static_cast<Label>(i)).id, counts[i]);
  }
  write_sorted(json, key, std::move(present));
}

/// In order of label id.
void write_problems(JsonOut& json, const Report& report) {
  std::vector<Label> labels;
  for (std::size_t i = 0; i < label_count(); ++i) labels.push_back(static_cast<Label>(i));
  std::ranges::sort(labels, {}, [](Label label) { return info(label).id; });
  json.key("problems").array();
  const auto write = [&](Label label, std::string_view of, std::string_view role,
                         const LabelProblems::Count& sum) {
    if (sum.count == 0) return;
    json.object().field("label", info(label).id).field("of", of).field("role", role);
    json.field("severity", name(sum.severity)).field("count", sum.count).end();
  };
  for (const Label label : labels) {
    const auto at = static_cast<std::size_t>(label);
    write(label, "exchanges", "primary", report.exchange_problems[at].primary);
    write(label, "exchanges", "annotation", report.exchange_problems[at].annotation);
    write(label, "flows", "primary", report.flow_problems[at].primary);
    write(label, "flows", "annotation", report.flow_problems[at].annotation);
  }
  json.end();
}

void write_oddities(JsonOut& json, const Report& report) {
  Counts present;
  for (const OddityTotal& total : report.oddities) {
    if (total.flows != 0) present.emplace_back(name(total.example.oddity), total.flows);
  }
  write_sorted(json, "oddities", std::move(present));
}

void write_cause(JsonOut& json, const Cause& cause, const Report& report) {
  json.object();
  json.field("label", info(cause.label).id);
  json.field("severity", name(cause.severity));
  json.key("server");
  write_endpoint(json, cause.server);
  json.field("count", cause.count);
  // Of all exchanges, or of all flows where the flow itself failed.
  const std::uint64_t all = cause.example_exchange == 0 ? report.flows : report.exchanges;
  json.key("share_permille");
  json.value(all == 0 ? 0 : (cause.count * 1000 + all / 2) / all);
  json.field("clients", cause.clients);
  json.key("client");
  cause.clients == 1 ? json.value(to_string(cause.example.client.ip)) : json.value(nullptr);
  json.packet("first_packet", cause.first);
  json.packet("last_packet", cause.last);
  json.field("first_at", cause.first.time);
  json.field("last_at", cause.last.time);
  json.field("example", exchange_name(cause.example_flow, cause.example_exchange));
  json.end();
}

void write_summary(JsonOut& json, const Report& report) {
  json.key("summary").object();
  json.field("flows", report.flows);
  json.field("exchanges", report.exchanges);
  json.field("proxied_requests", report.chains.requests);
  write_delivery_counts(json, report.deliveries);
  write_counts(json, "flow_labels", report.flow_labels);
  write_counts(json, "exchange_labels", report.exchange_labels);
  write_counts(json, "annotations", report.annotations);
  write_problems(json, report);
  write_oddities(json, report);
  json.field("worst_severity", name(report.worst));
  json.field("headline", report.headline);
  json.end();
}

}  // namespace

void write_head_fields(JsonOut& json, const Report& report, const Options& options) {
  json.field("schema", kSchema);
  json.line_break().key("tool").object();
  json.field("name", kToolName);
  json.field("version", kToolVersion);
  json.end().line_break();
  write_input(json, report);
  json.line_break();
  write_settings(json, report.settings, options);
  json.line_break();
  write_summary(json, report);
  json.line_break().key("findings").array();
  for (const Finding& finding : report.findings) write_finding(json.line_break(), finding);
  json.end().line_break().key("causes").array();
  for (const Cause& cause : report.causes) write_cause(json.line_break(), cause, report);
  json.end().line_break();
  write_patterns(json, report.patterns);
  if (report.views) write_views(json.line_break(), *report.views);
}

void write_tail_fields(JsonOut& json, const Report& report, const Options& options,
                       const HealthyCap& cap) {
  write_chains(json, report.chains, options);
  write_deliveries(json, report.deliveries, options);
  json.line_break().key("omitted").object();
  json.field("flows", cap.omitted_flows());
  json.field("exchanges", cap.omitted_exchanges());
  json.field("causes", report.omitted_causes);
  json.field("legs", report.chains.omitted);
  json.field("deliveries", report.deliveries.omitted);
  json.field("callback_endpoints", report.deliveries.omitted_endpoints);
  json.end();
}

}  // namespace httpdiag::report
