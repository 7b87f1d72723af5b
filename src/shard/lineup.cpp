// SPDX-License-Identifier: Apache-2.0
#include "shard/lineup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <tuple>

#include "base/capture_clock.hpp"
#include "base/happy_eyeballs.hpp"
#include "shard/capture_states.hpp"

namespace httpdiag::shard {
namespace {

[[noreturn]] void overlap(const Member& one, const Member& other, std::string_view why) {
  throw CapturesOverlap{fmt::format("{} and {} are of captures that overlap in time{}",
                                    one.state.name, other.state.name, why)};
}

PacketPlace place_in(const Input& input, PacketNumber number) {
  return input.places ? input.places->place(number) : PacketPlace{0, number};
}

/// What the undivided run would make of all captures together has no equal in each.
std::string_view trouble_with(const Input& input) {
  const CaptureSummary& summary = input.summary;
  const bool damaged = std::ranges::any_of(
      summary.files, [](const CaptureFile& file) { return file.damage != nullptr; });
  if (damaged || summary.holes > 0 || summary.skipped_stretches > 0)
    return ", and of one packets are missing where it is damaged";
  for (const CaptureBorder& border : summary.borders) {
    if (place_in(input, border.last.number).file == place_in(input, border.next.number).file)
      return ", and a file of one holds several captures";
  }
  return {};
}

void check(const std::vector<Member>& members) {
  const Member& first = members.front();
  if (!first.state.filters.empty())
    overlap(first, members[1], ", and were made with a filter of packets");
  for (const Member& each : members) {
    const Member& other = &each == &first ? members[1] : first;
    if (const std::string_view why = trouble_with(each.input); !why.empty())
      overlap(each, other, why);
  }
}

}  // namespace

/// The packets of one.
class Lineup::Reading {
 public:
  explicit Reading(const Member& member)
      : input_{member.input}, packets_{member.state.packets, interned_} {}

  /// False: there are no more.
  bool next() {
    const PacketRef before = packets_.packet();
    const bool more = packets_.next();
    const PacketNumber all = input_.ledger.packets;
    if (!more && before.number != all) Decoder::damaged();
    if (!more) return false;
    if (packet().number != before.number + 1 || packet().number > all) Decoder::damaged();
    // Differences of them are taken.
    constexpr Timestamp kMost{Duration{std::int64_t{1} << 61}};
    if (packet().time > kMost || packet().time < Timestamp{} - kMost.time_since_epoch())
      Decoder::damaged();
    goes_back_ |= before && packet().time < before.time;
    behind_jump_ = before && packet().time - before.time > base::CaptureClock::kJump &&
                   std::ranges::all_of(packets_.occasions().begins, goes_on);
    file_ = place_in(input_, packet().number).file;
    return true;
  }
  PacketRef packet() const { return packets_.packet(); }
  const PacketReader& packets() const { return packets_; }
  std::uint32_t file() const { return file_; }
  bool goes_back() const { return goes_back_; }
  /// Of the clock, and it begins no flow but what goes on with one behind it.
  bool behind_jump() const { return behind_jump_; }

 private:
  static bool goes_on(const Begin& begin) { return begin.again && !begin.syn; }

  const Input& input_;
  Interned interned_;
  PacketReader packets_;
  std::uint32_t file_ = 0;
  bool goes_back_ = false, behind_jump_ = false;
};

/// Between whom the flows of all captures are. By hashes: two that look alike by chance are taken
/// for one, and a table does no harm.
class Lineup::Ends {
 public:
  Ends(const std::vector<Member>& members, Duration happy_eyeballs)
      : members_{members}, happy_eyeballs_{happy_eyeballs} {}

  void add(std::uint32_t capture, const Reading& reading) {
    for (const Begin& begin : reading.packets().occasions().begins) {
      flows_.push_back({hash_of(begin.source, begin.destination), capture});
      numbers_.push_back({begin.seq, reading.packet().time, capture});
      if (begin.syn)
        attempts_.push_back({port_of(begin.destination), reading.packet().time, capture});
    }
    for (const Unrelated& each : reading.packets().occasions().unrelated)
      errors_.push_back({hash_of(each.error.source, each.error.destination), capture});
    for (const Refusal& refusal : reading.packets().occasions().refusals)
      refusals_.push_back({refusal, capture});
  }

