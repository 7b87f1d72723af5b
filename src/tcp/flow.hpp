// SPDX-License-Identifier: Apache-2.0
// One flow while it lives: what each segment means for it. Owns the FlowRecord
// and the out-of-order bytes; knows nothing of other flows, tables or timers.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "httpdiag/settings.hpp"
#include "httpdiag/stream.hpp"
#include "tcp/half_state.hpp"
#include "tcp/hashing.hpp"
#include "tcp/pending.hpp"
#include "tcp/seq.hpp"

namespace httpdiag::tcp {

/// Sums of recently delivered segments, so that a retransmission with other
/// bytes is noticed. Fixed size; a sum that has been overwritten is a
/// difference that stays unnoticed.
class RecentSegments {
 public:
  RecentSegments();
  /// `captured` bytes of the tape from `offset` on, by their sum.
  void remember(FlowId flow, Side from, Offset offset, std::size_t captured, std::uint64_t content,
                PacketRef packet) {
    Entry& entry = (*entries_)[slot(flow, from, offset)];
    entry.content = content;
    entry.offset = offset;
    entry.packet = packet;
    entry.tape = tape(flow, from);
    entry.captured = captured;
  }
  /// The packet that carried the same range with other bytes, or none.
  PacketRef differing(FlowId flow, Side from, Offset offset, std::size_t captured,
                      std::uint64_t content) const;

 private:
  struct Entry {
    std::uint64_t content = 0;
    Offset offset = 0;
    PacketRef packet;
    std::uint64_t tape = 0;
    std::size_t captured = 0;
  };
  static constexpr std::size_t kEntries = 4096;
  static std::uint64_t tape(FlowId flow, Side from) {
    return std::uint64_t{static_cast<std::uint32_t>(flow)} << 1 | index(from);
  }
  static std::size_t slot(FlowId flow, Side from, Offset offset) {
    return static_cast<std::size_t>(mix(tape(flow, from), offset) % kEntries);
  }
  std::unique_ptr<std::array<Entry, kEntries>> entries_;
};

/// The longest pauses of the capture as a whole, the newest of them: while anybody's packets come,
/// its clock has not been set ahead.
class Leaps {
 public:
  static constexpr Duration kShortest = std::chrono::minutes{1};
  void note(Timestamp from, Duration size) { newest_[count_++ % newest_.size()] = {from, size}; }
  Duration longest_since(Timestamp time) const {
    Duration longest{0};
    for (const Leap& each : newest_) {
      if (each.from >= time) longest = std::max(longest, each.size);
    }
    return longest;
  }

 private:
  struct Leap {
    Timestamp from{};
    Duration size{0};
  };
  std::array<Leap, 16> newest_;
  std::size_t count_ = 0;
};

/// What all flows share.
struct Context {
  const Settings& settings;
  StreamSink& streams;
  RecentSegments recent;
  std::uint64_t held_bytes = 0;  // out-of-order bytes of all flows
  Leaps leaps{};
};

class Flow {
 public:
  FlowRecord record;

  /// `from` is the side of record.client or record.server that sent it.
  /// `content` is the sum of the captured payload.
  void on_segment(Context& context, const Segment& segment, Side from, std::uint64_t content);
  /// Is it what the flow waits for: the next bytes of a tape, an ACK of bytes that were sent,
  /// nothing rare? Such a segment never opens, closes or resets.
  bool expects(const Segment& segment, Side from) const {
    constexpr std::uint8_t kDecisive =
        TcpFlags::syn | TcpFlags::fin | TcpFlags::rst | TcpFlags::ack;
    if (!half(from).at_rest || (segment.flags.bits & kDecisive) != TcpFlags::ack) return false;
    const Side peer = other(from);
    const SideRecord& theirs = record.side(peer);
    const std::uint32_t acked = segment.ack - half(peer).space.number(theirs.acked);
    return segment.seq == half(from).space.number(record.side(from).next) &&
           acked <= theirs.next - theirs.acked && acked < kMaxDistance && segment.window != 0 &&
           soon_behind(segment.packet.time) && segment.payload.size() == segment.payload_length &&
           !segment.sack && !segment.time_guessed;
  }
  /// The server answers the SYN once more, with a number of its own: a RST, of somebody who was not
  /// meant, had ended its first answer, or it keeps nothing of a SYN (cookies, RFC 4987 §3.6).
  bool is_fresh_answer(const Segment& syn_ack, Side from) const;
  /// Whether all bytes of `segment` lie below the highest one that `from` was seen to send.
  bool holds(const Segment& segment, Side from) const {
    if (!half(from).base_known) return false;
    const std::uint32_t left = half(from).space.number(record.side(from).next) - segment.seq;
    return left < kMaxDistance && left >= segment.payload_length;
  }
  /// on_segment() for what it expects.
  void on_expected(Context& context, const Segment& segment, Side from, std::uint64_t content);
  void on_icmp_error(const IcmpError& error) { note_icmp_error(record, error); }
  /// A copy of a packet already seen: counted, not analysed.
  void on_duplicate(const Segment& segment, PacketRef original, const CopyOrigin& origin);

