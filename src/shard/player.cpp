// SPDX-License-Identifier: Apache-2.0
#include "shard/player.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "base/check_scope.hpp"
#include "base/text.hpp"
#include "shard/blocks.hpp"
#include "shard/fields.hpp"
#include "shard/fingerprint.hpp"

namespace httpdiag::shard {
namespace {

/// As capture's, from what was written of it.
class ReadPlaces final : public PacketPlaces {
 public:
  struct Run {
    PacketNumber first = 0, number = 0;
    std::uint64_t length = 0;
    std::uint32_t file = 0;
  };
  explicit ReadPlaces(std::size_t files) : last_(files, 0) {}

  void add(std::uint32_t file, PacketNumber number, std::uint64_t length) {
    if (file >= last_.size() || length == 0 || length > kMostPackets - packets_) Decoder::damaged();
    runs_.push_back({packets_ + 1, number, length, file});
    packets_ += length;
    last_[file] = packets_;
  }
  PacketPlace place(PacketNumber number) const override {
    const auto after = std::ranges::upper_bound(runs_, number, {}, &Run::first);
    if (after == runs_.begin()) return {};
    const Run& run = *std::prev(after);
    return {run.file, run.number + (number - run.first)};
  }
  PacketNumber last_of(std::uint32_t file) const override { return last_.at(file); }

 private:
  static constexpr std::uint64_t kMostPackets = std::uint64_t{1} << 60;
  std::vector<Run> runs_;
  std::vector<PacketNumber> last_;
  PacketNumber packets_ = 0;
};

constexpr std::string_view kDamaged = "the state of the shard is damaged";

[[noreturn]] void refuse(const ShardState& state, std::string_view what) {
  throw Error{fmt::format("{}: {}", state.name, what)};
}

/// What the rules rest on, and no tracker leaves out: when each of the first SYNs was sent.
void expect_syn_times(const FlowRecord& flow) {
  const SideRecord& client = flow.c();
  if (!client.syn || client.syns < 2) return;
  const std::size_t kept = std::min<std::size_t>(client.syns, kMaxSynTimes);
  const std::span times{client.trouble().syn_times.data(), kept};
  if (!std::ranges::all_of(times, [](const PacketRef& syn) { return static_cast<bool>(syn); }))
    throw Damaged{};
}

/// "--host 10.0.0.1 and --port 80", in one order; "no filter".
std::string filters_text(const ShardState& state) {
  std::vector<std::string> filters = state.filters;
  std::ranges::sort(filters);
  std::string text;
  for (const std::string& each : filters)
    text += (text.empty() ? "" : " and ") + base::escape_for_terminal(base::shorten(each, 80));
  return text.empty() ? "no filter" : text;
}

bool same_filters(const ShardState& a, const ShardState& b) {
  const auto sorted = [](std::vector<std::string> filters) {
    std::ranges::sort(filters);
    return filters;
  };
  return sorted(a.filters) == sorted(b.filters);
}

/// In order of their numbers, each once and all of one capture.
void check_whole(const std::vector<ShardState>& states) {
  const ShardState& first = states.front();
  for (std::size_t i = 0; i < states.size(); ++i) {
    const ShardState& each = states[i];
    if (each.shard.count != first.shard.count)
      refuse(each, fmt::format("is a shard of {}, {} is one of {}", each.shard.count, first.name,
                               first.shard.count));
    if (!same_filters(each, first))
      refuse(each,
             fmt::format("was made of other packets than {}: with {}, that one with {}; give every "
                         "shard the same --host, --net, --port, --time and --bpf",
                         first.name, filters_text(each), filters_text(first)));
    if (each.fingerprint != first.fingerprint)
      refuse(each, fmt::format("is of another capture than {}, or was made with other options",
                               first.name));
    if (i > 0 && each.shard.index == states[i - 1].shard.index)
      refuse(each, fmt::format("is the same shard as {}", states[i - 1].name));
    if (each.shard.index != i)
      throw Error{fmt::format("shard {} of {} is missing", i, first.shard.count)};
  }
  if (states.size() < first.shard.count)
    throw Error{fmt::format("shard {} of {} is missing", states.size(), first.shard.count)};
}

}  // namespace

/// The events of one shard, one by one.
class Player::Tape {
 public:
  Tape(const ShardState& state, Interned& interned) : state_{state}, interned_{interned} {}

