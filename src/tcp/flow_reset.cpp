// SPDX-License-Identifier: Apache-2.0
// Resets: which of them count (RFC 9293 §3.10.7.3, RFC 5961 §3.2), which were recorded
// a moment too early, and which proved to be without effect.
#include <algorithm>
#include <cstdlib>

#include "tcp/flow.hpp"

namespace httpdiag::tcp {

bool Flow::rst_is_effective(const Segment& segment, Side from) const {
  const SideRecord& own = record.side(from);
  const Side peer = other(from);
  // A server whose SYN-ACK answers a SYN that the capture lacks knows the client's number.
  const bool peer_opening = record.side(peer).syn && !own.syn && !half(from).base_known &&
                            !record.has(Oddity::synack_missing) && own.delivered == 0;
  if (peer_opening) {  // SYN-SENT: a RST counts only if it acknowledges the SYN (RFC 9293
                       // §3.10.7.3)
    if (!segment.flags.has(TcpFlags::ack)) return false;
    const std::int64_t acked = half(peer).space.offset(segment.ack, 0);
    if (acked < 0 || acked > static_cast<std::int64_t>(record.side(peer).next)) return false;
    // From a kernel without a listener the sequence number is 0; from one that made up
    // a connection it would be answered as any in-window segment. Both end SYN-SENT.
    return true;
  }
  if (!half(from).base_known) return true;  // nothing to hold it against
  // RFC 5961 §3.2: effective only at RCV.NXT of the receiver. That is somewhere between
  // what it was seen to acknowledge and all that was sent; one less than that is accepted
  // by Linux after a FIN (tcp_reset_check), which the crossing close produces.
  const Offset sent = own.next + (own.fin ? 1 : 0);
  const auto low = static_cast<std::int64_t>(own.acked) - (own.fin ? 1 : 0);
  const std::int64_t at = half(from).space.offset(segment.seq, own.next);
  return at >= low && at <= static_cast<std::int64_t>(std::max(sent, own.acked));
}

void Flow::on_rst(Context& context, const Segment& segment, Side from) {
  letter(from, 'R');
  SideTrouble& rare = trouble(from);
  ++rare.rsts;
  accept_rst_of_unseen_handshake(context, segment, from);
  if (!rst_is_effective(segment, from)) {
    note(Oddity::rst_ignored);
    if (!rare.ignored_rst) rare.ignored_rst = segment.packet;
    note_foreign_rst(segment, from, context.settings.thresholds.rst_ttl_delta);
    note_stepped_rst(segment, from);
    remember_early_rst(segment, from);
    return;
  }
  if (rare.rst) {
    // With the TTL that the first one lacked: the socket was there all the time.
    if (segment.ttl != rare.first_rst_ttl && segment.ttl == record.side(from).last_ttl)
      note_after_rst(segment, from, false);
    return;
  }
  const Side peer = other(from);
  rare.rst = segment.packet;
  rare.rst_ttl = segment.ttl;
  rare.rst_ip_id = segment.ip_id;
  rare.rst_window = segment.window;
  rare.rst_from_here = segment.hints.has(Hints::from_here);
  if (!rare.first_rst) note_rst_sender(segment, from);
  if (half(from).base_known) {
    const std::int64_t at = half(from).space.offset(segment.seq, record.side(from).next);
    rare.rst_seq = at > 0 ? static_cast<Offset>(at) : 0;
  }
  if (segment.flags.has(TcpFlags::ack) && half(peer).base_known) {
    const std::int64_t at = half(peer).space.offset(segment.ack, record.side(peer).next);
    rare.rst_has_ack = at >= 0;
    rare.rst_ack = at > 0 ? static_cast<Offset>(at) : 0;
  }
  record.side(from).state = step(record.side(from).state, Signal::rst);
  context.streams.on_rst(record, from);
}

void Flow::note_rst_sender(const Segment& segment, Side from) {
  const SideRecord& own = record.side(from);
  SideTrouble& rare = trouble(from);
  rare.first_rst = segment.packet;
  rare.first_rst_ttl = segment.ttl;
  rare.first_rst_ip_id = segment.ip_id;
  rare.ttl_before_rst = own.last_ttl;
  // A kernel takes 0 where it has no socket any more. After a while the counter may have served
  // other connections; a step back by little is a matter of recording order.
  constexpr std::uint8_t kEnoughSteps = 3;
  constexpr std::uint16_t kNear = 0x400;
  constexpr Duration kSoon = std::chrono::seconds{1};
  const bool counts = own.ip_id_steps >= kEnoughSteps && own.ip_id_steps != SideRecord::kNoCounter;
  const auto ahead = static_cast<std::uint16_t>(segment.ip_id - own.last_ip_id);
  const bool near = ahead <= kNear || ahead >= 0x10000 - kNear;
  const bool soon = segment.packet.time - own.last.time <= kSoon;
  // So does a RST without ACK, which no socket sent: kernels count those by themselves (Linux
  // before 4.19 for each destination).
  const bool of_socket = segment.flags.has(TcpFlags::ack);
  rare.rst_ip_id_astray = counts && of_socket && segment.ip_id != 0 && !near && soon;
}

// With another number than the next one it draws a challenge ACK (RFC 5961 §3.2), and a host that
// some other RST has told to forget the connection answers that with a RST of its own.
void Flow::note_foreign_rst(const Segment& segment, Side from, int delta) {
  const SideRecord& own = record.side(from);
  const auto differs = [&](std::uint8_t ttl) {
    return ttl != 0 && std::abs(int{segment.ttl} - int{ttl}) >= delta;
  };
  if (!own.trouble().first_rst && differs(own.ttl) && differs(own.last_ttl))
    note_rst_sender(segment, from);
}

// Devices guess numbers further on in the hope that one of them is right (Weaver, Sommer, Paxson,
// NDSS 2009). Who has sent a RST sends no data that could move the number on.
void Flow::note_stepped_rst(const Segment& segment, Side from) {
  const SideRecord& own = record.side(from);
  SideTrouble& rare = trouble(from);
  if (!rare.rst || rare.stepped_rst || !half(from).base_known) return;
  constexpr Duration kTogether = std::chrono::milliseconds{100};
  if (segment.packet.time - rare.rst.time > kTogether) return;
  constexpr std::int64_t kFarthest = 1 << 20;
  const std::int64_t at = half(from).space.offset(segment.seq, own.next);
  const auto number =
      static_cast<std::int64_t>(std::max({rare.rst_seq, own.next + (own.fin ? 1 : 0), own.acked}));
  // One further on is behind a FIN that the capture lacks.
  if (at > number + 1 && at - number < kFarthest) rare.stepped_rst = segment.packet;
}

void Flow::note_after_rst(const Segment& segment, Side from, bool news) {
  SideRecord& own = record.side(from);
  if (!own.trouble_ptr) return;
  SideTrouble& rare = *own.trouble_ptr;
  if (!rare.first_rst || rare.after_rst) return;
  // What is no news may have been overtaken on its way; by more than a round trip hardly.
  constexpr Duration kUnknownRoundTrip = std::chrono::milliseconds{200};
  Duration detour = kUnknownRoundTrip;
  if (news) {
    // Of one sender all packets go one way: where the RST alone came another, none overtook.
    const bool came_alone = segment.ttl == rare.ttl_before_rst &&
                            segment.ttl != rare.first_rst_ttl && own.other_ttl == 0;
    detour = came_alone ? Duration{0} : kReordering;
  } else {
    // Measured as nothing, it is shorter than the clock can tell.
    const bool measured = record.rtt > Duration{0} ||
                          (record.handshake_ack && record.c().syns == 1 && record.s().syns == 1);
    if (measured) detour = std::max(record.rtt, kReordering);
  }
  if (segment.packet.time - rare.first_rst.time > detour) rare.after_rst = segment.packet;
}

// A RST may be recorded a moment before the last data of its sender.
void Flow::remember_early_rst(const Segment& segment, Side from) {
  Half& h = half(from);
  if (!h.base_known || h.early_rst) return;
  const std::int64_t ahead = h.space.offset(segment.seq, record.side(from).next) -
                             static_cast<std::int64_t>(record.side(from).next);
  constexpr std::int64_t kNear = 1 << 20;
  if (ahead <= 0 || ahead > kNear) return;
  h.early_rst = std::make_unique<Segment>(segment);
  h.early_rst->payload = {};  // its bytes die with the packet
  h.early_rst->options = {};
}

void Flow::retry_early_rst(Context& context, const Segment& segment, Side from) {
  Half& h = half(from);
  const auto early = std::move(h.early_rst);
  if (segment.packet.time - early->packet.time > context.settings.limits.reorder_window) return;
  const SideRecord& own = record.side(from);
  if (h.space.number(own.next + (own.fin ? 1 : 0)) != early->seq) {
    h.early_rst = std::make_unique<Segment>(*early);  // there may be more to come
    return;
  }
  SideTrouble& rare = trouble(from);
  if (rare.ignored_rst == early->packet) rare.ignored_rst = {};
  --rare.rsts;
  on_rst(context, *early, from);
}

// Behind a SYN without an answer: the number of a client's RST counts bytes that it had sent, or
// the ACK number is one that it can only have from a SYN-ACK. The capture lacks what came in
// between.
void Flow::accept_rst_of_unseen_handshake(Context& context, const Segment& segment, Side from) {
  constexpr std::int64_t kNear = 1 << 20;
  const bool opening = record.c().syn && !record.s().syn && !record.has(Oddity::synack_missing);
  if (from != Side::client || !opening || record.s().packets > 0) return;
  const std::int64_t at = half(from).space.offset(segment.seq, record.c().next);
  const bool knows_server = segment.flags.has(TcpFlags::ack) && segment.ack != 0;
  const bool sent_more = at > static_cast<std::int64_t>(record.c().next);
  if (at < 0 || at > kNear || (!knows_server && !sent_more)) return;
  note(Oddity::synack_missing);
  if (knows_server && !half(Side::server).base_known) set_base(Side::server, segment.ack);
  tell_unseen_up_to(context, static_cast<Offset>(at), from, segment.packet);
}

// The sender of `packet` had sent bytes up to there that are not in the capture.
void Flow::tell_unseen_up_to(Context& context, Offset to, Side from, PacketRef packet) {
  SideRecord& own = record.side(from);
  const auto& pending = half(from).pending;
  const bool held = pending && !pending->empty();
  if (held) to = std::min(to, pending->first_offset());  // what follows that is known, or a hole
  if (to <= own.delivered) return;
  context.streams.on_gap(record,
                         {from, own.delivered, to - own.delivered, GapCause::not_captured, packet});
  SideTrouble& rare = trouble(from);
  rare.gap_bytes += to - own.delivered;
  if (!rare.gap_noticed) {
    rare.gap_noticed = packet;
    rare.gap_unacked = true;
  }
  own.delivered = to;
  own.next = std::max(own.next, to);
  if (held) drain(context, from, packet);
}

// A RST further on than anything seen of its sender, with which the connection fell silent, and
// which acknowledges all that its peer had sent, or more: its sender knew the connection, so the
// bytes in front of it, and those that it counts of its peer's, are what the capture lacks. A guess
// would have drawn a challenge ACK (RFC 5961 §3.2).
void Flow::accept_last_rst(Context& context, Side from) {
  constexpr std::uint64_t kLeastWindow = 65535;  // where its scale was not seen
  Half& h = half(from);
  const SideRecord& own = record.side(from);
  const SideRecord& peer = record.side(other(from));
  if (!h.early_rst || own.trouble().rst || own.fin || !half(other(from)).base_known) return;
  const auto last = std::move(h.early_rst);
  if (peer.last.number > last->packet.number || own.last_payload.number > last->packet.number)
    return;
  if (!last->flags.has(TcpFlags::ack) || peer.next == 0) return;
  const auto expected = static_cast<std::int64_t>(peer.next + (peer.fin ? 1 : 0));
  const std::int64_t acked = half(other(from)).space.offset(last->ack, peer.next);
  const std::int64_t room = peer.fin ? 0 : std::max<std::int64_t>(own.window, kLeastWindow);
  if (acked < expected || acked > expected + room) return;
  const std::int64_t at = h.space.offset(last->seq, own.next);
  // Beyond the window nothing can have been sent.
  const std::uint64_t most = own.acked + std::max<std::uint64_t>(peer.window, kLeastWindow);
  if (at > static_cast<std::int64_t>(most)) return;
  if (!h.pending) h.pending = std::make_unique<Pending>();
  while (h.pending && !h.pending->empty())
    skip_hole(context, from, GapCause::not_captured, last->packet);
  tell_unseen_up_to(context, static_cast<Offset>(at), from, last->packet);
  SideTrouble& rare = trouble(from);
  if (rare.ignored_rst == last->packet) rare.ignored_rst = {};
  --rare.rsts;
  on_rst(context, *last, from);
  // The holes of the client's tape have been told, but not this one.
  if (from == Side::server && record.c().trouble().lost_bytes == 0)
    end_holes(context, Side::client);
}

// It ended nothing, and its sender is where it was before.
void Flow::take_back_rst(Side from, HalfState before) {
  SideTrouble& rare = trouble(from);
  rare.rst = {};
  rare.rst_seq = rare.rst_ack = 0;
  rare.rst_has_ack = false;
  record.side(from).state = before;
}

// The SYN was sent again and is accepted now: what refused it, whoever did, is another story.
void Flow::take_back_refusal() {
  SideTrouble& rare = trouble(Side::server);
  trouble().refused = rare.rst;
  rare.first_rst = rare.after_rst = rare.stepped_rst = {};
  rare.rst_from_here = rare.rst_ip_id_astray = false;
  take_back_rst(Side::server, HalfState::unseen);
}

// Both sides went on after the RST, so it had no effect (RFC 5961 §3.2, or forged and ignored).
// What tells of its sender stays.
void Flow::take_back_ignored_rst(Side from) {
  SideTrouble& rare = trouble(from);
  if (!rare.ignored_rst) rare.ignored_rst = rare.rst;
  note(Oddity::rst_ignored);
  take_back_rst(from, record.side(from).fin ? HalfState::closing : HalfState::open);
}

}  // namespace httpdiag::tcp
