// SPDX-License-Identifier: Apache-2.0
#include "rules/one_way.hpp"

#include "base/hash.hpp"
#include "rules/ip_slot.hpp"

namespace httpdiag::rules {

bool proves_unheard(const FlowRecord& flow, Side side) {
  const SideRecord& seen = flow.side(other(side));
  return flow.side(side).acked > 0 || flow.has(Oddity::synack_missing) ||
         (side == Side::client && seen.syn) ||
         (side == Side::client && seen.payload_packets > 0 && !flow.c().syn);
}

bool unheard(const FlowRecord& flow, Side side) {
  const SideRecord& seen = flow.side(other(side));
  if (flow.side(side).packets > 0 || seen.packets == 0) return false;
  return proves_unheard(flow, side) || (flow.has(Oddity::midstream) && seen.payload_packets > 0 &&
                                        seen.trouble().retransmitted == 0);
}

std::size_t OneWayHosts::WayHash::operator()(const Way& way) const {
  return base::mix64(ip_hash(way.from), ip_hash(way.to), way.of);
}

OneWayHosts::Way OneWayHosts::way(const FlowRecord& flow, Side from) {
  const Way way = from == Side::client ? Way{flow.client.ip, flow.server.ip}
                                       : Way{flow.server.ip, flow.client.ip};
  return {way.from, way.to, way.from == way.to ? from : Side::client};
}

void OneWayHosts::note_heard(const Way& way) {
  if (const auto found = heard_.find(way); found != heard_.end()) {
    ++found->second;
  } else if (heard_.size() < kMaxWays) {
    heard_.emplace(way, 1);
  }
}

void OneWayHosts::note_silence(const Way& way, const FlowRecord& flow, Side side) {
  if (silent_.size() >= kMaxWays && !silent_.contains(way)) return;
  const SideRecord& seen = flow.side(other(side));
  const bool in_vain = !unheard(flow, side);
  Silence& known = silent_[way];
  if (in_vain) {
    known.believed = true;
  } else if (proves_unheard(flow, side) && seen.packets >= limits_.one_way_min_packets) {
    ++known.proven;
  } else {
    known.packets += seen.packets;
  }
}

void OneWayHosts::note(const FlowRecord& flow) {
  for (const Side side : {Side::client, Side::server}) {
    const Way way = OneWayHosts::way(flow, side);
    const bool outside = way.from != way.to;
    const SideRecord& seen = flow.side(other(side));
    if (flow.side(side).packets > 0) {
      note_heard(way);
      if (outside) note_heard(into(way));
      if (outside) note_heard(out_of(way));
    } else if (unheard(flow, side) || seen.trouble().retransmitted > 0) {
      note_silence(way, flow, side);
      if (outside) note_silence(into(way), flow, side);
      if (outside) note_silence(out_of(way), flow, side);
    }
  }
}

std::optional<std::uint64_t> OneWayHosts::heard(const Way& way) const {
  const auto found = heard_.find(way);
  if (found != heard_.end()) return found->second;
  if (heard_.size() >= kMaxWays) return std::nullopt;
  return 0;
}

OneWayHosts::Silence OneWayHosts::silence(const Way& way) const {
  const auto found = silent_.find(way);
  return found != silent_.end() ? found->second : Silence{};
}

bool OneWayHosts::never_heard(const Way& way) const {
  const Silence known = silence(way);
  const bool likely = !known.believed && known.packets >= limits_.one_way_min_packets;
  return (known.proven > 0 || likely) && heard(way) == 0;
}

bool OneWayHosts::hides(const FlowRecord& flow, Side side) const {
  if (silent_.empty() || flow.side(side).packets > 0) return false;
  const Way way = OneWayHosts::way(flow, side);
  // Where flows take different ways, most of them decide.
  const std::uint64_t proven = silence(way).proven;
  if (proven > 0 && proven >= heard(way).value_or(0)) return true;
  return never_heard(way) || (way.from != way.to && never_heard(into(way)));
}

bool OneWayHosts::hears(const FlowRecord& flow, Side side) const {
  const Way way = OneWayHosts::way(flow, side);
  const std::uint64_t heard_here = heard(way).value_or(0);
  if (heard_here > 0) return heard_here > silence(way).proven;
  return silence(way).proven == 0 && heard(out_of(way)).value_or(0) > 0 &&
         silence(out_of(way)).proven == 0;
}

}  // namespace httpdiag::rules
