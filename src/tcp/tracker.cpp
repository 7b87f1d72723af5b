// SPDX-License-Identifier: Apache-2.0
// Which flow a segment belongs to, and how long flows live. Half-open attempts
// (SYNs without any answer) are kept in a small form of their own, so that a
// SYN flood costs little.
#include "tcp/tracker.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "tcp/duplicates.hpp"
#include "tcp/flow.hpp"
#include "tcp/flow_table.hpp"
#include "tcp/hashing.hpp"
#include "tcp/roles.hpp"

namespace httpdiag::tcp {

namespace {

/// Place in one of the lists of flows by age; see Tracker::Impl::expire().
struct Age {
  Handle newer = kNoHandle;
  Handle older = kNoHandle;
  Timestamp armed{};
};

/// A SYN and its retransmissions while nothing came back.
struct Attempt {
  Endpoint client, server;
  FlowId id{};
  std::uint32_t hash = 0;
  std::uint32_t isn = 0;
  PacketRef first, last;
  Handle previous = kNoHandle;
  Age age;
  std::unique_ptr<std::array<PacketRef, kMaxSynTimes>> times;  // null while there was one SYN
  std::uint16_t syns = 0;
  std::uint16_t oddities = 0;
  std::uint16_t window = 0;
  std::uint16_t mss = 0;
  std::int8_t window_scale = -1;
  std::uint8_t ttl = 0;
};
static_assert(sizeof(Attempt) <= 192, "a SYN flood is paid in Attempts");

struct Slot {
  Flow flow;
  std::uint32_t hash = 0;
  Handle previous =
      kNoHandle;  // an earlier incarnation of the tuple that is still waiting for stragglers
  Age age;
  Timestamp last_seen{};
  bool lingering = false;
};

// Handles of attempts carry the top bit.
constexpr Handle kAttemptBit = 0x80000000;
constexpr bool is_attempt(Handle handle) { return (handle & kAttemptBit) != 0; }

struct Tuple {
  const Endpoint& source;
  const Endpoint& destination;
};

bool joins(const Endpoint& client, const Endpoint& server, const Tuple& tuple) {
  return (client == tuple.source && server == tuple.destination) ||
         (client == tuple.destination && server == tuple.source);
}

}  // namespace

class Tracker::Impl {
 public:
  Impl(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows)
      : settings_{settings},
        ledger_{ledger},
        flow_sink_{flows},
        duplicates_{settings.thresholds},
        context_{.settings = settings, .streams = streams, .recent = {}, .held_bytes = 0},
        seed_{std::random_device{}()} {}  // decides slots only, never an order of output

