// SPDX-License-Identifier: Apache-2.0
// Which flow a segment belongs to, and how long flows live.
#include "tcp/tracker.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include "base/hash.hpp"
#include "tcp/duplicates.hpp"
#include "tcp/fallbacks.hpp"
#include "tcp/flow_store.hpp"
#include "tcp/hashing.hpp"
#include "tcp/options.hpp"
#include "tcp/roles.hpp"
#include "tcp/translations.hpp"

namespace httpdiag::tcp {

namespace {

Side sender(const Segment& segment, const FlowRecord& record) {
  return segment.source == record.client ? Side::client : Side::server;
}

bool plain_syn(const Segment& segment) {
  return segment.flags.has(TcpFlags::syn) && !segment.flags.has(TcpFlags::ack | TcpFlags::rst);
}

}  // namespace

class Tracker::Impl {
  static constexpr Duration kJump = std::chrono::hours{1};  // of the capture clock

 public:
  Impl(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows)
      : settings_{settings},
        ledger_{ledger},
        flow_sink_{flows},
        duplicates_{settings.thresholds},
        fallbacks_{settings.thresholds.happy_eyeballs},
        translations_{settings.thresholds.dedup_window,
                      settings.thresholds.dedup_window_other_vlan},
        context_{.settings = settings, .streams = streams, .recent = {}, .held_bytes = 0},
        seed_{std::random_device{}()} {}  // decides slots only, never an order of output

  void announce(Arrival& arrival) const;
  void approach(const Arrival& arrival) { store_.prefetch_flow(arrival.tuple_hash); }
  void on_segment(const Arrival& arrival);
  void on_icmp_error(const IcmpError& error);
  void on_other_packet(PacketRef packet) { advance_clock(packet.time); }
  void finish();

 private:
  /// The capture clock decides how long flows live.
  void advance_clock(Timestamp time) {
    // Nearly always a small step forward, at which nothing is due.
    const auto step = static_cast<std::uint64_t>((time - now_).count());
    if (step > static_cast<std::uint64_t>(kJump.count()) || time > due_ ||
        suspect_ != Timestamp{}) {
      set_clock(time);
    } else {
      now_ = time;
    }
  }
  void set_clock(Timestamp time);
  /// The time of the present packet, also while nothing confirms that the clock jumped: a flow
  /// that has just spoken must not be called idle when the next packet confirms it.
  Timestamp clock() const { return suspect_ != Timestamp{} ? suspect_ : now_; }
  /// Symmetric, so that both directions meet in one slot.
  static std::uint32_t tuple_hash(std::uint64_t from, std::uint64_t to) {
    const std::uint64_t sum = from + to;
    return static_cast<std::uint32_t>(sum ^ sum >> 32);
  }

  Handle open(const Segment& segment, std::uint32_t hash);
  Handle open_attempt(const Segment& segment, std::uint32_t hash);
  Handle open_flow(const Segment& segment, std::uint32_t hash);
  Handle open_again(const Segment& segment, std::uint32_t hash, Handle below);
  Handle promote(Handle attempt_handle);
  FlowRecord& fill_from(const Attempt& attempt, Flow& flow);
  void on_unexpected(const Arrival& arrival, Handle handle);
  bool on_copy(const Segment& segment, Handle handle, PacketRef original);
  bool on_stranger(const Segment& segment);
  void on_known(const Arrival& arrival, Handle handle, Side from);
  void note_translation(const Segment& segment, const Tuple& original);
  Handle find(const Endpoint& source, const Endpoint& destination, std::uint32_t network);
  bool answered_between(const Segment& segment, Handle handle, PacketRef original);
  Handle home_of(const Segment& segment, std::uint32_t hash, Handle newest);
  bool of_predecessor(const Segment& segment, const Attempt& a);
  void tell_successor(const Segment& segment, Handle newest, Handle older);
  Handle nearer(const Segment& segment, Handle newest, Handle older);
  void hand_over(Attempt& attempt, const Segment& segment);
  void hand_over(Handle handle, std::uint64_t content, const Segment& segment);

