// SPDX-License-Identifier: Apache-2.0
#include "legs/joiner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <deque>
#include <list>
#include <optional>
#include <unordered_map>

#include "legs/book.hpp"
#include "legs/story.hpp"

namespace httpdiag::legs {

namespace {

/// Addresses seen, by a hash: an address may seem to be among them and is not, which costs time
/// and decides nothing.
class HostSet {
 public:
  void add(const IpAddress& ip) { bits_.set(bit(ip)); }
  bool has(const IpAddress& ip) const { return bits_[bit(ip)]; }

 private:
  static constexpr unsigned kBits = 15;
  static std::size_t bit(const IpAddress& ip) {
    std::array<std::uint64_t, 2> words{};
    static_assert(sizeof words == sizeof ip.bytes);
    std::memcpy(words.data(), ip.bytes.data(), sizeof words);
    return (words[0] ^ words[1]) * 0x9e3779b97f4a7c15 >> (64 - kBits);
  }
  std::bitset<1u << kBits> bits_;
};

/// What is not in the capture was not sent.
bool is_whole(const Report& report) {
  const auto gap = static_cast<std::size_t>(Label::capture_gap);
  if (report.ledger.filtered != 0 || report.annotations[gap] != 0) return false;
  if (report.flow_labels[gap] != 0 || report.exchange_labels[gap] != 0) return false;
  return std::none_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
    return finding.label == Label::capture_gap || finding.label == Label::capture_one_way;
  });
}

}  // namespace

class Joiner::Impl {
 public:
  Impl(const Settings& settings, FlowReportSink& reports, VerdictSink& verdicts)
      : settings_{settings},
        reports_{reports},
        verdicts_{verdicts},
        book_{settings.limits.max_legs} {}

  void on_judged(const FlowEnds& flow, const Exchange& exchange, const ExchangeReport* report);
  void on_flow_judged(const FlowEnds& flow, const FlowReport& report);
  void on_flow_report(const FlowReport& flow);
  void finish(Report& report);

 private:
  // Exchanges that are looked at before it is known whether any host is a server and a client.
  static constexpr std::uint64_t kFirst = 2048;
  static constexpr std::size_t kHeldVerdicts = 512, kHeldReports = 1024;
  static constexpr std::uint64_t kFewExchanges = 16;  // of a flow whose report may be held back
  // Longer no client waits for its answer.
  static constexpr Duration kPatience = std::chrono::minutes{10};

  struct HeldVerdict {
    FlowEnds flow;
    Exchange exchange;
    std::optional<ExchangeReport> report;
    std::uint64_t number = 0;  // in the book
    bool is_leg = false;       // of a request whose client had left
  };
  struct HeldFlow {
    FlowEnds ends;
    FlowReport report;
  };

  void note_hosts(const FlowEnds& flow);
  bool note_forwarded(const std::vector<IpAddress>& forwarded_for);
  /// The client of `flow` may be a proxy, its server may be one.
  bool may_be_behind(const FlowEnds& flow) const {
    return servers_.has(flow.client.ip) || (flow.client_here && served_here_);
  }
  bool may_be_front(const FlowEnds& flow) const {
    return clients_.has(flow.server.ip) || clients_.has(flow.server_inside) ||
           (flow.server_here && asked_here_) || forwarded_.has(flow.client.ip);
  }
  void hold(const FlowEnds& flow, const Exchange& exchange, const ExchangeReport* report,
            std::uint64_t number);
  void let_go(std::list<HeldVerdict>::iterator held);
  void pass_on(FlowReport& flow);
  void assemble();
  const Chain* chain_with(std::uint64_t id) const;
  void tell_vantage(Vantage& vantage) const;
  std::uint64_t tell_all(FlowReport& flow) const;

  const Settings& settings_;
  FlowReportSink& reports_;
  VerdictSink& verdicts_;
  Book book_;
  HostSet clients_, servers_;
  HostSet forwarded_;                              // for whom requests were forwarded
  bool asked_here_ = false, served_here_ = false;  // by the capturing host, of it
  std::uint64_t judged_ = 0;
  std::list<HeldVerdict> held_;  // in the order of the verdicts
  std::unordered_map<std::uint64_t, std::list<HeldVerdict>::iterator> held_by_id_;
  std::deque<HeldFlow> failed_;  // connections, held back from `verdicts_` until the end
  std::deque<FlowReport> reports_held_;
  std::vector<Chain> chains_;
  std::unordered_map<std::uint64_t, std::size_t> chain_of_leg_;  // index
  std::uint64_t explained_ = 0;                                  // proxy-gave-up
};

