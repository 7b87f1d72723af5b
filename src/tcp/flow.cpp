// SPDX-License-Identifier: Apache-2.0
// The dispatch of a segment, handshake and acknowledgements. The everyday segment is in
// flow_expected.cpp, windows and probes are in flow_window.cpp, resets in flow_reset.cpp,
// payload and holes in flow_payload.cpp.
#include "tcp/flow.hpp"

#include <algorithm>
#include <cstring>

#include "tcp/options.hpp"

namespace httpdiag::tcp {

namespace {

// The third packet of a handshake cannot be further from the SYN-ACK than the
// unscaled window that both sides start with (RFC 7323 §2.2).
constexpr std::int64_t kHandshakeWindow = 65535 * 2;

/// When the head was acknowledged, as far as that is known: who has not heard of it sends it again,
/// each time after twice as long (RFC 6298 §5.5). Silence for much longer than that says that an
/// earlier ACK was not recorded.
PacketRef end_of_stall(const SideRecord& own, const SideTrouble& rare, PacketRef acked_by) {
  constexpr Duration kFirstTimeout = std::chrono::seconds{3};  // the longest (RFC 6298 §5.7)
  const Duration tried = rare.head_retransmit.time - own.head_sent.time;
  // Divided, for times in a damaged capture may be too far apart to be multiplied.
  const Duration silent = acked_by.time - rare.head_retransmit.time - kFirstTimeout;
  const bool overdue = silent / 4 > tried;
  return overdue ? rare.head_retransmit : acked_by;
}

}  // namespace

SideTrouble& Flow::trouble(Side side) {
  auto& pointer = record.side(side).trouble_ptr;
  if (!pointer) pointer = std::make_unique<SideTrouble>();
  return *pointer;
}

FlowTrouble& Flow::trouble() {
  if (!record.trouble_ptr) record.trouble_ptr = std::make_unique<FlowTrouble>();
  return *record.trouble_ptr;
}

void Flow::write_letter(Side side, char upper) {
  half(side).letters |= 1u << (upper - 'A');
  const std::size_t length = std::strlen(record.history.data());
  if (length + 1 >= record.history.size()) return;
  record.history[length] = side == Side::client ? upper : static_cast<char>(upper - 'A' + 'a');
}

void Flow::set_base(Side side, std::uint32_t number) {
  half(side).space = SequenceSpace{number};
  half(side).base_known = true;
}

Offset Flow::peer_acked(const Segment& segment, Side from) const {
  const Side peer = other(from);
  if (!segment.flags.has(TcpFlags::ack) || !half(peer).base_known) return 0;
  const std::int64_t ack = half(peer).space.offset(segment.ack, record.side(peer).acked);
  return ack > 0 ? static_cast<Offset>(ack) : 0;
}

void Flow::rebase(Context& context, Side side, std::uint32_t number) {
  set_base(side, number);
  SideRecord& own = record.side(side);
  own.next = own.acked = own.sent = own.delivered = own.fin_offset = own.fin_ack = 0;
  own.fin = {};
  own.fins = 0;
  half(side).rtt_sent = {};
  if (half(side).pending) {  // held back under numbers that were not of this connection
    context.held_bytes -= half(side).pending->cost();
    half(side).pending.reset();
  }
}

bool Flow::closed() const { return httpdiag::closed(record); }

bool Flow::roles_open() const {
  return record.has(Oddity::roles_guessed) && record.c().payload_packets == 0 &&
         record.s().payload_packets == 0;
}

void Flow::note_translation(const Endpoint& client, const Endpoint& server, PacketRef packet) {
  // A packet may pass several devices of the host, under another name on each.
  constexpr Duration kElsewhere = std::chrono::seconds{1};
  FlowTrouble& rare = trouble();
  const bool other = rare.translated_client != client || rare.translated_server != server;
  if (rare.last_translated && other && packet.time - rare.last_translated.time > kElsewhere) {
    rare.translated_anew = packet;
    rare.translated_client_before = rare.translated_client;
    rare.translated_server_before = rare.translated_server;
  }
  rare.translated_client = client;
  rare.translated_server = server;
}

void Flow::swap_roles() {
  std::swap(record.client, record.server);
  std::swap(record.sides[0], record.sides[1]);
  std::swap(halves_[0], halves_[1]);
  if (FlowTrouble* rare = record.trouble_ptr.get()) {
    std::swap(rare->tunnels[0], rare->tunnels[1]);
    std::swap(rare->translated_client, rare->translated_server);
    std::swap(rare->translated_client_before, rare->translated_server_before);
  }
  record.syn_clock = record.fin_clock = 0;  // the client's
  for (char& c : record.history) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    } else if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    }
  }
}

