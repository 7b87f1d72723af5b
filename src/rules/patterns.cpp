// SPDX-License-Identifier: Apache-2.0
// The collecting half; what follows from it is in pattern_conclusions.cpp.
#include "rules/patterns.hpp"

#include <algorithm>

#include "rules/idle_timers.hpp"
#include "rules/syn_schedules.hpp"

namespace httpdiag::rules {

namespace {

constexpr std::size_t kSamples = 256;      // kept of each kind for one server
constexpr std::size_t kSources = 1000;     // addresses of half-open connections of one server
constexpr std::size_t kAttemptTimes = 16;  // kept of failed connects of one client

bool failed_connect(Label label) {
  switch (label) {
    using enum Label;
    case connect_refused:
    case syn_retries_exhausted:
    case connect_abandoned:
    case connect_unreachable:
    case handshake_not_completed:
    case handshake_client_reset:
    case accept_queue_overflow:
    case reset_after_handshake:
      return true;
    default:
      return false;
  }
}

}  // namespace

void BusiestWindow::add(PacketRef packet, Duration window) {
  using std::chrono::duration_cast, std::chrono::seconds;
  const std::int64_t second = duration_cast<seconds>(packet.time.time_since_epoch()).count();
  const auto earlier = [](const Second& each, std::int64_t at) { return each.at < at; };
  auto found = std::lower_bound(seconds_.begin(), seconds_.end(), second, earlier);
  if (found == seconds_.end() || found->at != second) {
    if (seconds_.size() == kSeconds) {
      if (found == seconds_.begin()) return;  // later than anything that is waited for
      seconds_.erase(seconds_.begin());
      --found;
    }
    found = seconds_.insert(found, Second{second, 0, packet});
  }
  ++found->count;
  if (packet.number < found->first.number) found->first = packet;
  // Only windows that contain this second can have become the fullest.
  std::uint64_t total = 0;
  const auto begin = std::lower_bound(seconds_.begin(), found,
                                      second - duration_cast<seconds>(window).count() + 1, earlier);
  for (auto it = begin; it <= found; ++it) total += it->count;
  if (total <= most) return;
  most = total;
  from = begin->first;
  to = packet;
}

std::size_t Timeline::bucket(Timestamp at) {
  if (width_ == Duration{0}) {
    begin_ = at;
    width_ = std::chrono::milliseconds{100};
  }
  if (at <= begin_) return 0;
  while (at - begin_ >= width_ * kBuckets) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const std::size_t from = 2 * i;
      const bool pair = from + 1 < kBuckets;
      good_[i] = pair ? good_[from] + good_[from + 1] : 0;
      bad_[i] = pair ? bad_[from] + bad_[from + 1] : 0;
      last_good_[i] = pair ? std::max(last_good_[from], last_good_[from + 1]) : Timestamp{};
      first_bad_[i] = pair ? first_bad_[from] : Failure{};
      if (pair) keep_first(i, first_bad_[from + 1]);
    }
    width_ *= 2;
  }
  return static_cast<std::size_t>((at - begin_) / width_);
}

void Timeline::keep_first(std::size_t bucket, const Failure& failure) {
  Failure& first = first_bad_[bucket];
  if (failure.at && (!first.at || failure.at.number < first.at.number)) first = failure;
}

void Timeline::add(Timestamp at) {
  const std::size_t i = bucket(at);
  ++good_[i];
  last_good_[i] = std::max(last_good_[i], at);
}

void Timeline::add(const Failure& failure) {
  const std::size_t i = bucket(failure.at.time);
  ++bad_[i];
  keep_first(i, failure);
}

Timeline::Split Timeline::split(std::size_t bucket) const {
  Split result{.at = first_bad_[bucket]};
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const bool before = i < bucket || (i == bucket && last_good_[i] < result.at.at.time);
    (before ? result.good_before : result.good_after) += good_[i];
    (i < bucket ? result.bad_before : result.bad_after) += bad_[i];
  }
  return result;
}

namespace {

/// Pearson's chi-squared of the two shares, where the second is at least ten times the first and a
/// fifth; else 0.
double rise(const Timeline::Split& split) {
  constexpr double kTimes = 10, kLeast = 0.2;
  const auto before = static_cast<double>(split.good_before + split.bad_before);
  const auto after = static_cast<double>(split.good_after + split.bad_after);
  if (before == 0 || after == 0) return 0;
  const double first = static_cast<double>(split.bad_before) / before;
  const double second = static_cast<double>(split.bad_after) / after;
  if (second < kLeast || second < first * kTimes) return 0;
  const double all = static_cast<double>(split.bad_before + split.bad_after) / (before + after);
  const double difference = second - first;
  return before * after / (before + after) * difference * difference / (all * (1 - all));
}

}  // namespace

