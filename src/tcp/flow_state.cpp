// SPDX-License-Identifier: Apache-2.0
// What a finished FlowRecord amounts to: handshake outcome, first closer, RFC
// 9293 state names. Pure functions of both sides; there is no third machine.
#include <algorithm>
#include <cstdlib>

#include "httpdiag/flow.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag {

namespace {

/// Destination unreachable (RFC 792, RFC 4443 §3.1), but not "fragmentation needed", which is about
/// size.
bool says_unreachable(const FlowTrouble& trouble) {
  if (!trouble.icmp) return false;
  if (trouble.icmp_v6) return trouble.icmp_type == 1;
  return trouble.icmp_type == 3 && trouble.icmp_code != 4;
}

}  // namespace

Handshake handshake(const FlowRecord& flow) {
  const bool syn = static_cast<bool>(flow.c().syn);
  const bool synack = static_cast<bool>(flow.s().syn);
  if (synack) return flow.handshake_ack ? Handshake::complete : Handshake::incomplete;
  if (!syn) return Handshake::not_captured;
  if (flow.has(Oddity::synack_missing)) return Handshake::complete;
  if (flow.s().trouble().rst) return Handshake::refused;
  // After an answer of any kind an ICMP error would be a soft one.
  if (says_unreachable(flow.trouble()) && !flow.has(Oddity::icmp_soft_error))
    return Handshake::unreachable;
  // A packet of an earlier connection is no answer where the SYN was repeated without another one.
  const std::uint32_t of_earlier = flow.trouble().challenges;
  const bool answered = flow.s().packets > 0 || of_earlier > 1 || of_earlier >= flow.c().syns;
  return answered ? Handshake::incomplete : Handshake::unanswered;
}

bool opened_unseen(const FlowRecord& flow) {
  const SideRecord &client = flow.c(), &server = flow.s();
  if (!server.syn || flow.handshake_ack) return false;
  const SideTrouble& reset = client.trouble();
  const bool asked_in_syn =
      flow.has(Oddity::syn_with_data);  // which is answered at once (RFC 7413)
  // A RST that refuses a wrong answer comes before the SYN-ACK, or has the number of that answer.
  const bool numbers = reset.rst_has_ack || (client.acked > 0 && !asked_in_syn);
  if (reset.rst && numbers && reset.rst_seq > 0) return true;
  if (reset.ignored_rst.number > server.syn.number && !flow.has(Oddity::challenged)) return true;
  if (asked_in_syn) return false;
  const SideTrouble& refusal = server.trouble();
  return client.acked > 0 || server.fin.number > server.syn.number ||
         (refusal.rst && refusal.rst_seq > 0);
}

EndedBy ended_by(const FlowRecord& flow) {
  struct Event {
    PacketNumber number;
    EndedBy by;
  };
  const Event events[] = {{flow.c().fin.number, EndedBy::client_fin},
                          {flow.s().fin.number, EndedBy::server_fin},
                          {flow.c().trouble().rst.number, EndedBy::client_rst},
                          {flow.s().trouble().rst.number, EndedBy::server_rst}};
  Event first{0, EndedBy::none};
  for (const Event& event : events) {
    if (event.number != 0 && (first.number == 0 || event.number < first.number)) first = event;
  }
  return first.by;
}

namespace {

/// Both sides have sent a FIN.
TcpState both_closing(const SideRecord& own, const SideRecord& peer) {
  const bool own_acked = own.acked > own.fin_offset;
  const bool peer_acked = peer.acked > peer.fin_offset;
  // Whoever sent its FIN before it had the peer's is the active closer (both, when they crossed).
  const bool active = own.fin_ack <= peer.fin_offset;
  if (active) {
    if (own_acked) return peer_acked ? TcpState::time_wait : TcpState::fin_wait_2;
    return peer_acked ? TcpState::closing : TcpState::fin_wait_1;
  }
  return own_acked ? TcpState::closed : TcpState::last_ack;
}

}  // namespace

