// SPDX-License-Identifier: Apache-2.0
#include "rules/engine.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/stable_array.hpp"
#include "rules/challenges.hpp"
#include "rules/dns_rules.hpp"
#include "rules/host_ttls.hpp"
#include "rules/judge.hpp"
#include "rules/oddities.hpp"
#include "rules/one_way.hpp"
#include "rules/only_syns.hpp"
#include "rules/patterns.hpp"
#include "rules/syn_clocks.hpp"
#include "rules/tally.hpp"
#include "rules/vantage.hpp"
#include "rules/why.hpp"

namespace httpdiag::rules {

namespace {

struct Unshown {
  Severity severity{};
  std::uint64_t count = 0;
};

/// What is kept of a live flow: little while all is well.
struct Account {
  std::uint32_t exchanges = 0;
  std::uint32_t omitted = 0;  // healthy exchanges that are counted only
  Label worst = Label::ok;
  Severity worst_severity = Severity::ok;
  std::uint32_t worst_exchange = 0;
  bool all_complete = true;
  std::uint16_t unsolicited_status = 0;
  PacketRef last_response_end;
  FlowUsage usage;
  const std::string* host = nullptr;           // what its requests name; null: no matter
  PatternCollector::Server* server = nullptr;  // borrowed; null: not looked up yet, or no room
  std::vector<ExchangeReport> shown;
  std::vector<Exchange> undecided;  // judged when the flow has ended

  struct Strays {
    PacketRef opaque, unsolicited, garbage, pipelined, pipelined_behind;
    AnswersAlone alone;
    bool unannounced_body = false;  // which draws an answer of its own
    std::string protocol;
    std::shared_ptr<const TlsSession> tls;
    std::map<Label, Unshown> unshown;  // problem exchanges beyond the cap
    std::vector<Exchange> challenged;  // whose answers ask for more: see the next request
  };
  std::unique_ptr<Strays> strays;

  bool challenged() const { return strays && !strays->challenged.empty(); }
};

FlowEnds ends_of(const FlowRecord& flow) {
  const auto [client_here, server_here] = capturing_host(flow);
  const IpAddress& inside = flow.trouble().translated_server.ip;
  return {.id = flow.id,
          .client = flow.client,
          .server = flow.server,
          .server_inside = flow.trouble().translated_server.port != 0 ? inside : flow.server.ip,
          .client_here = client_here,
          .server_here = server_here};
}

void add_what_it_carried(FlowFacts& facts, const Account& account) {
  facts.exchanges = account.exchanges;
  facts.all_complete = account.all_complete;
  facts.last_response_end = account.last_response_end;
  facts.unsolicited_status = account.unsolicited_status;
  if (!account.strays) return;
  const Account::Strays& rare = *account.strays;
  facts.opaque = rare.opaque;
  facts.opaque_protocol = rare.protocol;
  facts.tls = rare.tls.get();
  if (!rare.unannounced_body) facts.unsolicited = rare.unsolicited;
  facts.garbage = rare.garbage;
  facts.alone = rare.alone;
  facts.pipelined = rare.pipelined;
  facts.pipelined_behind = rare.pipelined_behind;
}

/// Whole, read in time, and no reason to doubt it.
bool complete(const Exchange& x, const ExchangeReport& exchange) {
  return has_whole_response(x) && exchange.label != Label::late_response &&
         exchange.label != Label::response_truncated_rst && exchange.label != Label::early_response;
}

}  // namespace

class Engine::Impl {
 public:
  Impl(const Settings& settings, FlowReportSink& reports, VerdictSink& verdicts)
      : settings_{settings},
        reports_{reports},
        verdicts_{verdicts},
        tally_{settings},
        patterns_{settings},
        lookups_{settings},
        vantage_{settings},
        one_way_{settings.thresholds} {}

