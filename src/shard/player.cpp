// SPDX-License-Identifier: Apache-2.0
#include "shard/player.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <queue>
#include <utility>

#include "base/check_scope.hpp"
#include "base/text.hpp"
#include "shard/blocks.hpp"
#include "shard/capture_states.hpp"
#include "shard/fields.hpp"
#include "shard/fingerprint.hpp"
#include "shard/packets.hpp"

namespace httpdiag::shard {
namespace {

constexpr std::string_view kDamaged = "the state of the shard is damaged";

/// What the rules rest on, and no tracker leaves out: when each of the first SYNs was sent.
void expect_syn_times(const FlowRecord& flow) {
  const SideRecord& client = flow.c();
  if (!client.syn || client.syns < 2) return;
  const std::size_t kept = std::min<std::size_t>(client.syns, kMaxSynTimes);
  const std::span times{client.trouble().syn_times.data(), kept};
  if (!std::ranges::all_of(times, [](const PacketRef& syn) { return static_cast<bool>(syn); }))
    throw Damaged{};
}

/// As a message is read from a packet.
void expect_readable(const DnsMessage& message) {
  const auto printable = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(message.name, printable)) throw Damaged{};
}

/// A capture, and what it says of itself.
struct Capture {
  std::vector<ShardState> shards;
  Input input;
};

/// As analyze() orders files: by time, then by name; what holds no packet comes last.
bool comes_before(const Capture& a, const Capture& b) {
  const auto first = a.input.first(), other = b.input.first();
  if (first.has_value() != other.has_value()) return first.has_value();
  if (first != other) return first < other;
  return a.input.summary.files.front().name < b.input.summary.files.front().name;
}

/// What they were read from, and what was passed over.
std::shared_ptr<const CaptureSummary> names_of(std::vector<Capture>& captures) {
  const auto all = std::make_shared<CaptureSummary>();
  for (Capture& each : captures) {
    CaptureSummary& own = each.input.summary;
    std::ranges::move(own.files, std::back_inserter(all->files));
    std::ranges::move(own.not_read, std::back_inserter(all->not_read));
  }
  return all;
}

bool overlap(const std::vector<Capture>& captures) {
  const Capture* latest = nullptr;
  for (const Capture& each : captures) {
    if (latest != nullptr && each.input.first() && *each.input.first() < *latest->input.last())
      return true;
    if (each.input.last()) latest = &each;
  }
  return false;
}

/// Of a flow. By the hash of its ends: two that look alike by chance do no harm.
struct Beginning {
  std::uint64_t ends = 0;
  std::size_t at = 0;  // among all of a row
  const ShardState* capture = nullptr;
  std::uint32_t seq = 0;
  bool syn = false, again = false;
};

void add_beginnings(const ShardState& capture, std::vector<Beginning>& all) {
  Interned interned;
  PacketReader packets{capture.packets, interned};
  try {
    while (packets.next()) {
      for (const Begin& begin : packets.occasions().begins)
        all.push_back({hash_of(begin.source, begin.destination), all.size(), &capture, begin.seq,
                       begin.syn, begin.again});
    }
  } catch (const Damaged&) {
    refuse(capture, kDamaged);
  }
}

/// Whether one begins as if in the middle of another that began between its ends in a capture in
/// front of its own. As OpenFlows::tie_to, whether that is still waited for or not.
bool any_goes_on(std::vector<Beginning> all) {
  std::ranges::sort(all, {}, [](const Beginning& each) { return std::pair{each.ends, each.at}; });
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Beginning &before = all[i - 1], &each = all[i];
    if (before.ends != each.ends || before.capture == each.capture || each.again) continue;
    if (!each.syn || !before.syn || each.seq == before.seq) return true;
  }
  return false;
}

/// Behind the captures in front of it in a row.
class Behind final : public Numbering {
 public:
  Behind(PacketNumber packets, std::uint32_t flows) : packets_{packets}, flows_{flows} {}
  PacketNumber packet(PacketNumber own) const override { return packets_ + own; }
  FlowId flow(FlowId own) const override {
    return FlowId{static_cast<std::uint32_t>(own) + flows_};
  }