bool Flow::is_own_syn(const Segment& segment, Side from) const {
  const SideRecord& own = record.side(from);
  if (own.isn_known) return own.isn == segment.seq;
  if (segment.flags.has(TcpFlags::ack)) {
    // A SYN-ACK belongs to the SYN it acknowledges, whatever came between. One that
    // acknowledges something else is a leftover of an earlier incarnation.
    if (from != Side::server || !half(Side::client).base_known) return false;
    if (record.c().isn_known) return true;
    // Of a connection whose SYN the capture lacks: one that acknowledges none of its bytes opens
    // another on the same ports.
    const std::int64_t acked = half(Side::client).space.offset(segment.ack, 0);
    return acked >= 0 && acked <= static_cast<std::int64_t>(record.c().next);
  }
  if (from == Side::client) {
    // SYN recorded after the SYN-ACK that acknowledges it.
    return record.s().syn && half(from).base_known && half(from).space.number(0) == segment.seq + 1;
  }
  // Simultaneous open: both SYNs before anything else (RFC 9293 §3.5).
  return record.c().syn && !record.s().syn && record.s().packets == 0 && !record.handshake_ack;
}

namespace {

std::uint64_t gap(std::int64_t offset, Offset near) {
  const std::int64_t d = offset - static_cast<std::int64_t>(near);
  return static_cast<std::uint64_t>(d < 0 ? -d : d);
}

}  // namespace

std::uint64_t Flow::distance(const Segment& segment, Side from) const {
  std::uint64_t result = 0;
  bool known = false;
  if (half(from).base_known) {
    const Offset at = record.side(from).next;
    result = gap(half(from).space.offset(segment.seq, at), at);
    known = true;
  }
  const Side peer = other(from);
  if (segment.flags.has(TcpFlags::ack) && half(peer).base_known) {
    const Offset at = record.side(peer).next;
    result = std::max(result, gap(half(peer).space.offset(segment.ack, at), at));
    known = true;
  }
  return known ? result : static_cast<std::uint64_t>(kMaxDistance);
}

bool Flow::at_end() const {
  return std::any_of(record.sides.begin(), record.sides.end(), [](const SideRecord& side) {
    return (side.fin && !side.fin_unseen) || side.trouble().rst;
  });
}

bool Flow::is_of_later_connection(const Segment& segment, Side from) const {
  // Who has closed says nothing more: that number cannot move on. The other one is further off than
  // a window reaches without scaling, and some.
  constexpr std::uint64_t kFar = 1 << 20;
  const SideRecord& own = record.side(from);
  const SideRecord& peer = record.side(other(from));
  if (!at_end() || segment.payload_length == 0 || !segment.flags.has(TcpFlags::ack) ||
      segment.flags.has(TcpFlags::syn | TcpFlags::rst))
    return false;
  if (!half(from).base_known || !half(other(from)).base_known) return false;
  return gap(half(from).space.offset(segment.seq, own.next), own.next) > kFar &&
         gap(half(other(from)).space.offset(segment.ack, peer.next), peer.next) > kFar;
}

namespace {

void note_recorded_at(FlowTrouble& rare, RecordedAt place) {
  for (const std::size_t i : {0u, 1u}) {
    if (place == RecordedAt{rare.origin.devices[i], rare.origin.vlans[i]}) return;
  }
  const auto end = rare.other_places.begin() + rare.other_place_count;
  const bool known = std::find(rare.other_places.begin(), end, place) != end;
  if (known || end == rare.other_places.end()) return;
  *end = place;
  ++rare.other_place_count;
}

}  // namespace