  void on_packet(PacketRef packet) { tally_.on_packet(packet); }
  void on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled, Timestamp now);
  void on_stray(const FlowRecord& flow, const Stray& stray);
  void on_tls_server(const Endpoint& server) {
    if (tls_servers_.size() < kMaxTlsServers) tls_servers_.insert(server);
  }
  void on_tls(const FlowRecord& flow, std::shared_ptr<const TlsSession> session) {
    note_host(account(flow), flow, session->sni, session->client_hello);
    strays(account(flow)).tls = std::move(session);
  }
  void on_lookup(const DnsLookup& lookup) { lookups_.on_lookup(lookup); }
  void forget_open() { tally_.forget_open(); }
  void use(const NameTable& names) { names_ = &names; }
  void use(const CaptureSummary& input) { input_ = &input; }
  void on_open(const FlowRecord& flow) {
    one_way_.note(flow);
    answers_.note(flow);
    only_syns_.note(flow);
  }
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now);
  Report finish(const CaptureSummary& input, const Ledger& ledger) {
    const auto deaf = [&](const IpAddress& host) { return one_way_.is_sent_nothing(host); };
    Report report = tally_.finish(input, ledger, patterns_, lookups_.finish(deaf));
    report.why = std::move(why_);
    report.vantage = vantage_.finish(input);
    return report;
  }

 private:
  // A client that pipelines without end gets its verdicts before the flow has ended.
  static constexpr std::size_t kMaxUndecided = 1024;
  // Requests before the one that gets through: NTLM and Kerberos need two.
  static constexpr std::size_t kMaxChallenged = 4;
  // Endpoints remembered as servers of TLS. Further ones are strangers.
  static constexpr std::size_t kMaxTlsServers = 4096;

  Account& account(const FlowRecord& flow);
  Account::Strays& strays(Account& account);
  bool asked_why(const FlowRecord& flow, std::uint32_t exchange) const {
    return settings_.why && settings_.why->flow == flow.id && settings_.why->exchange == exchange;
  }
  void note_pipelined(Account& account, const Exchange& exchange);
  static bool is_step(const Account& account, const Exchange& exchange);
  bool counts_only(const FlowRecord& flow, const Exchange& exchange) const;
  void keep(Exchange& exchange, std::vector<Exchange>& kept);
  void judge_kept(Account& account, std::vector<Exchange>& kept, const FlowFacts& facts);
  void settle_challenges(Account& account, const Exchange& next, const FlowRecord& flow,
                         Timestamp now);
  /// While the flow goes on.
  FlowFacts facts_now(const FlowRecord& flow, Timestamp now) const;
  void judge_one(Account& account, const Exchange& exchange, const FlowFacts& facts);
  /// Also judges the exchanges that waited for the end.
  FlowVerdict judge_ended(Account& account, const FlowRecord& flow, EndCause cause, Timestamp now);
  FlowReport describe(const FlowRecord& flow, Account& account) const;
  void note_host(Account& own, const FlowRecord& flow, std::string_view host, PacketRef request);
  void count_ended(const FlowRecord& flow, const Account& account, const FlowReport& report,
                   EndCause cause, Timestamp now);

  const Settings& settings_;
  FlowReportSink& reports_;
  VerdictSink& verdicts_;
  Tally tally_;
  PatternCollector patterns_;
  LookupFindings lookups_;
  const NameTable* names_ = nullptr;
  const CaptureSummary* input_ = nullptr;
  VantageCollector vantage_;
  OneWayHosts one_way_;
  SynAnswers answers_;
  OnlySyns only_syns_;
  SynClocks clocks_;
  HostTtls ttls_;
  std::optional<Why> why_;
  base::StableArray<Account> accounts_;  // FlowRecord::rules_slot is the index + 1
  std::vector<std::uint32_t> free_;
  std::uint64_t healthy_shown_ = 0;
  static constexpr std::uint64_t kMostFound = 10000;  // exchanges, of those that a query asks for
  std::uint64_t found_shown_ = 0;
  std::set<Endpoint> tls_servers_;
  static constexpr std::size_t kMostHosts = 4096;
  std::set<std::string> hosts_;             // that requests named, while there are lookups
  std::uint64_t waiting_bodies_bytes_ = 0;  // of requests of undecided exchanges
};