  /// Answered by a packet of the connection that had these ports before.
  void note_predecessor(const Segment& answer, const FlowRecord& earlier);
  /// The client's kernel did not take that answer.
  void note_refused(const Segment& rst);
  /// The capturing host translates addresses: these are the other ones.
  void note_translation(const Endpoint& client, const Endpoint& server, PacketRef packet);
  /// `packet` was recorded under them.
  void note_translated(PacketRef packet) { trouble().last_translated = packet; }
  /// `from`'s packets come in a tunnel.
  void note_tunnel(Side from, const Tunnel& tunnel) {
    Tunnel& known = trouble().tunnels[index(from)];
    if (known.kind == TunnelKind::none) known = tunnel;
  }
  /// This refused attempt was replaced by another (RFC 8305).
  void note_cut_off(bool cut_off) { trouble().cut_off = cut_off; }
  /// It is what the connection goes on with behind a jump of the clock.
  void note_goes_on() { trouble().goes_on = true; }
  void note_fallback(FlowId other) { trouble().fallback = other; }

  /// Delivers what can still be delivered and calls StreamSink::on_end.
  void end(Context& context, EndCause cause, Timestamp now);

  /// For how long, at most, `from` was silent in front of `segment` by its own clock (TSval), where
  /// the capture's tells of far more, and nobody's packets came meanwhile: that was set.
  std::optional<Duration> refuted_pause(const Segment& segment, Side from,
                                        const Leaps& leaps) const;
  /// Both sides have closed, or one has reset.
  bool closed() const;
  /// How far `segment` is from where this flow stands; small means it belongs here.
  std::uint64_t distance(const Segment& segment, Side from) const;
  /// No SYN and no payload yet: the roles may still be exchanged.
  bool roles_open() const;
  void swap_roles();
  /// A FIN or RST of either side was recorded.
  bool at_end() const;
  /// By both its numbers it was said where neither side can have come to: one of them has closed.
  bool is_of_later_connection(const Segment& segment, Side from) const;
  /// The flow's opening SYN or its retransmission, as against a new incarnation.
  bool is_own_syn(const Segment& segment, Side from) const;

 private:
  // What belongs to a side but to no report.
  struct Half {
    SequenceSpace space;
    bool base_known = false;
    bool fin_told = false;
    bool at_rest = false;          // the flow is, after the last on_segment(); in both halves alike
    std::int8_t window_shift = 0;  // valid while at rest
    Offset rtt_end = 0;            // ACK that would complete the sample
    std::uint32_t tsval = 0;       // of the last segment, where its options are the usual ones
    Timestamp rtt_sent{};          // epoch: no sample under way
    Duration rtt_min{0};           // 0: none yet
    std::uint32_t letters = 0;     // history letters already written
    std::unique_ptr<Pending> pending;
    std::unique_ptr<Segment>
        early_rst;  // a RST ahead of all that was sent so far; its views are empty
  };

  /// No earlier than the last packet, and by less than what is asked about (refuted_pause()).
  static constexpr Duration kShortPause = std::chrono::minutes{5};
  bool soon_behind(Timestamp time) const {
    const auto later = static_cast<std::uint64_t>((time - record.last.time).count());
    return later <= static_cast<std::uint64_t>(kShortPause.count());
  }
  Half& half(Side side) { return halves_[index(side)]; }
  const Half& half(Side side) const { return halves_[index(side)]; }
  SideTrouble& trouble(Side side);
  FlowTrouble& trouble();
  void note_clock(const Context& context, const Segment& segment, Side from);
  void note_clock_set(const Segment& segment);
  void note_untimed(const Segment& segment);
  void note(Oddity oddity) { record.oddities |= static_cast<std::uint16_t>(oddity); }
  void letter(Side side, char upper) {
    const std::uint32_t bit = 1u << (upper - 'A');
    if ((half(side).letters & bit) == 0) write_letter(side, upper);
  }
  void write_letter(Side side, char upper);
  void come_to_rest();
  bool at_rest() const;
  bool at_rest(Side side) const;
  void set_base(Side side, std::uint32_t number);
  /// The ACK number of `segment` as offset on the peer's tape; 0 if it has none or none is known.
  Offset peer_acked(const Segment& segment, Side from) const;
  void rebase(Context& context, Side side, std::uint32_t number);

