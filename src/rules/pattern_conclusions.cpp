// SPDX-License-Identifier: Apache-2.0
// The concluding half of patterns.hpp: what the collected samples show together.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/patterns.hpp"

namespace httpdiag {

std::string_view name(Backoff backoff) {
  switch (backoff) {
    case Backoff::constant:
      return "constant";
    case Backoff::doubling:
      return "doubling";
    case Backoff::growing:
      return "growing";
    case Backoff::irregular:
      return "irregular";
  }
  return "irregular";
}

}  // namespace httpdiag

namespace httpdiag::rules {

namespace {

// A server that closes sooner closes after every response and waits for nothing.
constexpr Duration kLeastIdle = std::chrono::milliseconds{500};
constexpr Duration kSideBySide = std::chrono::milliseconds{100};
constexpr std::size_t kShownGaps = 8;
constexpr std::size_t kShownCloses = 3;

/// `first`..`last` of a sorted range that lie closest together.
struct Cluster {
  std::size_t first = 0, size = 0;
};

/// The largest group whose members differ by no more than the tolerance for known limits.
template <typename Sample, typename Value>
Cluster densest(std::span<const Sample> sorted, const Thresholds& limits, Value value) {
  Cluster best;
  for (std::size_t first = 0, last = 0; first < sorted.size(); ++first) {
    const Duration smallest = value(sorted[first]);
    const Duration share{static_cast<std::int64_t>(static_cast<double>(smallest.count()) *
                                                   limits.timeout_tolerance_share)};
    const Duration most = smallest + std::max(limits.timeout_tolerance, share);
    while (last < sorted.size() && value(sorted[last]) <= most) ++last;
    if (last - first > best.size) best = {first, last - first};
  }
  return best;
}

/// The number of exchanges after which the server closed at once, if it is always the same.
std::uint32_t request_limit(const std::map<std::uint32_t, std::uint64_t>& closes_after,
                            std::uint32_t samples) {
  std::uint64_t total = 0, most = 0;
  std::uint32_t limit = 0;
  for (const auto& [exchanges, count] : closes_after) {
    total += count;
    if (count > most) {
      most = count;
      limit = exchanges;
    }
  }
  return most >= samples && 2 * most > total ? limit : 0;
}

bool near(Duration a, Duration b, double share, Duration slack) {
  const auto difference = static_cast<double>(std::abs((a - b).count()));
  return difference <= static_cast<double>(b.count()) * share + static_cast<double>(slack.count());
}

Backoff kind_of(std::span<const Duration> gaps, const Thresholds& limits) {
  bool constant = true, doubling = true, growing = true;
  for (std::size_t i = 1; i < gaps.size(); ++i) {
    constant = constant && near(gaps[i], gaps[0], limits.connect_backoff_tolerance,
                                limits.connect_backoff_slack);
    doubling = doubling && near(gaps[i], 2 * gaps[i - 1], 2 * limits.connect_backoff_tolerance,
                                limits.connect_backoff_slack);
    growing = growing && gaps[i] > gaps[i - 1];
  }
  return constant   ? Backoff::constant
         : doubling ? Backoff::doubling
         : growing  ? Backoff::growing
                    : Backoff::irregular;
}

}  // namespace

KeepAlivePattern PatternCollector::keep_alive(const Endpoint& endpoint,
                                              const Server& server) const {
  const Thresholds& limits = settings_.thresholds;
  KeepAlivePattern pattern{.server = endpoint,
                           .timeout = std::nullopt,
                           .idle_closes = server.idle_closes,
                           .closes = {},
                           .advertised_s = server.advertised_s,
                           .reuses = server.reuses,
                           .longest_reuse = server.longest_reuse,
                           .longest_reuse_at = server.longest_reuse_at,
                           .failures = server.reuse_failures};
  std::vector<IdleClose> idle;
  std::map<std::uint32_t, std::uint64_t> at_once;  // by number of exchanges
  for (const IdleClose& close : server.closes) {
    if (close.idle >= kLeastIdle) {
      idle.push_back(close);
    } else if (close.exchanges >= 2) {
      ++at_once[close.exchanges];
    }
  }
  pattern.max_requests = request_limit(at_once, limits.keepalive_min_samples);
  std::sort(idle.begin(), idle.end(), [](const IdleClose& a, const IdleClose& b) {
    return a.idle != b.idle ? a.idle < b.idle : a.fin.number < b.fin.number;
  });
  const Cluster cluster = densest(std::span<const IdleClose>{idle}, limits,
                                  [](const IdleClose& close) { return close.idle; });
  if (cluster.size < limits.keepalive_min_samples || 2 * cluster.size <= idle.size())
    return pattern;
  const auto begin = idle.begin() + static_cast<std::ptrdiff_t>(cluster.first);
  const auto end = begin + static_cast<std::ptrdiff_t>(cluster.size);
  const Duration timeout = (begin + static_cast<std::ptrdiff_t>(cluster.size / 2))->idle;
  // A connection that was used again after a longer rest, and nothing happened: the closes had
  // another reason, or there are several servers behind the address.
  if (server.reuse_failures == 0 && server.longest_reuse &&
      *server.longest_reuse > std::prev(end)->idle + limits.timeout_tolerance) {
    return pattern;
  }
  const auto by_time = [](const IdleClose& a, const IdleClose& b) {
    return a.fin.time < b.fin.time;
  };
  const auto [earliest, latest] = std::minmax_element(begin, end, by_time);
  const Duration spread = std::prev(end)->idle - begin->idle;
  // All at one moment, rather than each after the same rest: a restart.
  if (latest->fin.time - earliest->fin.time < spread) return pattern;
  pattern.timeout = timeout;
  pattern.spread = spread;
  pattern.samples = cluster.size;
  for (auto it = begin; it != end; ++it) pattern.closes.push_back(it->fin);
  std::sort(pattern.closes.begin(), pattern.closes.end(),
            [](PacketRef a, PacketRef b) { return a.number < b.number; });
  pattern.closes.resize(std::min(pattern.closes.size(), kShownCloses));
  return pattern;
}

std::optional<Finding> PatternCollector::mismatch(const KeepAlivePattern& pattern) const {
  if (!pattern.timeout) return std::nullopt;
  const Thresholds& limits = settings_.thresholds;
  const Duration timeout = *pattern.timeout;
  // Of a short timer the margin is a part: every reuse would be within it.
  const bool close =
      pattern.longest_reuse &&
      *pattern.longest_reuse >= timeout - std::min(limits.keepalive_margin, timeout / 4);
  if (!close && pattern.failures == 0) return std::nullopt;
  const Duration advised =
      timeout > 2 * limits.keepalive_advice ? timeout - limits.keepalive_advice : timeout / 2;
  FindingBuilder finding{
      Label::keepalive_mismatch,
      fmt::format(
          "{} closes idle connections after {} ({}); its clients used one again after {}{}.",
          to_string(pattern.server), base::duration(timeout), base::count(pattern.samples, "close"),
          pattern.longest_reuse ? base::duration(*pattern.longest_reuse) : "a rest",
          pattern.failures == 0
              ? ": the next one may be too late"
              : fmt::format(", and {} came too late", base::count(pattern.failures, "request")))};
  for (const PacketRef fin : pattern.closes)
    finding.evidence(fin, std::nullopt, "server FIN on an idle connection");
  finding.evidence(pattern.longest_reuse_at, std::nullopt, "request after the longest rest")
      .fact("server", to_string(pattern.server))
      .fact("server_idle_timeout_us", std::optional{timeout})
      .fact("spread_us", std::optional{pattern.spread})
      .fact("samples", static_cast<std::int64_t>(pattern.samples))
      .fact("longest_reuse_us", pattern.longest_reuse)
      .fact("failures", static_cast<std::int64_t>(pattern.failures))
      .fact("advised_client_idle_us", std::optional{advised})
      .remedy(fmt::format("Client: let the pool give up idle connections after {} at most, or "
                          "check them before use. Or server: keep them longer than the clients "
                          "do.",
                          base::duration(advised)));
  return finding.build();
}

void PatternCollector::conclude_client_limits(const Endpoint& endpoint, const Server& server,
                                              Patterns& patterns) const {
  const Thresholds& limits = settings_.thresholds;
  auto waits = server.client_waits;
  std::sort(waits.begin(), waits.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second.number < b.second.number;
  });
  using Wait = std::pair<Duration, PacketRef>;
  // Each client may have its own; what most samples show comes first.
  constexpr std::size_t kMost = 4;
  for (std::size_t i = 0; i < kMost; ++i) {
    const Cluster cluster =
        densest(std::span<const Wait>{waits}, limits, [](const Wait& wait) { return wait.first; });
    if (cluster.size < limits.keepalive_min_samples) return;
    const Wait& low = waits[cluster.first];
    const Wait& high = waits[cluster.first + cluster.size - 1];
    const Wait& middle = waits[cluster.first + cluster.size / 2];
    patterns.client_limits.push_back(
        {.server = endpoint,
         .limit = middle.first,
         .spread = high.first - low.first,
         .samples = cluster.size,
         .known = match_timeout(middle.first, limits, limits.known_timeouts),
         .example = low.second});
    const auto begin = waits.begin() + static_cast<std::ptrdiff_t>(cluster.first);
    waits.erase(begin, begin + static_cast<std::ptrdiff_t>(cluster.size));
  }
}