 private:
  PacketNumber packets_;
  std::uint32_t flows_;
};

/// Among captures that overlap in time.
class LinedUp final : public Numbering {
 public:
  /// Borrows it.
  LinedUp(const Lineup& lineup, std::size_t capture) : lineup_{lineup}, capture_{capture} {}
  PacketNumber packet(PacketNumber own) const override { return lineup_.packet(capture_, own); }
  FlowId flow(FlowId own) const override { return lineup_.flow(capture_, own); }

 private:
  const Lineup& lineup_;
  std::size_t capture_;
};

bool is_told_of_a_flow_or_name(Event event) {
  return event == Event::exchange || event == Event::stray || event == Event::tls ||
         event == Event::tls_server || event == Event::message || event == Event::flow;
}

FlowRecord* record_of(Told& told) {
  if (auto* exchange = std::get_if<ExchangeTold>(&told)) return &exchange->flow;
  auto* flow = std::get_if<FlowTold>(&told);
  return flow == nullptr ? nullptr : &flow->flow;
}

/// Of what has a record.
Timestamp time_of(const Told& told) {
  if (const auto* exchange = std::get_if<ExchangeTold>(&told)) return exchange->now;
  return std::get<FlowTold>(told).now;
}

/// Others' packets decide when.
bool ends_by_time(const Ending& ending) {
  const auto* flow = std::get_if<FlowTold>(&ending.back());
  return flow != nullptr &&
         (flow->cause == EndCause::capture_over || flow->cause == end_cause(flow->waited.list));
}

}  // namespace

/// Who is told, in one playing.
struct Player::Run {
  Sinks sinks;
  const Stage& stage;
};

/// The events of one shard, one by one.
class Player::Tape {
 public:
  Tape(const ShardState& state, Interned& interned, const Numbering& numbering)
      : state_{state}, interned_{interned}, numbering_{numbering} {}

  /// False: there are no more.
  bool next() {
    while (!decoder_ || decoder_->at_end()) {
      if (block_ == state_.events.size()) return false;
      bytes_ = inflated(state_.events.at(block_++));
      decoder_.emplace(bytes_, interned_, &numbering_);
      in_block_ = {};
    }
    const std::uint64_t packets = decoder_->number(), steps = decoder_->number();
    in_block_ = {in_block_.packet + packets, (packets == 0 ? in_block_.step : 0) + steps};
    if (in_block_ < moment_) Decoder::damaged();
    moment_ = in_block_;
    event_ = static_cast<Event>(decoder_->number());
    return true;
  }
  Moment moment() const { return moment_; }
  Event event() const { return event_; }
  template <typename... Values>
  void read(Values&... values) {
    (*decoder_)(values...);
  }
  const ShardState& state() const { return state_; }

 private:
  const ShardState& state_;
  Interned& interned_;
  const Numbering& numbering_;
  std::string bytes_;
  std::optional<Decoder> decoder_;
  std::size_t block_ = 0;
  Moment moment_, in_block_;
  Event event_{};
};

/// The events of all shards of a capture, in order; what is of no flow is in front, since the first
/// shard has it.
class Player::Reel {
 public:
  Reel(const std::vector<ShardState>& shards, Interned& interned,
       std::unique_ptr<const Numbering> numbering)
      : numbering_{std::move(numbering)},
        packets_{shards.front().packets, interned, numbering_.get()},
        name_{&shards.front()} {
    for (const ShardState& state : shards) tapes_.emplace_back(state, interned, *numbering_);
  }

