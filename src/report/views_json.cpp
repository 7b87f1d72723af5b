// SPDX-License-Identifier: Apache-2.0
#include "report/flow_json.hpp"
#include "report/views.hpp"

namespace httpdiag::report {
namespace {

void write_nanoseconds(JsonOut& json, std::string_view key, const std::optional<Duration>& value) {
  json.key(key);
  value ? json.value(std::int64_t{value->count()}) : json.value(nullptr);
}

void write_way(JsonOut& json, std::string_view key, const Crossing& way) {
  json.key(key).object();
  json.field("sent", way.sent);
  json.field("lost", way.lost);
  json.field("lost_bytes", way.lost_bytes);
  json.field("not_recorded", way.not_recorded);
  json.field("unknown", way.unknown);
  json.field("not_sent", way.not_sent);
  json.field("altered", way.altered);
  write_nanoseconds(json, "least_delay_ns", way.least_delay);
  write_nanoseconds(json, "most_delay_ns", way.most_delay);
  json.end();
}

void write_ways(JsonOut& json, const std::array<Crossing, 2>& ways) {
  write_way(json, "to_server", ways[0]);
  write_way(json, "to_client", ways[1]);
}

void write_clock(JsonOut& json, const std::optional<ClockRelation>& clock) {
  json.key("clock");
  if (!clock) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("at", clock->at);
  write_nanoseconds(json, "offset_ns", clock->offset);
  write_nanoseconds(json, "uncertainty_ns", clock->uncertainty);
  json.key("drift_ppb");
  clock->drift_ppb ? json.value(*clock->drift_ppb) : json.value(nullptr);
  json.field("both_ways", clock->both_ways);
  json.field("steady", clock->steady);
  json.field("packets", clock->pairs);
  json.end();
}

void write_whose(JsonOut& json, Side side) {
  json.field("from", side == Side::client ? "client" : "server");
}

/// An object, left open for what else there is to say of it.
void begin_packet(JsonOut& json, PacketRef packet, Side from) {
  json.object();
  json.packet("packet", packet);
  json.packet_in_file("packet_in_file", packet);
  write_whose(json, from);
}

}  // namespace

void write_views(JsonOut& json, const Views& views) {
  json.key("views").object();
  json.field("joined", views.joined);
  json.field("translated", views.translated);
  json.field("renumbered", views.renumbered);
  json.field("lost", views.lost);
  json.field("absent", views.absent);
  json.field("replaced", views.replaced);
  json.field("server_only", views.server_only);
  json.field("not_compared", views.not_compared);
  json.field("unrelated", views.unrelated);
  json.field("swapped", views.swapped);
  json.field("same_point", views.same_point);
  for (const Side side : {Side::client, Side::server}) {
    json.key(side == Side::client ? "client_capture" : "server_capture").object();
    json.field("packets", views.packets[index(side)]);
    json.field("flows", views.flows[index(side)]);
    json.field("on_the_way", views.on_the_way[index(side)]);
    json.end();
  }
  write_clock(json, views.clock);
  write_ways(json, views.ways);
  json.end();
}

void write_views(JsonOut& json, const FlowViews& views) {
  json.key("views").object();
  json.field("presence", name(views.presence));
  json.key("client");
  const bool known = views.server.port != 0;
  known ? write_endpoint(json, views.client) : static_cast<void>(json.value(nullptr));
  json.key("server");
  known ? write_endpoint(json, views.server) : static_cast<void>(json.value(nullptr));
  for (const auto& [key, packet] :
       {std::pair{"first_packet", views.first}, std::pair{"last_packet", views.last}}) {
    packet ? json.packet(key, packet) : json.key(key).value(nullptr);
  }
  json.key("label");
  known ? json.value(info(views.label).id) : json.value(nullptr);
  json.field("by_payload", views.by_payload);
  json.field("whole", views.whole);
  write_ways(json, views.ways);
  json.key("lost_packets").array();
  for (const LostPacket& each : views.lost) {
    begin_packet(json, each.packet, each.from);
    json.end();
  }
  json.end();
  json.key("forged").array();
  for (const ForgedPacket& each : views.forged) {
    begin_packet(json, each.packet, each.from);
    json.field("what", each.what);
    json.end();
  }
  json.end();
  json.end();
}

}  // namespace httpdiag::report
