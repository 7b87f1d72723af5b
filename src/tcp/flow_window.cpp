// SPDX-License-Identifier: Apache-2.0
// Receive windows and the probes that are sent into closed ones.
#include <algorithm>

#include "tcp/flow.hpp"

namespace httpdiag::tcp {

void Flow::on_window(const Segment& segment, Side from) {
  SideRecord& own = record.side(from);
  if (!own.isn_known) note(Oddity::window_unknown);
  own.window = std::uint32_t{segment.window} << window_shift(from);

  const bool announced =
      segment.flags.has(TcpFlags::ack) && !segment.flags.has(TcpFlags::fin) && !own.fin;
  if (own.window == 0 && announced) {
    letter(from, 'W');
    SideTrouble& rare = trouble(from);
    rare.zero_window_last = segment.packet;
    if (!rare.zero_window_since) {
      rare.zero_window_since = segment.packet;
      rare.window_probes = 0;
      rare.peer_retransmitted = record.side(other(from)).trouble().retransmitted;
    } else {
      reinterpret_as_probes(other(from), segment.packet);
    }
  } else if (own.window != 0 && own.trouble_ptr && own.trouble_ptr->zero_window_since) {
    end_zero_window(segment, from);
  }
}

void Flow::end_zero_window(const Segment& segment, Side from) {
  SideTrouble& rare = trouble(from);
  const PacketRef since = rare.zero_window_since;
  const Duration closed = time_unknown(record, since, segment.packet)
                              ? Duration{0}
                              : std::max(segment.packet.time - since.time, Duration{0});
  rare.zero_window_total += closed;
  // Only a closed window that held something up counts: the peer probed it.
  if (rare.window_probes > 0 && closed > rare.longest_zero_window) {
    rare.longest_zero_window = closed;
    rare.zero_window_begin = rare.zero_window_since;
    rare.zero_window_end = segment.packet;
  }
  rare.zero_window_since = {};
}

// Linux sends keep-alive and zero-window probes alike, with no byte and one less than
// SND.NXT; others add one old byte. The peer's window tells which it is (taxonomy 1.2).
bool Flow::is_probe(const Segment& segment, Side from, std::int64_t offset) {
  const SideRecord& own = record.side(from);
  if (segment.payload_length > 1 || segment.flags.has(TcpFlags::fin) || own.fin) return false;
  const auto next = static_cast<std::int64_t>(own.next);
  const Side peer = other(from);
  const SideTrouble* theirs = record.side(peer).trouble_ptr.get();
  const bool peer_closed_window = theirs != nullptr && theirs->zero_window_since;

  if (peer_closed_window && segment.payload_length == 1 && offset == next) {
    // A probe with the next byte (RFC 9293 §3.8.6.1); if it is taken, it is ordinary data.
    note_probe(from, segment.packet);
    return false;
  }
  if (offset != next - 1 || !segment.flags.has(TcpFlags::ack)) return false;
  if (peer_closed_window) {
    note_probe(from, segment.packet);
    return true;
  }
  // Before the handshake is over this is the SYN's own number; with data in flight it is
  // a retransmission of its last byte.
  if (own.acked < own.next || (next == 0 && !record.handshake_ack && own.syn)) return false;
  SideTrouble& mine = trouble(from);
  ++mine.keepalives;
  if (mine.unanswered_keepalives++ == 0) mine.first_keepalive = segment.packet;
  mine.last_keepalive = segment.packet;
  letter(from, 'K');
  return true;
}

// Of a connection that is older than the capture the first packet may be a probe, of which only the
// next number tells: it carries the number in front of the one that is to come. Probes come where
// nothing else is going on; behind a packet of the peer's it may be the answer to that.
bool Flow::may_have_begun_with_probe(Side side) const {
  const SideRecord& own = record.side(side);
  return record.has(Oddity::midstream) && !own.isn_known && own.last && own.next == 0 &&
         own.sent == 0 && own.acked == 0 && own.payload_packets == 0 && !own.fin &&
         !record.side(other(side)).last;
}

void Flow::take_for_probe(Side side) {
  set_base(side, half(side).space.number(1));
  SideTrouble& rare = trouble(side);
  ++rare.keepalives;
  rare.first_keepalive = rare.last_keepalive = record.side(side).last;
  letter(side, 'K');
}

void Flow::note_probe(Side from, PacketRef packet) {
  SideTrouble& theirs = trouble(other(from));
  ++theirs.window_probes;
  ++theirs.unanswered_probes;
  theirs.window_probe = packet;
  letter(from, 'P');
}

// What did not fit into a window that closed is sent again, as data, until it opens; Linux does so
// instead of probing (tcp_retransmit_timer). An answer that says "window 0" once more shows that
// those segments arrived: probes by another name, and no loss.
void Flow::reinterpret_as_probes(Side from, PacketRef answer) {
  SideRecord& own = record.side(from);
  SideTrouble* mine = own.trouble_ptr.get();
  if (mine == nullptr || mine->head_retransmits == 0) return;
  SideTrouble& theirs = trouble(other(from));
  if (mine->head_first_retransmit.number < theirs.zero_window_since.number) return;
  theirs.window_probes += mine->head_retransmits;
  theirs.window_probe = mine->head_retransmit;
  mine->retransmitted = theirs.peer_retransmitted;
  mine->head_retransmits = 0;
  mine->head_first_retransmit = mine->head_retransmit = {};
  own.head_sent = answer;
  letter(from, 'P');
}

}  // namespace httpdiag::tcp