  void begin() {
    for (std::size_t i = 0; i < tapes_.size(); ++i) wind(i);
  }
  bool at_end() const { return queue_.empty(); }
  Moment moment() const { return queue_.top().first; }
  /// The next event, to be read whole before done() is called.
  Tape& tape() {
    name_ = &tapes_[queue_.top().second].state();
    return tapes_[queue_.top().second];
  }
  void done() {
    const std::size_t at = queue_.top().second;
    queue_.pop();
    wind(at);
  }
  PacketReader& packets() {
    name_ = &tapes_.front().state();
    return packets_;
  }
  const Numbering& numbering() const { return *numbering_; }
  /// What was read last.
  const ShardState& state() const { return *name_; }

  Ending heard;  // of one moment, and not told yet
  Moment heard_at;

 private:
  using Next = std::pair<Moment, std::size_t>;
  void wind(std::size_t i) {
    name_ = &tapes_[i].state();
    if (tapes_[i].next()) queue_.emplace(tapes_[i].moment(), i);
  }

  std::unique_ptr<const Numbering> numbering_;
  std::vector<Tape> tapes_;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> queue_;
  PacketReader packets_;
  const ShardState* name_;
};

Player::Player(std::vector<ShardState> states, const Settings& settings)
    : open_{settings}, clock_gap_{settings.thresholds.clock_gap} {
  std::vector<Capture> captures;
  for (std::vector<ShardState>& shards : by_capture(std::move(states))) {
    const ShardState& first = shards.front();
    std::string bytes;
    Capture capture;
    try {
      capture.input = read_input(first, interned_, bytes);
    } catch (const Damaged&) {
      refuse(first, kDamaged);
    }
    if (fingerprint(settings, bytes) != first.fingerprint)
      refuse(first,
             "was made with other settings: give merge the same --config, --vantage, --profile and "
             "--ack-token");
    capture.shards = std::move(shards);
    captures.push_back(std::move(capture));
  }
  std::ranges::sort(captures, comes_before);
  if (overlap(captures)) {
    std::vector<Member> members;
    for (const Capture& each : captures) members.push_back({each.input, each.shards.front()});
    try {
      lineup_.emplace(members, settings.thresholds.happy_eyeballs);
    } catch (CapturesOverlap& overlap) {
      overlap.input = names_of(captures);
      throw;
    }
  }
  std::vector<Input> inputs;
  for (Capture& each : captures) {
    captures_.push_back(std::move(each.shards));
    inputs.push_back(std::move(each.input));
  }
  input_ = lineup_ ? lined_up(std::move(inputs), *lineup_) : row_of(std::move(inputs));
}

Player::~Player() = default;

bool Player::may_cut_flows() const {
  if (lineup_) return false;
  std::vector<Beginning> all;
  for (const std::vector<ShardState>& capture : captures_) add_beginnings(capture.front(), all);
  return any_goes_on(std::move(all));
}

void Player::play(Sinks sinks, const Stage& stage) {
  const Run run{sinks, stage};
  if (lineup_) return play_together(run);
  for (std::size_t i = 0; i < captures_.size(); ++i) play_capture(i, run);
}

void Player::play_capture(std::size_t index, const Run& run) {
  const PlaceInRow& place = input_.captures[index];
  const bool last = index + 1 == captures_.size();
  playing_ = Playing{};
  playing_.last = last;
  playing_.holes = place.holes;
  playing_.devices = &place.devices;
  playing_.flows_before = static_cast<std::uint32_t>(last_flow_);
  if (place.begin) open_.begin(*place.begin, clock_.now());
  if (place.paused_since) run.stage.settle(*place.paused_since);
  Reel reel{captures_[index], interned_,
            std::make_unique<Behind>(place.packets_before, playing_.flows_before)};
  const base::CheckScope scope;
  try {
    for (reel.begin(); !reel.at_end(); reel.done()) {
      pass_packets(reel, reel.moment().packet, run);
      if (reel.packets().packet().number < reel.moment().packet) Decoder::damaged();
      hand_on(reel.tape(), run);
    }
    pass_packets(reel, std::numeric_limits<PacketNumber>::max(), run);
    tell(std::exchange(playing_.heard, {}), run);
    if (last) end_open(now_, run);
    for (; !last && holes_ < place.holes; ++holes_) run.stage.forget_open();
  } catch (const Damaged&) {
    refuse(reel.state(), kDamaged);
  } catch (const base::FailedCheck&) {
    refuse(reel.state(), kDamaged);
  }
}