Account& Engine::Impl::account(const FlowRecord& flow) {
  if (flow.rules_slot == 0) {
    if (free_.empty()) {
      accounts_.add();
      flow.rules_slot = static_cast<std::uint32_t>(accounts_.size());
    } else {
      flow.rules_slot = free_.back();
      free_.pop_back();
    }
  }
  return accounts_[flow.rules_slot - 1];
}

Account::Strays& Engine::Impl::strays(Account& account) {
  if (!account.strays) account.strays = std::make_unique<Account::Strays>();
  return *account.strays;
}

void Engine::Impl::on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                               Timestamp now) {
  Account& own = account(flow);
  if (own.exchanges++ == 0) {
    own.server = patterns_.server(flow.server);
    vantage_.on_flow(flow);
    ttls_.note(flow);
    note_host(own, flow, exchange.request.host(), exchange.request.first);
  }
  own.usage.on_exchange(exchange);
  if (exchange.pipelined) note_pipelined(own, exchange);
  if (exchange.request.error == kBodyWithoutLength || exchange.request.error == kBodyBeyondLength)
    strays(own).unannounced_body = true;
  if (settled && is_step(own, exchange)) {
    keep(exchange, strays(own).challenged);
    return;
  }
  if (own.challenged()) settle_challenges(own, exchange, flow, now);
  if (!settled && own.undecided.size() < kMaxUndecided) {
    keep(exchange, own.undecided);
    return;
  }
  if (settled && counts_only(flow, exchange)) {
    own.last_response_end = exchange.response->last;
    ++own.omitted;
    tally_.count_healthy_exchange();
    patterns_.on_healthy(own.server, exchange.request.first.time);
    verdicts_.on_judged(ends_of(flow), exchange, nullptr);
    return;
  }
  judge_one(own, exchange, facts_now(flow, now));
}

/// The first one.
void Engine::Impl::note_pipelined(Account& own, const Exchange& exchange) {
  Account::Strays& rare = strays(own);
  if (rare.pipelined) return;
  rare.pipelined = exchange.request.first;
  rare.pipelined_behind = exchange.pipelined_behind;
}

/// Its answer asks for more, and it is the first of such a series, or goes on with one.
bool Engine::Impl::is_step(const Account& own, const Exchange& exchange) {
  if (!asks_for_more(exchange)) return false;
  if (!own.challenged()) return true;
  const std::vector<Exchange>& before = own.strays->challenged;
  return before.size() < kMaxChallenged && goes_on(exchange, before.back());
}

/// Healthy, and of no interest beyond that.
bool Engine::Impl::counts_only(const FlowRecord& flow, const Exchange& exchange) const {
  return healthy_shown_ >= settings_.limits.max_healthy_exchanges && settings_.own_rules.empty() &&
         !asked_why(flow, exchange.index) && exchange.found_in.empty() &&
         plainly_ok(exchange, settings_.thresholds);
}

/// For a time that may be long: with the body of its request while there is room.
void Engine::Impl::keep(Exchange& exchange, std::vector<Exchange>& kept) {
  kept.push_back(std::move(exchange));
  std::string& body = kept.back().request.body_head;
  if (waiting_bodies_bytes_ + body.capacity() > settings_.limits.request_bodies_bytes) body = {};
  waiting_bodies_bytes_ += body.capacity();
}

void Engine::Impl::judge_kept(Account& own, std::vector<Exchange>& kept, const FlowFacts& facts) {
  for (const Exchange& exchange : kept) {
    judge_one(own, exchange, facts);
    waiting_bodies_bytes_ -= exchange.request.body_head.capacity();
  }
  kept.clear();
}

