// SPDX-License-Identifier: Apache-2.0
// Header prediction, as in the kernels' own receive path (Van Jacobson): nearly every segment is
// the next one of a flow in which nothing is going on, and a few comparisons tell it. Nothing is
// decided here that on_segment() would decide otherwise; a test runs both over every scenario.
#include <algorithm>

#include "tcp/flow.hpp"
#include "tcp/options.hpp"

namespace httpdiag::tcp {

bool Flow::at_rest(Side side) const {
  const SideRecord& own = record.side(side);
  const Half& h = half(side);
  const SideTrouble& rare = own.trouble();
  const bool open = own.state == HalfState::open || (own.state == HalfState::opening && own.syn);
  const bool quiet = !rare.rst && !rare.zero_window_since && rare.head_retransmits == 0 &&
                     rare.unanswered_keepalives == 0;
  return open && h.base_known && !own.fin && own.ttl != 0 && own.delivered == own.next &&
         own.acked <= own.next && !h.pending && !h.early_rst && quiet;
}

/// Nothing is under way but the exchange of bytes in order: what on_segment() asks before it comes
/// to that is answered by no, and stays so while only expected segments come.
bool Flow::at_rest() const {
  const bool opening = record.c().syn && !record.s().syn && !record.has(Oddity::synack_missing);
  const bool handshake_open = record.s().syn && !record.handshake_ack;
  return at_rest(Side::client) && at_rest(Side::server) && !opening && !handshake_open &&
         !roles_open();
}

void Flow::come_to_rest() {
  const bool resting = at_rest();
  for (const Side side : {Side::client, Side::server}) {
    half(side).at_rest = resting;
    half(side).window_shift = window_shift(side);
  }
}

void Flow::on_expected(Context& context, const Segment& segment, Side from, std::uint64_t content) {
  const Side peer = other(from);
  SideRecord& own = record.side(from);
  const SideRecord& theirs = record.side(peer);
  const std::uint32_t acked = segment.ack - half(peer).space.number(theirs.acked);

  ++own.packets;
  half(from).tsval = usual_tsval(segment);
  note_sender(segment, own);
  if (acked != 0) {
    move_acked(segment, peer, theirs.acked + acked);
    context.streams.on_ack(record, peer);
  }
  own.state = HalfState::open;
  if (segment.payload.empty()) {
    letter(from, 'A');
    own.sent = std::max(own.sent, own.next);
  } else {
    letter(from, 'D');
    const Offset begin = own.next;
    const Offset end = begin + segment.payload_length;
    ++own.payload_packets;
    own.payload_bytes += segment.payload_length;
    own.sent = std::max(own.sent, end);
    extend_tape(segment, from, end);
    own.delivered = end;
    context.recent.remember(record.id, from, begin, segment.payload.size(), content,
                            segment.packet);
    context.streams.on_chunk(
        record, {from, begin, segment.payload, segment.packet, segment.packet, theirs.acked});
    record.active = segment.packet;
  }
  own.window = std::uint32_t{segment.window} << half(from).window_shift;
  own.last = record.last = segment.packet;
}

}  // namespace httpdiag::tcp
