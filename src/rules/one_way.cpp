// SPDX-License-Identifier: Apache-2.0
#include "rules/one_way.hpp"

namespace httpdiag::rules {

bool unheard(const FlowRecord& flow, Side side) {
  const SideRecord& silent = flow.side(side);
  const SideRecord& seen = flow.side(other(side));
  if (silent.packets > 0 || seen.packets == 0) return false;
  // The ACK numbers of the seen side advance over bytes that nobody saw, or its
  // handshake got past the SYN, or it answers a SYN.
  return silent.acked > 0 || flow.has(Oddity::synack_missing) ||
         (side == Side::client && seen.syn) ||
         (side == Side::client && seen.payload_packets > 0 && !flow.c().syn) ||
         (flow.has(Oddity::midstream) && seen.payload_packets > 0 &&
          seen.trouble().retransmitted == 0);
}

OneWayHosts::Way OneWayHosts::way(const FlowRecord& flow, Side from) {
  return from == Side::client ? Way{flow.client.ip, flow.server.ip}
                              : Way{flow.server.ip, flow.client.ip};
}

void OneWayHosts::note(const FlowRecord& flow) {
  for (const Side side : {Side::client, Side::server}) {
    if (flow.side(side).packets > 0) {
      if (ways_.empty()) continue;
      const auto found = ways_.find(way(flow, side));
      if (found != ways_.end()) ++found->second.heard;
    } else if (flow.side(other(side)).packets >= limits_.one_way_min_packets &&
               unheard(flow, side)) {
      const Way key = way(flow, side);
      if (ways_.size() < kMaxWays || ways_.contains(key)) ++ways_[key].unheard;
    }
  }
}

bool OneWayHosts::hides(const FlowRecord& flow, Side side) const {
  if (ways_.empty() || flow.side(side).packets > 0) return false;
  const auto found = ways_.find(way(flow, side));
  // Where flows take different ways, most of them decide.
  return found != ways_.end() && found->second.unheard >= found->second.heard;
}

}  // namespace httpdiag::rules