/// Up to that one, by its own number.
void Player::pass_packets(Reel& reel, PacketNumber last, const Run& run) {
  PacketReader& packets = reel.packets();
  while (packets.packet().number < last && packets.next()) {
    const PacketRef own = packets.packet();
    const PacketRef packet{reel.numbering().packet(own.number), own.time};
    run.stage.on_packet(packet);
    let_go(packet.time, run);
    if (playing_.flows_before == 0) continue;
    for (const Begin& begin : packets.occasions().begins) relate(begin, packet, run);
    for (const Unrelated& each : packets.occasions().unrelated) hear(each);
  }
}

void Player::play_together(const Run& run) {
  std::vector<std::unique_ptr<Reel>> reels;
  for (std::size_t i = 0; i < captures_.size(); ++i)
    reels.push_back(
        std::make_unique<Reel>(captures_[i], interned_, std::make_unique<LinedUp>(*lineup_, i)));
  const std::vector<CaptureBorder>& borders = input_.summary.borders;
  auto border = borders.begin();
  const Reel* playing = reels.front().get();
  const base::CheckScope scope;
  try {
    for (std::size_t i = 0; i < reels.size(); ++i) {
      playing = reels[i].get();
      reels[i]->begin();
    }
    for (const Lineup::Run& stretch : lineup_->runs()) {
      Reel& reel = *reels[stretch.capture];
      playing = &reel;
      playing_.devices = &input_.captures[stretch.capture].devices;
      for (std::uint64_t i = 0; i < stretch.length; ++i) {
        if (!reel.packets().next()) Decoder::damaged();
        const PacketRef packet{stretch.first + i, reel.packets().packet().time};
        for (; border != borders.end() && border->next.number == packet.number; ++border) {
          if (!border->ordinary) run.stage.settle(border->last.time);
        }
        run.stage.on_packet(packet);
        let_go(packet.time, run);
        now_ = packet.time;
        play_up_to(reel, stretch.number + i, run);
      }
    }
    for (const auto& reel : reels) {
      playing = reel.get();
      if (!reel->at_end() || !reel->heard.empty()) Decoder::damaged();
    }
    end_open(now_, run);
  } catch (const Damaged&) {
    refuse(playing->state(), kDamaged);
  } catch (const base::FailedCheck&) {
    refuse(playing->state(), kDamaged);
  }
}

/// All that this packet of its own brings about. What ends behind it because of the time alone may
/// end sooner, with a packet of another capture.
void Player::play_up_to(Reel& reel, PacketNumber last, const Run& run) {
  for (;;) {
    if (reel.heard.empty()) listen(reel);
    if (!reel.heard.empty() && ends_by_time(reel.heard)) {
      open_.hold(std::exchange(reel.heard, {}));
    } else if (!reel.heard.empty() && reel.heard_at.packet <= last) {
      tell(std::exchange(reel.heard, {}), run);
    } else if (reel.heard.empty() && !reel.at_end() && reel.moment().packet <= last) {
      hand_on(reel.tape(), run);
      reel.done();
    } else {
      return;
    }
  }
}

/// To all of one moment that is told of flows and names.
void Player::listen(Reel& reel) {
  if (reel.at_end()) return;
  reel.heard_at = reel.moment();
  while (!reel.at_end() && reel.moment() == reel.heard_at) {
    Tape& tape = reel.tape();
    if (!is_told_of_a_flow_or_name(tape.event())) return;
    Told told = read_told(tape);
    if (FlowRecord* record = record_of(told)) complete(*record);
    reel.heard.push_back(std::move(told));
    reel.done();
  }
}