  // Without finish() (reading failed) the flows go without a word to the sinks.
  ~Impl() {
    for (const AgeList* list : {&opening_, &lingering_, &idle_}) {
      for (Handle handle = list->oldest; handle != kNoHandle;) {
        const Handle newer = age(handle).newer;
        is_attempt(handle) ? attempts_.free(handle & ~kAttemptBit) : slots_.free(handle);
        handle = newer;
      }
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void announce(Arrival& arrival) const;
  void approach(const Arrival& arrival) const { prefetch(table_.likely(arrival.tuple_hash)); }
  void on_segment(const Arrival& arrival);
  void on_icmp_error(const IcmpError& error);
  void on_other_packet(PacketRef packet) { advance_clock(packet.time); }
  void finish();

 private:
  // Flows by the time they were last looked at, oldest first.
  struct AgeList {
    Handle oldest = kNoHandle;
    Handle newest = kNoHandle;
    std::uint32_t size = 0;
  };
  // A refused or unreachable attempt that a parallel one may replace (RFC 8305).
  struct Refused {
    Handle handle = kNoHandle;
    std::uint16_t port = 0;
    bool v4 = false;
    Timestamp time{};
    FlowId candidate{};  // tried instead; counts once it is answered
  };

  void advance_clock(Timestamp time);
  /// The time of the present packet, also while nothing confirms that the clock jumped: a flow
  /// that has just spoken must not be called idle when the next packet confirms it.
  Timestamp clock() const { return suspect_ != Timestamp{} ? suspect_ : now_; }
  std::uint32_t tuple_hash(const Endpoint& a, const Endpoint& b) const;
  Handle find(std::uint32_t hash, const Tuple& tuple) const;

  Handle open_attempt(const Segment& segment, std::uint32_t hash);
  Handle open_flow(const Segment& segment, std::uint32_t hash);
  Handle promote(Handle attempt_handle);
  FlowRecord& fill_from(const Attempt& attempt, Flow& flow) const;
  void stack(Handle newest, Handle below);
  void note_fallback(const Segment& segment, FlowId id);
  void confirm_fallback(FlowId answered);
  void forget(Refused& refused) {
    if (refused.candidate != FlowId{}) --candidates_;
    refused = {};
  }
  void remember_refused(Handle handle);
  bool answered_between(const Segment& segment, Handle handle, PacketRef original) const;
  void prefetch(Handle handle) const;
  Handle home_of(const Segment& segment, Handle newest);
  void settle(Handle handle, std::uint64_t payload_hash, const Segment& segment);

  Age& age(Handle handle);
  Handle previous(Handle handle) const;
  void link(AgeList& list, Handle handle);
  void unlink(AgeList& list, Handle handle);
  AgeList& list_of(Handle handle);
  void expire();
  void expire(AgeList& list, Duration idle, EndCause cause);
  void enforce_limits();
  void release(Handle handle, EndCause cause);
  void end_attempt(Attempt& attempt, EndCause cause);

  Attempt& attempt(Handle handle) { return attempts_.at(handle & ~kAttemptBit); }
  const Attempt& attempt(Handle handle) const { return const_cast<Impl*>(this)->attempt(handle); }
  Slot& slot(Handle handle) { return slots_.at(handle); }
  const Slot& slot(Handle handle) const { return const_cast<Impl*>(this)->slot(handle); }

  const Settings& settings_;
  Ledger& ledger_;
  FlowSink& flow_sink_;
  DuplicateFilter duplicates_;
  Context context_;
  TupleTable table_;
  Slab<Attempt> attempts_;
  Slab<Slot> slots_;
  AgeList opening_, idle_, lingering_;
  std::array<Refused, 16> refused_{};
  std::size_t next_refused_ = 0;
  std::uint32_t candidates_ = 0;  // entries of refused_ that wait for an answer to their candidate
  Timestamp now_{};
  Timestamp due_ = Timestamp::max();  // no flow expires up to then
  Timestamp suspect_{};               // a jump of the clock that one packet alone claims
  std::uint64_t seed_;
  std::uint32_t last_id_ = 0;
};

// The capture clock decides how long flows live. One absurd timestamp must not end
// every flow, so a jump counts when the next packet confirms it.
void Tracker::Impl::advance_clock(Timestamp time) {
  constexpr Duration kJump = std::chrono::hours{1};
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

std::uint32_t Tracker::Impl::tuple_hash(const Endpoint& a, const Endpoint& b) const {
  // Symmetric, so that both directions meet in one slot.
  const std::uint64_t x = hash_endpoint(a, seed_);
  const std::uint64_t y = hash_endpoint(b, seed_);
  return static_cast<std::uint32_t>(mix(x + y, x ^ y));
}

Handle Tracker::Impl::find(std::uint32_t hash, const Tuple& tuple) const {
  return table_.find(hash, [&](Handle handle) {
    if (is_attempt(handle)) {
      const Attempt& a = attempt(handle);
      return joins(a.client, a.server, tuple);
    }
    const FlowRecord& record = slot(handle).flow.record;
    return joins(record.client, record.server, tuple);
  });
}

void Tracker::Impl::announce(Arrival& arrival) const {
  const Segment& segment = arrival.segment;
  arrival.tuple_hash = tuple_hash(segment.source, segment.destination);
  table_.prefetch(arrival.tuple_hash);
  arrival.payload_hash = hash_bytes(segment.payload);
  const bool bare_ack = segment.payload_length == 0 &&
                        !segment.flags.has(TcpFlags::syn | TcpFlags::fin | TcpFlags::rst);
  // Without an IP id a repeated ACK looks like its own copy; being wrong would hide packets.
  const bool comparable = segment.ip_id != 0 || !bare_ack;
  arrival.fingerprint = comparable ? duplicates_.fingerprint(segment, arrival.payload_hash) : 0;
}

void Tracker::Impl::on_segment(const Arrival& arrival) {
  const Segment& segment = arrival.segment;
  const std::uint32_t hash = arrival.tuple_hash;
  advance_clock(segment.packet.time);
  Handle handle = find(hash, {segment.source, segment.destination});
  if (arrival.fingerprint != 0) {
    const PacketRef original = duplicates_.find_or_remember(segment, arrival.fingerprint);
    if (original && !answered_between(segment, handle, original)) {
      ++ledger_.duplicates;
      if (handle == kNoHandle) return;  // its flow is over
      if (is_attempt(handle)) handle = promote(handle);
      slot(handle).flow.on_duplicate(segment, original);
      return;
    }
  }
  ++ledger_.decoded;

  const bool plain_syn =
      segment.flags.has(TcpFlags::syn) && !segment.flags.has(TcpFlags::ack | TcpFlags::rst);
  const bool attempt_form = plain_syn && segment.payload_length == 0;
  if (handle == kNoHandle) {
    handle = attempt_form ? open_attempt(segment, hash) : open_flow(segment, hash);
    table_.insert(hash, handle);
  } else if (is_attempt(handle)) {
    Attempt& a = attempt(handle);
    const bool repeated = attempt_form && segment.source == a.client && segment.seq == a.isn;
    if (!repeated && plain_syn && segment.source == a.client) {
      const Handle fresh = attempt_form ? open_attempt(segment, hash) : open_flow(segment, hash);
      stack(fresh, handle);
      handle = fresh;
    } else if (!repeated) {
      handle = promote(handle);
    }
  } else if (plain_syn) {
    const Flow& flow = slot(handle).flow;
    const Side from = segment.source == flow.record.client ? Side::client : Side::server;
    if (!flow.is_own_syn(segment, from)) {
      const Handle fresh = attempt_form ? open_attempt(segment, hash) : open_flow(segment, hash);
      stack(fresh, handle);
      handle = fresh;
    }
  } else {
    handle = home_of(segment, handle);
  }
  settle(handle, arrival.payload_hash, segment);
  enforce_limits();
}

// Without IP id, a SYN-ACK that is sent again at once looks like a copy of the first.
// If the peer spoke in between, it answered the first: this is another packet.
bool Tracker::Impl::answered_between(const Segment& segment, Handle handle,
                                     PacketRef original) const {
  if (segment.ip_id != 0 || !segment.flags.has(TcpFlags::syn)) return false;
  if (handle == kNoHandle || is_attempt(handle)) return false;
  const FlowRecord& record = slot(handle).flow.record;
  if (record.c().syns < 2) return false;  // nothing asked for a second one
  const Side peer = segment.source == record.client ? Side::server : Side::client;
  return record.side(peer).last.number > original.number;
}

// A flow has left the cache since its last packet, as a rule.
void Tracker::Impl::prefetch(Handle handle) const {
  if (handle == kNoHandle || is_attempt(handle)) return;
  constexpr std::size_t kCacheLine = 64;
  const auto* bytes = reinterpret_cast<const std::byte*>(&slot(handle));
  for (std::size_t at = 0; at < sizeof(Slot); at += kCacheLine) __builtin_prefetch(bytes + at);
}

// The newest incarnation, unless an older one that still waits fits better.
Handle Tracker::Impl::home_of(const Segment& segment, Handle newest) {
  const Handle older = previous(newest);
  if (older == kNoHandle || is_attempt(older) || is_attempt(newest)) return newest;
  const auto distance = [&](Handle handle) {
    const Flow& flow = slot(handle).flow;
    const Side from = segment.source == flow.record.client ? Side::client : Side::server;
    return flow.distance(segment, from);
  };
  return distance(older) < distance(newest) ? older : newest;
}

void Tracker::Impl::settle(Handle handle, std::uint64_t payload_hash, const Segment& segment) {
  if (is_attempt(handle)) {
    Attempt& a = attempt(handle);
    if (++a.syns == 2) {
      a.times = std::make_unique<std::array<PacketRef, kMaxSynTimes>>();
      (*a.times)[0] = a.first;
    }
    if (a.syns >= 2 && a.syns <= kMaxSynTimes) (*a.times)[a.syns - 1u] = segment.packet;
    a.last = segment.packet;
    return;
  }
  Slot& s = slot(handle);
  Flow& flow = s.flow;
  if (segment.payload_length > 0 && flow.roles_open()) {
    const auto role = role_of(segment.payload);
    const Side from = segment.source == flow.record.client ? Side::client : Side::server;
    if (role && *role != from) flow.swap_roles();
  }
  const Side from = segment.source == flow.record.client ? Side::client : Side::server;
  const bool was_open = !flow.record.c().trouble().rst && !flow.record.s().trouble().rst;
  flow.on_segment(context_, segment, from, payload_hash);
  if (candidates_ != 0 && flow.record.handshake_ack == segment.packet) {
    confirm_fallback(flow.record.id);
  }
  s.last_seen = clock();
  if (flow.closed() && !s.lingering) {
    unlink(idle_, handle);
    s.lingering = true;
    link(lingering_, handle);
    if (was_open && handshake(flow.record) == Handshake::refused) remember_refused(handle);
  } else if (!flow.closed() && s.lingering) {  // its RST proved to be without effect
    unlink(lingering_, handle);
    s.lingering = false;
    link(idle_, handle);
  }
}

Handle Tracker::Impl::open_attempt(const Segment& segment, std::uint32_t hash) {
  const Handle handle = attempts_.make() | kAttemptBit;
  Attempt& a = attempt(handle);
  a.client = segment.source;
  a.server = segment.destination;
  a.id = FlowId{++last_id_};
  a.hash = hash;
  a.isn = segment.seq;
  a.first = a.last = segment.packet;
  a.window = segment.window;
  a.mss = segment.mss;
  a.window_scale = segment.window_scale;
  a.ttl = segment.ttl;
  link(opening_, handle);
  note_fallback(segment, a.id);
  return handle;
}

Handle Tracker::Impl::open_flow(const Segment& segment, std::uint32_t hash) {
  const Handle handle = slots_.make();
  Slot& s = slot(handle);
  FlowRecord& record = s.flow.record;
  s.hash = hash;
  s.last_seen = clock();
  record.id = FlowId{++last_id_};
  const bool syn = segment.flags.has(TcpFlags::syn);
  const bool from_server =
      syn ? segment.flags.has(TcpFlags::ack) : segment.source.port < segment.destination.port;
  record.client = from_server ? segment.destination : segment.source;
  record.server = from_server ? segment.source : segment.destination;
  const auto note = [&](Oddity oddity) { record.oddities |= static_cast<std::uint16_t>(oddity); };
  if (!syn) {
    note(Oddity::midstream);
    note(Oddity::roles_guessed);
  }
  link(idle_, handle);
  if (syn && !from_server) note_fallback(segment, record.id);
  return handle;
}

FlowRecord& Tracker::Impl::fill_from(const Attempt& a, Flow& flow) const {
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
  FlowRecord& record = flow.record;
  record.id = a.id;
  record.client = a.client;
  record.server = a.server;
  record.oddities = a.oddities;
  Context& context = const_cast<Context&>(context_);
  flow.on_segment(context, syn, Side::client, 0);
  for (std::uint16_t i = 1; i < a.syns; ++i) {
    if (a.times && i < kMaxSynTimes) syn.packet = (*a.times)[i];
    flow.on_segment(context, syn, Side::client, 0);
  }
  record.last = record.sides[0].last = a.last;
  return record;
}

// An attempt that got an answer (or a copy, or an error) becomes a flow.
Handle Tracker::Impl::promote(Handle attempt_handle) {
  Attempt& a = attempt(attempt_handle);
  const Handle handle = slots_.make();
  Slot& s = slot(handle);
  s.hash = a.hash;
  s.previous = a.previous;
  s.last_seen = clock();
  fill_from(a, s.flow);
  table_.replace(a.hash, attempt_handle, handle);
  unlink(opening_, attempt_handle);
  attempts_.free(attempt_handle & ~kAttemptBit);
  link(idle_, handle);
  return handle;
}

// `newest` takes the tuple over from `below`, which waits for its stragglers. No more
// than two incarnations wait at once.
void Tracker::Impl::stack(Handle newest, Handle below) {
  const Handle oldest = previous(below);
  table_.replace(is_attempt(below) ? attempt(below).hash : slot(below).hash, below, newest);
  if (is_attempt(newest)) {
    attempt(newest).previous = below;
    attempt(newest).oddities |= static_cast<std::uint16_t>(Oddity::reused_tuple);
  } else {
    slot(newest).previous = below;
    slot(newest).flow.record.oddities |= static_cast<std::uint16_t>(Oddity::reused_tuple);
  }
  if (oldest != kNoHandle) {
    if (is_attempt(below)) {
      attempt(below).previous = kNoHandle;
    } else {
      slot(below).previous = kNoHandle;
    }
    release(oldest, EndCause::tuple_reused);
  }
}

void Tracker::Impl::remember_refused(Handle handle) {
  const FlowRecord& record = slot(handle).flow.record;
  forget(refused_[next_refused_ % refused_.size()]);
  refused_[next_refused_++ % refused_.size()] = {handle, record.server.port,
                                                 record.server.ip.is_v4(), now_};
}

// A browser or curl that was refused over one IP version tries the other at once.
void Tracker::Impl::note_fallback(const Segment& segment, FlowId id) {
  const bool v4 = segment.destination.ip.is_v4();
  for (Refused& refused : refused_) {
    if (refused.handle == kNoHandle || refused.v4 == v4 || refused.port != segment.destination.port)
      continue;
    if (now_ - refused.time > settings_.thresholds.happy_eyeballs) continue;
    if (refused.candidate == FlowId{}) {
      refused.candidate = id;
      ++candidates_;
    }
  }
}

void Tracker::Impl::confirm_fallback(FlowId answered) {
  for (Refused& refused : refused_) {
    if (refused.handle == kNoHandle || refused.candidate != answered) continue;
    FlowRecord& record = slot(refused.handle).flow.record;
    if (!record.trouble_ptr) record.trouble_ptr = std::make_unique<FlowTrouble>();
    record.trouble_ptr->fallback = answered;
    refused.candidate = {};
    --candidates_;
  }
}

void Tracker::Impl::on_icmp_error(const IcmpError& error) {
  advance_clock(error.packet.time);
  const std::uint32_t hash = tuple_hash(error.source, error.destination);
  Handle handle = find(hash, {error.source, error.destination});
  if (handle == kNoHandle) {
    ++ledger_.skipped[static_cast<std::size_t>(Skip::unrelated_icmp)];
    return;
  }
  ++ledger_.decoded;
  if (is_attempt(handle)) {
    if (error.has_seq && error.seq != attempt(handle).isn) return;  // about an earlier incarnation
    handle = promote(handle);
  }
  slot(handle).flow.on_icmp_error(error);
  slot(handle).last_seen = clock();
}

Age& Tracker::Impl::age(Handle handle) {
  return is_attempt(handle) ? attempt(handle).age : slot(handle).age;
}

Handle Tracker::Impl::previous(Handle handle) const {
  return is_attempt(handle) ? attempt(handle).previous : slot(handle).previous;
}

Tracker::Impl::AgeList& Tracker::Impl::list_of(Handle handle) {
  if (is_attempt(handle)) return opening_;
  return slot(handle).lingering ? lingering_ : idle_;
}

void Tracker::Impl::link(AgeList& list, Handle handle) {
  Age& a = age(handle);
  a.armed = now_;
  a.older = list.newest;
  a.newer = kNoHandle;
  if (list.newest != kNoHandle) {
    age(list.newest).newer = handle;
  } else {
    list.oldest = handle;
    due_ = now_;  // expire() finds out
  }
  list.newest = handle;
  ++list.size;
}

void Tracker::Impl::unlink(AgeList& list, Handle handle) {
  const Age a = age(handle);
  (a.older != kNoHandle ? age(a.older).newer : list.oldest) = a.newer;
  (a.newer != kNoHandle ? age(a.newer).older : list.newest) = a.older;
  --list.size;
}

// A packet touches no list: a flow that proves to be younger than its place says is
// moved to the end when its turn comes. It may live up to twice the stated time.
void Tracker::Impl::expire(AgeList& list, Duration idle, EndCause cause) {
  while (list.oldest != kNoHandle && now_ - age(list.oldest).armed > idle) {
    const Handle handle = list.oldest;
    const Timestamp seen = is_attempt(handle) ? attempt(handle).last.time : slot(handle).last_seen;
    if (now_ - seen > idle) {
      release(handle, cause);
    } else {
      unlink(list, handle);
      link(list, handle);
    }
  }
}

void Tracker::Impl::expire() {
  const Limits& limits = settings_.limits;
  expire(opening_, limits.idle_attempt, EndCause::idle);
  expire(lingering_, limits.linger_closed, EndCause::closed);
  expire(idle_, limits.idle_flow, EndCause::idle);
  due_ = Timestamp::max();
  const auto note_due = [&](const AgeList& list, Duration idle) {
    if (list.oldest != kNoHandle) due_ = std::min(due_, age(list.oldest).armed + idle);
  };
  note_due(opening_, limits.idle_attempt);
  note_due(lingering_, limits.linger_closed);
  note_due(idle_, limits.idle_flow);
}

void Tracker::Impl::enforce_limits() {
  const Limits& limits = settings_.limits;
  while (lingering_.size > limits.max_lingering) release(lingering_.oldest, EndCause::closed);
  while (opening_.size > limits.max_attempts) release(opening_.oldest, EndCause::evicted);
  while (idle_.size > limits.max_flows) release(idle_.oldest, EndCause::evicted);
}

void Tracker::Impl::end_attempt(Attempt& a, EndCause cause) {
  Flow flow;
  fill_from(a, flow);
  flow.end(context_, cause, now_);
  flow_sink_.on_flow(flow.record, cause, now_);
}

// Takes the flow out of table, chain and list, and tells the sinks.
void Tracker::Impl::release(Handle handle, EndCause cause) {
  const std::uint32_t hash = is_attempt(handle) ? attempt(handle).hash : slot(handle).hash;
  const Handle older = previous(handle);
  const Tuple tuple = is_attempt(handle)
                          ? Tuple{attempt(handle).client, attempt(handle).server}
                          : Tuple{slot(handle).flow.record.client, slot(handle).flow.record.server};
  const Handle newest = find(hash, tuple);
  if (newest == handle) {
    if (older != kNoHandle) {
      table_.replace(hash, handle, older);
    } else {
      table_.erase(hash, handle);
    }
  } else if (newest != kNoHandle && previous(newest) == handle) {
    (is_attempt(newest) ? attempt(newest).previous : slot(newest).previous) = older;
  }
  unlink(list_of(handle), handle);
  if (is_attempt(handle)) {
    end_attempt(attempt(handle), cause);
    attempts_.free(handle & ~kAttemptBit);
    return;
  }
  for (Refused& refused : refused_) {
    if (refused.handle == handle) forget(refused);
  }
  Flow& flow = slot(handle).flow;
  flow.end(context_, cause, now_);
  flow_sink_.on_flow(flow.record, cause, now_);
  slots_.free(handle);
}

void Tracker::Impl::finish() {
  // The capture may end with a lone packet after a long silence, which nothing confirms.
  if (suspect_ > now_ && suspect_ - now_ < settings_.thresholds.clock_gap) now_ = suspect_;
  std::vector<std::pair<std::uint32_t, Handle>> open;
  open.reserve(opening_.size + lingering_.size + idle_.size);
  for (const AgeList* list : {&opening_, &lingering_, &idle_}) {
    for (Handle handle = list->oldest; handle != kNoHandle; handle = age(handle).newer) {
      const FlowId id = is_attempt(handle) ? attempt(handle).id : slot(handle).flow.record.id;
      open.emplace_back(static_cast<std::uint32_t>(id), handle);
    }
  }
  std::sort(open.begin(), open.end());
  for (const auto& [id, handle] : open) release(handle, EndCause::capture_over);
}

Tracker::Tracker(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows)
    : impl_{std::make_unique<Impl>(settings, ledger, streams, flows)} {}
Tracker::~Tracker() = default;
void Tracker::announce(Arrival& arrival) const { impl_->announce(arrival); }
void Tracker::approach(const Arrival& arrival) const { impl_->approach(arrival); }
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