void PatternCollector::conclude_onset(const Endpoint& endpoint, const Server& server,
                                      Patterns& patterns) const {
  const Thresholds& limits = settings_.thresholds;
  if (server.failures < limits.onset_min_failures) return;
  // Failures here and there have no beginning.
  const auto turn = server.timeline.turn(limits.onset_min_before, limits.onset_min_failures);
  if (!turn) return;
  OnsetPattern onset{.server = endpoint,
                     .label = turn->at.label,
                     .first = turn->at.at,
                     .last = server.last_failure,
                     .before = turn->good_before,
                     .failed_before = turn->bad_before,
                     .failed = turn->bad_after,
                     .succeeded = turn->good_after,
                     .first_rst = {}};
  const Duration lead = onset.first.time - server.first_rst.time;
  if (server.first_rst && lead <= limits.onset_trigger && lead >= -limits.onset_trigger) {
    onset.first_rst = server.first_rst;
  }
  patterns.onsets.push_back(onset);
}

void PatternCollector::conclude_backoffs(Patterns& patterns) const {
  for (const auto& [key, attempts] : attempts_) {
    auto tries = attempts.times;
    std::sort(tries.begin(), tries.end(),
              [](const Attempt& a, const Attempt& b) { return a.first.number < b.first.number; });
    std::vector<PacketRef> times;
    bool overlapping = false;  // nothing is tried again that is still being tried
    Timestamp until{};
    for (const Attempt& each : tries) {
      // Attempts side by side are one try.
      if (times.empty() || each.first.time - times.back().time >= kSideBySide) {
        overlapping = overlapping || (!times.empty() && until > each.first.time);
        times.push_back(each.first);
      }
      until = std::max(until, each.until);
    }
    if (overlapping || times.size() < 3) continue;  // one gap shows no pattern
    BackoffPattern pattern{.client = key.first,
                           .server = key.second,
                           .attempts = attempts.count,
                           .gaps = {},
                           .first = times.front(),
                           .last = times.back()};
    for (std::size_t i = 1; i < times.size(); ++i)
      pattern.gaps.push_back(std::max(times[i].time - times[i - 1].time, Duration{0}));
    pattern.kind = kind_of(pattern.gaps, settings_.thresholds);
    pattern.gaps.resize(std::min(pattern.gaps.size(), kShownGaps));
    patterns.backoffs.push_back(std::move(pattern));
  }
}

