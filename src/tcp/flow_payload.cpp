// SPDX-License-Identifier: Apache-2.0
// Payload: new bytes, old bytes, bytes that came too early, bytes that never came.
#include <algorithm>

#include "tcp/flow.hpp"

namespace httpdiag::tcp {

namespace {

// A hole that stays open longer than the smallest RTO (Linux TCP_RTO_MIN, 200 ms) was
// filled by a retransmission whose original was lost before the capture point.
constexpr Duration kRecoveredHole = std::chrono::milliseconds{200};

}  // namespace

RecentSegments::RecentSegments() : entries_{std::make_unique<std::array<Entry, kEntries>>()} {}

PacketRef RecentSegments::differing(FlowId flow, Side from, Offset offset, std::size_t captured,
                                    std::uint64_t content) const {
  const Entry& entry = (*entries_)[slot(flow, from, offset)];
  const bool same_range =
      entry.tape == tape(flow, from) && entry.offset == offset && entry.captured == captured;
  return same_range && entry.content != content ? entry.packet : PacketRef{};
}

Offset Flow::acked_payload(Side side) const {
  const SideRecord& own = record.side(side);
  Offset acked = own.acked;
  // The RST,ACK of a socket that was still there says what its kernel had received (taxonomy 2.3).
  const SideTrouble& peer = record.side(other(side)).trouble();
  constexpr Offset kCredible = 1 << 20;  // a forged one may say anything
  if (peer.rst && peer.rst_has_ack && peer.rst_ack <= own.next + kCredible) {
    acked = std::max(acked, peer.rst_ack);
  }
  return own.fin && acked > own.fin_offset ? own.fin_offset : acked;
}

void Flow::on_payload(Context& context, const Segment& segment, Side from, std::int64_t offset,
                      std::uint64_t content) {
  SideRecord& own = record.side(from);
  const std::int64_t signed_end = offset + segment.payload_length;
  ++own.payload_packets;
  if (segment.hints.has(Hints::piece) && segment.payload.size() < segment.payload_length)
    trouble(from).lacks_pieces = true;
  if (signed_end <= 0) return;  // before the capture began
  const auto end = static_cast<Offset>(signed_end);
  if (own.fin && end > own.fin_offset) {
    note(Oddity::data_after_fin);
    return;
  }
  if (own.trouble_ptr && own.trouble_ptr->first_rst) {
    const bool news = offset >= static_cast<std::int64_t>(own.trouble_ptr->rst_seq);
    note_after_rst(segment, from, news);
  }
  if (end <= own.next) {
    on_old_payload(context, segment, from, offset, content);
    return;
  }
  const auto begin = static_cast<Offset>(std::max<std::int64_t>(offset, 0));
  if (begin < own.next) count_retransmission(segment, from, begin, end);  // old bytes and new ones
  own.payload_bytes += end - std::max(begin, own.next);
  extend_tape(segment, from, end);
  if (begin <= own.delivered) {
    const auto known =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(own.delivered) - offset);
    const auto bytes = segment.payload.size() > known
                           ? segment.payload.subspan(static_cast<std::size_t>(known))
                           : std::span<const std::byte>{};
    if (known == 0 && !segment.payload.empty()) {
      context.recent.remember(record.id, from, begin, segment.payload.size(), content,
                              segment.packet);
    }
    deliver(context, from, own.delivered, end - own.delivered, bytes, segment.packet,
            segment.packet, peer_acked(segment, from));
    if (half(from).pending) drain(context, from, segment.packet);
  } else {
    hold(context, segment, from, static_cast<std::int64_t>(begin));
  }
}

void Flow::note_longest(const Segment& segment, Side from, Offset end) {
  SideRecord& own = record.side(from);
  const std::uint32_t mss = record.side(other(from)).mss;
  const auto on_the_wire = [&](std::uint32_t bytes) {
    return mss == 0 ? bytes : std::min(bytes, mss);
  };
  const std::uint32_t bytes = std::min<std::uint32_t>(segment.payload_length, 0xffff);
  const auto begin = static_cast<std::uint32_t>(
      std::min<Offset>(end - std::min<Offset>(end, segment.payload_length), 0xffffffff));
  const bool much_longer = on_the_wire(bytes) * 9 > on_the_wire(own.longest) * 10;
  own.longest_begin = much_longer ? begin : std::min(own.longest_begin, begin);
  own.longest = static_cast<std::uint16_t>(bytes);
}

