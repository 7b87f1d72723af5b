// SPDX-License-Identifier: Apache-2.0
#include "views/whole.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "views/clock.hpp"

namespace httpdiag::views {

namespace {

/// What a capture holds of a direction, in all of its flows together.
struct Holds {
  bool any = false;
  bool more_than_resets = false;  // those may be a device's
  bool acknowledging = false;     // who sends it has received something
};

std::array<Holds, 2> holds_of(const std::vector<Trail>& trails) {
  std::array<Holds, 2> holds;
  for (const Trail& trail : trails) {
    for (const Seen& seen : trail.seen) {
      Holds& own = holds[index(seen.from)];
      own.any = true;
      if (seen.is_rst()) continue;
      own.more_than_resets = true;
      own.acknowledging = own.acknowledging || seen.flags.has(TcpFlags::ack);
    }
  }
  return holds;
}

/// The first payload that tells, as by_bytes() of the matcher.
const Seen* first_payload(const Trail& trail) {
  const auto first = std::find_if(trail.seen.begin(), trail.seen.end(), [](const Seen& seen) {
    return seen.from == Side::client && seen.content != 0;
  });
  return first == trail.seen.end() ? nullptr : &*first;
}

void replace(std::string& text, std::string_view what, const std::string& by) {
  if (const std::size_t at = text.find(what); at != std::string::npos)
    text.replace(at, what.size(), by);
}

}  // namespace

Watch watch_of(const Report& report, const CaptureSummary& input) {
  Watch watch{.span = {Timestamp::max(), Timestamp::min()}, .gaps = {}, .lossy = false};
  if (report.first && report.last) watch.span = {report.first->time, report.last->time};
  for (const CaptureBorder& border : input.borders) {
    if (!border.ordinary) watch.gaps.push_back({border.last.time, border.next.time});
  }
  for (const SkippedStretch& stretch : input.skipped) {
    watch.gaps.push_back({stretch.damage.last_good.value_or(watch.span.begin),
                          stretch.next.value_or(watch.span.end)});
  }
  for (std::size_t i = 0; i + 1 < input.files.size(); ++i) {  // a damaged end, and what followed it
    const CaptureFile &file = input.files[i], &next = input.files[i + 1];
    if (file.damage && file.last && next.first) watch.gaps.push_back({*file.last, *next.first});
  }
  watch.lossy = input.skipped_stretches > input.skipped.size();
  for (const CaptureFile& file : input.files) {
    for (const CaptureInterface& each : file.interfaces) {
      const std::uint64_t dropped = each.dropped_by_interface.value_or(0) +
                                    each.dropped_by_os.value_or(0) + each.dropped_between;
      watch.lossy = watch.lossy || dropped > 0;
    }
  }
  return watch;
}

void add(Crossing& total, const Crossing& way) {
  total.sent += way.sent;
  total.lost += way.lost;
  total.lost_bytes += way.lost_bytes;
  total.not_recorded += way.not_recorded;
  total.unknown += way.unknown;
  total.not_sent += way.not_sent;
  total.altered += way.altered;
  if (way.least_delay && (!total.least_delay || *way.least_delay < *total.least_delay))
    total.least_delay = way.least_delay;
  if (way.most_delay && (!total.most_delay || *way.most_delay > *total.most_delay))
    total.most_delay = way.most_delay;
}

Duration drifted(const ClockRelation& clock, Timestamp at) {
  const double gained = static_cast<double>(clock.drift_ppb.value_or(0)) * 1e-9 *
                        static_cast<double>(between(clock.at, at).count());
  constexpr double kMost = 1e18;
  return clock.offset + Duration{static_cast<Duration::rep>(std::clamp(gained, -kMost, kMost))};
}

Timestamp without_drift(const ClockRelation& clock, Timestamp at_server) {
  const double rate = static_cast<double>(clock.drift_ppb.value_or(0)) * 1e-9;
  const auto since =
      static_cast<double>(between(shifted(clock.at, clock.offset), at_server).count());
  constexpr double kMost = 1e18;
  const double gained = std::clamp(rate / (1 + rate) * since, -kMost, kMost);
  return shifted(at_server, -Duration{static_cast<Duration::rep>(gained)});
}

bool at_one_point(const std::optional<ClockRelation>& clock) {
  constexpr std::uint64_t kEnough = 4;
  if (!clock || !clock->steady || clock->pairs < kEnough) return false;
  return clock->offset == Duration{0} && (!clock->both_ways || clock->uncertainty == Duration{0});
}

Blindness blindness_of(const std::vector<Trail>& client, const std::vector<Trail>& server) {
  const std::array<std::array<Holds, 2>, 2> holds{holds_of(client), holds_of(server)};
  Blindness blind;
  for (const Side from : {Side::client, Side::server}) {
    const Side to = other(from);
    const auto& at_sender = holds[index(from)];
    const auto& at_receiver = holds[index(to)];
    blind.sender[index(from)] =
        !at_sender[index(from)].any && at_receiver[index(from)].more_than_resets;
    blind.receiver[index(from)] = at_sender[index(from)].any && !at_receiver[index(from)].any &&
                                  at_receiver[index(to)].acknowledging;
  }
  blind.mute_server = !holds[0][index(Side::server)].any && !holds[1][index(Side::server)].any;
  return blind;
}

std::vector<Finding> breaks_of(const Report& report, Side side, const CaptureSummary& input,
                               PacketNumber before, Duration ahead) {
  std::vector<Finding> breaks;
  for (Finding finding : report.findings) {
    if (finding.label != Label::capture_file_truncated) continue;
    replace(finding.detail, "The file ",
            fmt::format("The {}'s capture ", side == Side::client ? "client" : "server"));
    for (Evidence& row : finding.evidence) {
      const std::string alone = fmt::format("packet {} ", row.packet.number);
      row.packet = {before + row.packet.number, shifted(row.packet.time, -ahead)};
      replace(finding.detail, alone,
              fmt::format("packet {} ", packet_name(&input, row.packet.number)));
    }
    breaks.push_back(std::move(finding));
  }
  return breaks;
}

// Only where it is so short that the clocks cannot have gone apart meanwhile.
void Nearness::on_round_trips(Duration here, Duration away) {
  constexpr Duration kShort = std::chrono::seconds{1}, kNoise = std::chrono::microseconds{20};
  if (here < Duration{0} || here > kShort || away < -kShort || away > kShort) return;
  const Duration margin = kNoise + here / 1000;
  if (here - away > margin) ++by_time_.client;
  if (away - here > margin) ++by_time_.server;
}

void Nearness::on_ttl(Side from, std::uint8_t here, std::uint8_t away) {
  if (here == away || here == 0 || away == 0) return;
  const bool fell = away < here;  // on the way from the first point to the second one
  ++(fell == (from == Side::client) ? by_ttl_.client : by_ttl_.server);
}

// TTLs are set anew by some devices; where times tell, they do.
bool Nearness::swapped() const { return by_time_.any() ? by_time_.swapped() : by_ttl_.swapped(); }

bool plausibly_one(const Trail& client, const Trail& server,
                   const std::optional<ClockRelation>& clock) {
  constexpr Duration kLongest = std::chrono::seconds{5}, kUnset = std::chrono::seconds{1};
  const Seen* left = first_payload(client);
  const Seen* came = first_payload(server);
  if (left == nullptr || came == nullptr) return false;
  const bool known = clock && clock->steady;
  const Duration ahead = known ? drifted(*clock, left->packet.time) : Duration{};
  const Duration slack =
      known && clock->both_ways ? clock->uncertainty + std::chrono::milliseconds{1} : kUnset;
  const Duration took = between(shifted(left->packet.time, ahead), came->packet.time);
  return took >= -slack && took <= kLongest;
}

}  // namespace httpdiag::views