void Player::end_open(Timestamp now, const Run& run) {
  let_go(now, run);
  run.stage.settle(now);
  open_.for_each([&](FlowRecord& flow) { tell_open(flow, run); });
  // As the tracker: a clock that was set back does not count, a lone packet behind a pause does.
  clock_.believe_last(clock_gap_);
  for (Ending& ending : open_.take_all(clock_.now())) tell(std::move(ending), run);
}

void Player::let_go(Timestamp now, const Run& run) {
  if (now != clock_.latest()) clock_.set(now);
  while (auto ending = open_.take_due(clock_.now())) tell(std::move(*ending), run);
}

/// To what was open between its ends in an earlier capture.
void Player::relate(const Begin& begin, PacketRef packet, const Run& run) {
  const std::uint32_t before = playing_.flows_before;
  const OpenFlows::Tie tie = open_.tie_to(begin, packet.time, before);
  if (tie == OpenFlows::Tie::same_connection) {
    cut_.insert(begin.flow);
    if (auto ending = open_.take_begin_of(begin, before)) tell(std::move(*ending), run);
    return;
  }
  if (tie == OpenFlows::Tie::same_ends) reused_.insert(begin.flow);
  if (auto ending = open_.take_displaced(begin, before, clock_.now()))
    tell(std::move(*ending), run);
}

/// With what its own capture does not tell.
void Player::complete(FlowRecord& flow) const {
  name_devices(flow);
  if (reused_.contains(flow.id)) flow.oddities |= static_cast<std::uint16_t>(Oddity::reused_tuple);
}

Told Player::read_told(Tape& tape) {
  switch (tape.event()) {
    case Event::exchange: {
      ExchangeTold told;
      tape.read(told.flow, told.exchange, told.settled, told.now);
      return told;
    }
    case Event::stray: {
      StrayTold told;
      tape.read(told.flow, told.stray);
      return told;
    }
    case Event::tls_server: {
      TlsServerTold told;
      tape.read(told.server);
      return told;
    }
    case Event::tls: {
      TlsTold told;
      tape.read(told.flow, told.session);
      if (!told.session) Decoder::damaged();
      return told;
    }
    case Event::message: {
      MessageTold told;
      tape.read(told.message);
      expect_readable(told.message);
      return told;
    }
    case Event::flow: {
      FlowTold told;
      tape.read(told.flow, told.cause, told.now, told.waited);
      last_flow_ = std::max(last_flow_, told.flow.id);
      return told;
    }
    default:
      Decoder::damaged();
  }
}

void Player::hand_on(Tape& tape, const Run& run) {
  switch (tape.event()) {
    case Event::forget_open:
      ++holes_;
      return run.stage.forget_open();
    case Event::hole:
      tape.read(now_);
      return end_open(now_, run);
    case Event::capture_end: {
      Timestamp end;
      tape.read(end);
      if (lineup_) return;
      if (end != Timestamp{}) now_ = end;  // else no packet counted
      playing_.holds_ends = captures_.size() > 1 && (playing_.last || holes_ == playing_.holes);
      return playing_.holds_ends ? let_go(now_, run) : end_open(now_, run);
    }
    case Event::exchange:
    case Event::stray:
    case Event::tls_server:
    case Event::tls:
    case Event::message:
    case Event::flow: {
      const Moment moment = tape.moment();
      return hear(read_told(tape), moment, run);
    }
    case Event::name: {
      IpAddress address;
      std::string name;
      tape.read(address, name);
      return run.sinks.messages.on_name(address, name);
    }
    case Event::open: {
      FlowRecord flow;
      tape.read(flow);
      if (playing_.holds_ends || lineup_) return;  // it is told with those of earlier captures
      complete(flow);
      return tell_open(flow, run);
    }
    case Event::attempt: {
      FlowId flow{};
      Endpoint server;
      Timestamp now;
      std::uint64_t attempts = 0;
      tape.read(flow, server, now, attempts);
      if (lineup_) return;
      let_go(now, run);
      return open_.on_attempt(flow, server, now, attempts);
    }
    case Event::connected: {
      FlowId flow{};
      tape.read(flow);
      if (!lineup_) open_.on_connected(flow);
      return;
    }
    case Event::pause: {
      Timestamp until;
      tape.read(until);
      if (!lineup_) run.stage.settle(until);  // else somebody may have recorded meanwhile
      return;
    }
  }
  Decoder::damaged();
}