void Joiner::Impl::note_hosts(const FlowEnds& flow) {
  clients_.add(flow.client.ip);
  servers_.add(flow.server.ip);
  servers_.add(flow.server_inside);
  asked_here_ = asked_here_ || flow.client_here;
  served_here_ = served_here_ || flow.server_here;
}

/// True: one of them is a client in the capture.
bool Joiner::Impl::note_forwarded(const std::vector<IpAddress>& forwarded_for) {
  for (const IpAddress& ip : forwarded_for) forwarded_.add(ip);
  return std::any_of(forwarded_for.begin(), forwarded_for.end(),
                     [&](const IpAddress& ip) { return clients_.has(ip); });
}

void Joiner::Impl::on_judged(const FlowEnds& flow, const Exchange& exchange,
                             const ExchangeReport* report) {
  note_hosts(flow);
  std::vector<IpAddress> forwarded_for = addresses_in(exchange.request.forwarded_for());
  const bool behind = note_forwarded(forwarded_for) || may_be_behind(flow);
  const bool gateway = report != nullptr && report->label == Label::http_gateway_error;
  const bool possible = behind || may_be_front(flow);
  if (judged_++ >= kFirst && !possible && !gateway) [[likely]] {
    return verdicts_.on_judged(flow, exchange, report);
  }
  const Book::Joined joined = book_.add(
      record_of(flow, exchange, report, std::move(forwarded_for), settings_.thresholds), possible);
  for (const std::uint64_t id : joined.behind) {
    const auto held = held_by_id_.find(id);
    if (held == held_by_id_.end()) continue;
    held_.erase(held->second);
    held_by_id_.erase(held);
  }
  if (joined.has_front) return;  // the leg in front of it counts
  if (!behind && judged_ > kFirst) return verdicts_.on_judged(flow, exchange, report);
  hold(flow, exchange, report, joined.number);
}

void Joiner::Impl::hold(const FlowEnds& flow, const Exchange& exchange,
                        const ExchangeReport* report, std::uint64_t number) {
  held_.push_back(
      {flow, exchange, report == nullptr ? std::nullopt : std::optional{*report}, number});
  held_by_id_.emplace(exchange_key(flow.id, exchange.index), std::prev(held_.end()));
  const auto too_old = [&](const HeldVerdict& held) {
    return held.exchange.request.first.time + kPatience < exchange.request.first.time;
  };
  while (held_.size() > kHeldVerdicts || too_old(held_.front())) let_go(held_.begin());
}

void Joiner::Impl::let_go(std::list<HeldVerdict>::iterator held) {
  if (!held->is_leg && !book_.join_late(held->number))
    verdicts_.on_judged(held->flow, held->exchange, held->report ? &*held->report : nullptr);
  held_by_id_.erase(exchange_key(held->flow.id, held->exchange.index));
  held_.erase(held);
}

void Joiner::Impl::on_flow_judged(const FlowEnds& flow, const FlowReport& report) {
  const bool failed = report.exchange_count == 0 && report.severity >= Severity::warning &&
                      info(report.label).phase == Phase::connect;
  const bool sent = report.sides[0].payload_bytes != 0 || report.tls != nullptr;
  if (report.exchange_count == 0 && sent) book_.add_opaque(record_of_opaque(flow, report));
  const bool open = !failed && report.exchange_count == 0 &&
                    report.handshake == Handshake::unanswered && report.label == Label::ok;
  if (!failed && !open) return verdicts_.on_flow_judged(flow, report);
  note_hosts(flow);
  if (!may_be_behind(flow) || failed_.size() >= kHeldReports)
    return verdicts_.on_flow_judged(flow, report);
  book_.add_failed(open ? record_of_unanswered(flow, report) : record_of(flow, report));
  failed_.push_back({flow, report});
}

void Joiner::Impl::on_flow_report(const FlowReport& flow) {
  const bool few = flow.exchange_count <= kFewExchanges || flow.worst >= Severity::warning;
  const bool proxied = servers_.has(flow.client.ip) || clients_.has(flow.server.ip) ||
                       (flow.translated && clients_.has(flow.translated->server.ip)) ||
                       (asked_here_ && served_here_);
  // The leg behind may come to its end later, and tell only then that this host is a proxy.
  const bool explicable =
      std::any_of(flow.exchanges.begin(), flow.exchanges.end(), [](const ExchangeReport& exchange) {
        return exchange.severity >= Severity::warning && explained_behind(exchange.label);
      });
  if (!explicable && !(few && proxied)) return reports_.on_flow_report(flow);
  reports_held_.push_back(flow);
  if (reports_held_.size() <= kHeldReports) return;
  FlowReport oldest = std::move(reports_held_.front());
  reports_held_.pop_front();
  pass_on(oldest);
}