  /// False: there are no more.
  bool next() {
    while (!decoder_ || decoder_->at_end()) {
      if (block_ == state_.events.size()) return false;
      bytes_ = inflated(state_.events.at(block_++));
      decoder_.emplace(bytes_, interned_);
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
  Decoder& values() { return *decoder_; }
  const std::string& name() const { return state_.name; }

 private:
  const ShardState& state_;
  Interned& interned_;
  std::string bytes_;
  std::optional<Decoder> decoder_;
  std::size_t block_ = 0;
  std::uint64_t tick_ = 0, in_block_ = 0;
  Event event_{};
};

Player::Player(std::vector<ShardState> states, const Settings& settings)
    : states_{std::move(states)} {
  std::ranges::stable_sort(states_, {}, [](const ShardState& each) { return each.shard.index; });
  check_whole(states_);
  std::string bytes;
  try {
    read_input(states_.front());
    bytes = inflated(states_.front().input.at(0));
  } catch (const Damaged&) {
    refuse(states_.front(), kDamaged);
  }
  if (fingerprint(settings, bytes) != states_.front().fingerprint)
    refuse(states_.front(),
           "was made with other settings: give merge the same --config, --vantage, --profile and "
           "--ack-token");
}

Player::~Player() = default;

void Player::read_input(const ShardState& state) {
  if (state.input.size() == 0) Decoder::damaged();
  const std::string bytes = inflated(state.input.at(0));
  Decoder decoder{bytes, interned_};
  std::uint64_t version = 0;
  bool has_places = false;
  decoder(version);
  if (version != kVersion) refuse(state, "is of another version of httpdiag");
  decoder(summary_, ledger_, has_places);
  if (summary_.files.empty()) Decoder::damaged();
  for (const CaptureDevice& device : summary_.devices) {
    if (device.file >= summary_.files.size()) Decoder::damaged();
  }
  if (!has_places) return;
  auto places = std::make_unique<ReadPlaces>(summary_.files.size());
  for (std::size_t i = 1; i < state.input.size(); ++i) {
    const std::string block = inflated(state.input.at(i));
    for (Decoder runs{block, interned_}; !runs.at_end();) {
      std::uint32_t file = 0;
      std::uint64_t number = 0, length = 0;
      runs(file, number, length);
      places->add(file, number, length);
    }
  }
  summary_.places = std::move(places);
}

void Player::play(Sinks sinks, const Stage& stage) {
  std::vector<Tape> tapes;
  for (const ShardState& state : states_) tapes.emplace_back(state, interned_);
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
      hand_on(tapes[at], sinks, stage);
      wind(at);
    }
  } catch (const Damaged&) {
    refuse(states_[at], kDamaged);
  } catch (const base::FailedCheck&) {
    refuse(states_[at], kDamaged);
  }
}

/// What the rules noted of the flow, when its record was another copy.
void Player::attach(FlowRecord& flow) {
  expect_syn_times(flow);
  const auto slot = slots_.find(flow.id);
  flow.rules_slot = slot == slots_.end() ? 0 : slot->second;
}

void Player::hand_on(Tape& tape, Sinks sinks, const Stage& stage) {
  Decoder& values = tape.values();
  FlowRecord flow;
  switch (tape.event()) {
    case Event::packet: {
      PacketRef packet;
      values(packet);
      return stage.on_packet(packet);
    }
    case Event::forget_open:
      return stage.forget_open();
    case Event::exchange: {
      Exchange exchange;
      bool settled = false;
      Timestamp now;
      values(flow, exchange, settled, now);
      attach(flow);
      sinks.exchanges.on_exchange(flow, exchange, settled, now);
      break;
    }
    case Event::stray: {
      Stray stray;
      values(flow.id, stray);
      attach(flow);
      sinks.exchanges.on_stray(flow, stray);
      break;
    }
    case Event::tls_server: {
      Endpoint server;
      values(server);
      return sinks.tls.on_tls_server(server);
    }
    case Event::tls: {
      std::shared_ptr<const TlsSession> session;
      values(flow.id, session);
      if (!session) Decoder::damaged();
      attach(flow);
      sinks.tls.on_tls(flow, std::move(session));
      break;
    }
    case Event::lookup: {
      DnsLookup lookup;
      values(lookup);
      return sinks.lookups.on_lookup(lookup);
    }
    case Event::open:
      values(flow);
      attach(flow);
      sinks.flows.on_open(flow);
      break;
    case Event::flow: {
      EndCause cause{};
      Timestamp now;
      values(flow, cause, now, server_name_);
      attach(flow);
      sinks.flows.on_flow(flow, cause, now);
      slots_.erase(flow.id);
      return;
    }
    default:
      Decoder::damaged();
  }
  slots_[flow.id] = flow.rules_slot;
}

}  // namespace httpdiag::shard