  /// Throws CapturesOverlap where a flow of one may be, or belong to, a flow of another.
  void check() {
    std::ranges::sort(flows_);
    for (std::size_t i = 1; i < flows_.size(); ++i) {
      if (flows_[i].hash == flows_[i - 1].hash)
        differ(flows_[i - 1].capture, flows_[i].capture, ", and have connections in common");
    }
    for (const Flow& error : errors_) {
      const auto quoted = std::ranges::lower_bound(flows_, Flow{error.hash, 0});
      if (quoted != flows_.end() && quoted->hash == error.hash)
        differ(quoted->capture, error.capture, ", and an ICMP error of one is about the other");
    }
    // A host that translates addresses has both of its sides at once.
    constexpr Duration kAtOnce = std::chrono::seconds{1};
    std::ranges::sort(numbers_);
    for (std::size_t i = 1; i < numbers_.size(); ++i) {
      const Number &a = numbers_[i - 1], &b = numbers_[i];
      if (a.seq == b.seq && b.time < after(a.time, kAtOnce))
        differ(a.capture, b.capture,
               ", and a connection of one may be in the other by other addresses");
    }
    check_refusals();
  }

 private:
  // A client tries both IP versions; which attempts are one client's the addresses do not tell.
  void check_refusals() {
    std::ranges::sort(attempts_);
    for (const auto& [refusal, capture] : refusals_) {
      const std::uint32_t port = port_of(refusal.server) ^ kVersion4;
      const Timestamp last = std::max(after(refusal.first, base::kMostBetweenAttempts),
                                      after(refusal.at, happy_eyeballs_));
      auto at = std::ranges::lower_bound(attempts_, Number{port, refusal.first, 0});
      for (; at != attempts_.end() && at->seq == port && at->time <= last; ++at)
        differ(capture, at->capture, ", and a client may have tried both IP versions, each in one");
    }
  }
  static constexpr std::uint32_t kVersion4 = 1u << 16;
  static std::uint32_t port_of(const Endpoint& server) {
    return server.port | (server.ip.is_v4() ? kVersion4 : 0);
  }

  struct Flow {
    std::uint64_t hash = 0;
    std::uint32_t capture = 0;
    auto operator<=>(const Flow&) const = default;
  };
  struct Number {
    std::uint32_t seq = 0;  // or port and IP version
    Timestamp time{};
    std::uint32_t capture = 0;
    auto operator<=>(const Number&) const = default;
  };
  void differ(std::uint32_t one, std::uint32_t other, std::string_view why) const {
    if (one != other) overlap(members_[one], members_[other], why);
  }

