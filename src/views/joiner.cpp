// SPDX-License-Identifier: Apache-2.0
#include "views/joiner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/text.hpp"
#include "views/clock.hpp"
#include "views/crossing.hpp"
#include "views/matcher.hpp"
#include "views/verdict.hpp"
#include "views/whole.hpp"

namespace httpdiag::views {

namespace {

/// Reports of the client's capture wait for the server's; those beyond the limit do not.
class Held final : public FlowReportSink {
 public:
  Held(std::size_t most, FlowReportSink& next) : most_{most}, next_{next} {}
  void on_flow_report(const FlowReport& flow) override {
    flows.size() < most_ ? flows.push_back(flow) : next_.on_flow_report(flow);
  }
  std::vector<FlowReport> flows;

 private:
  std::size_t most_;
  FlowReportSink& next_;
};

/// Of the server's capture the labels are enough.
class Labels final : public FlowReportSink {
 public:
  explicit Labels(std::size_t most) : most_{most} {}
  void on_flow_report(const FlowReport& flow) override {
    if (of.size() < most_) of.emplace(flow.id, std::pair{flow.label, flow.severity});
  }
  std::unordered_map<FlowId, std::pair<Label, Severity>> of;

 private:
  std::size_t most_;
};

/// The worked example, as both views tell it.
void update(Cause& cause, const FlowReport& flow) {
  const auto exchange = std::find_if(
      flow.exchanges.begin(), flow.exchanges.end(),
      [&](const ExchangeReport& each) { return each.index == cause.example_exchange; });
  if (cause.example_exchange != 0 && exchange == flow.exchanges.end()) return;
  cause.example = flow;
  if (cause.example_exchange != 0) cause.example.exchanges = {*exchange};
}

/// The capture that would settle it is there.
void take_settled(std::vector<Finding>& findings) {
  for (Finding& finding : findings) {
    if (finding.settle && finding.settle->at == Side::server) finding.settle.reset();
  }
}

/// What is no longer said of a flow is not counted either.
void uncount(Report& report, const std::vector<Label>& before, const std::vector<Label>& now) {
  for (const Label label : before) {
    if (std::find(now.begin(), now.end(), label) != now.end()) continue;
    std::uint64_t& count = report.annotations[static_cast<std::size_t>(label)];
    count -= std::min<std::uint64_t>(count, 1);
  }
}

}  // namespace

class Joiner::Impl {
 public:
  Impl(const Settings& settings, FlowReportSink& flows)
      : limits_{settings.limits},
        flows_{flows},
        held_{settings.limits.max_view_flows, flows},
        labels_{settings.limits.max_view_flows} {}

  Recorder& record(Side side, PacketNumber before) {
    return recorders_[index(side)].emplace(limits_, before);
  }
  FlowReportSink& reports(Side side) {
    if (side == Side::client) return held_;
    return labels_;
  }
  Report join(Report client, const Report& server, const CaptureSummary& input,
              const std::array<const CaptureSummary*, 2>& own);

 private:
  // Of one joined flow, as far as it can be told from its own packets.
  struct Transit {
    std::array<std::optional<Duration>, 2> fastest{};  // by sending side: receiver minus sender
  };

  std::vector<Trail>& trails(Side side) { return recorders_[index(side)]->trails(); }
  std::size_t index_of(const Trail& client) {
    return static_cast<std::size_t>(&client - trails(Side::client).data());
  }
  void carry_on(const std::vector<Match>& renamed);
  void look_at_pairs(const Match& match);
  void take_drift_out(const std::vector<Match>& matches);
  void measure_transit(const Match& match);
  void compare_nearness(const std::vector<Pair>& forth, const std::vector<Pair>& back,
                        const Trail& client, const Trail& server);
  std::array<std::optional<Duration>, 2> transit_of(const Transit& own) const;
  void forgive_renamed(Joined& joined, Side from) const;
  void state_delays(Crossing& count, Duration by) const;
  std::shared_ptr<FlowViews> lay_beside(FlowReport& report, const Trail& client,
                                        const Trail& server, const Transit& own, bool there,
                                        const CaptureSummary& input);
  std::shared_ptr<FlowViews> views_of(FlowReport& report, std::size_t trail,
                                      const CaptureSummary& input);
  std::array<bool, 2> on_the_way(const FlowReport& report) const;
  void doubt(FlowReport& report) const;
  void doubt_refusal(FlowReport& report) const;
  void note(const FlowViews& views);
  std::string headline(const std::string& before, const CaptureSummary& input) const;

