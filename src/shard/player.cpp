// SPDX-License-Identifier: Apache-2.0
#include "shard/player.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <utility>

#include "base/check_scope.hpp"
#include "base/text.hpp"
#include "shard/blocks.hpp"
#include "shard/capture_states.hpp"
#include "shard/fields.hpp"
#include "shard/fingerprint.hpp"

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

void check_in_a_row(const std::vector<Capture>& captures) {
  const Capture* latest = nullptr;
  for (const Capture& each : captures) {
    if (latest != nullptr && each.input.first() && *each.input.first() < *latest->input.last()) {
      throw CapturesOverlap{fmt::format("{} and {} are of captures that overlap in time",
                                        latest->shards.front().name, each.shards.front().name)};
    }
    if (each.input.last()) latest = &each;
  }
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
  Tape(const ShardState& state, Interned& interned, Before before)
      : state_{state}, interned_{interned}, before_{before} {}

  /// False: there are no more.
  bool next() {
    while (!decoder_ || decoder_->at_end()) {
      if (block_ == state_.events.size()) return false;
      bytes_ = inflated(state_.events.at(block_++));
      decoder_.emplace(bytes_, interned_, before_);
      in_block_ = 0;
    }
    in_block_ += decoder_->number();
    if (in_block_ < tick_) Decoder::damaged();
    tick_ = in_block_;
    event_ = static_cast<Event>(decoder_->number());
    return true;
  }
  std::uint64_t tick() const { return tick_; }
  Event event() const { return event_; }
  template <typename... Values>
  void read(Values&... values) {
    (*decoder_)(values...);
  }
  const ShardState& state() const { return state_; }

 private:
  const ShardState& state_;
  Interned& interned_;
  Before before_;
  std::string bytes_;
  std::optional<Decoder> decoder_;
  std::size_t block_ = 0;
  std::uint64_t tick_ = 0, in_block_ = 0;
  Event event_{};
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
  check_in_a_row(captures);
  std::vector<Input> inputs;
  for (Capture& each : captures) {
    captures_.push_back(std::move(each.shards));
    inputs.push_back(std::move(each.input));
  }
  input_ = row_of(std::move(inputs));
}

Player::~Player() = default;

void Player::play(Sinks sinks, const Stage& stage) {
  const Run run{sinks, stage};
  for (std::size_t i = 0; i < captures_.size(); ++i) play_capture(i, run);
}

