// SPDX-License-Identifier: Apache-2.0
// tcp::Flow::on_expected() held against on_segment(), which it is a shortcut for: each connection
// is followed by two flows, of which only one takes the shortcut.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "base/hash.hpp"
#include "decode/decoder.hpp"
#include "tcp/flow.hpp"

namespace httpdiag::tcp {

/// All that is written down, as numbers.
class Fields final : public StreamSink {
 public:
  std::vector<std::uint64_t> values;

  void add(std::uint64_t value) { values.push_back(value); }
  void add(PacketRef packet) {
    add(packet.number);
    add(static_cast<std::uint64_t>(packet.time.time_since_epoch().count()));
  }
  void add(Duration duration) { add(static_cast<std::uint64_t>(duration.count())); }

  void add(const SideTrouble& t) {
    for (const PacketRef packet : {t.rst,
                                   t.ignored_rst,
                                   t.head_first_retransmit,
                                   t.head_retransmit,
                                   t.stall_begin,
                                   t.stall_end,
                                   t.zero_window_since,
                                   t.zero_window_begin,
                                   t.zero_window_end,
                                   t.window_probe,
                                   t.gap_noticed,
                                   t.snaplen_cut,
                                   t.differing[0],
                                   t.differing[1],
                                   t.first_rst,
                                   t.after_rst,
                                   t.stepped_rst,
                                   t.head_smaller,
                                   t.beyond_head,
                                   t.shrunk.first,
                                   t.shrunk.smaller,
                                   t.shrunk.acked_by}) {
      add(packet);
    }
    for (const PacketRef packet : t.syn_times) add(packet);
    for (const std::uint64_t number :
         {t.rst_seq, t.rst_ack, t.gap_bytes, t.snaplen_bytes, t.lost_bytes}) {
      add(number);
    }
    for (const std::uint32_t number :
         {t.rsts, t.head_retransmits, t.most_head_retransmits, t.retransmitted, t.spurious,
          t.out_of_order, t.window_probes, t.keepalives, t.unanswered_keepalives, t.head_most_bytes,
          t.head_least_bytes, t.head_in_vain, t.shrunk.in_vain}) {
      add(number);
    }
    for (const Duration duration : {t.longest_stall, t.longest_zero_window}) add(duration);
  }
  void add(const SideRecord& s) {
    for (const Offset offset :
         {s.next, s.acked, s.sent, s.delivered, s.fin_offset, s.fin_ack, s.payload_bytes}) {
      add(offset);
    }
    for (const PacketRef packet : {s.acked_by, s.syn, s.last, s.fin, s.last_payload, s.head_sent}) {
      add(packet);
    }
    for (const std::uint32_t number : {s.packets, s.payload_packets, s.isn, s.window}) add(number);
    for (const std::uint16_t number : {s.syns, s.fins, s.mss}) add(number);
    add(static_cast<std::uint64_t>(s.window_scale + 1));
    for (const std::uint32_t number :
         {std::uint32_t{s.last_ttl}, std::uint32_t{s.ip_id_steps}, std::uint32_t{s.last_ip_id},
          std::uint32_t{s.longest}, s.longest_begin, std::uint32_t{s.trouble().ttl_before_rst}}) {
      add(number);
    }
    add(s.ttl);
    add(s.hints.bits);
    add(static_cast<std::uint64_t>(s.state));
    add(s.isn_known ? 1u : 0u);
    add(s.fin_unseen ? 1u : 0u);
    add(s.trouble());
  }
  void add(const FlowRecord& flow) {
    add(flow.oddities);
    for (const SideRecord& side : flow.sides) add(side);
    for (const PacketRef packet : {flow.first, flow.last, flow.handshake_ack, flow.active}) {
      add(packet);
    }
    add(flow.rtt);
    for (const char letter : flow.history) add(static_cast<std::uint64_t>(letter));
    add(flow.trouble().clock_step);
    add(flow.trouble().challenge_ack);
  }

  // What a sink is told, and what it sees of the flow at that moment.
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override {
    tell(flow, 1, chunk.from);
    add(chunk.offset);
    add(chunk.bytes.size());
    add(base::content_sum(chunk.bytes));
    add(chunk.carried_by);
    add(chunk.released_by);
    add(chunk.peer_acked);
  }
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override {
    tell(flow, 2, gap.from);
    add(gap.offset);
    add(gap.length);
    add(static_cast<std::uint64_t>(gap.cause));
    add(gap.noticed_in);
  }
  void on_ack(const FlowRecord& flow, Side side) override { tell(flow, 3, side); }
  void on_fin(const FlowRecord& flow, Side side) override { tell(flow, 4, side); }
  void on_rst(const FlowRecord& flow, Side side) override { tell(flow, 5, side); }
  void on_end(const FlowRecord& flow, EndCause, Timestamp) override { tell(flow, 6, Side::client); }

 private:
  void tell(const FlowRecord& flow, std::uint64_t what, Side side) {
    add(what);
    add(index(side));
    add(flow);
  }
};

class FlowTwins {
 public:
  explicit FlowTwins(const Settings& settings)
      : quick_{.settings = settings, .streams = quick_fields_, .recent = {}},
        slow_{.settings = settings, .streams = slow_fields_, .recent = {}} {}

  /// False: the twins are no longer alike.
  bool on_segment(const Segment& segment) {
    Pair& pair = pair_of(segment);
    const Side from = segment.source == pair.quick.record.client ? Side::client : Side::server;
    const std::uint64_t content = base::content_sum(segment.payload);
    quick_fields_.values.clear();
    slow_fields_.values.clear();
    if (pair.quick.expects(segment, from)) {
      ++expected;
      pair.quick.on_expected(quick_, segment, from, content);
    } else {
      pair.quick.on_segment(quick_, segment, from, content);
    }
    pair.slow.on_segment(slow_, segment, from, content);
    quick_fields_.add(pair.quick.record);
    slow_fields_.add(pair.slow.record);
    return quick_fields_.values == slow_fields_.values &&
           pair.quick.closed() == pair.slow.closed() &&
           pair.quick.roles_open() == pair.slow.roles_open();
  }

  std::uint64_t expected = 0;  // segments that took the shortcut

 private:
  struct Pair {
    Flow quick, slow;
  };

  /// As the tracker tells incarnations and roles apart, but that nobody changes roles.
  Pair& pair_of(const Segment& segment) {
    Pair& pair = pairs_[std::minmax(segment.source, segment.destination)];
    const auto& record = pair.quick.record;
    const bool syn = segment.flags.has(TcpFlags::syn);
    const bool ack = segment.flags.has(TcpFlags::ack);
    const bool fresh = record.id == FlowId{};
    const Side from = segment.source == record.client ? Side::client : Side::server;
    if (!fresh && !(syn && !ack && !pair.quick.is_own_syn(segment, from))) return pair;
    pair = Pair{};
    const bool from_server = syn ? ack : segment.source.port < segment.destination.port;
    for (Flow* flow : {&pair.quick, &pair.slow}) {
      flow->record.id = FlowId{last_id_ + 1};
      flow->record.client = from_server ? segment.destination : segment.source;
      flow->record.server = from_server ? segment.source : segment.destination;
      if (!syn) flow->record.oddities = static_cast<std::uint16_t>(Oddity::roles_guessed);
    }
    ++last_id_;
    return pair;
  }

  Fields quick_fields_, slow_fields_;
  Context quick_, slow_;
  std::map<std::pair<Endpoint, Endpoint>, Pair> pairs_;
  std::uint32_t last_id_ = 0;
};

}  // namespace httpdiag::tcp