// Every byte lies below the highest one seen: a retransmission, or late.
void Flow::on_old_payload(Context& context, const Segment& segment, Side from, std::int64_t offset,
                          std::uint64_t content) {
  SideRecord& own = record.side(from);
  const auto end = static_cast<Offset>(offset + segment.payload_length);
  const auto begin = static_cast<Offset>(std::max<std::int64_t>(offset, 0));
  Half& h = half(from);
  // Beyond what was delivered these bytes are new, whatever raised `next`: a FIN may be recorded
  // before the data in front of it.
  const bool hole_ahead = end > own.delivered;
  if (!hole_ahead) {
    count_retransmission(segment, from, begin, end);
    const PacketRef other_copy =
        context.recent.differing(record.id, from, begin, segment.payload.size(), content);
    if (other_copy) {
      note(Oddity::differing_copy);
      if (!trouble(from).differing[0]) trouble(from).differing = {other_copy, segment.packet};
    }
    return;
  }
  const PacketRef noticed = h.pending ? h.pending->hole_noticed : PacketRef{};
  const std::uint64_t fresh = hold(context, segment, from, offset);
  own.payload_bytes += fresh;
  if (segment.payload_length > own.longest) note_longest(segment, from, end);
  if (fresh == 0) {  // a copy of what is already held back
    count_retransmission(segment, from, begin, end);
    return;
  }
  const Duration age = noticed ? segment.packet.time - noticed.time : Duration{0};
  SideTrouble& rare = trouble(from);
  if (age > std::max(kReordering, record.rtt)) {
    ++rare.retransmitted;  // the original was lost before it reached the capture point
    letter(from, 'T');
  } else {
    ++rare.out_of_order;
  }
  own.last_payload = segment.packet;
}

void Flow::count_retransmission(const Segment& segment, Side from, Offset offset, Offset end) {
  SideRecord& own = record.side(from);
  SideTrouble& rare = trouble(from);
  letter(from, 'T');
  ++rare.retransmitted;
  half(from).rtt_sent = {};  // Karn: no sample across a retransmission (RFC 6298 §3)
  if (end <= own.acked) {
    ++rare.spurious;
  } else if (offset <= own.acked) {
    const std::uint32_t bytes = segment.payload_length;
    if (rare.head_retransmits == 0) {
      rare.head_first_retransmit = segment.packet;
      rare.head_most_bytes = rare.head_least_bytes = bytes;
      rare.head_smaller = {};
    }
    // Less than a tenth is not what gets a packet through.
    if (!rare.head_smaller && std::uint64_t{bytes} * 10 < std::uint64_t{rare.head_most_bytes} * 9) {
      rare.head_smaller = segment.packet;
      rare.head_in_vain = rare.head_retransmits;
    }
    rare.head_most_bytes = std::max(rare.head_most_bytes, bytes);
    rare.head_least_bytes = std::min(rare.head_least_bytes, bytes);
    ++rare.head_retransmits;
    rare.head_retransmit = segment.packet;
  }
}

void Flow::deliver(Context& context, Side from, Offset offset, std::uint64_t length,
                   std::span<const std::byte> bytes, PacketRef carried_by, PacketRef released_by,
                   Offset peer_acked) {
  SideRecord& own = record.side(from);
  const auto captured =
      bytes.first(std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(length)));
  own.delivered = offset + length;
  if (!captured.empty()) {
    context.streams.on_chunk(record, {from, offset, captured, carried_by, released_by, peer_acked});
  }
  if (captured.size() < length) {
    SideTrouble& rare = trouble(from);
    rare.snaplen_bytes += length - captured.size();
    if (!rare.snaplen_cut) rare.snaplen_cut = carried_by;
    context.streams.on_gap(record, {from, offset + captured.size(), length - captured.size(),
                                    GapCause::snaplen, carried_by});
  }
}