void Flow::on_duplicate(const Segment& segment, PacketRef original, const CopyOrigin& origin) {
  FlowTrouble& rare = trouble();
  const Side from = segment.source == record.client ? Side::client : Side::server;
  if (rare.duplicates++ == 0) {
    rare.duplicate = segment.packet;
    rare.duplicate_of = original;
    rare.origin = origin;
    rare.origin.tunnels = {rare.tunnels[index(from)].kind, segment.tunnel.kind};
  } else {
    for (const std::size_t i : {0u, 1u})
      note_recorded_at(rare, {origin.devices[i], origin.vlans[i]});
  }
  // Every router on the way takes one off.
  const SideRecord& sender = record.side(from);
  if (segment.tunnel.kind != TunnelKind::none) note_tunnel(from, segment.tunnel);
  const int step = int{sender.ttl} - int{segment.ttl};
  if (sender.ttl != 0)
    rare.most_ttl_steps = std::max(rare.most_ttl_steps, static_cast<std::uint8_t>(std::abs(step)));
  if (sender.ttl != 0 && (step == 1 || step == -1)) {
    if (!rare.forwarded) rare.forwarded = segment.packet;
  }
  if (record.last.number < segment.packet.number) record.last = segment.packet;
}

void Flow::note_predecessor(const Segment& answer, const FlowRecord& earlier) {
  note(Oddity::challenged);
  FlowTrouble& rare = trouble();
  if (!rare.challenge_ack) rare.challenge_ack = answer.packet;
  if (rare.challenges++ > 0) return;
  rare.predecessor = earlier.id;
  rare.predecessor_last = earlier.last;
  rare.predecessor_client = tcp_state(earlier, Side::client);
  rare.predecessor_server = tcp_state(earlier, Side::server);
}

void Flow::note_refused(const Segment& rst) {
  FlowTrouble* rare = record.trouble_ptr.get();
  if (rare != nullptr && rare->challenges > 0 && !rare->challenge_refused)
    rare->challenge_refused = rst.packet;
}

/// The segment is from before the last one, or from long after it.
void Flow::note_clock(const Context& context, const Segment& segment, Side from) {
  const Duration step = segment.packet.time - record.last.time;
  if (step < Duration{0}) {
    if (-step <= context.settings.thresholds.clock_step_back || segment.hints.has(Hints::piece))
      return;
    trouble().clock_step = std::max(trouble().clock_step, -step);
    if (-step > kReordering) note_clock_set(segment);
    return;
  }
  const auto really = refuted_pause(segment, from, context.leaps);
  if (!really) return;
  note_clock_set(segment);
  FlowTrouble& rare = trouble();
  if (rare.ahead_to && rare.ahead_to.time - rare.ahead_from.time > step) return;
  rare.ahead_from = record.last;
  rare.ahead_to = segment.packet;
  rare.ahead_really = *really;
}

std::optional<Duration> Flow::refuted_pause(const Segment& segment, Side from,
                                            const Leaps& leaps) const {
  // RFC 7323 §5.4 allows ticks of up to 1 s; systems in use have such of 1 to 10 ms.
  constexpr Duration kLongestTick = std::chrono::milliseconds{10};
  // A clock that stands still may be none, and a number that somebody made up.
  constexpr Duration kNoneStandsStill = std::chrono::hours{1};
  const PacketRef before = record.side(from).last;
  const std::uint32_t tsval = usual_tsval(segment), tsval_before = half(from).tsval;
  if (!before || tsval == 0 || tsval_before == 0) return std::nullopt;
  const Duration pause = segment.packet.time - before.time;
  const std::uint32_t ticks = tsval - tsval_before;
  if (ticks >= kMaxDistance || (ticks == 0 && pause <= kNoneStandsStill)) return std::nullopt;
  const Duration really = kLongestTick * ticks;
  if (really > pause / 2) return std::nullopt;
  // A host that slept has a clock that stood still, and the capture of others went on.
  const bool quiet = leaps.longest_since(before.time) >= (pause - really) / 2;
  return quiet ? std::optional{really} : std::nullopt;
}

void Flow::note_untimed(const Segment& segment) {
  auto& untimed = trouble().untimed;
  const auto free = std::ranges::find(untimed, PacketRef{});
  if (free != untimed.end()) *free = segment.packet;
}