  const std::vector<Member>& members_;
  std::vector<Flow> flows_, errors_;
  std::vector<Number> numbers_, attempts_;
  std::vector<std::pair<Refusal, std::uint32_t>> refusals_;
  Duration happy_eyeballs_;
};

/// As capture::Merge orders files: what holds no packet comes last.
void Lineup::rank_files(const std::vector<Member>& members) {
  std::vector<std::pair<std::size_t, std::uint32_t>> all;
  for (std::size_t i = 0; i < members.size(); ++i) {
    files_.emplace_back(members[i].input.summary.files.size());
    for (std::uint32_t k = 0; k < files_.back().size(); ++k) all.emplace_back(i, k);
  }
  const auto key = [&](const auto& each) {
    const CaptureFile& file = members[each.first].input.summary.files[each.second];
    return std::tuple{!file.first.has_value(), file.first, std::string_view{file.name}};
  };
  std::ranges::stable_sort(all, {}, key);
  for (std::uint32_t rank = 0; rank < all.size(); ++rank)
    files_[all[rank].first][all[rank].second] = rank;
}

Lineup::Lineup(const std::vector<Member>& members, Duration happy_eyeballs)
    : own_runs_(members.size()), own_flows_(members.size()) {
  check(members);
  rank_files(members);
  std::vector<std::unique_ptr<Reading>> readings;
  std::vector<std::uint64_t> left;  // of each file: packets that are still to come
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Input& input = members[i].input;
    readings.push_back(std::make_unique<Reading>(members[i]));
    sizes_.push_back(input.ledger.packets);
    left.resize(left.size() + input.summary.files.size());
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::vector<CaptureFile>& files = members[i].input.summary.files;
    for (std::uint32_t k = 0; k < files.size(); ++k) left[files_[i][k]] = files[k].packets;
  }
  using Next = std::tuple<Timestamp, std::uint32_t, std::size_t>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
  Ends ends{members, happy_eyeballs};
  std::size_t at = 0;
  const auto wind = [&](std::size_t i) {
    Reading& reading = *readings[at = i];
    if (!reading.next()) return;
    if (reading.goes_back())
      overlap(members[i], members[i == 0 ? 1 : 0], ", and the clock of one goes back");
    queue.emplace(reading.packet().time, files_[i].at(reading.file()), i);
  };
  std::vector<bool> begun(left.size());
  std::size_t open = 0;  // files
  try {
    for (std::size_t i = 0; i < members.size(); ++i) wind(i);
    while (!queue.empty()) {
      const auto [time, file, capture] = queue.top();
      queue.pop();
      at = capture;
      const bool begins = !begun[file];
      begun[file] = true;
      // Where nothing confirms yet that the clock jumped, its own run takes the packet for one of a
      // flow that is over by the clock of all.
      const bool cut_in = !runs_.empty() && runs_.back().capture != capture;
      if (cut_in && readings[capture]->behind_jump())
        overlap(members[capture], members[capture == 0 ? 1 : 0],
                ", and one has no packet for more than an hour");
      add(capture, *readings[capture]);
      note_pause({packets_, time}, begins && open == 0);
      if (begins) ++open;
      if (left[file] == 0) Decoder::damaged();
      if (--left[file] == 0) --open;
      ends.add(static_cast<std::uint32_t>(capture), *readings[capture]);
      wind(capture);
    }
  } catch (const Damaged& damaged) {
    refuse(members[at].state, damaged.what());
  }
  ends.check();
}

void Lineup::add(std::size_t capture, const Reading& reading) {
  ++packets_;
  if (runs_.empty() || runs_.back().capture != capture) {
    own_runs_[capture].push_back(runs_.size());
    runs_.push_back({static_cast<std::uint32_t>(capture), packets_, reading.packet().number, 0});
  }
  ++runs_.back().length;
  for (const Begin& begin : reading.packets().occasions().begins) {
    std::vector<FlowId>& flows = own_flows_[capture];
    if (begin.flow != FlowId{static_cast<std::uint32_t>(flows.size() + 1)}) Decoder::damaged();
    flows.push_back(FlowId{++flows_});
  }
}

/// `begins`: with a file, while no other one is being read. As capture::Timeline measures them.
void Lineup::note_pause(PacketRef packet, bool begins) {
  std::optional<Timestamp>& newest = summary_.newest;
  if (!newest) {
    summary_.begins = newest = packet.time;
  } else if (begins) {
    summary_.add_border({packet.number - 1, *newest}, packet, summary_.longest_pause);
  } else {
    summary_.longest_pause = std::max(summary_.longest_pause, packet.time - *newest);
  }
  newest = packet.time;
}

PacketNumber Lineup::packet(std::size_t capture, PacketNumber own) const {
  const std::vector<std::size_t>& runs = own_runs_.at(capture);
  const auto behind =
      std::ranges::upper_bound(runs, own, {}, [&](std::size_t i) { return runs_[i].number; });
  if (own > sizes_.at(capture) || behind == runs.begin()) Decoder::damaged();
  const Run& run = runs_[*std::prev(behind)];
  return run.first + (own - run.number);
}

FlowId Lineup::flow(std::size_t capture, FlowId own) const {
  const std::vector<FlowId>& flows = own_flows_.at(capture);
  const auto number = static_cast<std::uint32_t>(own);
  if (number == 0 || number > flows.size()) Decoder::damaged();
  return flows[number - 1];
}

}  // namespace httpdiag::shard
