// SPDX-License-Identifier: Apache-2.0
#include "tcp/translations.hpp"

#include <utility>

namespace httpdiag::tcp {

// Linux's and every other NAT leaves sequence number, IP id, window and its scale as they are; it
// may clamp the MSS. Scanners send SYNs with one sequence number to many ports, each with an id of
// its own, and without an id there is nothing to go by. One end keeps its port: the client's by
// source NAT where it can, always by destination NAT; the server's by source NAT.
std::optional<Tuple> Translations::find_original(const Segment& syn) {
  const Tuple tuple{syn.source, syn.destination};
  if (const auto name = names_.find(tuple); name != names_.end()) {
    if (name->second.isn == syn.seq) return name->second.original;
    names_.erase(name);
  }
  if (syn.ip_id == 0) return std::nullopt;
  const Syn& known = syns_[syn.seq % kSyns];
  const Duration age = syn.packet.time - known.time;
  const bool same_packet = known.seq == syn.seq && known.ip_id == syn.ip_id &&
                           known.window == syn.window && known.window_scale == syn.window_scale &&
                           age <= window_ && age >= -window_;
  if (same_packet && known.tuple != tuple) {
    const bool shares_an_end =
        known.tuple.client.port == tuple.client.port || known.tuple.server == tuple.server;
    const bool reversed = known.tuple.client == tuple.server;
    if (shares_an_end && !reversed) return known.tuple;
  }
  remember(syn);
  return std::nullopt;
}

void Translations::remember(const Segment& syn) {
  syns_[syn.seq % kSyns] = {{syn.source, syn.destination},
                            syn.packet.time,
                            syn.seq,
                            syn.ip_id,
                            syn.window,
                            syn.window_scale};
}

void Translations::add(const Segment& syn, const Tuple& original) {
  const Tuple other{syn.source, syn.destination};
  if (!names_.insert_or_assign(other, Name{original, syn.seq}).second) return;
  order_.push_back(other);
  if (order_.size() <= kNames) return;
  names_.erase(order_.front());
  order_.pop_front();
}

bool Translations::translate(Endpoint& source, Endpoint& destination) const {
  const auto forth = names_.find({source, destination});
  if (forth != names_.end()) {
    source = forth->second.original.client;
    destination = forth->second.original.server;
    return true;
  }
  const auto back = names_.find({destination, source});
  if (back == names_.end()) return false;
  source = back->second.original.server;
  destination = back->second.original.client;
  return true;
}

}  // namespace httpdiag::tcp
