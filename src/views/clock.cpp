// SPDX-License-Identifier: Apache-2.0
#include "views/clock.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace httpdiag::views {

namespace {

using Count = Duration::rep;

Count sum(Count a, Count b) {
  Count result = 0;
  if (!__builtin_add_overflow(a, b, &result)) return result;
  return a < 0 ? std::numeric_limits<Count>::min() : std::numeric_limits<Count>::max();
}

Count difference(Count a, Count b) {
  Count result = 0;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return a < b ? std::numeric_limits<Count>::min() : std::numeric_limits<Count>::max();
}

/// The middle between the bounds that one stretch sets, and half their distance.
struct Middle {
  double at = 0, offset = 0, half = 0;  // nanoseconds
};

struct Line {
  double offset = 0, slope = 0, error = 0;
};

/// Least squares, the narrower stretches counting for more.
std::optional<Line> line_through(const std::vector<Middle>& points) {
  double narrowest = std::numeric_limits<double>::max();
  for (const Middle& point : points) narrowest = std::min(narrowest, std::abs(point.half));
  const double floor = std::max(narrowest, 1000.0);
  double w = 0, x = 0, y = 0;
  const auto weight = [&](const Middle& point) {
    const double half = std::max(std::abs(point.half), floor);
    return (floor / half) * (floor / half);
  };
  for (const Middle& point : points) {
    w += weight(point);
    x += weight(point) * point.at;
    y += weight(point) * point.offset;
  }
  x /= w, y /= w;
  double xx = 0, xy = 0;
  for (const Middle& point : points) {
    xx += weight(point) * (point.at - x) * (point.at - x);
    xy += weight(point) * (point.at - x) * (point.offset - y);
  }
  if (xx <= 0) return std::nullopt;
  Line line{.offset = y - xy / xx * x, .slope = xy / xx};
  double residue = 0;
  for (const Middle& point : points) {
    const double off = point.offset - line.offset - line.slope * point.at;
    residue += weight(point) * off * off;
  }
  line.error = std::sqrt(residue / static_cast<double>(points.size() - 2) / xx);
  return line;
}

}  // namespace

Timestamp shifted(Timestamp time, Duration by) {
  return Timestamp{Duration{sum(time.time_since_epoch().count(), by.count())}};
}

Duration between(Timestamp from, Timestamp to) {
  return Duration{difference(to.time_since_epoch().count(), from.time_since_epoch().count())};
}

void ClockEstimator::on_pair(Side from, Timestamp at_client, Timestamp at_server) {
  ++pairs_;
  const Duration apart = between(at_client, at_server);
  Stretch& stretch = stretches_[at_client.time_since_epoch() / width_];
  std::optional<Duration>& nearest = stretch.nearest[index(from)];
  const bool nearer = !nearest || (from == Side::client ? apart < *nearest : apart > *nearest);
  if (nearer) {
    nearest = apart;
    stretch.at[index(from)] = at_client;
  }
  while (stretches_.size() > kMostStretches) widen();
}

void ClockEstimator::widen() {
  if (width_ > Duration::max() / 4) return;
  width_ *= 2;
  std::map<std::int64_t, Stretch> wider;
  for (const auto& [number, stretch] : stretches_) {
    Stretch& into = wider[(number < 0 ? number - 1 : number) / 2];
    for (const Side side : {Side::client, Side::server}) {
      const auto& theirs = stretch.nearest[index(side)];
      auto& ours = into.nearest[index(side)];
      if (!theirs) continue;
      if (ours && (side == Side::client ? *ours <= *theirs : *ours >= *theirs)) continue;
      ours = theirs;
      into.at[index(side)] = stretch.at[index(side)];
    }
  }
  stretches_ = std::move(wider);
}

// Between the points there may be no more than microseconds: what is less than that above noise
// is no drift, and what crosses by less is no clock that was set.
std::optional<ClockRelation> ClockEstimator::relation() const {
  constexpr std::size_t kEnough = 8;  // stretches
  constexpr double kLongEnough = 30e9, kSure = 4, kNoise = 50'000;
  if (stretches_.empty()) return std::nullopt;
  ClockRelation relation{.pairs = pairs_};
  const Stretch& beginning = stretches_.begin()->second;
  relation.at = beginning.nearest[0] && (!beginning.nearest[1] || beginning.at[0] < beginning.at[1])
                    ? beginning.at[0]
                    : beginning.at[1];
  std::vector<Middle> middles;
  for (const auto& [number, stretch] : stretches_) {
    if (!stretch.nearest[0] || !stretch.nearest[1]) continue;
    const auto above = static_cast<double>(stretch.nearest[0]->count());
    const auto below = static_cast<double>(stretch.nearest[1]->count());
    const double at = (static_cast<double>(between(relation.at, stretch.at[0]).count()) +
                       static_cast<double>(between(relation.at, stretch.at[1]).count())) /
                      2;
    middles.push_back({at, (above + below) / 2, (above - below) / 2});
  }
  double slope = 0;
  if (middles.size() >= kEnough && middles.back().at - middles.front().at >= kLongEnough) {
    const auto line = line_through(middles);
    const double gained =
        line ? std::abs(line->slope) * (middles.back().at - middles.front().at) : 0;
    if (line && std::abs(line->slope) > kSure * line->error && gained > kNoise &&
        std::abs(line->slope) < 0.01) {
      slope = line->slope;
      relation.drift_ppb = std::llround(slope * 1e9);
    }
  }
  std::optional<double> above, below;
  for (const auto& entry : stretches_) {
    const auto& stretch = entry.second;
    const auto level = [&](Side side) {
      const auto at = static_cast<double>(between(relation.at, stretch.at[index(side)]).count());
      return static_cast<double>(stretch.nearest[index(side)]->count()) - slope * at;
    };
    if (stretch.nearest[0])
      above = std::min(above.value_or(level(Side::client)), level(Side::client));
    if (stretch.nearest[1])
      below = std::max(below.value_or(level(Side::server)), level(Side::server));
  }
  relation.both_ways = above && below;
  const double high = above.value_or(below.value_or(0)), low = below.value_or(high);
  relation.offset = Duration{std::llround((high + low) / 2)};
  relation.uncertainty = Duration{std::llround(std::max(0.0, (high - low) / 2))};
  relation.steady = low - high < kNoise + std::abs(slope) * 1e9;
  return relation;
}

}  // namespace httpdiag::views