/// Before the capture is over: with what is known by now.
void Joiner::Impl::pass_on(FlowReport& flow) {
  for (ExchangeReport& exchange : flow.exchanges) {
    const std::vector<Record> legs = book_.chain_of(exchange_key(flow.id, exchange.index));
    if (!legs.empty() && tell(chain_of(legs), exchange, flow.id)) ++explained_;
  }
  reports_.on_flow_report(flow);
}

void Joiner::Impl::assemble() {
  for (const std::uint64_t id : book_.fronts()) {
    const std::vector<Record> legs = book_.chain_of(id);
    if (!legs.empty()) chains_.push_back(chain_of(legs));
  }
  std::sort(chains_.begin(), chains_.end(), [](const Chain& a, const Chain& b) {
    return a.legs.front().first.number < b.legs.front().first.number;
  });
  for (std::size_t i = 0; i < chains_.size(); ++i) {
    for (const Leg& leg : chains_[i].legs) chain_of_leg_.emplace(id_of(leg), i);
  }
}

const Chain* Joiner::Impl::chain_with(std::uint64_t id) const {
  const auto found = chain_of_leg_.find(id);
  return found == chain_of_leg_.end() ? nullptr : &chains_[found->second];
}

/// How many errors of a gateway it has explained.
std::uint64_t Joiner::Impl::tell_all(FlowReport& flow) const {
  std::uint64_t explained = 0;
  for (ExchangeReport& exchange : flow.exchanges) {
    if (const Chain* chain = chain_with(exchange_key(flow.id, exchange.index)))
      if (tell(*chain, exchange, flow.id)) ++explained;
  }
  if (const Chain* chain = chain_with(exchange_key(flow.id, 0))) {
    flow.chain = name_of(chain->legs.front());
    flow.chain_detail = chain->detail;
  }
  return explained;
}

/// Nearly all connections may be those of health checks, or those that others make to it: a host
/// that passes a request on is a proxy all the same.
void Joiner::Impl::tell_vantage(Vantage& vantage) const {
  const bool at_an_end =
      vantage.point == VantagePoint::client || vantage.point == VantagePoint::server;
  if (vantage.given || !at_an_end) return;
  const auto legs = book_.passed_on_here();
  if (!legs) return;
  vantage.point = VantagePoint::proxy;
  vantage.because.push_back(fmt::format("a request that the host took went on from it ({}, {})",
                                        name_of(legs->first), name_of(legs->second)));
}

void Joiner::Impl::finish(Report& report) {
  std::vector<HeldVerdict*> waiting;
  for (HeldVerdict& held : held_) waiting.push_back(&held);
  std::sort(waiting.begin(), waiting.end(), [](const HeldVerdict* a, const HeldVerdict* b) {
    return a->exchange.request.first.number < b->exchange.request.first.number;
  });
  for (HeldVerdict* held : waiting) held->is_leg = book_.join_late(held->number);
  while (!held_.empty()) let_go(held_.begin());
  book_.settle(is_whole(report));
  assemble();
  for (const HeldFlow& flow : failed_) {
    if (chain_with(exchange_key(flow.report.id, 0)) == nullptr)
      verdicts_.on_flow_judged(flow.ends, flow.report);
  }
  for (FlowReport& flow : reports_held_) {
    explained_ += tell_all(flow);
    reports_.on_flow_report(flow);
  }
  report.annotations[static_cast<std::size_t>(Label::proxy_gave_up)] += explained_;
  tell_vantage(report.vantage);
  for (Cause& cause : report.causes) tell_all(cause.example);
  report.chains = {
      .requests = book_.requests(), .list = std::move(chains_), .omitted = book_.omitted()};
}

Joiner::Joiner(const Settings& settings, FlowReportSink& reports, VerdictSink& verdicts)
    : impl_{std::make_unique<Impl>(settings, reports, verdicts)} {}
Joiner::~Joiner() = default;
void Joiner::on_judged(const FlowEnds& flow, const Exchange& exchange,
                       const ExchangeReport* report) {
  impl_->on_judged(flow, exchange, report);
}
void Joiner::on_flow_judged(const FlowEnds& flow, const FlowReport& report) {
  impl_->on_flow_judged(flow, report);
}
void Joiner::on_flow_report(const FlowReport& flow) { impl_->on_flow_report(flow); }
void Joiner::finish(Report& report) { impl_->finish(report); }

}  // namespace httpdiag::legs