void Player::play_capture(std::size_t index, const Run& run) {
  const PlaceInRow& place = input_.captures[index];
  const Before before{place.packets_before, static_cast<std::uint32_t>(last_flow_)};
  const bool last = index + 1 == captures_.size();
  playing_ = Playing{};
  playing_.last = last;
  playing_.holes = place.holes;
  playing_.devices = place.devices;
  playing_.flows_before = before.flows;
  if (place.begin) open_.begin(*place.begin, clock_.now());
  if (place.paused_since) run.stage.settle(*place.paused_since);
  std::vector<Tape> tapes;
  for (const ShardState& state : captures_[index]) tapes.emplace_back(state, interned_, before);
  // By tick; what is of no flow is in front, since the first shard has it.
  using Next = std::pair<std::uint64_t, std::size_t>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
  const auto wind = [&](std::size_t i) {
    if (tapes[i].next()) queue.emplace(tapes[i].tick(), i);
  };
  std::size_t at = 0;
  const base::CheckScope scope;
  try {
    for (; at < tapes.size(); ++at) wind(at);
    while (!queue.empty()) {
      at = queue.top().second;
      queue.pop();
      hand_on(tapes[at], run);
      wind(at);
    }
    tell(std::exchange(playing_.heard, {}), run);
    if (last) end_open(now_, run);
    for (; !last && holes_ < place.holes; ++holes_) run.stage.forget_open();
  } catch (const Damaged&) {
    refuse(tapes[at].state(), kDamaged);
  } catch (const base::FailedCheck&) {
    refuse(tapes[at].state(), kDamaged);
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
void Player::relate(FlowRecord& flow, const Run& run) {
  switch (open_.tie_to(flow, playing_.flows_before)) {
    case OpenFlows::Tie::none:
      return;
    case OpenFlows::Tie::same_ends:
      flow.oddities |= static_cast<std::uint16_t>(Oddity::reused_tuple);
      return;
    case OpenFlows::Tie::same_connection:
      cut_.insert(flow.id);
      if (auto ending = open_.take_begin_of(flow, playing_.flows_before))
        tell(std::move(*ending), run);
      return;
  }
}

void Player::hand_on(Tape& tape, const Run& run) {
  switch (tape.event()) {
    case Event::packet: {
      PacketRef packet;
      tape.read(packet);
      run.stage.on_packet(packet);
      return let_go(packet.time, run);
    }
    case Event::forget_open:
      ++holes_;
      return run.stage.forget_open();
    case Event::hole:
      tape.read(now_);
      return end_open(now_, run);
    case Event::capture_end: {
      Timestamp end;
      tape.read(end);
      if (end != Timestamp{}) now_ = end;  // else no packet counted
      playing_.holds_ends = captures_.size() > 1 && (playing_.last || holes_ == playing_.holes);
      return playing_.holds_ends ? let_go(now_, run) : end_open(now_, run);
    }
    case Event::exchange: {
      ExchangeTold told;
      tape.read(told.flow, told.exchange, told.settled, told.now);
      return hear(std::move(told), tape.tick(), run);
    }
    case Event::stray: {
      StrayTold told;
      tape.read(told.flow, told.stray);
      return hear(std::move(told), tape.tick(), run);
    }
    case Event::tls_server: {
      TlsServerTold told;
      tape.read(told.server);
      return hear(told, tape.tick(), run);
    }
    case Event::tls: {
      TlsTold told;
      tape.read(told.flow, told.session);
      if (!told.session) Decoder::damaged();
      return hear(std::move(told), tape.tick(), run);
    }
    case Event::message: {
      MessageTold told;
      tape.read(told.message);
      expect_readable(told.message);
      return hear(std::move(told), tape.tick(), run);
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
      if (playing_.holds_ends) return;  // it is told with those of earlier captures
      if (playing_.flows_before != 0) relate(flow, run);
      return tell_open(flow, run);
    }
    case Event::attempt: {
      FlowId flow{};
      Endpoint server;
      Timestamp now;
      std::uint64_t attempts = 0;
      tape.read(flow, server, now, attempts);
      let_go(now, run);
      return open_.on_attempt(flow, server, now, attempts);
    }
    case Event::connected: {
      FlowId flow{};
      tape.read(flow);
      return open_.on_connected(flow);
    }
    case Event::unrelated: {
      IcmpError error;
      std::uint64_t attempts = 0;
      tape.read(error, attempts);
      let_go(error.packet.time, run);
      return hear(error, attempts);
    }
    case Event::pause: {
      Timestamp until;
      tape.read(until);
      return run.stage.settle(until);
    }
    case Event::flow: {
      FlowTold told;
      tape.read(told.flow, told.cause, told.now);
      last_flow_ = std::max(last_flow_, told.flow.id);
      return hear(std::move(told), tape.tick(), run);
    }
  }
  Decoder::damaged();
}

namespace {

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

}  // namespace

/// Behind the end of a capture in a row, all of one tick is the end of a flow.
void Player::hear(Told told, std::uint64_t tick, const Run& run) {
  if (FlowRecord* record = record_of(told)) {
    name_devices(*record);
    if (playing_.flows_before != 0) {
      let_go(time_of(told), run);
      relate(*record, run);
    }
  }
  if (!playing_.holds_ends) return tell(told, run);
  if (tick != playing_.heard_at) tell(std::exchange(playing_.heard, {}), run);
  playing_.heard_at = tick;
  const auto* flow = std::get_if<FlowTold>(&told);
  const bool goes_on = flow != nullptr && flow->cause == EndCause::capture_over;
  playing_.heard.push_back(std::move(told));
  if (goes_on) open_.hold(std::exchange(playing_.heard, {}), clock_.now());
}

void Player::hear(const IcmpError& error, std::uint64_t attempts) {
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
  for (DeviceId& device : flow.trouble_ptr->origin.devices) {
    if (device == 0) continue;
    if (device > playing_.devices.size()) Decoder::damaged();
    device = playing_.devices[device - 1u];
  }
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
  } else if (const auto* server = std::get_if<TlsServerTold>(&told)) {
    sinks.tls.on_tls_server(server->server);
  } else {
    sinks.messages.on_message(std::get<MessageTold>(told).message);
  }
}

}  // namespace httpdiag::shard