/// The client has gone on after answers that asked for more: has it got through?
void Engine::Impl::settle_challenges(Account& own, const Exchange& next, const FlowRecord& flow,
                                     Timestamp now) {
  std::vector<Exchange>& challenged = own.strays->challenged;
  note_grant(challenged, next);
  judge_kept(own, challenged, facts_now(flow, now));
}

FlowFacts Engine::Impl::facts_now(const FlowRecord& flow, Timestamp now) const {
  FlowFacts facts = measure(flow, EndCause::closed, now, settings_.thresholds);
  facts.vantage = vantage_.of(flow);
  return facts;
}

void Engine::Impl::judge_one(Account& own, const Exchange& exchange, const FlowFacts& facts) {
  if (asked_why(facts.flow, exchange.index))
    why_ = why(measure(exchange, facts, settings_.thresholds), settings_);
  ExchangeReport judged = judge(exchange, facts, settings_);
  verdicts_.on_judged(ends_of(facts.flow), exchange, &judged);
  if (judged.response) own.last_response_end = judged.response->last;
  own.all_complete = own.all_complete && complete(exchange, judged);
  // Among equals the later one: it is nearer to the end of the connection.
  if (judged.severity >= own.worst_severity) {
    own.worst = judged.label;
    own.worst_severity = judged.severity;
    own.worst_exchange = judged.index;
  }
  tally_.count_exchange(judged.label, judged.findings, judged.labels);
  patterns_.on_exchange(own.server, judged);
  const bool healthy = worst_of(judged.findings) <= Severity::info;
  const bool asked_for = !judged.found_in.empty() && found_shown_ < kMostFound;
  if (asked_for) {
    ++found_shown_;
  } else if (healthy && healthy_shown_ >= settings_.limits.max_healthy_exchanges) {
    ++own.omitted;
    return;
  }
  if (!healthy && !asked_for && own.shown.size() >= settings_.limits.max_exchanges_per_flow) {
    Unshown& unshown = strays(own).unshown[judged.label];
    unshown.severity = std::max(unshown.severity, judged.severity);
    ++unshown.count;
    ++own.omitted;
    return;
  }
  if (healthy) ++healthy_shown_;
  own.shown.push_back(std::move(judged));
}

void Engine::Impl::on_stray(const FlowRecord& flow, const Stray& stray) {
  Account& own = account(flow);
  Account::Strays& rare = strays(own);
  switch (stray.kind) {
    case Stray::Kind::opaque:
      if (rare.opaque && rare.protocol != "preface") return;  // a greeting is not all there is
      rare.opaque = stray.packet;
      rare.protocol = stray.protocol;
      return;
    case Stray::Kind::unsolicited_response:
      if (rare.unsolicited) return;
      rare.unsolicited = stray.packet;
      own.unsolicited_status = stray.status;
      return;
    case Stray::Kind::trailing_garbage:
      if (!rare.garbage) rare.garbage = stray.packet;
      return;
    case Stray::Kind::answer_alone:
      rare.alone.add(stray.packet, stray.status);
      return;
  }
}

FlowReport Engine::Impl::describe(const FlowRecord& flow, Account& own) const {
  FlowReport report;
  report.id = flow.id;
  report.client = flow.client;
  report.server = flow.server;
  if (names_ != nullptr) {
    report.server_name =
        names_->name_of({.address = flow.server.ip,
                         .client = flow.client.ip,
                         .at = flow.first.time,
                         .asked_for = own.host != nullptr ? *own.host : std::string_view{}});
  }
  if (flow.trouble().translated_server.port != 0) {
    report.translated = {.id = flow.id,
                         .client = flow.trouble().translated_client,
                         .server = flow.trouble().translated_server,
                         .server_inside = flow.trouble().translated_server.ip};
  }
  report.tunnels = flow.trouble().tunnels;
  report.first = flow.first;
  report.last = flow.last;
  report.history = flow.history.data();
  report.handshake = handshake(flow);
  report.ended_by = ended_by(flow);
  const bool untold = report.handshake == Handshake::incomplete && only_syns_.and_answers();
  for (const Side side : {Side::client, Side::server}) {
    const SideRecord& record = flow.side(side);
    report.sides[index(side)] = {record.packets, record.payload_bytes,
                                 record.trouble().retransmitted,
                                 untold ? TcpState::unknown : tcp_state(flow, side)};
  }
  report.duplicates = flow.trouble().duplicates;
  if (flow.rtt > Duration{0}) report.rtt = flow.rtt;
  if (flow.oddities != 0) report.oddities = oddities_of(flow);
  report.exchanges = std::move(own.shown);
  report.exchange_count = own.exchanges;
  report.omitted_exchanges = own.omitted;
  return report;
}

