// SPDX-License-Identifier: Apache-2.0
#include "report/flow_json.hpp"

#include <fmt/format.h>

#include <chrono>

#include "report/redact.hpp"
#include "report/tls_json.hpp"
#include "report/views.hpp"

namespace httpdiag::report {
namespace {

std::string_view name_of(MessageState state) {
  switch (state) {
    case MessageState::incomplete:
      return "incomplete";
    case MessageState::complete:
      return "complete";
    case MessageState::unknown:
      return "unknown";
  }
  return "unknown";
}

void write_side(JsonOut& json, const std::optional<Side>& side) {
  side ? json.value(*side == Side::client ? "client" : "server") : json.value(nullptr);
}

void write_chain_id(JsonOut& json, const std::string& chain) {
  json.key("chain");
  chain.empty() ? json.value(nullptr) : json.value(chain);
}

void write_labels(JsonOut& json, const std::vector<Label>& labels) {
  json.key("labels").array();
  for (const Label label : labels) json.value(info(label).id);
  json.end();
}

void write_findings(JsonOut& json, const std::vector<Finding>& findings) {
  json.key("findings").array();
  for (const Finding& finding : findings) write_finding(json, finding);
  json.end();
}

/// What requests and responses have in common.
template <typename Message>
void write_message_fields(JsonOut& json, const Message& message) {
  json.key("version").value(fmt::format("{}.{}", message.major, message.minor));
  json.field("body_bytes", message.body_bytes);
  json.key("body_digest");
  if (message.body_bytes > 0 && message.digest != 0) {
    json.value(fmt::format("xxh3-64:{:016x}", message.digest));
  } else {
    json.value(nullptr);
  }
  json.packet("first_packet", message.first);
  json.packet("last_packet", message.last);
  json.packet_in_file("first_packet_in_file", message.first);
  json.packet_in_file("last_packet_in_file", message.last);
  json.field("at", message.first.time);
  json.field("complete", message.state == MessageState::complete);
  json.field("state", name_of(message.state));
}

void write_request(JsonOut& json, const RequestReport& request, bool show_payload) {
  json.key("request").object();
  json.field("method", request.method);
  json.field("target", show_payload ? request.target : redact_target(request.target));
  json.field("host", request.host);
  write_message_fields(json, request);
  json.end();
}

void write_response(JsonOut& json, const std::optional<ResponseReport>& response,
                    bool show_payload) {
  json.key("response");
  if (!response) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("status", response->status);
  json.field("reason", response->reason);
  json.key("location");
  if (response->location.empty()) {
    json.value(nullptr);
  } else {
    json.value(show_payload ? response->location : redact_target(response->location));
  }
  write_message_fields(json, *response);
  json.end();
}

void write_exchange(JsonOut& json, FlowId flow, const ExchangeReport& exchange, bool show_payload) {
  json.object();
  json.field("id", exchange_name(flow, exchange.index));
  write_request(json, exchange.request, show_payload);
  write_response(json, exchange.response, show_payload);
  json.field("sent", exchange.sent);
  json.key("acked");
  if (exchange.acked == Acked::none) {
    json.value(false);
  } else {
    json.value(exchange.acked == Acked::all ? "all" : "part");
  }
  exchange.acked_by ? json.packet("acked_by_packet", exchange.acked_by)
                    : json.key("acked_by_packet").value(nullptr);
  json.field("answered", exchange.answered);
  json.key("timing").object();
  json.field("idle_us", microseconds(exchange.idle));
  json.field("send_us", microseconds(exchange.send));
  json.field("wait_us", microseconds(exchange.wait));
  json.field("receive_us", microseconds(exchange.receive));
  json.end();
  json.field("retry", name(exchange.retry));
  json.field("label", info(exchange.label).id);
  json.field("severity", name(exchange.severity));
  write_labels(json, exchange.labels);
  write_findings(json, exchange.findings);
  write_chain_id(json, exchange.chain);
  json.key("found_in");
  exchange.found_in.empty() ? json.value(nullptr) : json.value(exchange.found_in);
  json.end();
}

void write_oddities(JsonOut& json, const std::vector<OddityReport>& oddities) {
  json.key("oddities").array();
  for (const OddityReport& odd : oddities) {
    json.object();
    json.field("name", name(odd.oddity));
    json.key("from");
    write_side(json, odd.from);
    json.key("packets").array();
    for (const PacketRef& packet : odd.packets) json.packet(packet);
    json.end();
    json.end();
  }
  json.end();
}

/// {"client": 1, "server": 2} of one member of both sides.
void write_both(JsonOut& json, std::string_view key, const FlowReport& flow,
                std::uint64_t SideReport::*member) {
  json.key(key).object();
  json.field("client", flow.sides[index(Side::client)].*member);
  json.field("server", flow.sides[index(Side::server)].*member);
  json.end();
}

/// One kind for both directions, with the number that either has; a VNI is the same in both.
void write_tunnel(JsonOut& json, const FlowReport& flow) {
  json.key("tunnel");
  const auto& [client, server] = flow.tunnels;
  const Tunnel& shown = client.kind != TunnelKind::none ? client : server;
  if (shown.kind == TunnelKind::none) {
    json.value(nullptr);
    return;
  }
  const auto write_id = [&](const char* key, const Tunnel& tunnel) {
    json.key(key);
    tunnel.has_id ? json.value(tunnel.id) : json.value(nullptr);
  };
  json.object();
  json.field("kind", name(shown.kind));
  write_id("id", shown);
  write_id("server_id", server);
  json.field("depth", std::uint32_t{shown.depth});
  json.end();
}

}  // namespace

void write_endpoint(JsonOut& json, const Endpoint& endpoint) {
  json.object();
  json.field("ip", to_string(endpoint.ip));
  json.field("port", endpoint.port);
  json.end();
}

void write_fault(JsonOut& json, const Fault& fault) {
  json.object();
  json.field("party", name(fault.party));
  json.field("confidence", name(fault.confidence));
  json.key("unless");
  fault.unless.empty() ? json.value(nullptr) : json.value(fault.unless);
  json.end();
}

void write_settle(JsonOut& json, const std::optional<Settle>& settle) {
  if (!settle) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("at", settle->at == Side::client ? "client" : "server");
  json.field("host", to_string(settle->host));
  json.field("question", settle->question);
  json.field("command", settle->command);
  json.end();
}

void write_finding(JsonOut& json, const Finding& finding) {
  json.object();
  json.field("label", info(finding.label).id);
  json.field("severity", name(finding.severity));
  json.key("fault");
  write_fault(json, finding.fault);
  json.field("detail", finding.detail);
  json.key("evidence").array();
  for (const Evidence& evidence : finding.evidence) {
    json.object();
    json.packet("packet", evidence.packet);
    json.packet_in_file("packet_in_file", evidence.packet);
    json.field("at", evidence.packet.time);
    json.key("from");
    write_side(json, evidence.from);
    json.field("what", evidence.what);
    json.end();
  }
  json.end();
  json.key("facts").object();
  for (const NamedFact& fact : finding.facts) {
    json.key(fact.name);
    std::visit([&](const auto& value) { json.value(value); }, fact.value);
  }
  json.end();
  json.key("settle");
  write_settle(json, finding.settle);
  json.field("remedy", finding.remedy);
  json.field("seen_as", finding.seen_as);
  json.end();
}

void write_flow_fields(JsonOut& json, const FlowReport& flow, const Options& options) {
  const auto id = static_cast<std::uint32_t>(flow.id);
  json.field("id", id);
  json.key("client");
  write_endpoint(json, flow.client);
  json.key("server");
  write_endpoint(json, flow.server);
  json.key("translated");
  if (flow.translated) {
    json.object().key("client");
    write_endpoint(json, flow.translated->client);
    json.key("server");
    write_endpoint(json, flow.translated->server);
    json.end();
  } else {
    json.value(nullptr);
  }
  write_tunnel(json, flow);
  json.key("server_name");
  flow.server_name.empty() ? json.value(nullptr) : json.value(flow.server_name);
  json.packet("first_packet", flow.first);
  json.packet("last_packet", flow.last);
  json.packet_in_file("first_packet_in_file", flow.first);
  json.packet_in_file("last_packet_in_file", flow.last);
  json.field("first_at", flow.first.time);
  json.field("last_at", flow.last.time);
  json.field("history", flow.history);
  json.field("handshake", name(flow.handshake));
  json.field("ended_by", name(flow.ended_by));
  json.key("states").object();
  json.field("client", name(flow.sides[index(Side::client)].state));
  json.field("server", name(flow.sides[index(Side::server)].state));
  json.end();
  write_both(json, "packets", flow, &SideReport::packets);
  write_both(json, "payload_bytes", flow, &SideReport::payload_bytes);
  write_both(json, "retransmitted", flow, &SideReport::retransmitted);
  json.field("duplicates", flow.duplicates);
  json.field("rtt_us", microseconds(flow.rtt));
  write_tls(json, flow);
  json.field("label", info(flow.label).id);
  json.field("severity", name(flow.severity));
  write_labels(json, flow.labels);
  write_findings(json, flow.findings);
  write_chain_id(json, flow.chain);
  write_oddities(json, flow.oddities);
  if (flow.views) write_views(json, *flow.views);
  json.key("exchanges").array();
  for (const ExchangeReport* exchange : options.selection.exchanges(flow)) {
    write_exchange(json, flow.id, *exchange, options.show_payload);
  }
  json.end();
}

}  // namespace httpdiag::report
