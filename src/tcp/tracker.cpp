// SPDX-License-Identifier: Apache-2.0
// Which flow a segment belongs to, and how long flows live.
#include "tcp/tracker.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/hash.hpp"
#include "tcp/hashing.hpp"
#include "tcp/roles.hpp"
#include "tcp/tracker_impl.hpp"

namespace httpdiag::tcp {

void Tracker::Impl::announce(Arrival& arrival) const {
  const Segment& segment = arrival.segment;
  const std::uint64_t seed = seed_ ^ segment.tunnel.network;
  const std::uint64_t from = hash_endpoint(segment.source, seed);
  const std::uint64_t to = hash_endpoint(segment.destination, seed);
  arrival.tuple_hash = tuple_hash(from, to);
  store_.prefetch(arrival.tuple_hash);
  arrival.content = segment.payload.empty() ? 0 : base::content_sum(segment.payload);
  arrival.fingerprint = duplicates_.fingerprint(segment, from, to, arrival.content);
  arrival.copies_at = duplicates_.place(segment);
}

void Tracker::Impl::on_segment(const Arrival& arrival) {
  const Segment& segment = arrival.segment;
  advance_clock(segment.packet.time);
  // One without a time among others came when the one in front of it did.
  if (segment.packet.time == Timestamp{} && clock_.now() != Timestamp{}) [[unlikely]] {
    Arrival timed = arrival;
    timed.segment.packet.time = clock_.now();
    timed.segment.time_guessed = true;
    return on_segment(timed);
  }
  const auto [handle, from] =
      store_.find(arrival.tuple_hash, segment.source, segment.destination, segment.tunnel.network);
  if (handle == kNoHandle && on_stranger(segment)) return;
  on_known(arrival, handle, from);
}

/// What its tuple leads to is `handle`, or nothing.
inline void Tracker::Impl::on_known(const Arrival& arrival, Handle handle, Side from) {
  const Segment& segment = arrival.segment;
  const PacketRef original =
      duplicates_.find_or_remember(segment, arrival.fingerprint, arrival.copies_at);
  if (original) [[unlikely]] {
    if (on_copy(segment, handle, original)) return;
    // Copies of this one are not of what it looks like.
    duplicates_.renew(segment, arrival.fingerprint, arrival.copies_at);
  }
  if (handle != kNoHandle && !FlowStore::is_attempt(handle)) {
    Slot& s = store_.slot(handle);
    if (may_have_new_name(s.flow.record)) [[unlikely]] {
      translations_.remember(segment);
    }
    if (segment.hints.has(Hints::piece) && may_be_in_part(segment, s.flow, from)) [[unlikely]] {
      ++ledger_.duplicates;
      s.flow.on_duplicate(segment, {},
                          {.devices = {segment.device, segment.device},
                           .vlans = {segment.vlan, segment.vlan},
                           .tunnels = {},
                           .ttls = {s.flow.record.side(from).ttl, segment.ttl}});
      return;
    }
    // What a flow expects changes nothing that on_unexpected() asks about.
    if (s.previous == kNoHandle && s.flow.expects(segment, from)) {
      ++ledger_.decoded;
      if (SegmentedCopies::is_whole(segment)) segmented_.remember(segment);
      home_ = s.flow.record.id;
      s.flow.on_expected(context_, segment, from, arrival.content);
      note_seen(handle, s);
      return;
    }
    if (segment.payload_length != 0 && on_segmented_copy(segment, s.flow, from)) return;
  }
  ++ledger_.decoded;
  if (SegmentedCopies::is_whole(segment)) segmented_.remember(segment);
  on_unexpected(arrival, handle);
}

/// A segment of no known tuple. True: it is one of a known flow behind translated addresses.
bool Tracker::Impl::on_stranger(const Segment& segment) {
  Arrival arrival{.segment = segment};
  Segment& renamed = arrival.segment;
  const auto translate = [&] {
    return translations_.translate(renamed.source, renamed.destination, renamed.tunnel.network);
  };
  const bool syn = plain_syn(segment);
  if (syn || !translate()) {
    const auto original =
        syn ? translations_.find_original(segment) : translations_.find_twin(segment);
    if (!original) return false;
    note_translation(segment, *original);
    if (!translate()) return false;
  }
  announce(arrival);
  // Once: two tuples may be names of each other, where one was used again.
  const auto [handle, from] =
      store_.find(arrival.tuple_hash, renamed.source, renamed.destination, renamed.tunnel.network);
  if (handle != kNoHandle && !FlowStore::is_attempt(handle))
    store_.slot(handle).flow.note_translated(segment.packet);
  renamed_ = segment.packet;
  renamed_source_ = renamed.source;
  on_known(arrival, handle, from);
  return true;
}

Home Tracker::Impl::home_of(const Segment& last) const {
  return {home_, renamed_ == last.packet ? renamed_source_ : last.source};
}

/// `original` is in the direction of `segment`.
void Tracker::Impl::note_translation(const Segment& segment, const Tuple& original) {
  Handle handle = find(original.client, original.server, original.network);
  if (handle == kNoHandle) return;
  const Tuple tuple{segment.source, segment.destination, segment.tunnel.network};
  translations_.add(tuple, segment.seq, original);
  if (tuple.same_ends(original)) return;  // it differs in its tunnel alone
  if (FlowStore::is_attempt(handle)) handle = promote(handle);
  Flow& flow = store_.slot(handle).flow;
  const bool forth = flow.record.client == original.client;
  flow.note_translation(forth ? segment.source : segment.destination,
                        forth ? segment.destination : segment.source, segment.packet);
}

/// Packets of this flow may be recorded once more under a name that no SYN tells.
bool Tracker::Impl::may_have_new_name(const FlowRecord& flow) const {
  constexpr std::uint64_t kFirst = 8;  // packets
  if (translations_.any() && flow.trouble().translated_server.port != 0) return true;
  return !flow.c().syn && !flow.s().syn && flow.c().packets + flow.s().packets < kFirst;
}

Handle Tracker::Impl::find(const Endpoint& source, const Endpoint& destination,
                           std::uint32_t network) {
  const std::uint64_t seed = seed_ ^ network;
  const std::uint32_t hash =
      tuple_hash(hash_endpoint(source, seed), hash_endpoint(destination, seed));
  return store_.find(hash, source, destination, network).handle;
}

/// `newest` is the one that its tuple leads to.
void Tracker::Impl::on_unexpected(const Arrival& arrival, Handle newest) {
  const Segment& segment = arrival.segment;
  const Handle handle = home_of(segment, arrival.tuple_hash, newest);
  home_ = store_.id(handle);
  if (newest != kNoHandle && handle != newest && store_.previous(newest) == handle) {
    tell_successor(segment, newest, handle);
  }
  if (FlowStore::is_attempt(handle)) {
    hand_over(store_.attempt(handle), segment);
  } else {
    hand_over(handle, arrival.content, segment);
  }
  enforce_limits();
}

/// False: it only looks like a copy.
bool Tracker::Impl::on_copy(const Segment& segment, Handle handle, PacketRef original) {
  if (answered_between(segment, handle, original)) return false;
  ++ledger_.duplicates;
  if (handle == kNoHandle) return true;  // its flow is over
  if (FlowStore::is_attempt(handle)) handle = promote(handle);
  store_.slot(handle).flow.on_duplicate(segment, original, duplicates_.origin());
  return true;
}

/// True: its bytes were recorded before, in one packet or in several that it is made of.
bool Tracker::Impl::on_segmented_copy(const Segment& segment, Flow& flow, Side from) {
  if (!flow.holds(segment, from)) return false;
  auto copy = segmented_.find_whole(segment);
  if (!copy && SegmentedCopies::is_whole(segment)) {
    const auto options = static_cast<std::uint32_t>(segment.options.size());
    const auto less_options = [&](std::uint16_t mss) { return mss > options ? mss - options : 0u; };
    const SideRecord& own = flow.record.side(from);
    const std::uint16_t mss = flow.record.side(other(from)).mss;
    const std::array<std::uint32_t, 3> lengths{own.longest, less_options(mss),
                                               less_options(std::min(mss, own.mss))};
    copy = segmented_.find_pieces(segment, lengths, seed_);
  }
  if (!copy) return false;
  ++ledger_.duplicates;
  flow.on_duplicate(segment, copy->original, copy->origin);
  return true;
}

/// The beginning of a datagram whose bytes came before in another packet: a router that cuts
/// packets up has them whole on one device and in pieces on the other. Only one that came later
/// than all that its sender had sent before must have been sent again.
bool Tracker::Impl::may_be_in_part(const Segment& segment, const Flow& flow, Side from) const {
  Segment known = segment;
  known.payload_length = static_cast<std::uint32_t>(segment.payload.size());
  return flow.holds(known, from) &&
         segment.packet.time - flow.record.side(from).last_payload.time <=
             settings_.thresholds.dedup_window;
}

// Without IP id, a SYN-ACK that is sent again at once looks like a copy of the first.
// If the peer spoke in between, it answered the first: this is another packet. Not so where another
// device has recorded it: a host that passes it on has it on its way in and on its way out, and
// what is sent again comes in where the first did.
bool Tracker::Impl::answered_between(const Segment& segment, Handle handle, PacketRef original) {
  if (segment.ip_id != 0 || !segment.flags.has(TcpFlags::syn)) return false;
  if (const auto& devices = duplicates_.origin().devices; devices[0] != devices[1]) return false;
  if (handle == kNoHandle || FlowStore::is_attempt(handle)) return false;
  const FlowRecord& record = store_.slot(handle).flow.record;
  if (record.c().syns < 2) return false;  // nothing asked for a second one
  return record.side(other(sender(segment, record))).last.number > original.number;
}

void Tracker::Impl::hand_over(Attempt& a, const Segment& segment) {
  if (++a.syns == 2) {
    a.times = std::make_unique<std::array<PacketRef, kMaxSynTimes>>();
    (*a.times)[0] = a.first;
  }
  if (a.syns >= 2) (*a.times)[std::min<std::size_t>(a.syns, kMaxSynTimes) - 1] = segment.packet;
  a.last = segment.packet;
}

void Tracker::Impl::hand_over(Handle handle, std::uint64_t content, const Segment& segment) {
  Slot& s = store_.slot(handle);
  Flow& flow = s.flow;
  if (segment.payload_length > 0 && flow.roles_open()) {
    const auto role = role_of(segment.payload);
    if (role && *role != sender(segment, flow.record)) flow.swap_roles();
  }
  const bool was_open = !flow.record.c().trouble().rst && !flow.record.s().trouble().rst;
  const Side from = sender(segment, flow.record);
  flow.on_segment(context_, segment, from, content);
  if (segment.tunnel.kind != TunnelKind::none) flow.note_tunnel(from, segment.tunnel);
  if (flow.record.handshake_ack == segment.packet) {
    fallbacks_.on_connected(
        flow.record.id,
        [&](Handle refused) { store_.slot(refused).flow.note_fallback(flow.record.id); },
        [&](const Tuple& ends, FlowId id) { note_overtaken(ends, id, flow.record.id); });
    flow_sink_.on_connected(flow.record.id);
  }
  note_seen(handle, s);
  const bool closed = flow.closed();
  const bool lingers = s.list == AgeList::lingering;
  if (closed == lingers) return;
  // No longer closed: its RST proved to be without effect.
  enlist(handle, closed ? AgeList::lingering : AgeList::open);
  if (closed && was_open && handshake(flow.record) == Handshake::refused) {
    note_refused(handle);
  }
}

/// The attempt `id` has no answer, and its client got on over the other IP version.
void Tracker::Impl::note_overtaken(const Tuple& ends, FlowId id, FlowId by) {
  const Handle handle = find(ends.client, ends.server, ends.network);
  if (handle == kNoHandle || store_.id(handle) != id) return;
  if (FlowStore::is_attempt(handle)) {
    store_.attempt(handle).fallback = by;
    return;
  }
  Flow& flow = store_.slot(handle).flow;  // a copy of its SYN was recorded
  if (handshake(flow.record) == Handshake::unanswered) flow.note_fallback(by);
}

void Tracker::Impl::on_icmp_error(const IcmpError& error) {
  advance_clock(error.packet.time);
  Endpoint source = error.source, destination = error.destination;
  std::uint32_t network = error.network;
  if (translations_.any()) translations_.translate(source, destination, network);
  Handle handle = find(source, destination, network);
  if (handle == kNoHandle || across_jump(error.packet.time, handle)) {
    ++ledger_.skipped[static_cast<std::size_t>(Skip::unrelated_icmp)];
    return flow_sink_.on_unrelated(error);
  }
  ++ledger_.decoded;
  if (FlowStore::is_attempt(handle)) {
    const bool other_attempt = error.has_seq && error.seq != store_.attempt(handle).isn;
    if (other_attempt) return;  // about an earlier incarnation
    handle = promote(handle);
  }
  Slot& s = store_.slot(handle);
  const bool first = !s.flow.record.trouble().icmp;
  s.flow.on_icmp_error(error);
  note_seen(handle, s);
  if (first && handshake(s.flow.record) == Handshake::unreachable) note_refused(handle);
}

/// Unless the same client gets on over the other IP version.
void Tracker::Impl::note_refused(Handle handle) {
  Flow& flow = store_.slot(handle).flow;
  const FlowId other = fallbacks_.on_refused(handle, flow.record, clock_.now());
  if (other != FlowId{}) flow.note_fallback(other);
}

void Tracker::Impl::expire() {
  due_ = Timestamp::max();
  for (const AgeList list : kAgeLists) {
    const Duration wait = patience(list, settings_.limits);
    for (Handle h; (h = store_.overdue(list, wait, clock_.now())) != kNoHandle;) {
      if (list == AgeList::open && !in_progress(store_.slot(h).flow.record)) {
        store_.move(h, AgeList::resting, clock_.now());
      } else {
        release(h, end_cause(list));
      }
    }
    due_ = std::min(due_, store_.due(list, wait));
  }
  while (store_.size(AgeList::resting) > settings_.limits.max_resting)
    release(store_.oldest(AgeList::resting), end_cause(AgeList::resting));
  let_go_of_unanswered();
}

void Tracker::Impl::let_go_of_unanswered() {
  const Limits& limits = settings_.limits;
  const std::uint32_t open = store_.size(AgeList::open);
  if (open <= limits.max_unanswered) return;
  if (clock_.now() >= unanswered_due_) {
    const Duration pause = limits.unanswered / 16;
    // A look costs a visit to each open flow: the more there are, the seldomer.
    unanswered_due_ = clock_.now() + pause * (1 + open / (16 * (limits.max_unanswered + 1)));
    struct Waiting {
      Timestamp since;
      FlowId id;
      Handle handle;
      auto operator<=>(const Waiting&) const = default;
    };
    std::vector<Waiting> all;
    store_.for_silent(AgeList::open, pause, clock_.now(), [&](Handle handle) {
      const Slot& s = store_.slot(handle);
      const FlowRecord& flow = s.flow.record;
      if (flow.s().packets == 0) return;  // its answers may not be in the capture
      if (flow.c().last_payload.number <= flow.s().last_payload.number) return;
      context_.streams.on_waiting(flow);
      all.push_back({s.last_seen, flow.id, handle});
    });
    std::sort(all.begin(), all.end());
    const std::size_t too_many =
        all.size() - std::min<std::size_t>(all.size(), limits.max_unanswered);
    for (const Waiting& waiting : std::span{all}.first(too_many)) {
      if (clock_.now() - waiting.since <= limits.unanswered) break;
      release(waiting.handle, EndCause::evicted);
    }
  }
  due_ = std::min(due_, unanswered_due_);
}

void Tracker::Impl::enforce_limits() {
  const Limits& limits = settings_.limits;
  const auto enforce = [&](AgeList list, std::uint32_t most, EndCause cause) {
    while (store_.size(list) > most) release(store_.oldest(list), cause);
  };
  enforce(AgeList::lingering, limits.max_lingering, EndCause::closed);
  enforce(AgeList::opening, limits.max_attempts, EndCause::evicted);
  enforce(AgeList::open, limits.max_flows, EndCause::evicted);
}

void Tracker::Impl::end_flow(Flow& flow, EndCause cause) {
  flow.end(context_, cause, clock_.now());
  flow_sink_.on_flow(flow.record, cause, clock_.now());
}

void Tracker::Impl::tell_open(Handle handle) {
  if (FlowStore::is_attempt(handle)) {
    Flow flow;
    fill_from(store_.attempt(handle), flow);
    flow_sink_.on_open(flow.record);
  } else {
    flow_sink_.on_open(store_.slot(handle).flow.record);
  }
}

void Tracker::Impl::release(Handle handle, EndCause cause) {
  flow_sink_.on_let_go(store_.waited(handle));
  store_.take_out(handle);
  // Also where a sink throws, such as one that writes to a full disk.
  const struct Freed {
    FlowStore& store;
    Handle handle;
    ~Freed() { store.free(handle); }
  } freed{store_, handle};
  if (FlowStore::is_attempt(handle)) {
    Flow flow;
    fill_from(store_.attempt(handle), flow);
    end_flow(flow, cause);
  } else {
    fallbacks_.forget(handle);
    end_flow(store_.slot(handle).flow, cause);
  }
}

void Tracker::Impl::finish() {
  // The capture may end with a lone packet after a long silence, which nothing confirms.
  clock_.believe_last(settings_.thresholds.clock_gap);
  const std::vector<Handle> open = store_.all();
  for (const Handle handle : open) tell_open(handle);
  for (const Handle handle : open) release(handle, EndCause::capture_over);
}

Tracker::Tracker(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows)
    : impl_{std::make_unique<Impl>(settings, ledger, streams, flows)} {}
Tracker::~Tracker() = default;
void Tracker::announce(Arrival& arrival) const { impl_->announce(arrival); }
void Tracker::approach(const Arrival& arrival) { impl_->approach(arrival); }
void Tracker::on_segment(const Arrival& arrival) { impl_->on_segment(arrival); }
void Tracker::on_segment(const Segment& segment) {
  Arrival arrival{.segment = segment};
  announce(arrival);
  on_segment(arrival);
}
Home Tracker::home_of(const Segment& last) const { return impl_->home_of(last); }
void Tracker::on_icmp_error(const IcmpError& error) { impl_->on_icmp_error(error); }
void Tracker::on_other_packet(PacketRef packet) { impl_->on_other_packet(packet); }
void Tracker::finish() { impl_->finish(); }

}  // namespace httpdiag::tcp