void Flow::note_clock_set(const Segment& segment) {
  auto& set = trouble().clock_set;
  const auto free = std::ranges::find(set, PacketRef{});
  if (free != set.end()) *free = segment.packet;
}

/// The client's timestamp has gone on since its SYN by no more than the time that passed.
bool Flow::goes_on_by_clock(const Segment& segment) const {
  constexpr std::int64_t kTicks = 1000, kSlack = 100;  // in a second; RFC 7323 §5.4
  const std::uint32_t tsval = timestamp_of(segment).value_or(0);
  if (record.syn_clock == 0 || tsval == 0 || !record.c().syn) return false;
  const std::int64_t ticks = std::uint32_t{tsval - record.syn_clock};
  const Duration passed = segment.packet.time - record.c().syn.time;
  return ticks <= kTicks * std::chrono::duration_cast<std::chrono::seconds>(passed).count() +
                      kTicks + kSlack;
}

void Flow::on_segment(Context& context, const Segment& segment, Side from, std::uint64_t content) {
  const Side peer = other(from);
  SideRecord& own = record.side(from);
  if (!record.first) record.first = segment.packet;
  if (record.last && !soon_behind(segment.packet.time)) note_clock(context, segment, from);
  if (segment.time_guessed) note_untimed(segment);
  half(from).tsval =
      segment.flags.has(TcpFlags::syn) ? timestamp_of(segment).value_or(0) : usual_tsval(segment);
  if (half(from).pending || half(peer).pending) check_holes(context, segment.packet);
  if (may_have_begun_with_probe(from) && segment.seq == half(from).space.number(1))
    take_for_probe(from);
  ++own.packets;
  if (!segment.flags.has(TcpFlags::rst)) {
    if (own.ttl == 0) {
      own.ttl = segment.ttl;
      own.hints = segment.hints;
    }
    note_sender(segment, own);
  }
  // What comes when the prober has given up answers nothing any more.
  if (SideTrouble* theirs = record.side(peer).trouble_ptr.get(); theirs && !theirs->rst)
    theirs->unanswered_keepalives = 0;
  if (own.trouble_ptr) own.trouble_ptr->unanswered_probes = 0;

  bool active = false;
  if (segment.flags.has(TcpFlags::rst)) {
    on_rst(context, segment, from);
  } else if (segment.flags.has(TcpFlags::syn)) {
    on_syn(context, segment, from);
    active = true;
  } else if (on_ack(context, segment, from)) {
    if (!half(from).base_known) set_base(from, segment.seq);
    const std::int64_t offset = half(from).space.offset(segment.seq, own.next);
    if (!plausible(offset, own.next)) {
      note(Oddity::out_of_window);
    } else if (!is_probe(segment, from, offset)) {
      const std::int64_t end = offset + segment.payload_length;
      const std::int64_t known = static_cast<std::int64_t>(own.next) + (own.fin ? 1 : 0);
      // Of the hole that is still there: an earlier one that was filled says nothing any more.
      const bool filled = own.trouble().told <= own.next;
      if (segment.payload_length == 0 && end > known && (!own.trouble().told_of || filled)) {
        SideTrouble& rare = trouble(from);
        rare.told_of = segment.packet;
        rare.told = static_cast<Offset>(end);
      }
      if (end > static_cast<std::int64_t>(own.sent)) own.sent = static_cast<Offset>(end);
      own.state = step(own.state, segment.flags.has(TcpFlags::fin) ? Signal::fin : Signal::plain);
      if (segment.payload_length > 0) {
        letter(from, 'D');
        on_payload(context, segment, from, offset, content);
        active = true;
      } else if (!segment.flags.has(TcpFlags::fin)) {
        letter(from, 'A');
      }
      if (segment.flags.has(TcpFlags::fin)) {
        const std::int64_t fin_at = offset + segment.payload_length;
        if (fin_at >= 0) on_fin(segment, from, static_cast<Offset>(fin_at));
        active = true;
      }
      tell_fin(context, from);
      if (half(from).early_rst) retry_early_rst(context, segment, from);
    }
    on_window(segment, from);
  }

  // A piece may have waited in vain for the rest of its datagram.
  const bool late = segment.hints.has(Hints::piece) && segment.packet.number < record.last.number;
  if (!late || own.last.number < segment.packet.number) own.last = segment.packet;
  if (!late) record.last = segment.packet;
  if (active && !late) record.active = segment.packet;
  come_to_rest();
}