bool closed(const FlowRecord& flow) {
  const auto& [client, server] = flow.sides;
  if (client.trouble().rst || server.trouble().rst) return true;
  return client.fin && server.fin && client.acked > client.fin_offset &&
         server.acked > server.fin_offset;
}

Duration patience(AgeList list, const Limits& limits) {
  switch (list) {
    case AgeList::opening:
      return limits.idle_attempt;
    case AgeList::open:
      return limits.idle_flow;
    case AgeList::lingering:
      return limits.linger_closed;
    case AgeList::resting:
      return limits.resting_flow;
  }
  std::abort();
}

namespace {

bool opens(const FlowRecord& flow) { return flow.c().syn && !flow.handshake_ack; }

bool has_unacked(const FlowRecord& flow) {
  return flow.c().next > flow.c().acked || flow.s().next > flow.s().acked;
}

}  // namespace

bool awaits_ack(const FlowRecord& flow) {
  const bool heard = flow.c().packets > 0 && flow.s().packets > 0;
  return opens(flow) || (heard && has_unacked(flow));
}

bool in_progress(const FlowRecord& flow) {
  return opens(flow) || has_unacked(flow) ||
         flow.c().last_payload.number > flow.s().last_payload.number;
}

void note_icmp_error(FlowRecord& flow, const IcmpError& error) {
  const bool opening = !flow.s().syn && !flow.has(Oddity::synack_missing) && flow.c().syn;
  if (!flow.trouble_ptr) flow.trouble_ptr = std::make_unique<FlowTrouble>();
  FlowTrouble& rare = *flow.trouble_ptr;
  if (rare.icmp) return;
  rare.icmp = error.packet;
  rare.icmp_reporter = error.reporter;
  rare.icmp_type = error.type;
  rare.icmp_code = error.code;
  rare.icmp_v6 = error.v6;
  rare.icmp_mtu = error.mtu;
  if (!opening) flow.oddities |= static_cast<std::uint16_t>(Oddity::icmp_soft_error);
}

bool time_unknown(const FlowRecord& flow, PacketRef from, PacketRef to) {
  if (!from || !to) return false;
  if (from.time == Timestamp{} && to.time == Timestamp{}) return true;
  if (!flow.trouble_ptr) return false;
  const auto guessed = [&](PacketRef packet) {
    return std::ranges::any_of(flow.trouble_ptr->untimed, [&](PacketRef each) {
      return each && each.number == packet.number;
    });
  };
  if (guessed(from) || guessed(to)) return true;
  if (from.number < to.number && from.time - to.time > kReordering) return true;
  const PacketNumber first = std::min(from.number, to.number);
  const PacketNumber last = std::max(from.number, to.number);
  return std::ranges::any_of(flow.trouble_ptr->clock_set, [&](PacketRef set) {
    return set.number > first && set.number <= last;
  });
}

bool fin_may_precede(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  return !own.fin && !own.syn && own.next == 0 && flow.has(Oddity::midstream);
}

TcpState tcp_state(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  const SideRecord& peer = flow.side(other(side));
  if (own.trouble().rst || peer.trouble().rst) return TcpState::closed;
  if (own.state == HalfState::unseen) return TcpState::unknown;

  const Handshake opened = handshake(flow);
  if (opened == Handshake::unreachable)
    return side == Side::client ? TcpState::closed : TcpState::unknown;
  if (opened == Handshake::unanswered) return TcpState::syn_sent;
  if (opened == Handshake::incomplete && !own.fin) {
    if (opened_unseen(flow)) return TcpState::unknown;
    if (side == Side::client) return TcpState::syn_sent;
    return flow.s().syn ? TcpState::syn_rcvd : TcpState::unknown;
  }
  if (own.fin && peer.fin) return both_closing(own, peer);
  if ((own.fin && fin_may_precede(flow, other(side))) || (peer.fin && fin_may_precede(flow, side)))
    return TcpState::unknown;
  if (own.fin) return own.acked > own.fin_offset ? TcpState::fin_wait_2 : TcpState::fin_wait_1;
  if (peer.fin && peer.acked > peer.fin_offset) return TcpState::close_wait;
  return TcpState::established;
}

}  // namespace httpdiag