// Keeps a copy until the hole in front of it is filled. Returns the bytes that were not held yet.
std::uint64_t Flow::hold(Context& context, const Segment& segment, Side from, std::int64_t offset) {
  SideRecord& own = record.side(from);
  Half& h = half(from);
  if (!h.pending) h.pending = std::make_unique<Pending>();
  Pending& pending = *h.pending;

  const auto end = static_cast<Offset>(offset + segment.payload_length);
  const Offset begin =
      std::max(static_cast<Offset>(std::max<std::int64_t>(offset, 0)), own.delivered);
  if (begin >= end) return 0;
  const auto skip = static_cast<std::size_t>(
      std::min<std::int64_t>(static_cast<std::int64_t>(begin) - offset,
                             static_cast<std::int64_t>(segment.payload.size())));
  const std::uint64_t before = pending.cost();
  const auto inserted = pending.insert(begin, end - begin, segment.payload.subspan(skip),
                                       segment.packet, peer_acked(segment, from));
  context.held_bytes += pending.cost() - before;
  if (!pending.hole_noticed) pending.hole_noticed = segment.packet;
  if (inserted.differs_from) {
    note(Oddity::differing_copy);
    if (!trouble(from).differing[0])
      trouble(from).differing = {inserted.differs_from, segment.packet};
  }
  drain(context, from, segment.packet);

  const Limits& limits = context.settings.limits;
  while (h.pending && !h.pending->empty() &&
         (h.pending->cost() > limits.reassembly_side_bytes ||
          context.held_bytes > limits.reassembly_total_bytes)) {
    note(Oddity::buffer_limit);
    skip_hole(context, from, GapCause::buffer_limit, segment.packet);
  }
  return inserted.fresh;
}

// Delivers held pieces that have become contiguous.
void Flow::drain(Context& context, Side from, PacketRef released_by) {
  SideRecord& own = record.side(from);
  Pending& pending = *half(from).pending;
  bool progress = false;
  while (!pending.empty() && pending.first_offset() <= own.delivered) {
    const std::uint64_t before = pending.cost();
    auto [offset, piece] = pending.pop_front();
    context.held_bytes -= before - pending.cost();
    const Offset end = offset + piece.length;
    if (end <= own.delivered) continue;
    const std::uint64_t known = own.delivered - offset;
    const std::span<const std::byte> bytes{piece.bytes};
    const auto skip = static_cast<std::size_t>(std::min<std::uint64_t>(known, bytes.size()));
    deliver(context, from, own.delivered, end - own.delivered, bytes.subspan(skip),
            piece.carried_by, released_by, piece.peer_acked);
    progress = true;
  }
  if (progress && pending.hole_noticed &&
      released_by.time - pending.hole_noticed.time >= kRecoveredHole) {
    note_stall(from, pending.hole_noticed, released_by);
  }
  if (pending.empty() && acked_payload(from) <= own.delivered) {
    half(from).pending.reset();
  } else if (progress) {  // another hole behind it
    pending.hole_noticed = released_by;
    pending.hole_acked = acked_payload(from) > own.delivered ? released_by : PacketRef{};
  }
}

void Flow::skip_hole(Context& context, Side side, GapCause cause, PacketRef noticed) {
  SideRecord& own = record.side(side);
  Pending& pending = *half(side).pending;
  Offset to = acked_payload(side);
  if (pending.empty() && to <= own.delivered) to = own.fin_offset;  // only its FIN tells of it
  if (!pending.empty() &&
      (cause != GapCause::not_captured || pending.first_offset() < to || to <= own.delivered)) {
    to = pending.first_offset();
  }
  const std::uint64_t length = to - own.delivered;
  const Offset at = own.delivered;
  own.delivered = to;
  own.next = std::max(own.next, to);
  SideTrouble& rare = trouble(side);
  rare.gap_bytes += length;
  if (!rare.gap_noticed) {
    rare.gap_noticed = noticed;
    rare.gap_unacked = acked_payload(side) <= at;
  }
  letter(side, 'G');
  context.streams.on_gap(record, {side, at, length, cause, noticed});
  pending.hole_noticed = {};  // the gap is no stall
  drain(context, side, noticed);
  // The next hole has a time of its own: what is missing there may still be recorded late.
  if (const Half& h = half(side); h.pending && !h.pending->empty()) {
    h.pending->hole_noticed = h.pending->front().carried_by;
    const bool acked = acked_payload(side) > own.delivered;
    h.pending->hole_acked = acked ? h.pending->hole_noticed : PacketRef{};
  }
}