void PatternCollector::add_time_wait_findings(Report& report) const {
  const Thresholds& limits = settings_.thresholds;
  for (const auto& [key, closings] : closings_) {
    const auto share = static_cast<double>(closings.window.most) / limits.port_range;
    const bool client = closings.closer_is_client;
    const bool many = client ? share >= limits.time_wait_warn_share
                             : closings.window.most >= limits.time_wait_server_min;
    if (!many) continue;
    FindingBuilder finding{
        Label::timewait_buildup,
        client ? fmt::format("{} closed {} connections to {} within {}; each holds its port for as "
                             "long, {:.0f} % of the {} usual ones.",
                             to_string(key.first), closings.window.most, to_string(key.second),
                             base::duration(limits.time_wait), share * 100, limits.port_range)
               : fmt::format("The server {} closed {} connections of {} first within {}, and holds "
                             "them in TIME_WAIT.",
                             to_string(key.first), closings.window.most, to_string(key.second.ip),
                             base::duration(limits.time_wait))};
    finding.evidence(closings.window.from, std::nullopt, "FIN of the closing side")
        .evidence(closings.window.to, std::nullopt,
                  "FIN of the closing side, the last of the window")
        .severity(client ? Severity::warning : Severity::info)
        .fault(client ? Party::client_app : Party::server_app, Confidence::medium, "")
        .fact("host", to_string(key.first))
        .fact("time_wait", static_cast<std::int64_t>(closings.window.most))
        .fact("port_range", static_cast<std::int64_t>(limits.port_range));
    report.findings.push_back(finding.build());
  }
}