bool Flow::is_fresh_answer(const Segment& segment, Side from) const {
  const SideRecord& client = record.c();
  const SideRecord& server = record.s();
  return from == Side::server && segment.flags.has(TcpFlags::ack) && !record.handshake_ack &&
         server.isn_known && server.isn != segment.seq && client.isn_known &&
         segment.ack == client.isn + 1 && client.syns > server.syns && server.next == 0 &&
         client.next == 0;
}

void Flow::on_syn(Context& context, const Segment& segment, Side from) {
  const bool has_ack = segment.flags.has(TcpFlags::ack);
  const Side peer = other(from);
  SideRecord& own = record.side(from);

  if (own.isn_known && own.isn != segment.seq) {
    if (!is_fresh_answer(segment, from)) {
      // Of another connection; the tracker found no better home.
      note(Oddity::challenged);
      return;
    }
    own.isn = segment.seq;
    rebase(context, from, segment.seq + 1);
  }
  if (has_ack && from == Side::server && half(peer).base_known) {
    const std::int64_t acked = half(peer).space.offset(segment.ack, 0);
    const auto sent = static_cast<std::int64_t>(record.side(peer).next);
    if (acked < 0 || acked > sent) {  // acknowledges another SYN: taxonomy 17
      note(Oddity::challenged);
      if (!trouble().challenge_ack) trouble().challenge_ack = segment.packet;
      return;
    }
  }
  if (!has_ack && from == Side::server && record.c().syn) note(Oddity::simultaneous_open);

  letter(from, has_ack ? 'H' : 'S');
  // Nothing asked for it again, so whoever sent it had not refused the SYN (Windows repeats a
  // refused one).
  const bool asked_again = record.c().syns >= 2;
  if (has_ack && from == Side::server && !asked_again) note_after_rst(segment, from, true);
  const bool refused_before =
      own.trouble().rst && own.trouble().rst.number < record.c().last.number;
  if (has_ack && from == Side::server && asked_again && !own.isn_known && refused_before)
    take_back_refusal();
  if (!own.isn_known) {
    own.isn = segment.seq;
    own.isn_known = true;
    own.syn = segment.packet;
    own.mss = segment.mss;
    own.window_scale = segment.window_scale;
    // As of a device that completes the handshake for a server that it has yet to reach.
    if (has_ack && segment.window == 0) trouble(from).zero_window_since = segment.packet;
    if (from == Side::client) record.syn_clock = timestamp_of(segment).value_or(0);
    const bool heard_before = half(from).base_known;
    if (!heard_before) {
      set_base(from, segment.seq + 1);
    } else if (half(from).space.number(0) != segment.seq + 1 && own.delivered == 0) {
      rebase(context, from, segment.seq + 1);  // what came before was not of this connection
    }
    if (from == Side::client && record.s().syn && record.s().syn.number < segment.packet.number) {
      note(Oddity::synack_before_syn);
    }
  }
  // In a simultaneous open each side sends its SYN and then a SYN-ACK with the same number.
  const bool second_form = has_ack && own.syns == 1 && record.has(Oddity::simultaneous_open);
  if (!second_form) ++own.syns;
  if (!second_form && own.syns >= 2) {
    SideTrouble& rare = trouble(from);
    if (!rare.syn_times[0]) rare.syn_times[0] = own.syn;
    rare.syn_times[std::min<std::size_t>(own.syns, kMaxSynTimes) - 1] = segment.packet;
  }
  own.state = step(own.state, Signal::syn);
  own.window = segment.window;  // never scaled in a SYN (RFC 7323 §2.2)

  if (has_ack) {
    if (!half(peer).base_known) {  // the SYN itself is missing
      set_base(peer, segment.ack);
      record.side(peer).isn = segment.ack - 1;
    }
    const std::int64_t acked = half(peer).space.offset(segment.ack, record.side(peer).acked);
    if (acked > static_cast<std::int64_t>(record.side(peer).acked)) {
      advance_acked(context, segment, peer, static_cast<Offset>(acked));
    }
  }
  if (segment.payload_length > 0) {  // TCP Fast Open (RFC 7413)
    note(Oddity::syn_with_data);
    letter(from, 'D');
    on_payload(context, segment, from, 0, 0);
  }
}

