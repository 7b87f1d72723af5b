// SPDX-License-Identifier: Apache-2.0
#include "tcp/translations.hpp"

#include <utility>

#include "tcp/options.hpp"

namespace httpdiag::tcp {
namespace {

bool within(Timestamp a, Timestamp b, Duration window) {
  const Duration age = a - b;
  return age <= window && age >= -window;
}

/// One of the two may have been cut off when it was recorded.
bool same_scale(std::int8_t a, std::int8_t b) { return a == b || a < 0 || b < 0; }

Tuple tuple_of(const Segment& segment) {
  return {segment.source, segment.destination, segment.tunnel.network};
}

}  // namespace

Translations::Syn Translations::described(const Segment& segment) {
  return {.tuple = tuple_of(segment),
          .time = segment.packet.time,
          .seq = segment.seq,
          .ack = segment.flags.has(TcpFlags::ack) ? segment.ack : 0,
          .payload_length = segment.payload_length,
          .clock = timestamp_of(segment).value_or(0),
          .ip_id = segment.ip_id,
          .window = segment.window,
          .window_scale = segment.window_scale,
          .flags = segment.flags.bits};
}

// A packet outside of tunnels, or in one that names no network, and the same in a network: nothing
// but the host that wrapped it up knows both. Two networks are two, whatever they hold: tests of
// overlapping addresses replay the same packets in each.
bool Translations::same_but_for_tunnel(const Syn& known, const Syn& seen) const {
  return known.tuple.same_ends(seen.tuple) && known.tuple.network != seen.tuple.network &&
         (known.tuple.network == 0 || seen.tuple.network == 0) && known.seq == seen.seq &&
         known.ip_id == seen.ip_id && known.window == seen.window &&
         same_scale(known.window_scale, seen.window_scale) && known.flags == seen.flags &&
         known.payload_length == seen.payload_length &&
         within(seen.time, known.time, tunnel_window_);
}

// A connection that the capture shows from its middle on has no SYN to go by, but the numbers of
// both ends. One end keeps its address or its port.
bool Translations::same_but_for_name(const Syn& known, const Syn& seen) const {
  const bool one_network = known.tuple.network == seen.tuple.network || known.tuple.network == 0 ||
                           seen.tuple.network == 0;
  const Tuple &a = known.tuple, &b = seen.tuple;
  const bool shares_an_end = a.client.port == b.client.port || a.server.port == b.server.port ||
                             a.client.ip == b.client.ip || a.server.ip == b.server.ip;
  return TcpFlags{seen.flags}.has(TcpFlags::ack) && one_network && shares_an_end &&
         !a.same_ends(b) && !a.reversed().same_ends(b) && known.seq == seen.seq &&
         known.ack == seen.ack && known.ip_id == seen.ip_id && known.clock == seen.clock &&
         known.window == seen.window && known.flags == seen.flags &&
         known.payload_length == seen.payload_length && within(seen.time, known.time, window_);
}

// Linux's and every other NAT leaves sequence number, IP id, window and its scale as they are; it
// may clamp the MSS. Scanners send SYNs with one sequence number to many ports, each with an id of
// its own; IPv6 has no id, but a sender that is no scanner puts its clock into the SYN, and without
// either there is nothing to go by. One end keeps its port: the client's by
// source NAT where it can, always by destination NAT; the server's by source NAT.
std::optional<Tuple> Translations::find_original(const Segment& syn) {
  const Syn seen = described(syn);
  const Tuple& tuple = seen.tuple;
  if (const auto name = names_.find(tuple); name != names_.end()) {
    if (name->second.isn == syn.seq) return name->second.original;
    names_.erase(name);
  }
  Syn& known = ending_at(seen.end());
  if (same_but_for_tunnel(known, seen)) return known.tuple;
  // Nodes of container networks translate first and wrap up then.
  const bool one_network =
      known.tuple.network == tuple.network || known.tuple.network == 0 || tuple.network == 0;
  const bool marked = seen.ip_id != 0 || (seen.clock != 0 && !tuple.client.ip.is_v4());
  const bool same_packet =
      marked && one_network && known.seq == syn.seq && known.ip_id == syn.ip_id &&
      (tuple.client.ip.is_v4() || known.clock == seen.clock) && known.window == syn.window &&
      same_scale(known.window_scale, syn.window_scale) &&
      within(syn.packet.time, known.time, window_);
  if (same_packet && known.tuple != tuple) {
    const bool shares_an_end =
        known.tuple.client.port == tuple.client.port || known.tuple.server == tuple.server;
    const bool reversed = known.tuple.client == tuple.server;
    if (shares_an_end && !reversed) return known.tuple;
  }
  known = seen;
  return std::nullopt;
}

void Translations::remember(const Segment& segment) {
  const Syn seen = described(segment);
  ending_at(seen.end()) = seen;
}

// It took another way: each end may number its tunnels as it likes, and a balancer's servers answer
// past the tunnel that their requests came in. A SYN is answered by a SYN-ACK, or by a RST; where
// the capture began later, both numbers have to fit.
bool Translations::answers(const Syn& answer, const Syn& asked) {
  constexpr Duration kPatience = std::chrono::seconds{60};
  if (!asked.tuple.reversed().same_ends(answer.tuple) ||
      asked.tuple.network == answer.tuple.network || !within(answer.time, asked.time, kPatience))
    return false;
  const TcpFlags flags{answer.flags};
  if (!flags.has(TcpFlags::ack)) return false;
  if (asked.flags == TcpFlags::syn) {
    return answer.ack == asked.end() + 1 && (flags.has(TcpFlags::syn) || flags.has(TcpFlags::rst));
  }
  return TcpFlags{asked.flags}.has(TcpFlags::ack) && !flags.has(TcpFlags::syn) &&
         answer.ack == asked.end() && answer.seq == asked.ack;
}

std::optional<Tuple> Translations::find_twin(const Segment& stranger) {
  const Syn seen = described(stranger);
  // A capture that began in the middle of the connection: the first packet of it, in and outside.
  Syn& known = ending_at(seen.end());
  if (same_but_for_tunnel(known, seen) || same_but_for_name(known, seen)) return known.tuple;
  for (const std::uint32_t end : {seen.ack - 1, seen.ack}) {
    if (const Syn& asked = ending_at(end); answers(seen, asked)) return asked.tuple.reversed();
  }
  known = seen;
  return std::nullopt;
}

void Translations::add(const Tuple& tuple, std::uint32_t isn, const Tuple& original) {
  if (!names_.insert_or_assign(tuple, Name{original, isn}).second) return;
  order_.push_back(tuple);
  if (order_.size() <= kNames) return;
  names_.erase(order_.front());
  order_.pop_front();
}

bool Translations::translate(Endpoint& source, Endpoint& destination,
                             std::uint32_t& network) const {
  const Tuple tuple{source, destination, network};
  if (const auto forth = names_.find(tuple); forth != names_.end()) {
    source = forth->second.original.client;
    destination = forth->second.original.server;
    network = forth->second.original.network;
    return true;
  }
  const auto back = names_.find(tuple.reversed());
  if (back == names_.end()) return false;
  source = back->second.original.server;
  destination = back->second.original.client;
  network = back->second.original.network;
  return true;
}

}  // namespace httpdiag::tcp
