// SPDX-License-Identifier: Apache-2.0
#include "legs/connects.hpp"

#include <algorithm>

namespace httpdiag::legs {

namespace {

// haproxy waits for a second, or for its connect timeout if that is shorter, before it tries a
// server again.
constexpr Duration kTriesAgain = std::chrono::milliseconds{1100};
// Connections tried while nobody waited: looked for on either side, and among how many.
constexpr std::size_t kIdle = 4, kSteps = 256;
constexpr std::size_t kBeat = 3;  // connections that agree on one
constexpr int kSlack = 10;        // this part of a beat

bool soon_after(Timestamp begin, Timestamp end, Duration within, const Record& connect) {
  const Timestamp at = connect.leg.first.time;
  return at + kReordered >= begin && at <= end + within;
}

/// No packet tells when an application stops waiting for a connection, but that it was before the
/// next SYN was due: the distance between them doubles.
Timestamp given_up_by(const Record& failed) {
  const Timestamp first = failed.leg.first.time, last = failed.leg.last.time;
  const bool told =
      failed.leg.label == Label::connect_refused || failed.leg.label == Label::connect_unreachable;
  return told ? last : last + (last - first) + kTriesAgain;
}

/// The usual step between moments, where most are alike; 0: they are not.
Duration beat_of(const std::vector<Timestamp>& moments) {
  if (moments.size() < kBeat) return {};
  std::vector<Duration> steps;
  for (std::size_t i = 1; i < moments.size(); ++i) steps.push_back(moments[i] - moments[i - 1]);
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  const Duration beat = *middle;
  const auto regular = std::count_if(steps.begin(), steps.end(), [&](Duration step) {
    return std::chrono::abs(step - beat) <= beat / kSlack;
  });
  return static_cast<std::size_t>(regular) * 2 > steps.size() ? beat : Duration{0};
}

bool on_beat(Timestamp a, Timestamp b, Duration beat) {
  const Duration off = std::chrono::abs(a - b) % beat;
  return std::min(off, beat - off) <= beat / kSlack;
}

}  // namespace

bool its_turn(const Record& front, const std::vector<const Record*>& legs, const Record* before,
              const Record& failed) {
  const Timestamp at = failed.leg.first.time;
  const auto start = [&](const PacketRef& packet) {
    return soon_after(packet.time, packet.time, kAtOnce, failed);
  };
  bool turn = start(front.leg.first) || start(front.leg.sent);
  Timestamp since = front.leg.first.time;
  for (const Record* leg : legs) {
    if (leg->leg.first.time > at) break;
    since = end_of(*leg);
    if (since > at + kReordered) return false;  // somebody is at it
    turn = soon_after(since, since, kAtOnce, failed);
  }
  if (before == nullptr || before->leg.first.time + kReordered < since) return turn;
  const bool same = before->leg.server == failed.leg.server;
  return turn || soon_after(before->leg.first.time, given_up_by(*before),
                            same ? kTriesAgain : kAtOnce, failed);
}

bool explains(const Record& front, const std::vector<const Record*>& legs, const Record& failed) {
  if (failed.given_up_in_front && !front.leg.gateway) return false;
  if (is_gateway_error(front.leg.status) || !front.leg.answered) return true;
  // An answer that came late: the next upstream gave it.
  return std::any_of(legs.begin(), legs.end(), [&](const Record* leg) {
    return leg->leg.first.time >= failed.leg.first.time &&
           leg->leg.first.time <= given_up_by(failed) + kTriesAgain;
  });
}

void Connects::add(Record failed) {
  if (failed_.size() == kFailed) {
    const auto oldest = failed_.begin();
    const auto route = routes_.find({oldest->second.leg.client.ip, oldest->second.leg.server});
    route->second.erase(oldest->first);
    if (route->second.empty()) routes_.erase(route);
    failed_.erase(oldest);
  }
  const Key key{failed.leg.first.time, failed.leg.flow};
  routes_[{failed.leg.client.ip, failed.leg.server}].insert(key);
  failed_.emplace(key, std::move(failed));
}

bool Connects::for_nobody(const Record& failed, const Waits& waits) const {
  const auto route = routes_.find({failed.leg.client.ip, failed.leg.server});
  if (route == routes_.end()) return false;
  const std::set<Key>& all = route->second;
  const auto self = all.find({failed.leg.first.time, failed.leg.flow});
  std::vector<Timestamp> idle, near;
  const auto walk = [&](auto at, auto end) {
    for (std::size_t steps = 0, seen = 0; at != end && steps < kSteps && seen < kIdle; ++at) {
      if (steps++ == 0) near.push_back(at->first);
      if (waits.any_at(failed_.at(*at))) continue;
      idle.push_back(at->first);
      ++seen;
    }
  };
  walk(std::make_reverse_iterator(self), all.rend());
  walk(self == all.end() ? self : std::next(self), all.end());
  if (idle.empty()) return false;
  std::sort(idle.begin(), idle.end());
  const Duration beat = beat_of(idle);
  if (beat == Duration{0}) return true;
  // A beat drifts: those next to it tell best.
  near.insert(near.end(), idle.begin(), idle.end());
  return std::any_of(near.begin(), near.end(),
                     [&](Timestamp other) { return on_beat(other, failed.leg.first.time, beat); });
}

}  // namespace httpdiag::legs