bool Flow::on_ack(Context& context, const Segment& segment, Side from) {
  const Side tape = other(from);
  SideRecord& own = record.side(from);
  if (own.trouble_ptr && own.trouble_ptr->first_rst) {
    if (own.trouble_ptr->rst) note(Oddity::data_after_rst);
    note_after_rst(segment, from, false);
  }
  if (!segment.flags.has(TcpFlags::ack)) return true;

  const bool opening = record.c().syn && !record.s().syn && !record.has(Oddity::synack_missing);
  if (opening && from == Side::server) {
    // An answer to the SYN that is no SYN-ACK. Believe it only if it acknowledges the SYN, and what
    // may have been sent behind it, and brings payload; a lone ACK or FIN is a leftover of another
    // connection.
    const std::int64_t acked = half(tape).space.offset(segment.ack, 0);
    const std::int64_t most = static_cast<std::int64_t>(record.c().next) + kHandshakeWindow;
    // A bare ACK may be an older connection's, unless it acknowledges bytes behind this SYN, too.
    const bool bare = segment.payload_length == 0 && acked <= 0;
    if (acked < 0 || acked > most || bare) {
      note(Oddity::challenged);
      if (!trouble().challenge_ack) trouble().challenge_ack = segment.packet;
      return false;
    }
    note(Oddity::synack_missing);
    if (record.has(Oddity::challenged) && trouble().challenges == 0) {  // that was its first ACK
      record.oddities &= static_cast<std::uint16_t>(~static_cast<unsigned>(Oddity::challenged));
      trouble().challenge_ack = {};
    }
  }
  if (!half(tape).base_known) {
    set_base(tape, segment.ack);
    if (opening && from == Side::client) note(Oddity::synack_missing);
  }
  const SideRecord& theirs = record.side(tape);
  const std::int64_t offset = half(tape).space.offset(segment.ack, theirs.acked);

  if (from == Side::client && record.s().syn && !record.handshake_ack) {
    const std::int64_t own_offset = half(from).space.offset(segment.seq, own.next);
    // A capture of SYNs, FINs and RSTs alone lacks all that was sent in between; the sender's clock
    // tells that it is the same connection.
    const std::int64_t farthest = goes_on_by_clock(segment) ? kMaxDistance : kHandshakeWindow;
    const auto limit = static_cast<std::int64_t>(theirs.next) + farthest;
    if (offset < 0 || offset > limit || own_offset < -1 || own_offset > farthest) {
      note(Oddity::out_of_window);  // not an answer to this SYN-ACK
      return false;
    }
    record.handshake_ack = segment.packet;
    record.handshake_ack_alone = segment.payload_length == 0 && own_offset == 0 && offset == 0 &&
                                 !segment.flags.has(TcpFlags::fin);
    const Duration rtt = segment.packet.time - record.c().syn.time;
    if (record.c().syn && own.syns == 1 && record.s().syns == 1 && rtt > Duration{0}) {
      record.rtt = rtt;
    }
  }
  if (!plausible(offset, theirs.acked)) {
    note(Oddity::out_of_window);
    return false;
  }
  if (offset > static_cast<std::int64_t>(theirs.acked)) {
    advance_acked(context, segment, tape, static_cast<Offset>(offset));
  }
  if (segment.sack) note_sack(segment, tape);
  return true;
}

void Flow::note_sack(const Segment& segment, Side tape) {
  const std::uint32_t bytes = longest_sacked(segment);
  if (bytes == 0) return;
  SideTrouble& rare = trouble(tape);
  if (!rare.beyond_head) rare.beyond_head = segment.packet;
  rare.sacked_bytes = std::max(rare.sacked_bytes, bytes);
}