/// What its client calls the server: the first of its hosts counts, a connection to a proxy has
/// several.
void Engine::Impl::note_host(Account& own, const FlowRecord& flow, std::string_view host,
                             PacketRef request) {
  if (own.host != nullptr || names_ == nullptr || !names_->any() || hosts_.size() >= kMostHosts)
    return;
  own.host = &*hosts_.insert(host_name(host)).first;
  lookups_.on_use(flow.client.ip, *own.host, {request, flow.id, flow.server});
}

FlowVerdict Engine::Impl::judge_ended(Account& own, const FlowRecord& flow, EndCause cause,
                                      Timestamp now) {
  const Tally::Watched watched = tally_.watched(flow, cause, now, input_);
  FlowFacts facts = measure(flow, watched.cause, watched.until, settings_.thresholds);
  const bool client_hidden = one_way_.hides(flow, Side::client);
  const bool server_hidden = one_way_.hides(flow, Side::server);
  facts.client_unheard = facts.client_unheard || client_hidden;
  facts.server_unheard = facts.server_unheard || server_hidden;
  facts.one_way_elsewhere = client_hidden || server_hidden;
  facts.server_heard_elsewhere = facts.server_unheard && !server_hidden &&
                                 !proves_unheard(flow, Side::server) &&
                                 one_way_.hears(flow, Side::server);
  facts.input = input_;
  // A port may serve both, and tell them apart by the first bytes.
  const auto* known = own.undecided.empty() ? nullptr : patterns_.server(flow.server);
  facts.server_speaks_tls = !own.undecided.empty() && tls_servers_.contains(flow.server) &&
                            (known == nullptr || !known->answers);
  facts.vantage = vantage_.of(flow);
  facts.rst_made_here = vantage_.made_reset(flow);
  facts.server_lives_here = vantage_.lives_here(flow.server.ip);
  facts.dropped_here = vantage_.dropped(flow);
  facts.only_syns = only_syns_.and_answers();
  facts.only_first_syns = only_syns_.without_answers();
  facts.torn = flow.c().syn ? answers_.answer_to(flow) : answers_.question_of(flow);
  const SideRecord& server = flow.s();
  if (facts.handshake == Handshake::refused || server.packets == server.trouble().rsts)
    facts.server_ttl = ttls_.of(flow.server.ip);
  const PacketRef server_end = server.fin && !server.fin_unseen ? server.fin : server.trouble().rst;
  facts.closed_by_idle_timer =
      server_end && server.last_payload &&
      patterns_.closes_after(own.server, server_end.time - server.last_payload.time);
  facts.last_response_end = own.last_response_end;
  if (own.strays) judge_kept(own, own.strays->challenged, facts);
  judge_kept(own, own.undecided, facts);
  add_what_it_carried(facts, own);
  if (flow.trouble().clock_step > Duration{0})
    facts.clock_step = tally_.largest_step(flow.first.number, flow.last.number);
  std::optional<ClosedClock> older;
  if (flow.c().syns >= 2 || facts.handshake == Handshake::unanswered) {
    older = clocks_.older_of(flow, settings_.thresholds);
    facts.older = older ? &*older : nullptr;
  }
  if (asked_why(flow, 0))
    why_ = why(facts, {own.worst, own.worst_severity, own.worst_exchange}, settings_);
  return judge(facts, own.worst, own.worst_severity, settings_);
}