  void on_syn(Context& context, const Segment& segment, Side from);
  void on_rst(Context& context, const Segment& segment, Side from);
  void note_rst_sender(const Segment& segment, Side from);
  void note_foreign_rst(const Segment& segment, Side from, int delta);
  void note_stepped_rst(const Segment& segment, Side from);
  void note_after_rst(const Segment& segment, Side from, bool news);
  bool rst_is_effective(const Segment& segment, Side from) const;
  void remember_early_rst(const Segment& segment, Side from);
  void retry_early_rst(Context& context, const Segment& segment, Side from);
  void accept_rst_of_unseen_handshake(Context& context, const Segment& segment, Side from);
  void tell_unseen_up_to(Context& context, Offset to, Side from, PacketRef packet);
  void accept_last_rst(Context& context, Side from);
  void take_back_rst(Side from, HalfState before);
  void take_back_refusal();
  void take_back_ignored_rst(Side from);
  void assume_fin(Side side);
  /// False: the segment cannot belong to this connection and is to be ignored.
  bool on_ack(Context& context, const Segment& segment, Side from);
  void move_acked(const Segment& segment, Side tape, Offset acked) {
    SideRecord& theirs = record.side(tape);
    const Offset sent = theirs.next + (theirs.fin ? 1 : 0);
    theirs.acked = acked;
    theirs.acked_by = segment.packet;
    theirs.head_sent = acked < sent ? segment.packet : PacketRef{};
    if (half(tape).rtt_sent != Timestamp{}) end_rtt_sample(segment, tape);
  }
  void end_rtt_sample(const Segment& segment, Side tape);
  bool goes_on_by_clock(const Segment& segment) const;
  void note_sack(const Segment& segment, Side tape);
  void note_shrunk(SideTrouble& rare, const SideRecord& own, PacketRef acked_by);
  void advance_acked(Context& context, const Segment& segment, Side tape, Offset acked);
  bool is_probe(const Segment& segment, Side from, std::int64_t offset);
  void note_probe(Side from, PacketRef packet);
  bool may_have_begun_with_probe(Side side) const;
  void take_for_probe(Side side);
  void reinterpret_as_probes(Side from, PacketRef answer);
  void on_payload(Context& context, const Segment& segment, Side from, std::int64_t offset,
                  std::uint64_t content);
  /// What tells the packets of one sender from those of another in its name.
  static void note_sender(const Segment& segment, SideRecord& own) {
    if (segment.ttl != own.last_ttl) {
      own.other_ttl = own.last_ttl;
      own.last_ttl = segment.ttl;
    }
    if (segment.ip_id == 0) return;
    const auto step = static_cast<std::uint16_t>(segment.ip_id - own.last_ip_id);
    // A counter of the connection's own; a packet that the card cuts up takes several.
    constexpr std::uint16_t kFarthest = 64;
    if (own.last_ip_id != 0 && own.ip_id_steps != SideRecord::kNoCounter) {
      if (step == 0 || step > kFarthest) {
        own.ip_id_steps = SideRecord::kNoCounter;
      } else if (own.ip_id_steps < SideRecord::kNoCounter - 1) {
        ++own.ip_id_steps;
      }
    }
    own.last_ip_id = segment.ip_id;
  }
  /// The segment carries the highest byte so far.
  void extend_tape(const Segment& segment, Side from, Offset end) {
    SideRecord& own = record.side(from);
    Half& h = half(from);
    if (segment.payload_length > own.longest) note_longest(segment, from, end);
    own.next = end;
    own.last_payload = segment.packet;
    if (!own.head_sent) own.head_sent = segment.packet;
    if (record.rtt == Duration{0} && h.rtt_sent == Timestamp{}) {
      h.rtt_sent = segment.packet.time;
      h.rtt_end = end;
    }
  }
  void note_longest(const Segment& segment, Side from, Offset end);
  void on_old_payload(Context& context, const Segment& segment, Side from, std::int64_t offset,
                      std::uint64_t content);
  void count_retransmission(const Segment& segment, Side from, Offset offset, Offset end);
  void on_fin(const Segment& segment, Side from, Offset offset);
  void on_window(const Segment& segment, Side from);
  std::int8_t window_shift(Side side) const {  // RFC 7323 §2.2: both sides have to announce it
    const bool both = record.c().window_scale >= 0 && record.s().window_scale >= 0;
    return both ? record.side(side).window_scale : std::int8_t{0};
  }
  void end_zero_window(const Segment& segment, Side from);

  void deliver(Context& context, Side from, Offset offset, std::uint64_t length,
               std::span<const std::byte> bytes, PacketRef carried_by, PacketRef released_by,
               Offset peer_acked);
  std::uint64_t hold(Context& context, const Segment& segment, Side from, std::int64_t offset);
  void drain(Context& context, Side from, PacketRef released_by);
  void tell_fin(Context& context, Side from);
  void note_stall(Side side, PacketRef begin, PacketRef end);
  void check_holes(Context& context, PacketRef now);
  void end_holes(Context& context, Side side);
  Offset acked_payload(Side side) const;
  void skip_hole(Context& context, Side side, GapCause cause, PacketRef noticed);

  std::array<Half, 2> halves_;
};

}  // namespace httpdiag::tcp