void PatternCollector::add_flood_findings(Report& report) const {
  const Thresholds& limits = settings_.thresholds;
  for (const auto& [server, half_open] : half_open_) {
    const BusiestWindow& window = half_open.window;
    if (window.most < limits.flood_min) continue;
    FindingBuilder finding{
        Label::handshake_not_completed,
        fmt::format("{} sent SYN-ACKs to {} connections within {} and got no ACK for any of them, "
                    "from {}: a SYN flood, or a way back that is cut for all.",
                    to_string(server), window.most, base::duration(limits.flood_window),
                    half_open.sources.size() == 1
                        ? std::string{"one address"}
                        : fmt::format("{} addresses", half_open.sources.size()))};
    finding.evidence(window.from, Side::server, "SYN-ACK, the first of the window")
        .evidence(window.to, Side::server, "SYN-ACK, the last of the window")
        .severity(Severity::warning)
        .fault(Party::network, Confidence::low,
               "the clients' packets do not come back: a firewall that sees one direction only")
        .fact("flood_suspect", true)
        .fact("server", to_string(server))
        .fact("half_open", static_cast<std::int64_t>(window.most))
        .fact("sources", static_cast<std::int64_t>(half_open.sources.size()))
        .remedy(
            "Server host: keep net.ipv4.tcp_syncookies=1 and raise tcp_max_syn_backlog; do not "
            "lower tcp_synack_retries blindly. Network: if the addresses are your own clients, "
            "look at the way back to them; if they are strangers, filter in front of the server.")
        .seen_as(
            "Server: many sockets in SYN_RECV, \"possible SYN flooding on port\" in its log. "
            "Clients: connect timed out, or nobody is there.");
    report.findings.push_back(finding.build());
  }
}

void PatternCollector::finish(Report& report) const {
  Patterns& patterns = report.patterns;
  for (const auto& [endpoint, server] : servers_) {
    KeepAlivePattern pattern = keep_alive(endpoint, server);
    if (auto finding = mismatch(pattern)) report.findings.push_back(std::move(*finding));
    if (pattern.timeout || pattern.advertised_s != 0 || pattern.max_requests != 0)
      patterns.keep_alive.push_back(std::move(pattern));
    conclude_client_limits(endpoint, server, patterns);
    conclude_onset(endpoint, server, patterns);
  }
  conclude_backoffs(patterns);
  add_time_wait_findings(report);
  add_flood_findings(report);
  for (const auto& [host, states] : states_) patterns.states.push_back(states);
}

}  // namespace httpdiag::rules