  const Limits& limits_;
  FlowReportSink& flows_;
  Held held_;
  Labels labels_;
  std::array<std::optional<Recorder>, 2> recorders_;
  std::array<Watch, 2> ran_;
  std::array<std::set<IpAddress>, 2> passed_on_;  // hosts behind the points, by side
  std::set<IpAddress> connected_;                 // servers that had a connection
  ClockEstimator clock_;
  Nearness nearness_;
  Views views_;
  PacketRef server_last_;
  Blindness blind_;
  std::unordered_map<std::size_t, Match> joined_, replaced_;  // by trail of the client
  std::unordered_map<std::size_t, Transit> transits_;
  std::unordered_map<std::size_t, std::pair<PacketRef, Endpoint>> renamed_;
  // Between whom joined flows were, as the client's capture knows them.
  std::set<std::pair<IpAddress, Endpoint>> known_;
};

/// One trail of a flow that had two names.
void Joiner::Impl::carry_on(const std::vector<Match>& renamed) {
  for (const Match& each : renamed) {
    const auto joined = joined_.find(each.client);
    if (joined == joined_.end()) continue;
    Trail& more = trails(Side::server)[each.server];
    Trail& whole = trails(Side::server)[joined->second.server];
    whole.seen.insert(whole.seen.end(), more.seen.begin(), more.seen.end());
    whole.whole = whole.whole && more.whole;
    if (!more.seen.empty())
      renamed_.try_emplace(each.client, more.seen.front().packet, more.client);
    whole.last = std::max(whole.last, more.last, [](const PacketRef& a, const PacketRef& b) {
      return a.number < b.number;
    });
    more.seen = {};
    std::stable_sort(whole.seen.begin(), whole.seen.end(), [](const Seen& a, const Seen& b) {
      return a.packet.number < b.packet.number;
    });
    ++views_.renamed;
  }
}

void Joiner::Impl::look_at_pairs(const Match& match) {
  const Trail& client = trails(Side::client)[match.client];
  const Trail& server = trails(Side::server)[match.server];
  const std::vector<Pair> forth = pairs_of(client, server, Side::client);
  const std::vector<Pair> back = pairs_of(server, client, Side::server);
  const auto take = [&](Side from, const Seen& sent, const Seen& got) {
    const bool forward = from == Side::client;
    nearness_.on_ttl(from, (forward ? sent : got).ttl, (forward ? got : sent).ttl);
    clock_.on_pair(from, (forward ? sent : got).packet.time, (forward ? got : sent).packet.time);
  };
  for (const Pair& pair : forth) take(Side::client, client.seen[pair.sent], server.seen[pair.got]);
  for (const Pair& pair : back) take(Side::server, server.seen[pair.sent], client.seen[pair.got]);
  compare_nearness(forth, back, client, server);
}

/// From here on the server's clock is one that does not drift: what one flow has to be compared
/// with may be hours away from its beginning.
void Joiner::Impl::take_drift_out(const std::vector<Match>& matches) {
  if (views_.clock && views_.clock->steady && views_.clock->drift_ppb) {
    const auto correct = [&](Timestamp& time) { time = without_drift(*views_.clock, time); };
    for (Trail& trail : trails(Side::server)) {
      for (Seen& seen : trail.seen) correct(seen.packet.time);
    }
    Watch& ran = ran_[index(Side::server)];
    correct(ran.span.begin);
    correct(ran.span.end);
    for (Span& gap : ran.gaps) {
      correct(gap.begin);
      correct(gap.end);
    }
    correct(server_last_.time);
  }
  for (const Match& each : matches) measure_transit(each);
}

void Joiner::Impl::measure_transit(const Match& match) {
  const Trail& client = trails(Side::client)[match.client];
  const Trail& server = trails(Side::server)[match.server];
  Transit& transit = transits_[match.client];
  for (const Side from : {Side::client, Side::server}) {
    const Trail& sender = from == Side::client ? client : server;
    const Trail& receiver = from == Side::client ? server : client;
    auto& fastest = transit.fastest[index(from)];
    for (const Pair& pair : pairs_of(sender, receiver, from)) {
      const Duration way =
          between(sender.seen[pair.sent].packet.time, receiver.seen[pair.got].packet.time);
      if (!fastest || way < *fastest) fastest = way;
    }
  }
}

/// A packet there and the next one back: nearer to the client more time lies between the two.
void Joiner::Impl::compare_nearness(const std::vector<Pair>& forth, const std::vector<Pair>& back,
                                    const Trail& client, const Trail& server) {
  std::size_t next = 0;
  for (const Pair& there : forth) {
    const PacketRef& left = client.seen[there.sent].packet;
    while (next < back.size() && client.seen[back[next].got].packet.number < left.number) ++next;
    if (next == back.size()) return;
    const Pair& reply = back[next];
    const Duration here = between(left.time, client.seen[reply.got].packet.time);
    const Duration away =
        between(server.seen[there.got].packet.time, server.seen[reply.sent].packet.time);
    nearness_.on_round_trips(here, away);
  }
}

/// By the flow's own packets, else by what is known of the clocks.
std::array<std::optional<Duration>, 2> Joiner::Impl::transit_of(const Transit& own) const {
  std::array<std::optional<Duration>, 2> transit = own.fastest;
  if (transit[0] && !transit[1]) transit[1] = -*transit[0];
  if (transit[1] && !transit[0]) transit[0] = -*transit[1];
  if (transit[0] || !views_.clock) return transit;
  const Duration ahead = views_.clock->offset;
  return {ahead, -ahead};
}

/// A RST that was sent on another connection, as that end knows it, is not out of nowhere.
void Joiner::Impl::forgive_renamed(Joined& joined, Side from) const {
  Way& way = joined.ways[index(from)];
  const Trail& receiver = from == Side::client ? joined.server : joined.client;
  for (std::size_t i = 0; i < way.got.size(); ++i) {
    const Seen& got = receiver.seen[way.got[i].seen];
    const bool ends = got.is_rst() || got.flags.has(TcpFlags::fin);
    if (!way.not_sent[i] || !ends || !recorders_[index(from)]->has_ending(got)) continue;
    way.not_sent[i] = false;
    --way.count.not_sent;
  }
}

/// `by`: what makes one clock of the two. Where one was set meanwhile, none can be stated; and what
/// is less than nothing is what the relation is uncertain by.
void Joiner::Impl::state_delays(Crossing& count, Duration by) const {
  for (auto* delay : {&count.least_delay, &count.most_delay}) {
    if (!*delay) continue;
    **delay = std::max(**delay + by, Duration{0});
    if (views_.clock && !views_.clock->steady) delay->reset();
  }
}

/// Whether the points are no ends of this flow, but pass on what such hosts send. Of a server that
/// was never connected to nobody knows where it is, once others are behind that point.
std::array<bool, 2> Joiner::Impl::on_the_way(const FlowReport& report) const {
  const IpAddress& server = report.server.ip;
  const bool may_be_behind = !passed_on_[1].empty() && !connected_.contains(server);
  return {views_.on_the_way[0] || passed_on_[0].contains(report.client.ip),
          views_.on_the_way[1] || passed_on_[1].contains(server) || may_be_behind};
}

namespace {

/// Whoever has got a packet of the other side's says so in all that it sends then (RFC 9293 §3.4),
/// or resets.
/// Here the receiver spoke and never did, whether or not its capture would show what came.
bool heard_nothing(const Trail& receiver, Side from) {
  bool spoke = false;
  for (const Seen& seen : receiver.seen) {
    if (seen.from == from) continue;
    if (seen.flags.has(TcpFlags::ack) || seen.is_rst()) return false;
    spoke = true;
  }
  return spoke;
}

/// Some of it arrived, as its receiver says, and its capture holds nothing of this direction: it
/// does not of this connection, whatever it holds of others.
bool lacks_all(const Way& way) { return way.got.empty() && way.count.not_recorded > 0; }

}  // namespace

std::shared_ptr<FlowViews> Joiner::Impl::lay_beside(FlowReport& report, const Trail& client,
                                                    const Trail& server, const Transit& own,
                                                    bool there, const CaptureSummary& input) {
  const auto transit = transit_of(own);
  const auto& [client_ran, server_ran] = ran_;
  Joined joined{.client = client,
                .server = server,
                .ways = {cross(client, server, Side::client, transit[0], client_ran, server_ran),
                         cross(server, client, Side::server, transit[1], server_ran, client_ran)},
                .ahead = views_.clock ? views_.clock->offset : transit[0].value_or(Duration{}),
                .server_last = server_last_,
                .there = there,
                .steady = !views_.clock || views_.clock->steady,
                .ran = {&client_ran, &server_ran},
                .on_the_way = on_the_way(report),
                .mute_server = blind_.mute_server};
  for (const Side side : {Side::client, Side::server}) {
    Way& way = joined.ways[index(side)];
    const Trail& receiver = side == Side::client ? server : client;
    if (blind_.sender[index(side)]) blind_sender(way);
    const bool blind = blind_.receiver[index(side)] && !heard_nothing(receiver, side);
    if (blind || lacks_all(way)) blind_receiver(way);
    forgive_renamed(joined, side);
  }
  if (const auto renamed = renamed_.find(index_of(client)); renamed != renamed_.end())
    std::tie(joined.renamed_in, joined.renamed_client) = renamed->second;
  auto views = std::make_shared<FlowViews>();
  views->whole = client.whole && server.whole;
  constexpr std::size_t kListed = 16;
  for (const Side side : {Side::client, Side::server}) {
    Way& way = joined.ways[index(side)];
    state_delays(way.count, side == Side::client ? -joined.ahead : joined.ahead);
    views->ways[index(side)] = way.count;
    const Trail& sender = side == Side::client ? client : server;
    const Trail& receiver = side == Side::client ? server : client;
    for (std::size_t i = 0; i < way.sent.size() && views->lost.size() < kListed; ++i) {
      const bool lost = way.fates[i] == Fate::lost || way.fates[i] == Fate::in_part;
      if (lost && !sender.seen[way.sent[i].seen].is_bare_ack())
        views->lost.push_back({sender.seen[way.sent[i].seen].packet, side});
    }
    for (std::size_t i = 0; i < way.got.size() && views->forged.size() < kListed; ++i) {
      const Seen& got = receiver.seen[way.got[i].seen];
      if (!way.not_sent[i] || (!got.is_rst() && !got.flags.has(TcpFlags::fin))) continue;
      views->forged.push_back({got.packet, side, got.is_rst() ? "RST" : "FIN"});
    }
  }
  const std::vector<Revision> revisions = raise(report, joined, input, limits_);
  views_.revisions.insert(views_.revisions.end(), revisions.begin(), revisions.end());
  return views;
}

std::shared_ptr<FlowViews> Joiner::Impl::views_of(FlowReport& report, std::size_t index,
                                                  const CaptureSummary& input) {
  const Trail& client = trails(Side::client)[index];
  const auto describe = [&](FlowViews& views, const Trail& server) {
    views.client = server.client;
    views.server = server.server;
    views.first = server.first;
    views.last = server.last;
    if (const auto known = labels_.of.find(server.flow); known != labels_.of.end())
      std::tie(views.label, views.severity) = known->second;
  };
  if (const auto match = joined_.find(index); match != joined_.end()) {
    const Trail& server = trails(Side::server)[match->second.server];
    auto views = lay_beside(report, client, server, transits_[index], true, input);
    describe(*views, server);
    views->by_payload = match->second.by_payload;
    return views;
  }
  if (const auto match = replaced_.find(index); match != replaced_.end()) {
    auto views = std::make_shared<FlowViews>();
    views->presence = Presence::replaced;
    describe(*views, trails(Side::server)[match->second.server]);
    return views;
  }
  // The server's capture has other connections between these two, and ran.
  const auto ran_at = [&](PacketRef packet) {
    return views_.clock && ran_[1].has(shifted(packet.time, views_.clock->offset));
  };
  // It may have begun to run between the SYNs of this one.
  const bool ran = ran_at(report.first) || ran_at(report.last);
  const bool would_show = known_.contains({report.client.ip, report.server}) && ran &&
                          views_.not_compared == 0 &&
                          !blind_.receiver[httpdiag::index(Side::client)];
  const bool answered = std::any_of(client.seen.begin(), client.seen.end(), [](const Seen& seen) {
    return seen.from == Side::server && !seen.is_rst();
  });
  if (would_show && client.starts() && !answered) {
    static const Trail kNothing;
    auto views = lay_beside(report, client, kNothing, {}, false, input);
    views->presence = Presence::lost;
    return views;
  }
  auto views = std::make_shared<FlowViews>();
  // What was answered before that capture ran was answered by whomever.
  const bool from_start = client.starts() && ran_at(report.first);
  views->presence = would_show && from_start ? Presence::replaced : Presence::absent;
  if (views->presence == Presence::absent && ran_at(report.first)) doubt_refusal(report);
  return views;
}

/// The server's capture has connections between these two hosts, though none to this port, and
/// nothing of this one: its filter may have left it out, or it never came there.
void Joiner::Impl::doubt_refusal(FlowReport& report) const {
  const auto known = known_.lower_bound({report.client.ip, {report.server.ip, 0}});
  if (known == known_.end() || known->first != report.client.ip ||
      known->second.ip != report.server.ip)
    return;
  for (Finding& finding : report.findings) {
    if (finding.label != Label::connect_refused || finding.fault.party != Party::server_host)
      continue;
    finding.fault.confidence = std::min(finding.fault.confidence, Confidence::medium);
    finding.fault.unless =
        "a device in between answered: the server's capture has neither the SYN nor the RST, "
        "though its filter may have left them out";
  }
}

void Joiner::Impl::note(const FlowViews& views) {
  switch (views.presence) {
    case Presence::both:
      break;
    case Presence::lost:
      ++views_.lost;
      break;
    case Presence::absent:
      ++views_.absent;
      break;
    case Presence::replaced:
      ++views_.replaced;
      break;
  }
  for (std::size_t i = 0; i < views.ways.size(); ++i) add(views_.ways[i], views.ways[i]);
}

/// What was concluded from where the captures were said to be taken does not hold.
void Joiner::Impl::doubt(FlowReport& report) const {
  const auto weaken = [&](std::vector<Finding>& findings) {
    for (Finding& finding : findings) {
      finding.fault.confidence = Confidence::low;
      finding.fault.unless = views_.swapped ? "the two captures are the wrong way round"
                                            : "the captures were not taken at the two ends";
    }
  };
  weaken(report.findings);
  for (ExchangeReport& exchange : report.exchanges) weaken(exchange.findings);
}

std::string Joiner::Impl::headline(const std::string& before, const CaptureSummary&) const {
  if (views_.unrelated) {
    return fmt::format(
        "No connection is in both captures: either they do not belong together, or a proxy between "
        "the two ends the client's connections and makes its own, or nothing of the client's {} "
        "arrived. Of the client's capture alone: {}",
        base::count(views_.flows[0], "connection"), before);
  }
  if (views_.same_point) {
    return fmt::format(
        "Both captures were taken at one point: no packet took any time between them. They are "
        "not from two ends, and nothing was concluded from both. {}",
        before);
  }
  if (views_.swapped) {
    return fmt::format(
        "The two captures are the wrong way round: what --client names was taken nearer to the "
        "server. Give them the other way round; nothing was concluded from both. {}",
        before);
  }
  return before;
}

Report Joiner::Impl::join(Report client, const Report& server, const CaptureSummary& input,
                          const std::array<const CaptureSummary*, 2>& own) {
  ran_ = {watch_of(client, *own[0]), watch_of(server, *own[1])};
  if (server.last) {
    server_last_ = {client.ledger.packets + server.last->number, server.last->time};
  }
  blind_ = blindness_of(trails(Side::client), trails(Side::server));
  const Matches matches = match(trails(Side::client), trails(Side::server));
  for (const Match& each : matches.joined) {
    joined_.emplace(each.client, each);
    const Trail& ours = trails(Side::client)[each.client];
    Trail& theirs = trails(Side::server)[each.server];
    if (renumber(ours, theirs)) ++views_.renumbered;
    // Behind a translated address there may be other servers than the one with the capture.
    if (ours.server == theirs.server) known_.emplace(ours.client.ip, ours.server);
    if (ours.client != theirs.client || ours.server != theirs.server) ++views_.translated;
  }
  carry_on(matches.renamed);
  for (const Match& each : matches.joined) look_at_pairs(each);
  views_.clock = clock_.relation();
  for (const Match& each : matches.replaced) {
    const bool one = plausibly_one(trails(Side::client)[each.client],
                                   trails(Side::server)[each.server], views_.clock);
    if (one) replaced_.emplace(each.client, each);
  }
  take_drift_out(matches.joined);
  views_.joined = matches.joined.size();
  views_.packets = {client.ledger.packets, server.ledger.packets};
  views_.flows = {client.flows, server.flows};
  views_.server_only =
      server.flows - std::min<std::uint64_t>(
                         server.flows, views_.joined + matches.renamed.size() + replaced_.size());
  views_.not_compared = recorders_[0]->dropped() + recorders_[1]->dropped();
  views_.unrelated = views_.joined + replaced_.size() == 0 && client.flows > 0;
  views_.swapped = nearness_.swapped();
  views_.same_point = at_one_point(views_.clock);
  if (views_.swapped || views_.same_point) views_.clock.reset();
  views_.on_the_way = {client.vantage.given_on_the_way, server.vantage.given_on_the_way};
  passed_on_ = {client.vantage.passed_on, server.vantage.passed_on};
  for (const FlowReport& flow : held_.flows) {
    const bool had = flow.handshake == Handshake::complete || flow.exchange_count > 0;
    if (had) connected_.insert(flow.server.ip);
  }

  const bool at_server =
      !views_.swapped && !views_.same_point && !views_.on_the_way[index(Side::server)];
  if (at_server) take_settled(client.findings);
  std::unordered_map<FlowId, std::size_t> trail_of;
  for (std::size_t i = 0; i < trails(Side::client).size(); ++i)
    trail_of.emplace(trails(Side::client)[i].flow, i);
  for (FlowReport& flow : held_.flows) {
    if (views_.swapped || views_.same_point) {
      doubt(flow);
    } else if (const auto trail = trail_of.find(flow.id); trail != trail_of.end()) {
      const std::vector<Label> labels = flow.labels;
      const auto views = views_of(flow, trail->second, input);
      note(*views);
      flow.views = views;
      uncount(client, labels, flow.labels);
    }
    if (at_server) {
      take_settled(flow.findings);
      for (ExchangeReport& exchange : flow.exchanges) take_settled(exchange.findings);
    }
    for (Cause& cause : client.causes) {
      if (cause.example_flow == flow.id) update(cause, flow);
    }
    flows_.on_flow_report(flow);
  }
  std::vector<Finding> breaks = breaks_of(client, Side::client, input, 0, {});
  const Duration ahead =
      views_.clock && server.last ? drifted(*views_.clock, server.last->time) : Duration{};
  for (Finding& each : breaks_of(server, Side::server, input, client.ledger.packets, ahead))
    breaks.push_back(std::move(each));
  std::erase_if(client.findings, [](const Finding& finding) {
    return finding.label == Label::capture_file_truncated;
  });
  client.findings.insert(client.findings.begin(), breaks.begin(), breaks.end());
  // The flows of the report are those of the client's capture.
  for (auto open : server.open_at_damage) {
    if (open) open->first.clear();
    client.open_at_damage.push_back(std::move(open));
  }
  client.headline = headline(client.headline, input);
  client.views = std::move(views_);
  return client;
}

Joiner::Joiner(const Settings& settings, FlowReportSink& flows)
    : impl_{std::make_unique<Impl>(settings, flows)} {}
Joiner::~Joiner() = default;
Recorder& Joiner::record(Side side, PacketNumber before) { return impl_->record(side, before); }
FlowReportSink& Joiner::reports(Side side) { return impl_->reports(side); }
Report Joiner::join(Report client, const Report& server, const CaptureSummary& input,
                    const std::array<const CaptureSummary*, 2>& own) {
  return impl_->join(std::move(client), server, input, own);
}

}  // namespace httpdiag::views