void Engine::Impl::on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) {
  Account none;
  Account& own = flow.rules_slot == 0 ? none : accounts_[flow.rules_slot - 1];
  if (own.exchanges == 0) {
    vantage_.on_flow(flow);
    ttls_.note(flow);
  }
  const bool exchanges_alone = own.exchanges > 0 && own.undecided.empty() && !own.strays;
  const bool ordinary = settings_.own_rules.empty() && !asked_why(flow, 0);
  FlowVerdict verdict;
  if (exchanges_alone && ordinary && plainly_ok(flow, settings_.thresholds)) {
    verdict.label = own.worst;
    verdict.severity = own.worst_severity;
  } else {
    verdict = judge_ended(own, flow, cause, now);
  }
  clocks_.note(flow);
  if (cause != EndCause::capture_over) on_open(flow);  // else it was called before
  FlowReport report = describe(flow, own);
  if (own.strays) report.tls = own.strays->tls;
  report.label = verdict.label;
  report.severity = verdict.severity;
  report.labels = std::move(verdict.annotations);
  report.findings = std::move(verdict.findings);
  report.worst = std::max(report.severity, worst_of(report.findings));
  for (const ExchangeReport& exchange : report.exchanges) {
    report.worst = std::max(report.worst, worst_of(exchange.findings));
  }
  count_ended(flow, own, report, cause, now);
  verdicts_.on_flow_judged(ends_of(flow), report);
  reports_.on_flow_report(report);
  if (flow.rules_slot != 0) {
    own = Account{};
    free_.push_back(flow.rules_slot);
    flow.rules_slot = 0;
  }
}

void Engine::Impl::count_ended(const FlowRecord& flow, const Account& own, const FlowReport& report,
                               EndCause cause, Timestamp now) {
  tally_.count_flow(report);
  if (cause == EndCause::capture_over && report.ended_by == EndedBy::none)
    tally_.note_open(flow.id);
  patterns_.on_flow(flow, std::max(now, flow.last.time), cause, report, own.usage);
  if (!own.strays) return;
  for (const auto& [label, unshown] : own.strays->unshown) {
    tally_.count_unshown(label, unshown.severity, report, unshown.count);
  }
}

Engine::Engine(const Settings& settings, FlowReportSink& reports, VerdictSink& verdicts)
    : impl_{std::make_unique<Impl>(settings, reports, verdicts)} {}
Engine::~Engine() = default;
void Engine::on_packet(PacketRef packet) { impl_->on_packet(packet); }
void Engine::on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled, Timestamp now) {
  impl_->on_exchange(flow, exchange, settled, now);
}
void Engine::on_stray(const FlowRecord& flow, const Stray& stray) { impl_->on_stray(flow, stray); }
void Engine::on_lookup(const DnsLookup& lookup) { impl_->on_lookup(lookup); }
void Engine::use(const NameTable& names) { impl_->use(names); }
void Engine::use(const CaptureSummary& input) { impl_->use(input); }
void Engine::on_open(const FlowRecord& flow) { impl_->on_open(flow); }
void Engine::on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) {
  impl_->on_flow(flow, cause, now);
}
void Engine::on_tls_server(const Endpoint& server) { impl_->on_tls_server(server); }
void Engine::on_tls(const FlowRecord& flow, std::shared_ptr<const TlsSession> session) {
  impl_->on_tls(flow, std::move(session));
}
void Engine::forget_open() { impl_->forget_open(); }
Report Engine::finish(const CaptureSummary& input, const Ledger& ledger) {
  return impl_->finish(input, ledger);
}

}  // namespace httpdiag::rules