std::optional<Timeline::Split> Timeline::turn(std::uint64_t least_good_before,
                                              std::uint64_t least_bad_after) const {
  double surest = 10.8;  // once in a thousand times by chance
  std::optional<Split> best;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (!first_bad_[i].at) continue;
    const Split here = split(i);
    if (here.good_before < least_good_before || here.bad_after < least_bad_after) continue;
    if (const double sure = rise(here); sure > surest) {
      surest = sure;
      best = here;
    }
  }
  return best;
}

PatternCollector::Server* PatternCollector::server(const Endpoint& endpoint) {
  const auto found = servers_.find(endpoint);
  if (found != servers_.end()) return &found->second;
  if (servers_.size() >= settings_.limits.max_endpoints) return nullptr;
  return &servers_[endpoint];
}

bool PatternCollector::was_asked(const Endpoint& endpoint) const {
  const auto found = servers_.find(endpoint);
  return found != servers_.end() && found->second.asked;
}

void PatternCollector::on_healthy(Server* server, Timestamp at) {
  if (server == nullptr) return;
  server->asked = server->answers = true;
  server->timeline.add(at);
}

void PatternCollector::on_exchange(Server* server, const ExchangeReport& exchange) {
  if (server == nullptr) return;
  server->asked = true;
  server->answers = server->answers || (exchange.response && is_success(exchange.response->status));
  const PacketRef request = exchange.request.first;
  const bool failed = exchange.severity == Severity::error;
  if (!failed) server->timeline.add(request.time);
  if (exchange.label == Label::request_on_half_closed ||
      exchange.label == Label::keepalive_close_race) {
    ++server->reuse_failures;
  }
  if (exchange.gave_up_after && server->client_waits.size() < kSamples)
    server->client_waits.emplace_back(*exchange.gave_up_after, request);
  if (failed) note_failure(*server, request, exchange.label);
}

void PatternCollector::note_failure(Server& server, PacketRef first, Label label) {
  ++server.failures;
  server.timeline.add({first, label});
  if (!server.last_failure || first.number > server.last_failure.number)
    server.last_failure = first;
}

void PatternCollector::on_flow(const FlowRecord& flow, Timestamp until, EndCause cause,
                               const FlowReport& report, const FlowUsage& usage) {
  note_states(flow, until, cause, report);
  const bool failed = failed_connect(report.label) && report.severity == Severity::error;
  if (failed) note_failed_connect(flow, report);
  if (report.label == Label::handshake_not_completed) note_half_open(flow);
  for (const Side side : {Side::client, Side::server}) {
    if (tcp_state(flow, side) == TcpState::time_wait) note_time_wait(flow, side);
  }
  const PacketRef rst = flow.s().trouble().rst;
  if (report.exchange_count == 0 && !rst && !failed) return;
  Server* own = server(report.server);
  if (own == nullptr) return;
  if (failed) {
    note_failure(*own, report.first, report.label);
  }
  if (rst && (!own->first_rst || rst.number < own->first_rst.number)) own->first_rst = rst;
  if (usage.advertised_s != 0) own->advertised_s = usage.advertised_s;
  own->reuses += usage.reuses;
  if (usage.reuses > 0 && (!own->longest_reuse || usage.longest_reuse > *own->longest_reuse)) {
    own->longest_reuse = usage.longest_reuse;
    own->longest_reuse_at = usage.longest_reuse_at;
  }
  note_idle_close(flow, report, *own);
}

// The server closed while nothing was outstanding: it had waited long enough, or served enough.
void PatternCollector::note_idle_close(const FlowRecord& flow, const FlowReport& report,
                                       Server& server) {
  const SideRecord& closer = flow.s();
  if (!closer.fin || closer.fin_unseen || report.exchange_count == 0) return;
  const PacketRef client_fin = flow.c().fin;
  if (client_fin && client_fin.number < closer.fin.number) return;
  // The client's last bytes lie before the server's last ones: answered, then silence.
  if (!closer.last_payload || flow.c().last_payload.number > closer.last_payload.number) {
    // A request that crossed the FIN, or was sent behind it, came too late to be outstanding.
    if (flow.c().last_payload.number < closer.fin.number) return;
  }
  ++server.idle_closes;
  // How long a server waits for a first request is not how long it keeps a connection.
  if (!closer.last_payload) return;
  const Duration idle = closer.fin.time - closer.last_payload.time;
  if (server.closes.size() >= kSamples || idle < Duration{0}) return;
  server.closes.push_back({idle, closer.fin, static_cast<std::uint32_t>(report.exchange_count)});
}

