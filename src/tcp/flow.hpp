// SPDX-License-Identifier: Apache-2.0
// One flow while it lives: what each segment means for it. Owns the FlowRecord
// and the out-of-order bytes; knows nothing of other flows, tables or timers.
#pragma once

#include <array>
#include <memory>

#include "httpdiag/settings.hpp"
#include "httpdiag/stream.hpp"
#include "tcp/half_state.hpp"
#include "tcp/pending.hpp"
#include "tcp/seq.hpp"

namespace httpdiag::tcp {

/// Digests of recently delivered segments, so that a retransmission with other
/// bytes is noticed. Fixed size; a digest that has been overwritten is a
/// difference that stays unnoticed.
class RecentSegments {
 public:
  RecentSegments();
  void remember(FlowId flow, Side from, Offset offset, std::uint32_t length, std::uint64_t hash,
                PacketRef packet);
  /// The packet that carried the same range with other bytes, or none.
  PacketRef differing(FlowId flow, Side from, Offset offset, std::uint32_t length,
                      std::uint64_t hash) const;

 private:
  struct Entry {
    std::uint64_t hash = 0;
    Offset offset = 0;
    PacketRef packet;
    FlowId flow{};
    std::uint32_t length = 0;
    Side from{};
  };
  static constexpr std::size_t kEntries = 4096;
  static std::size_t slot(FlowId flow, Side from, Offset offset);
  std::unique_ptr<std::array<Entry, kEntries>> entries_;
};

/// What all flows share.
struct Context {
  const Settings& settings;
  StreamSink& streams;
  RecentSegments recent;
  std::uint64_t held_bytes = 0;  // out-of-order bytes of all flows
};

class Flow {
 public:
  FlowRecord record;

  /// `from` is the side of record.client or record.server that sent it.
  void on_segment(Context& context, const Segment& segment, Side from, std::uint64_t payload_hash);
  void on_icmp_error(const IcmpError& error);
  /// A copy of a packet already seen: counted, not analysed.
  void on_duplicate(const Segment& segment, PacketRef original);

  /// This refused attempt was replaced by another (RFC 8305).
  void note_fallback(FlowId other) { trouble().fallback = other; }

  /// Delivers what can still be delivered and calls StreamSink::on_end.
  void end(Context& context, EndCause cause, Timestamp now);

  /// Both sides have closed, or one has reset.
  bool closed() const;
  /// How far `segment` is from where this flow stands; small means it belongs here.
  std::uint64_t distance(const Segment& segment, Side from) const;
  /// No SYN and no payload yet: the roles may still be exchanged.
  bool roles_open() const;
  void swap_roles();
  /// The flow's opening SYN or its retransmission, as against a new incarnation.
  bool is_own_syn(const Segment& segment, Side from) const;

 private:
  // What belongs to a side but to no report.
  struct Half {
    SequenceSpace space;
    bool base_known = false;
    bool fin_told = false;
    Offset rtt_end = 0;         // ACK that would complete the sample
    Timestamp rtt_sent{};       // epoch: no sample under way
    Duration rtt_min{0};        // 0: none yet
    std::uint32_t letters = 0;  // history letters already written
    std::unique_ptr<Pending> pending;
    std::unique_ptr<Segment>
        early_rst;  // a RST ahead of all that was sent so far; its views are empty
  };

  Half& half(Side side) { return halves_[index(side)]; }
  const Half& half(Side side) const { return halves_[index(side)]; }
  SideTrouble& trouble(Side side);
  FlowTrouble& trouble();
  void note(Oddity oddity) { record.oddities |= static_cast<std::uint16_t>(oddity); }
  void letter(Side side, char upper);
  void set_base(Side side, std::uint32_t number);
  /// The ACK number of `segment` as offset on the peer's tape; 0 if it has none or none is known.
  Offset peer_acked(const Segment& segment, Side from) const;
  void rebase(Context& context, Side side, std::uint32_t number);

  void on_syn(Context& context, const Segment& segment, Side from);
  void on_rst(Context& context, const Segment& segment, Side from);
  bool rst_is_effective(const Segment& segment, Side from) const;
  void remember_early_rst(const Segment& segment, Side from);
  void retry_early_rst(Context& context, const Segment& segment, Side from);
  void cancel_rst(Side from);
  void assume_fin(Side side);
  /// False: the segment cannot belong to this connection and is to be ignored.
  bool on_ack(Context& context, const Segment& segment, Side from);
  void advance_acked(Context& context, const Segment& segment, Side tape, Offset acked);
  bool is_probe(const Segment& segment, Side from, std::int64_t offset);
  void on_payload(Context& context, const Segment& segment, Side from, std::int64_t offset,
                  std::uint64_t payload_hash);
  void on_old_payload(Context& context, const Segment& segment, Side from, std::int64_t offset,
                      std::uint64_t payload_hash);
  void count_retransmission(const Segment& segment, Side from, Offset offset, Offset end);
  void on_fin(const Segment& segment, Side from, Offset offset);
  void on_window(const Segment& segment, Side from);
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
