// SPDX-License-Identifier: Apache-2.0
#include "report/summary_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/chains_json.hpp"
#include "report/deliveries.hpp"
#include "report/flow_json.hpp"
#include "report/patterns.hpp"
#include "report/settings_json.hpp"
#include "report/version.hpp"

namespace httpdiag::report {
namespace {

void write_ledger(JsonOut& json, const Ledger& ledger) {
  json.key("ledger").object();
  json.field("decoded", ledger.decoded);
  json.field("duplicates", ledger.duplicates);
  json.key("skipped").object();
  for (std::size_t i = 0; i < kSkipCount; ++i) {
    if (ledger.skipped[i] != 0) json.field(name(static_cast<Skip>(i)), ledger.skipped[i]);
  }
  json.end();
  json.end();
}

void write_damage(JsonOut& json, const CaptureDamage* damage) {
  json.key("damage");
  if (damage == nullptr) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("file", damage->file);
  json.field("after_packet", damage->after_packet);
  json.field("byte_offset", damage->byte_offset);
  json.field("reason", damage->reason);
  json.end();
}

void write_file(JsonOut& json, const CaptureFile& file) {
  json.object();
  json.field("name", file.name);
  json.field("bytes", file.bytes);
  json.field("sha256", file.sha256);
  json.field("format", file.format);
  json.key("link_types").array();
  for (const std::string& type : file.link_types) json.value(type);
  json.end();
  json.end();
}

void write_vantage(JsonOut& json, const Vantage& vantage) {
  json.key("vantage");
  if (vantage.point == VantagePoint::unknown && !vantage.given) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("side", name(vantage.point));
  json.field("confidence", name(vantage.confidence));
  json.key("because").array();
  for (const std::string& reason : vantage.because) json.value(reason);
  json.end();
  json.end();
}

void write_input(JsonOut& json, const Report& report) {
  json.key("input").object();
  json.key("files").array();
  if (report.input != nullptr) {
    for (const CaptureFile& file : report.input->files) write_file(json, file);
  }
  json.end();
  json.field("packets", report.ledger.packets);
  json.key("first_at");
  report.first ? json.value(report.first->time) : json.value(nullptr);
  json.key("last_at");
  report.last ? json.value(report.last->time) : json.value(nullptr);
  write_damage(json, report.input != nullptr ? report.input->damage.get() : nullptr);
  write_ledger(json, report.ledger);
  write_vantage(json, report.vantage);
  json.end();
}

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

void write_oddities(JsonOut& json, const Report& report) {
  Counts present;
  for (const OddityTotal& total : report.oddities) {
    if (total.flows != 0) present.emplace_back(name(total.example.oddity), total.flows);
  }
  write_sorted(json, "oddities", std::move(present));
}

void write_cause(JsonOut& json, const Cause& cause, const Report& report) {
  const auto flow = static_cast<std::uint32_t>(cause.example_flow);
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
  json.field("first_packet", cause.first.number);
  json.field("last_packet", cause.last.number);
  json.field("first_at", cause.first.time);
  json.field("last_at", cause.last.time);
  json.key("example").value(cause.example_exchange == 0
                                ? fmt::format("{}", flow)
                                : fmt::format("{}.{}", flow, cause.example_exchange));
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