  Duration patience(AgeList list) const;
  void expire();
  void enforce_limits();
  void release(Handle handle, EndCause cause);
  void end_flow(Flow& flow, EndCause cause);

  const Settings& settings_;
  Ledger& ledger_;
  FlowSink& flow_sink_;
  DuplicateFilter duplicates_;
  Fallbacks fallbacks_;
  Translations translations_;
  Context context_;
  FlowStore store_;
  Timestamp now_{};
  Timestamp due_ = Timestamp::max();  // no flow expires up to then
  Timestamp suspect_{};               // a jump of the clock that one packet alone claims
  std::uint64_t seed_;
  std::uint32_t last_id_ = 0;
};

// One absurd timestamp must not end every flow, so a jump counts when the next packet confirms it.
void Tracker::Impl::set_clock(Timestamp time) {
  if (now_ == Timestamp{}) now_ = time;
  const Duration step = time - now_;
  if (step > kJump || step < -kJump) {
    const Duration from_suspect = time - suspect_;
    const bool confirmed = suspect_ != Timestamp{} && from_suspect < kJump && from_suspect > -kJump;
    suspect_ = time;
    if (!confirmed) return;
    now_ = time;
  } else {
    suspect_ = {};
    if (step <= Duration{0}) return;
    now_ = time;
  }
  if (now_ > due_) expire();
}

void Tracker::Impl::announce(Arrival& arrival) const {
  const Segment& segment = arrival.segment;
  const std::uint64_t seed = seed_ ^ segment.tunnel.network;
  const std::uint64_t from = hash_endpoint(segment.source, seed);
  const std::uint64_t to = hash_endpoint(segment.destination, seed);
  arrival.tuple_hash = tuple_hash(from, to);
  store_.prefetch(arrival.tuple_hash);
  arrival.content = segment.payload.empty() ? 0 : base::content_sum(segment.payload);
  arrival.fingerprint = 0;
  if (DuplicateFilter::has_identity(segment) || segment.device != 0) {
    arrival.fingerprint = duplicates_.fingerprint(segment, from, to, arrival.content);
    arrival.copies_at = duplicates_.place(segment);
  }
}

void Tracker::Impl::on_segment(const Arrival& arrival) {
  const Segment& segment = arrival.segment;
  advance_clock(segment.packet.time);
  const auto [handle, from] =
      store_.find(arrival.tuple_hash, segment.source, segment.destination, segment.tunnel.network);
  if (handle == kNoHandle && on_stranger(segment)) return;
  on_known(arrival, handle, from);
}

/// What its tuple leads to is `handle`, or nothing.
inline void Tracker::Impl::on_known(const Arrival& arrival, Handle handle, Side from) {
  const Segment& segment = arrival.segment;
  if (arrival.fingerprint != 0) {
    const PacketRef original =
        duplicates_.find_or_remember(segment, arrival.fingerprint, arrival.copies_at);
    if (original && on_copy(segment, handle, original)) return;
  }
  ++ledger_.decoded;
  if (handle != kNoHandle && !FlowStore::is_attempt(handle)) {
    Slot& s = store_.slot(handle);
    // What a flow expects changes nothing that on_unexpected() asks about.
    if (s.previous == kNoHandle && s.flow.expects(segment, from)) {
      s.flow.on_expected(context_, segment, from, arrival.content);
      s.last_seen = clock();
      return;
    }
  }
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
  on_known(arrival, handle, from);
  return true;
}

/// `original` is in the direction of `segment`.
void Tracker::Impl::note_translation(const Segment& segment, const Tuple& original) {
  Handle handle = find(original.client, original.server, original.network);
  if (handle == kNoHandle) return;
  const Tuple tuple{segment.source, segment.destination, segment.tunnel.network};
  translations_.add(tuple, segment.seq, original);
  if (tuple.same_ends(original)) return;  // it differs in its tunnel alone
  if (FlowStore::is_attempt(handle)) handle = promote(handle);
  store_.slot(handle).flow.note_translation(segment.source, segment.destination);
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

// Without IP id, a SYN-ACK that is sent again at once looks like a copy of the first.
// If the peer spoke in between, it answered the first: this is another packet.
bool Tracker::Impl::answered_between(const Segment& segment, Handle handle, PacketRef original) {
  if (segment.ip_id != 0 || !segment.flags.has(TcpFlags::syn)) return false;
  if (handle == kNoHandle || FlowStore::is_attempt(handle)) return false;
  const FlowRecord& record = store_.slot(handle).flow.record;
  if (record.c().syns < 2) return false;  // nothing asked for a second one
  return record.side(other(sender(segment, record))).last.number > original.number;
}

/// The incarnation that the segment belongs to: `newest`, or one opened for it, or an earlier one.
Handle Tracker::Impl::home_of(const Segment& segment, std::uint32_t hash, Handle newest) {
  if (newest == kNoHandle) {
    const Handle fresh = open(segment, hash);
    store_.insert(fresh);
    return fresh;
  }
  if (FlowStore::is_attempt(newest)) {
    const Attempt& a = store_.attempt(newest);
    const bool from_client = plain_syn(segment) && segment.source == a.client;
    if (!from_client) return of_predecessor(segment, a) ? a.previous : promote(newest);
    translations_.remember(segment);
    if (segment.seq != a.isn) return open_again(segment, hash, newest);
    return segment.payload_length == 0 ? newest : promote(newest);
  }
  if (plain_syn(segment)) {
    translations_.remember(segment);  // its other name may have lost the first one
    const Flow& flow = store_.slot(newest).flow;
    const bool own = flow.is_own_syn(segment, sender(segment, flow.record));
    return own ? newest : open_again(segment, hash, newest);
  }
  const Handle older = store_.previous(newest);
  if (older == kNoHandle || FlowStore::is_attempt(older)) return newest;
  return nearer(segment, newest, older);
}

/// The connection that had the tuple before this attempt explains the segment, and the SYN does
/// not.
bool Tracker::Impl::of_predecessor(const Segment& segment, const Attempt& a) {
  if (a.previous == kNoHandle || FlowStore::is_attempt(a.previous)) return false;
  const bool answers_syn =
      segment.source == a.server && segment.flags.has(TcpFlags::ack) && segment.ack == a.isn + 1;
  const bool continues_syn = segment.source == a.client && segment.seq == a.isn + 1;
  if (answers_syn || continues_syn || segment.flags.has(TcpFlags::syn)) return false;
  // As far as a window reaches without scaling, and some; what is further away was never said.
  constexpr std::uint64_t kNear = 1 << 20;
  const Flow& earlier = store_.slot(a.previous).flow;
  return earlier.distance(segment, sender(segment, earlier.record)) <= kNear;
}

// A server that still has the earlier connection answers the SYN from there, and the client's
// kernel refuses that (RFC 9293 §3.5.1, RFC 5961 §4): by their numbers both belong to `older`.
void Tracker::Impl::tell_successor(const Segment& segment, Handle newest, Handle older) {
  if (segment.payload_length > 0 || segment.flags.has(TcpFlags::syn | TcpFlags::fin)) return;
  const FlowRecord& earlier = store_.slot(older).flow.record;
  const bool answer = segment.source == earlier.server && !segment.flags.has(TcpFlags::rst);
  if (FlowStore::is_attempt(newest)) {
    if (!answer) return;
    newest = promote(newest);
  }
  Flow& flow = store_.slot(newest).flow;
  const FlowRecord& record = flow.record;
  if (!record.c().syn || record.s().syn || record.has(Oddity::synack_missing)) return;
  if (answer) {
    flow.note_predecessor(segment, earlier);
  } else if (segment.flags.has(TcpFlags::rst) && segment.source == record.client) {
    flow.note_refused(segment);
  }
}

Handle Tracker::Impl::nearer(const Segment& segment, Handle newest, Handle older) {
  const auto distance = [&](Handle handle) {
    const Flow& flow = store_.slot(handle).flow;
    return flow.distance(segment, sender(segment, flow.record));
  };
  return distance(older) < distance(newest) ? older : newest;
}

void Tracker::Impl::hand_over(Attempt& a, const Segment& segment) {
  if (++a.syns == 2) {
    a.times = std::make_unique<std::array<PacketRef, kMaxSynTimes>>();
    (*a.times)[0] = a.first;
  }
  if (a.syns >= 2 && a.syns <= kMaxSynTimes) (*a.times)[a.syns - 1u] = segment.packet;
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
    fallbacks_.on_connected(flow.record.id, [&](Handle refused) {
      store_.slot(refused).flow.note_fallback(flow.record.id);
    });
  }
  s.last_seen = clock();
  const bool closed = flow.closed();
  if (closed == s.lingering) return;
  // No longer closed: its RST proved to be without effect.
  store_.set_lingering(handle, closed, now_);
  due_ = std::min(due_, now_ + patience(closed ? AgeList::lingering : AgeList::open));
  if (closed && was_open && handshake(flow.record) == Handshake::refused) {
    fallbacks_.on_refused(handle, flow.record, now_);
  }
}

Handle Tracker::Impl::open(const Segment& segment, std::uint32_t hash) {
  const bool attempt = plain_syn(segment) && segment.payload_length == 0;
  const Handle handle = attempt ? open_attempt(segment, hash) : open_flow(segment, hash);
  due_ = std::min(due_, now_ + patience(attempt ? AgeList::opening : AgeList::open));
  if (plain_syn(segment)) fallbacks_.on_attempt(segment.destination, store_.id(handle), now_);
  return handle;
}

Handle Tracker::Impl::open_again(const Segment& segment, std::uint32_t hash, Handle below) {
  const Handle fresh = open(segment, hash);
  constexpr auto kReused = static_cast<std::uint16_t>(Oddity::reused_tuple);
  if (FlowStore::is_attempt(fresh)) {
    store_.attempt(fresh).oddities |= kReused;
  } else {
    store_.slot(fresh).flow.record.oddities |= kReused;
  }
  const Handle displaced = store_.stack(fresh, below);
  if (displaced != kNoHandle) release(displaced, EndCause::tuple_reused);
  return fresh;
}

Handle Tracker::Impl::open_attempt(const Segment& segment, std::uint32_t hash) {
  const Handle handle = store_.make_attempt(hash, now_);
  Attempt& a = store_.attempt(handle);
  a.client = segment.source;
  a.server = segment.destination;
  a.id = FlowId{++last_id_};
  a.isn = segment.seq;
  a.first = a.last = segment.packet;
  a.window = segment.window;
  a.mss = segment.mss;
  a.window_scale = segment.window_scale;
  a.ttl = segment.ttl;
  a.hints = segment.hints;
  a.tunnel = segment.tunnel;
  a.clock = timestamp_of(segment).value_or(0);
  return handle;
}

Handle Tracker::Impl::open_flow(const Segment& segment, std::uint32_t hash) {
  const Handle handle = store_.make_flow(hash, now_);
  Slot& s = store_.slot(handle);
  FlowRecord& record = s.flow.record;
  s.last_seen = clock();
  record.id = FlowId{++last_id_};
  record.network = segment.tunnel.network;
  const bool syn = segment.flags.has(TcpFlags::syn);
  const bool from_server =
      syn ? segment.flags.has(TcpFlags::ack) : segment.source.port < segment.destination.port;
  record.client = from_server ? segment.destination : segment.source;
  record.server = from_server ? segment.source : segment.destination;
  if (!syn) {
    record.oddities |= static_cast<std::uint16_t>(Oddity::midstream) |
                       static_cast<std::uint16_t>(Oddity::roles_guessed);
  }
  return handle;
}

FlowRecord& Tracker::Impl::fill_from(const Attempt& a, Flow& flow) {
  // Replays the SYN, so that there is one place that knows what a SYN means.
  Segment syn;
  syn.packet = a.first;
  syn.source = a.client;
  syn.destination = a.server;
  syn.seq = a.isn;
  syn.flags.bits = TcpFlags::syn;
  syn.window = a.window;
  syn.mss = a.mss;
  syn.window_scale = a.window_scale;
  syn.ttl = a.ttl;
  syn.hints = a.hints;
  FlowRecord& record = flow.record;
  record.id = a.id;
  record.client = a.client;
  record.server = a.server;
  record.oddities = a.oddities;
  record.network = a.tunnel.network;
  if (a.tunnel.kind != TunnelKind::none) flow.note_tunnel(Side::client, a.tunnel);
  flow.on_segment(context_, syn, Side::client, 0);
  for (std::uint16_t i = 1; i < a.syns; ++i) {
    if (a.times && i < kMaxSynTimes) syn.packet = (*a.times)[i];
    flow.on_segment(context_, syn, Side::client, 0);
  }
  record.last = record.sides[0].last = a.last;
  record.syn_clock = a.clock;
  return record;
}

// An attempt that got an answer (or a copy, or an error) becomes a flow.
Handle Tracker::Impl::promote(Handle attempt_handle) {
  const Attempt& a = store_.attempt(attempt_handle);
  const Handle handle = store_.make_flow(a.hash, now_);
  Slot& s = store_.slot(handle);
  s.last_seen = clock();
  fill_from(a, s.flow);
  store_.supersede(attempt_handle, handle);
  due_ = std::min(due_, now_ + patience(AgeList::open));
  return handle;
}

void Tracker::Impl::on_icmp_error(const IcmpError& error) {
  advance_clock(error.packet.time);
  Endpoint source = error.source, destination = error.destination;
  std::uint32_t network = error.network;
  if (translations_.any()) translations_.translate(source, destination, network);
  Handle handle = find(source, destination, network);
  if (handle == kNoHandle) {
    ++ledger_.skipped[static_cast<std::size_t>(Skip::unrelated_icmp)];
    return;
  }
  ++ledger_.decoded;
  if (FlowStore::is_attempt(handle)) {
    const bool other_attempt = error.has_seq && error.seq != store_.attempt(handle).isn;
    if (other_attempt) return;  // about an earlier incarnation
    handle = promote(handle);
  }
  Slot& s = store_.slot(handle);
  s.flow.on_icmp_error(error);
  s.last_seen = clock();
}

Duration Tracker::Impl::patience(AgeList list) const {
  const Limits& limits = settings_.limits;
  switch (list) {
    case AgeList::opening:
      return limits.idle_attempt;
    case AgeList::open:
      return limits.idle_flow;
    case AgeList::lingering:
      return limits.linger_closed;
  }
  std::abort();
}

void Tracker::Impl::expire() {
  due_ = Timestamp::max();
  for (const AgeList list : {AgeList::opening, AgeList::lingering, AgeList::open}) {
    const EndCause cause = list == AgeList::lingering ? EndCause::closed : EndCause::idle;
    for (Handle h; (h = store_.overdue(list, patience(list), now_)) != kNoHandle;) {
      release(h, cause);
    }
    due_ = std::min(due_, store_.due(list, patience(list)));
  }
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
  flow.end(context_, cause, now_);
  flow_sink_.on_flow(flow.record, cause, now_);
}

void Tracker::Impl::release(Handle handle, EndCause cause) {
  store_.take_out(handle);
  if (FlowStore::is_attempt(handle)) {
    Flow flow;
    fill_from(store_.attempt(handle), flow);
    end_flow(flow, cause);
  } else {
    fallbacks_.forget(handle);
    end_flow(store_.slot(handle).flow, cause);
  }
  store_.free(handle);
}

void Tracker::Impl::finish() {
  // The capture may end with a lone packet after a long silence, which nothing confirms.
  if (suspect_ > now_ && suspect_ - now_ < settings_.thresholds.clock_gap) now_ = suspect_;
  for (const Handle handle : store_.all()) release(handle, EndCause::capture_over);
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
void Tracker::on_icmp_error(const IcmpError& error) { impl_->on_icmp_error(error); }
void Tracker::on_other_packet(PacketRef packet) { impl_->on_other_packet(packet); }
void Tracker::finish() { impl_->finish(); }

}  // namespace httpdiag::tcp