// A long head that went unacknowledged and then got through in smaller pieces: the path, or the
// sender's probing (RFC 4821), says that only the length was in its way.
void Flow::note_shrunk(SideTrouble& rare, const SideRecord& own, PacketRef acked_by) {
  if (!rare.head_smaller || rare.head_in_vain <= rare.shrunk.in_vain) return;
  rare.shrunk = {.first = rare.head_first_retransmit,
                 .smaller = rare.head_smaller,
                 .acked_by = acked_by,
                 .in_vain = rare.head_in_vain,
                 .most_bytes = rare.head_most_bytes,
                 .bytes = rare.head_least_bytes,
                 .longest_yet = own.acked <= own.longest_begin};
}

void Flow::end_rtt_sample(const Segment& segment, Side tape) {
  Half& h = half(tape);
  if (record.side(tape).acked < h.rtt_end) return;
  const Duration sample = segment.packet.time - h.rtt_sent;
  if (sample >= Duration{0} && (h.rtt_min == Duration{0} || sample < h.rtt_min)) {
    h.rtt_min = std::max(sample, Duration{1});
  }
  h.rtt_sent = {};
}

void Flow::advance_acked(Context& context, const Segment& segment, Side tape, Offset acked) {
  SideRecord& theirs = record.side(tape);
  Half& h = half(tape);
  if (acked == 1 && may_have_begun_with_probe(tape)) return take_for_probe(tape);
  if (SideTrouble* rare = theirs.trouble_ptr.get()) {
    if (rare->head_retransmits > 0) {
      // What a closed window refuses is sent again without having been lost.
      const SideTrouble* peer = record.side(other(tape)).trouble_ptr.get();
      if (peer == nullptr || peer->zero_window_last.number <= theirs.head_sent.number)
        note_stall(tape, theirs.head_sent, end_of_stall(theirs, *rare, segment.packet));
      note_shrunk(*rare, theirs, segment.packet);
      rare->head_retransmits = 0;
      rare->head_first_retransmit = rare->head_retransmit = {};
    }
    rare->beyond_head = {};
    rare->sacked_bytes = 0;
    // The receiver of the RST acknowledges more than it had when the RST came, and its
    // sender went on talking: neither of them honours it.
    if (rare->rst && record.has(Oddity::data_after_rst) && acked > rare->rst_seq)
      take_back_ignored_rst(tape);
  }
  move_acked(segment, tape, acked);
  if (acked_payload(tape) > theirs.delivered) {  // acknowledged, but not (yet) in the capture
    if (!h.pending) h.pending = std::make_unique<Pending>();
    if (!h.pending->hole_acked) h.pending->hole_acked = segment.packet;
    if (!h.pending->hole_noticed) h.pending->hole_noticed = segment.packet;
  }
  context.streams.on_ack(record, tape);
}

void Flow::on_fin(const Segment& segment, Side from, Offset offset) {
  SideRecord& own = record.side(from);
  letter(from, 'F');
  ++own.fins;
  if (own.fin) {
    ++trouble(from).retransmitted;
    return;
  }
  if (offset < own.next) return;  // an old segment with other flags
  own.fin = segment.packet;
  own.fin_offset = offset;
  if (from == Side::client) record.fin_clock = timestamp_of(segment).value_or(0);
  own.next = std::max(own.next, offset);
  own.fin_ack = peer_acked(segment, from);
  if (own.acked >= offset && !own.head_sent) own.head_sent = segment.packet;
}

void Flow::note_stall(Side side, PacketRef begin, PacketRef end) {
  if (!begin || !end) return;
  SideTrouble& rare = trouble(side);
  rare.most_head_retransmits = std::max(rare.most_head_retransmits, rare.head_retransmits);
  const Duration stall = end.time - begin.time;
  if (stall <= rare.longest_stall) return;
  rare.longest_stall = stall;
  rare.stall_begin = begin;
  rare.stall_end = end;
}

void Flow::end(Context& context, EndCause cause, Timestamp now) {
  for (const Side side : {Side::client, Side::server}) {
    accept_last_rst(context, side);
    end_holes(context, side);
    tell_fin(context, side);
    if (SideTrouble* rare = record.side(side).trouble_ptr.get()) {
      rare->most_head_retransmits = std::max(rare->most_head_retransmits, rare->head_retransmits);
    }
  }
  if (record.rtt == Duration{0}) record.rtt = halves_[0].rtt_min + halves_[1].rtt_min;
  context.streams.on_end(record, cause, now);
}

}  // namespace httpdiag::tcp
