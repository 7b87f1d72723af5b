// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "report/deliveries.hpp"
#include "report/flow_json.hpp"
#include "report/redact.hpp"

namespace httpdiag::report {

namespace {

std::string shown_target(const std::string& target, const Options& options) {
  return options.show_payload ? target : redact_target(target);
}

/// Ids that senders put into headers for the logs of both sides may be shown; what comes out of a
/// body may not, nor a key that the sender made up as a secret of its own.
bool may_show(const DeliveryKey& key, const Options& options) {
  if (options.show_payload) return true;
  return key.kind == KeyKind::header && key.name != name(Marker::idempotency_key);
}

void write_key(JsonOut& json, const DeliveryKey& key, const Options& options) {
  json.key("key").object();
  json.field("kind", name(key.kind));
  json.key("name");
  key.name.empty() ? json.value(nullptr) : json.value(key.name);
  json.key("value");
  key.value.empty() || !may_show(key, options) ? json.value(nullptr) : json.value(key.value);
  json.key("digest");
  key.digest == 0 ? json.value(nullptr) : json.value(fmt::format("xxh3-64:{:016x}", key.digest));
  json.end();
}

void write_attempt(JsonOut& json, const Attempt& attempt) {
  const auto flow = static_cast<std::uint32_t>(attempt.flow);
  json.object();
  json.key("exchange");
  attempt.exchange == 0 ? json.value(nullptr)
                        : json.value(exchange_name(attempt.flow, attempt.exchange));
  json.field("flow", flow);
  json.field("class", name(attempt.outcome));
  json.field("label", info(attempt.label).id);
  json.key("status");
  attempt.status == 0 ? json.value(nullptr) : json.value(attempt.status);
  json.field("at", attempt.first.time);
  json.packet("first_packet", attempt.first);
  json.packet("last_packet", attempt.last);
  json.field("client", to_string(attempt.client));
  json.field("auto_retry", attempt.auto_retry);
  json.field("weak", attempt.weak);
  json.end();
}

void write_delivery(JsonOut& json, const Delivery& delivery, const Options& options) {
  json.object();
  write_key(json, delivery.key, options);
  json.field("profile", delivery.profile->name);
  json.field("method", delivery.method);
  json.field("host", delivery.host);
  json.field("target", shown_target(delivery.target, options));
  json.key("server");
  write_endpoint(json, delivery.server);
  json.key("attempts").array();
  for (const Attempt& attempt : delivery.attempts) write_attempt(json, attempt);
  json.end();
  json.field("attempt_count", delivery.attempt_count);
  json.field("verdict", name(delivery.verdict));
  json.field("severity", name(delivery.severity));
  json.field("duplicated", delivery.duplicated);
  json.field("after_success", delivery.after_success);
  json.key("gaps_us").array();
  for (const Duration gap : delivery.gaps) json.value(microseconds(gap));
  json.end();
  json.field("on_schedule", delivery.on_schedule);
  json.field("retries", delivery.profile->retries);
  json.field("detail", delivery.detail);
  json.field("advice", delivery.advice);
  json.end();
}

void write_endpoint_counts(JsonOut& json, const CallbackEndpoint& endpoint,
                           const Options& options) {
  json.object();
  json.field("method", endpoint.method);
  json.field("host", endpoint.host);
  json.field("path", shown_target(endpoint.path, options));
  json.key("server");
  write_endpoint(json, endpoint.server);
  json.key("attempts").object();
  for (std::size_t i = 0; i < kAttemptClassCount; ++i) {
    if (endpoint.outcomes[i] != 0) {
      json.field(name(static_cast<AttemptClass>(i)), endpoint.outcomes[i]);
    }
  }
  json.end();
  const auto time = [&](std::string_view key, const PacketRef& packet) {
    json.key(key);
    packet ? json.value(packet.time) : json.value(nullptr);
  };
  time("first_success_at", endpoint.first_success);
  time("last_success_at", endpoint.last_success);
  time("first_failure_at", endpoint.first_failure);
  time("last_failure_at", endpoint.last_failure);
  json.key("sources").array();
  for (const CallbackEndpoint::Source& source : endpoint.sources) {
    json.object();
    json.field("ip", to_string(source.client));
    json.field("acknowledged", source.acknowledged);
    json.field("not_delivered", source.not_delivered);
    json.field("other", source.other);
    json.end();
  }
  json.end();
  json.field("more_sources", endpoint.more_sources);
  json.end();
}

void write_failed(JsonOut& json, const FailedConnections& failed) {
  json.object();
  json.key("server");
  write_endpoint(json, failed.server);
  json.field("label", info(failed.label).id);
  json.field("count", failed.count);
  json.packet("first_packet", failed.first);
  json.packet("last_packet", failed.last);
  json.field("first_at", failed.first.time);
  json.field("last_at", failed.last.time);
  json.field("example", exchange_name(failed.example, 0));
  json.end();
}

}  // namespace

void write_deliveries(JsonOut& json, const Deliveries& deliveries, const Options& options) {
  json.line_break().key("deliveries").array();
  for (const Delivery& delivery : deliveries.list) {
    write_delivery(json.line_break(), delivery, options);
  }
  json.end().line_break().key("callback_endpoints").array();
  for (const CallbackEndpoint& endpoint : deliveries.endpoints) {
    write_endpoint_counts(json.line_break(), endpoint, options);
  }
  json.end().line_break().key("failed_connections").array();
  for (const FailedConnections& failed : deliveries.failed_connections) {
    write_failed(json.line_break(), failed);
  }
  json.end();
}

void write_delivery_counts(JsonOut& json, const Deliveries& deliveries) {
  json.field("deliveries", deliveries.total);
  json.key("delivery_verdicts").object();
  for (std::size_t i = 0; i < kDeliveryVerdictCount; ++i) {
    if (deliveries.verdicts[i] != 0) {
      json.field(name(static_cast<DeliveryVerdict>(i)), deliveries.verdicts[i]);
    }
  }
  json.end();
  json.field("deliveries_duplicated", deliveries.duplicated);
}

}  // namespace httpdiag::report