/// Behind the end of a capture in a row, all of one moment is the end of a flow.
void Player::hear(Told told, Moment moment, const Run& run) {
  if (FlowRecord* record = record_of(told)) {
    complete(*record);
    if (playing_.flows_before != 0) let_go(time_of(told), run);
  }
  if (!playing_.holds_ends) return tell(told, run);
  if (moment != playing_.heard_at) tell(std::exchange(playing_.heard, {}), run);
  playing_.heard_at = moment;
  const auto* flow = std::get_if<FlowTold>(&told);
  const bool goes_on = flow != nullptr && flow->cause == EndCause::capture_over;
  playing_.heard.push_back(std::move(told));
  if (goes_on) open_.hold(std::exchange(playing_.heard, {}));
}

void Player::hear(const Unrelated& unrelated_error) {
  const auto& [error, attempts] = unrelated_error;
  if (!open_.on_icmp_error(error, clock_.now(), attempts)) return;
  std::uint64_t& unrelated = input_.ledger.skipped[static_cast<std::size_t>(Skip::unrelated_icmp)];
  if (unrelated == 0) Decoder::damaged();
  --unrelated;
  ++input_.ledger.decoded;
}

void Player::tell(Ending ending, const Run& run) {
  for (Told& told : ending) tell(told, run);
}

/// By those that all captures have.
void Player::name_devices(FlowRecord& flow) const {
  if (!flow.trouble_ptr) return;
  const auto rename = [&](DeviceId& device) {
    if (device == 0) return;
    if (device > playing_.devices->size()) Decoder::damaged();
    device = (*playing_.devices)[device - 1u];
  };
  for (DeviceId& device : flow.trouble_ptr->origin.devices) rename(device);
  for (RecordedAt& place : flow.trouble_ptr->other_places) rename(place.device);
}

/// What the rules noted of the flow, when its record was another copy.
void Player::attach(FlowRecord& flow) {
  expect_syn_times(flow);
  const auto slot = slots_.find(flow.id);
  flow.rules_slot = slot == slots_.end() ? 0 : slot->second;
}

void Player::tell_open(FlowRecord& flow, const Run& run) {
  attach(flow);
  run.sinks.flows.on_open(flow);
  keep(flow);
}

void Player::keep(const FlowRecord& flow) { slots_[flow.id] = flow.rules_slot; }

void Player::tell(Told& told, const Run& run) {
  const Sinks& sinks = run.sinks;
  if (auto* exchange = std::get_if<ExchangeTold>(&told)) {
    attach(exchange->flow);
    sinks.exchanges.on_exchange(exchange->flow, exchange->exchange, exchange->settled,
                                exchange->now);
    keep(exchange->flow);
  } else if (auto* stray = std::get_if<StrayTold>(&told)) {
    FlowRecord flow;
    flow.id = stray->flow;
    attach(flow);
    sinks.exchanges.on_stray(flow, stray->stray);
    keep(flow);
  } else if (auto* tls = std::get_if<TlsTold>(&told)) {
    FlowRecord flow;
    flow.id = tls->flow;
    attach(flow);
    sinks.tls.on_tls(flow, std::move(tls->session));
    keep(flow);
  } else if (auto* ended = std::get_if<FlowTold>(&told)) {
    attach(ended->flow);
    sinks.flows.on_flow(ended->flow, ended->cause, ended->now);
    slots_.erase(ended->flow.id);
    reused_.erase(ended->flow.id);
  } else if (const auto* server = std::get_if<TlsServerTold>(&told)) {
    sinks.tls.on_tls_server(server->server);
  } else {
    sinks.messages.on_message(std::get<MessageTold>(told).message);
  }
}

}  // namespace httpdiag::shard
