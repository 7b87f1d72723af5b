// SPDX-License-Identifier: Apache-2.0
// The connections that a tuple had one after the other, from their first SYN on.
#include <array>
#include <memory>
#include <tuple>

#include "tcp/options.hpp"
#include "tcp/tracker_impl.hpp"

namespace httpdiag::tcp {

/// The incarnation that the segment belongs to: `newest`, or one opened for it, or an earlier one.
Handle Tracker::Impl::home_of(const Segment& segment, std::uint32_t hash, Handle newest) {
  if (newest == kNoHandle) {
    const Handle fresh = open(segment, hash);
    store_.insert(fresh);
    flow_sink_.on_begin(store_.id(fresh), segment, false);
    return fresh;
  }
  if (across_jump(segment.packet.time, newest) || goes_on_across_jump(segment, newest)) [[unlikely]]
    return behind_jump(segment, hash, newest);
  if (FlowStore::is_attempt(newest)) {
    const Attempt& a = store_.attempt(newest);
    const bool from_client = plain_syn(segment) && segment.source == a.client;
    if (!from_client) return of_predecessor(segment, a) ? a.previous : promote(newest);
    translations_.remember(segment);
    if (segment.seq != a.isn) return open_again(segment, hash, newest);
    return segment.payload_length == 0 && !segment.time_guessed ? newest : promote(newest);
  }
  if (plain_syn(segment)) {
    translations_.remember(segment);  // its other name may have lost the first one
    const Flow& flow = store_.slot(newest).flow;
    const bool own = flow.is_own_syn(segment, sender(segment, flow.record));
    return own ? newest : open_again(segment, hash, newest);
  }
  if (segment.flags.has(TcpFlags::syn)) {
    const Flow& flow = store_.slot(newest).flow;
    const Side from = sender(segment, flow.record);
    if (flow.is_fresh_answer(segment, from)) return newest;
    const bool own = flow.is_own_syn(segment, from);
    // Where the SYN waits for its answer, a SYN-ACK that does not acknowledge it is one all the
    // same.
    const bool syn_unseen = flow.record.has(Oddity::midstream) && !flow.record.c().isn_known;
    const bool other_syn = flow.record.c().isn_known && segment.ack != flow.record.c().isn + 1;
    const bool used_up = flow.record.handshake_ack && flow.at_end() && other_syn;
    const bool by_server = segment.source == flow.record.server;
    if (!own && (syn_unseen || used_up) && by_server) return open_again(segment, hash, newest);
  }
  const Handle older = store_.previous(newest);
  const bool alone = older == kNoHandle || FlowStore::is_attempt(older);
  const Handle nearest = alone ? newest : nearer(segment, newest, older);
  const Flow& flow = store_.slot(nearest).flow;
  if (flow.is_of_later_connection(segment, sender(segment, flow.record)))
    return open_behind(segment, hash, newest);
  return nearest;
}

/// The SYN of another connection than the one that `handle` stands for.
bool Tracker::Impl::begins_another(const Segment& segment, Handle handle) {
  if (!plain_syn(segment)) return false;
  if (FlowStore::is_attempt(handle)) return segment.seq != store_.attempt(handle).isn;
  const Flow& flow = store_.slot(handle).flow;
  return !flow.is_own_syn(segment, sender(segment, flow.record));
}

/// Nobody waits for so long: between the connection's last packet and this one the clock jumped, or
/// captures were joined. How long anything took is not known then; one that is at rest may have
/// been idle all that time.
bool Tracker::Impl::across_jump(Timestamp time, Handle handle) {
  constexpr int kIdleFor = 7;  // over a weekend and more
  const Duration most = settings_.thresholds.clock_gap;
  if (FlowStore::is_attempt(handle))
    return std::chrono::abs(time - store_.attempt(handle).last.time) > most;
  const FlowRecord& flow = store_.slot(handle).flow.record;
  const Duration apart = std::chrono::abs(time - flow.last.time);
  return apart > most && (in_progress(flow) || apart / kIdleFor > most);
}

/// The same where it goes on: a kernel gives up a SYN after minutes, and other packets after 15 to
/// 30 of them (Linux's tcp_syn_retries and tcp_retries2, ip-sysctl; other systems sooner).
bool Tracker::Impl::goes_on_across_jump(const Segment& segment, Handle handle) {
  constexpr Duration kMostRetries = std::chrono::hours{1};
  const bool attempt = FlowStore::is_attempt(handle);
  const PacketRef last =
      attempt ? store_.attempt(handle).last : store_.slot(handle).flow.record.last;
  if (segment.packet.time - last.time <= kMostRetries || begins_another(segment, handle))
    return false;
  if (attempt) return true;
  const Flow& flow = store_.slot(handle).flow;
  // Where the sender's clock tells that there was no pause, the connection is known to go on.
  return awaits_ack(flow.record) &&
         !flow.refuted_pause(segment, sender(segment, flow.record), context_.leaps);
}

/// What was seen up to the jump stays as if the capture had ended there, the rest as if it began
/// here. Where one timestamp alone is wrong, the next packet finds the connection as it was.
Handle Tracker::Impl::behind_jump(const Segment& segment, std::uint32_t hash, Handle newest) {
  const Handle older = store_.previous(newest);
  const bool waits = older != kNoHandle && !FlowStore::is_attempt(older);
  if (waits && !across_jump(segment.packet.time, older)) {
    store_.slot(older).flow.note_cut_off(false);
    return older;
  }
  const bool opens = plain_syn(segment) || FlowStore::is_attempt(newest);
  if (FlowStore::is_attempt(newest)) newest = promote(newest);
  store_.slot(newest).flow.note_cut_off(true);
  if (opens) {
    const Handle fresh = open_above(segment, hash, newest);
    if (!FlowStore::is_attempt(fresh) && !plain_syn(segment))
      store_.slot(fresh).flow.note_goes_on();
    return fresh;
  }
  const auto roles = roles_of(newest);
  const Handle fresh = open_above(segment, hash, newest);
  give_roles(fresh, roles);
  store_.slot(fresh).flow.note_goes_on();
  return fresh;
}

/// Of the connection that took the ports over only what came behind its handshake is in the
/// capture.
Handle Tracker::Impl::open_behind(const Segment& segment, std::uint32_t hash, Handle newest) {
  const auto roles = roles_of(newest);
  const Handle fresh = open_again(segment, hash, newest);
  give_roles(fresh, roles);
  return fresh;
}

std::pair<Endpoint, Endpoint> Tracker::Impl::roles_of(Handle handle) {
  const FlowRecord& record = store_.slot(handle).flow.record;
  return {record.client, record.server};
}

void Tracker::Impl::give_roles(Handle handle, const std::pair<Endpoint, Endpoint>& roles) {
  FlowRecord& record = store_.slot(handle).flow.record;
  std::tie(record.client, record.server) = roles;
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

Handle Tracker::Impl::open(const Segment& segment, std::uint32_t hash) {
  const bool attempt = plain_syn(segment) && segment.payload_length == 0 && !segment.time_guessed;
  const Handle handle = attempt ? open_attempt(segment, hash) : open_flow(segment, hash);
  expect_expiry(attempt ? AgeList::opening : AgeList::open);
  if (plain_syn(segment)) {
    fallbacks_.on_attempt({segment.source, segment.destination, segment.tunnel.network},
                          store_.id(handle), clock_.now());
    flow_sink_.on_attempt(store_.id(handle), segment.destination, clock_.now());
  }
  return handle;
}

/// A connection of its own, which took the tuple over.
Handle Tracker::Impl::open_again(const Segment& segment, std::uint32_t hash, Handle below) {
  const Handle fresh = open_above(segment, hash, below);
  constexpr auto kReused = static_cast<std::uint16_t>(Oddity::reused_tuple);
  if (FlowStore::is_attempt(fresh)) {
    store_.attempt(fresh).oddities |= kReused;
  } else {
    store_.slot(fresh).flow.record.oddities |= kReused;
  }
  return fresh;
}

Handle Tracker::Impl::open_above(const Segment& segment, std::uint32_t hash, Handle below) {
  const Handle fresh = open(segment, hash);
  flow_sink_.on_begin(store_.id(fresh), segment, true);
  const Handle displaced = store_.stack(fresh, below);
  if (displaced != kNoHandle) release(displaced, EndCause::tuple_reused);
  return fresh;
}

Handle Tracker::Impl::open_attempt(const Segment& segment, std::uint32_t hash) {
  const Handle handle = store_.make_attempt(hash, clock_.now());
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
  const Handle handle = store_.make_flow(hash, clock_.now());
  Slot& s = store_.slot(handle);
  FlowRecord& record = s.flow.record;
  s.last_seen = clock_.latest();
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
  if (a.fallback != FlowId{}) flow.note_fallback(a.fallback);
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
  const Handle handle = store_.make_flow(a.hash, clock_.now());
  Slot& s = store_.slot(handle);
  s.last_seen = clock_.latest();
  fill_from(a, s.flow);
  store_.supersede(attempt_handle, handle);
  expect_expiry(AgeList::open);
  return handle;
}

}  // namespace httpdiag::tcp