void Flow::check_holes(Context& context, PacketRef now) {
  for (const Side side : {Side::client, Side::server}) {
    Half& h = half(side);
    // A single acknowledged number at the end may be a FIN: see assume_fin().
    const bool may_be_fin = h.pending && h.pending->empty() && !record.side(side).fin &&
                            record.side(side).acked == record.side(side).next + 1;
    while (h.pending && h.pending->hole_acked && !may_be_fin &&
           acked_payload(side) > record.side(side).delivered &&
           now.time - h.pending->hole_acked.time >= context.settings.limits.reorder_window) {
      skip_hole(context, side, GapCause::not_captured, h.pending->hole_acked);
    }
    if (h.pending && h.pending->empty() && acked_payload(side) <= record.side(side).delivered) {
      h.pending.reset();
    }
    tell_fin(context, side);
  }
}

// What is still missing now stays missing: acknowledged bytes are a gap of the capture, others
// were lost. Nothing behind lost bytes reached the application.
void Flow::end_holes(Context& context, Side side) {
  Half& h = half(side);
  const SideRecord& own = record.side(side);
  const PacketRef peer_last = record.side(other(side)).last;
  for (;;) {
    assume_fin(side);
    const bool acked = own.delivered < acked_payload(side);
    const bool before_fin = own.fin && own.delivered < own.fin_offset;
    if (!h.pending && !acked && !before_fin) return;
    if (!h.pending) {  // only a RST or a FIN tells of it
      h.pending = std::make_unique<Pending>();
      h.pending->hole_noticed = before_fin ? own.fin : record.last;
    }
    // Who had not received all would have said so in its ACKs of what came behind the hole; who is
    // not heard any more has denied nothing.
    const bool denied = peer_last.number > h.pending->hole_noticed.number;
    if (!acked && (denied || (h.pending->empty() && !before_fin))) break;
    skip_hole(context, side, GapCause::not_captured,
              h.pending->hole_acked     ? h.pending->hole_acked
              : before_fin              ? own.fin
              : h.pending->hole_noticed ? h.pending->hole_noticed
                                        : own.last);
  }
  if (!h.pending->empty() || (own.fin && own.delivered < own.fin_offset)) {
    const Offset from = own.delivered;
    const std::uint64_t length =
        (h.pending->empty() ? own.fin_offset : h.pending->first_offset()) - from;
    trouble(side).lost_bytes += length;
    context.streams.on_gap(record, {side, from, length, GapCause::lost, record.last});
  }
  context.held_bytes -= h.pending->cost();
  h.pending.reset();
}

// One number at the end of a tape that is acknowledged, or that a segment of its own follows, with
// nothing behind it, is a FIN that the capture lacks: nobody sends a single byte and stops for
// good.
void Flow::assume_fin(Side side) {
  SideRecord& own = record.side(side);
  const Half& h = half(side);
  if (own.fin || !h.base_known) return;
  const bool acked = own.acked == own.next + 1;
  const bool followed = own.trouble().told == own.next + 1 && own.sent == own.next + 1;
  if ((!acked && !followed) || own.acked > own.next + 1 || own.delivered != own.next) return;
  if (h.pending && !h.pending->empty()) return;
  const PacketRef told_of = own.trouble().told_of;
  const bool first = followed && (!acked || told_of.number < own.acked_by.number);
  own.fin_unseen = true;
  own.fin = first ? told_of : own.acked_by;
  own.fin_offset = own.next;
}

void Flow::tell_fin(Context& context, Side from) {
  const SideRecord& own = record.side(from);
  Half& h = half(from);
  if (h.fin_told || !own.fin || own.delivered < own.fin_offset) return;
  h.fin_told = true;
  context.streams.on_fin(record, from);
}

}  // namespace httpdiag::tcp