bool PatternCollector::closes_after(const Server* server, Duration idle) const {
  constexpr std::ptrdiff_t kEnough = 2;
  if (server == nullptr || idle < kShortestRest) return false;
  const Duration slack = timer_slack(idle);
  return std::count_if(server->closes.begin(), server->closes.end(), [&](const IdleClose& close) {
           return close.idle >= idle - slack && close.idle <= idle + slack;
         }) >= kEnough;
}

void PatternCollector::note_failed_connect(const FlowRecord& flow, const FlowReport& report) {
  const std::pair key{report.client.ip, report.server};
  auto found = attempts_.find(key);
  if (found == attempts_.end()) {
    if (attempts_.size() >= settings_.limits.max_endpoints) return;
    found = attempts_.emplace(key, Attempts{}).first;
  }
  ++found->second.count;
  if (found->second.times.size() < kAttemptTimes)
    found->second.times.push_back({report.first, std::max(report.first.time, flow.c().last.time)});
}

void PatternCollector::note_time_wait(const FlowRecord& flow, Side closer) {
  const Endpoint& own = closer == Side::client ? flow.client : flow.server;
  const Endpoint& peer = closer == Side::client ? flow.server : flow.client;
  // Clients' ports differ; a server is asked for its total towards one host.
  const Endpoint towards = closer == Side::client ? peer : Endpoint{peer.ip, 0};
  const std::pair key{own.ip, towards};
  auto found = closings_.find(key);
  if (found == closings_.end()) {
    if (closings_.size() >= settings_.limits.max_endpoints) return;
    found = closings_.emplace(key, Closings{}).first;
    found->second.closer_is_client = closer == Side::client;
  }
  found->second.window.add(flow.side(closer).fin, settings_.thresholds.time_wait);
}

void PatternCollector::note_half_open(const FlowRecord& flow) {
  if (!flow.s().syn) return;
  auto found = half_open_.find(flow.server);
  if (found == half_open_.end()) {
    if (half_open_.size() >= settings_.limits.max_endpoints) return;
    found = half_open_.emplace(flow.server, HalfOpen{}).first;
  }
  HalfOpen& half_open = found->second;
  half_open.window.add(flow.s().syn, settings_.thresholds.flood_window);
  if (half_open.sources.size() < kSources) half_open.sources.insert(flow.client.ip);
}

namespace {

/// So long after its last packet no kernel has such a socket any more: it would have sent again
/// meanwhile, or has given up.
bool given_up(TcpState state, Duration silence) {
  // 5 repetitions of a SYN-ACK, and the wait behind the last of them (tcp_synack_retries); what
  // is sent again otherwise is at least every 120 s (TCP_RTO_MAX).
  constexpr Duration kAfterSynAck = std::chrono::seconds{32};
  constexpr Duration kLongestRto = std::chrono::seconds{120};
  switch (state) {
    case TcpState::syn_rcvd:
      return silence > kAfterSynAck;
    case TcpState::syn_sent:
    case TcpState::fin_wait_1:
    case TcpState::closing:
    case TcpState::last_ack:
      return silence > kLongestRto;
    default:
      return false;
  }
}

}  // namespace

void PatternCollector::note_states(const FlowRecord& flow, Timestamp until, EndCause cause,
                                   const FlowReport& report) {
  if (cause != EndCause::capture_over) return;
  // What one side has done is told by the other's packets.
  if (std::ranges::count(report.labels, Label::capture_one_way) != 0) return;
  for (const Side side : {Side::client, Side::server}) {
    const TcpState state = report.sides[index(side)].state;
    if (state == TcpState::unknown || state == TcpState::closed) continue;
    if (state == TcpState::syn_rcvd &&
        (flow.c().packets == 0 ||
         (flow.s().syns == 1 && until - flow.s().syn.time >= kSynAckRepeatDue))) {
      continue;
    }
    if (given_up(state, until - flow.trouble().clock_step - flow.side(side).last.time)) continue;
    const IpAddress& ip = side == Side::client ? report.client.ip : report.server.ip;
    auto found = states_.find(ip);
    if (found == states_.end()) {
      if (states_.size() >= settings_.limits.max_endpoints) continue;
      found = states_.emplace(ip, HostStates{.host = ip}).first;
    }
    ++found->second.by_state[static_cast<std::size_t>(state)];
    const SideRecord& closer = flow.side(other(side));
    if (state == TcpState::close_wait && until - flow.trouble().clock_step - closer.acked_by.time >=
                                             settings_.thresholds.close_wait_min) {
      ++found->second.close_wait_long;
    }
  }
}

}  // namespace httpdiag::rules
