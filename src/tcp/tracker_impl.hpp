// SPDX-License-Identifier: Apache-2.0
// What the parts of the tracker share: tracker.cpp hands segments to their flows and ends these,
// incarnations.cpp tells which connection of a tuple a segment belongs to.
#pragma once

#include <algorithm>
#include <random>
#include <utility>

#include "base/capture_clock.hpp"
#include "tcp/duplicates.hpp"
#include "tcp/fallbacks.hpp"
#include "tcp/flow_store.hpp"
#include "tcp/segmented.hpp"
#include "tcp/tracker.hpp"
#include "tcp/translations.hpp"

namespace httpdiag::tcp {

inline Side sender(const Segment& segment, const FlowRecord& record) {
  return segment.source == record.client ? Side::client : Side::server;
}

inline bool plain_syn(const Segment& segment) {
  return segment.flags.has(TcpFlags::syn) && !segment.flags.has(TcpFlags::ack | TcpFlags::rst);
}

class Tracker::Impl {
 public:
  Impl(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows)
      : settings_{settings},
        ledger_{ledger},
        flow_sink_{flows},
        duplicates_{settings.thresholds},
        segmented_{duplicates_},
        fallbacks_{settings.thresholds.happy_eyeballs},
        translations_{settings.thresholds.dedup_window,
                      settings.thresholds.dedup_window_other_vlan},
        context_{
            .settings = settings, .streams = streams, .recent = {}, .held_bytes = 0, .leaps = {}},
        seed_{std::random_device{}()} {}  // decides slots only, never an order of output

  void announce(Arrival& arrival) const;
  void approach(const Arrival& arrival) { store_.prefetch_flow(arrival.tuple_hash); }
  void on_segment(const Arrival& arrival);
  void on_icmp_error(const IcmpError& error);
  Home home_of(const Segment& last) const;
  void on_other_packet(PacketRef packet) { advance_clock(packet.time); }
  void finish();

 private:
  /// The capture clock decides how long flows live.
  void advance_clock(Timestamp time) {
    if (const Duration step = time - clock_.now();
        step >= Leaps::kShortest && clock_.now() != Timestamp{}) [[unlikely]]
      context_.leaps.note(clock_.now(), step);
    clock_.set(time);
    if (clock_.now() > due_) expire();
  }
  /// Symmetric, so that both directions meet in one slot.
  static std::uint32_t tuple_hash(std::uint64_t from, std::uint64_t to) {
    const std::uint64_t sum = from + to;
    return static_cast<std::uint32_t>(sum ^ sum >> 32);
  }

  Handle open(const Segment& segment, std::uint32_t hash);
  Handle open_attempt(const Segment& segment, std::uint32_t hash);
  Handle open_flow(const Segment& segment, std::uint32_t hash);
  Handle open_above(const Segment& segment, std::uint32_t hash, Handle below);
  std::pair<Endpoint, Endpoint> roles_of(Handle handle);
  void give_roles(Handle handle, const std::pair<Endpoint, Endpoint>& roles);
  Handle open_again(const Segment& segment, std::uint32_t hash, Handle below);
  Handle promote(Handle attempt_handle);
  FlowRecord& fill_from(const Attempt& attempt, Flow& flow);
  void on_unexpected(const Arrival& arrival, Handle handle);
  bool on_copy(const Segment& segment, Handle handle, PacketRef original);
  bool on_segmented_copy(const Segment& segment, Flow& flow, Side from);
  bool may_be_in_part(const Segment& segment, const Flow& flow, Side from) const;
  bool on_stranger(const Segment& segment);
  void on_known(const Arrival& arrival, Handle handle, Side from);
  void note_translation(const Segment& segment, const Tuple& original);
  Handle find(const Endpoint& source, const Endpoint& destination, std::uint32_t network);
  bool answered_between(const Segment& segment, Handle handle, PacketRef original);
  bool may_have_new_name(const FlowRecord& flow) const;
  Handle home_of(const Segment& segment, std::uint32_t hash, Handle newest);
  bool of_predecessor(const Segment& segment, const Attempt& a);
  void tell_successor(const Segment& segment, Handle newest, Handle older);
  Handle open_behind(const Segment& segment, std::uint32_t hash, Handle newest);
  Handle nearer(const Segment& segment, Handle newest, Handle older);
  bool begins_another(const Segment& segment, Handle handle);
  bool across_jump(Timestamp time, Handle handle);
  bool goes_on_across_jump(const Segment& segment, Handle handle);
  Handle behind_jump(const Segment& segment, std::uint32_t hash, Handle newest);
  void hand_over(Attempt& attempt, const Segment& segment);
  void hand_over(Handle handle, std::uint64_t content, const Segment& segment);

  /// A flow came into `list`.
  void expect_expiry(AgeList list) {
    Duration wait = patience(list, settings_.limits);
    if (list == AgeList::open) wait = std::min(wait, settings_.limits.unanswered);
    due_ = std::min(due_, clock_.now() + wait);
  }
  void expire();
  /// A flow has spoken.
  void note_seen(Handle handle, Slot& s) {
    s.last_seen = clock_.latest();
    if (s.list == AgeList::resting) [[unlikely]]
      enlist(handle, AgeList::open);
  }
  void enlist(Handle flow, AgeList list) {
    store_.move(flow, list, clock_.now());
    expect_expiry(list);
  }
  /// Of the clients that wait in silence, those above Limits::max_unanswered.
  void let_go_of_unanswered();
  void enforce_limits();
  void release(Handle handle, EndCause cause);
  void note_refused(Handle handle);
  void note_overtaken(const Tuple& ends, FlowId id, FlowId by);
  void tell_open(Handle handle);
  void end_flow(Flow& flow, EndCause cause);

  const Settings& settings_;
  Ledger& ledger_;
  FlowSink& flow_sink_;
  DuplicateFilter duplicates_;
  SegmentedCopies segmented_;
  Fallbacks fallbacks_;
  Translations translations_;
  Context context_;
  FlowStore store_;
  base::CaptureClock clock_;
  Timestamp due_ = Timestamp::max();             // no flow expires up to then
  Timestamp unanswered_due_ = Timestamp::min();  // when to look for those next
  FlowId home_{};                                // of the last segment
  PacketRef renamed_;        // the last packet that was recorded under another name
  Endpoint renamed_source_;  // its sender as its flow knows it
  std::uint64_t seed_;
  std::uint32_t last_id_ = 0;
};

}  // namespace httpdiag::tcp
