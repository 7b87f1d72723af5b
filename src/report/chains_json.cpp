// SPDX-License-Identifier: Apache-2.0
#include "report/chains_json.hpp"

#include <fmt/format.h>

#include "report/flow_json.hpp"
#include "report/redact.hpp"

namespace httpdiag::report {

namespace {

std::string place_of(const Leg& leg) { return exchange_name(leg.flow, leg.exchange); }

void write_leg(JsonOut& json, const Chain& chain, const Leg& leg) {
  const Leg& front = chain.legs[leg.behind];
  const bool first = &leg == &chain.legs.front();
  json.object();
  json.field("id", place_of(leg));
  json.field("flow", static_cast<std::uint32_t>(leg.flow));
  json.key("behind");
  first ? json.value(nullptr) : json.value(place_of(front));
  json.key("client");
  write_endpoint(json, leg.client);
  json.key("server");
  write_endpoint(json, leg.server);
  json.field("label", info(leg.label).id);
  json.field("severity", name(leg.severity));
  json.key("status");
  leg.status == 0 ? json.value(nullptr) : json.value(leg.status);
  json.packet("first_packet", leg.first);
  json.packet("last_packet", leg.last);
  json.key("passed_on_us");
  const bool behind = !first && leg.first.time >= front.first.time;  // the clock may be set
  behind ? json.value(microseconds(leg.first.time - front.first.time)) : json.value(nullptr);
  json.key("answered_us");
  const bool answered = leg.answered && leg.answered.time >= leg.first.time;
  answered ? json.value(microseconds(leg.answered.time - leg.first.time)) : json.value(nullptr);
  json.key("gave_up_us");
  json.value(microseconds(leg.gave_up_after));
  json.end();
}

void write_chain(JsonOut& json, const Chain& chain, const Options& options) {
  json.object();
  json.field("id", place_of(chain.legs.front()));
  json.field("method", chain.method);
  json.field("host", chain.host);
  json.field("target", options.show_payload ? chain.target : redact_target(chain.target));
  json.key("legs").array();
  for (const Leg& leg : chain.legs) write_leg(json, chain, leg);
  json.end();
  json.field("decisive", place_of(chain.legs[chain.decisive]));
  json.key("fault");
  write_fault(json, chain.fault);
  json.field("detail", chain.detail);
  json.end();
}

}  // namespace

void write_chains(JsonOut& json, const Chains& chains, const Options& options) {
  json.line_break().key("chains").array();
  for (const Chain& chain : chains.list) write_chain(json.line_break(), chain, options);
  json.end();
}

}  // namespace httpdiag::report
