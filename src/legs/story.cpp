// SPDX-License-Identifier: Apache-2.0
#include "legs/story.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace httpdiag::legs {

namespace {

constexpr std::size_t kShownLegs = 4;  // in the sentence; all of them are in the list

/// An answer counts as there when a proxy could have passed it on: one that came in the same
/// moment as the client's leaving did not keep anybody waiting.
constexpr Duration kPassingOn = std::chrono::milliseconds{100};

std::string ago(Duration duration) { return base::duration(std::max(duration, Duration{0})); }

/// The one in front of it went away first, and this is the consequence.
bool follows_front(const Leg& front, const Leg& leg) {
  // What its own client did to the leg in front needs no reason behind it.
  const Party party = front.fault.party;
  if (party == Party::client_app || party == Party::client_host) return true;
  switch (leg.label) {
    case Label::request_incomplete:
    case Label::response_aborted_by_client:
      // Of a request that was neither answered nor judged it is not known whether it was whole.
      return front.label == leg.label || front.gave_up_after.has_value() ||
             (!front.answered && !is_problem(front));
    default:
      return false;
  }
}

/// A connection that failed says less than a leg beside it that had the request and failed.
bool yields(const std::vector<Leg>& legs, const Leg& connect) {
  return connect.exchange == 0 && std::any_of(legs.begin() + 1, legs.end(), [&](const Leg& leg) {
           return leg.exchange != 0 && leg.behind == connect.behind && is_problem(leg) &&
                  !follows_front(legs[leg.behind], leg);
         });
}

/// The leg with a problem whose answer the client got: the last one with its status; 0: none.
std::size_t passed_on_by(const std::vector<Leg>& legs) {
  const Leg& front = legs.front();
  std::size_t last = 0;
  for (std::size_t i = 1; i < legs.size(); ++i) {
    if (legs[i].behind == 0 && legs[i].exchange != 0) last = i;
  }
  const Leg& leg = legs[last];
  const bool same = last != 0 && front.answered && leg.answered && leg.status == front.status &&
                    leg.answered.time <= front.answered.time + kReordered;
  return same && is_problem(leg) ? last : 0;
}

/// Down the chain as long as a leg behind explains the one in front: taxonomy 6.1 F10.
std::size_t decisive_of(const std::vector<Leg>& legs) {
  std::size_t at = 0;
  const std::size_t heard = passed_on_by(legs);
  for (std::size_t i = 1; i < legs.size(); ++i) {
    const Leg& leg = legs[i];
    const bool behind_it = leg.behind == at || legs[leg.behind].behind == at;
    const bool passed_over = heard != 0 && leg.behind == 0 && i != heard;
    if (behind_it && !passed_over && is_problem(leg) && !follows_front(legs[leg.behind], leg) &&
        !yields(legs, leg))
      at = i;
  }
  return at;
}

/// To the client of the first leg the proxies are the server side.
Fault seen_from_front(const Leg& decisive, bool is_front) {
  Fault fault = decisive.fault;
  if (is_front) return fault;
  if (fault.party == Party::client_app) fault.party = Party::server_app;
  if (fault.party == Party::client_host) fault.party = Party::server_host;
  return fault;
}

std::string_view unanswered(Label label) {
  switch (label) {
    case Label::closed_without_response:
      return "closed without an answer after";
    case Label::reset_without_response:
      return "reset the connection after";
    case Label::request_not_acked:
      return "had acknowledged nothing after";
    case Label::request_on_half_closed:
    case Label::keepalive_close_race:
      return "had closed that connection, as was seen after";
    default:
      return "had not answered after";
  }
}

std::string outcome_of(const Leg& leg) {
  if (leg.exchange == 0) return fmt::format("could not connect ({})", info(leg.label).id);
  if (leg.answered) {
    std::string text =
        fmt::format("answered {} after {}", leg.status, ago(leg.answered.time - leg.sent.time));
    if (leg.last.time - leg.answered.time > kPassingOn)
      text +=
          fmt::format(", {} after {}", broke_off(leg.label) ? "and broke off" : "the last of it",
                      ago(leg.last.time - leg.sent.time));
    if (is_problem(leg)) text += fmt::format(" ({})", info(leg.label).id);
    return text;
  }
  if (leg.gave_up_after) {
    return fmt::format("had not answered when the proxy left after {} ({})",
                       ago(*leg.gave_up_after), info(leg.label).id);
  }
  return fmt::format("{} {} ({})", unanswered(leg.label), ago(leg.last.time - leg.first.time),
                     info(leg.label).id);
}

/// "passed it on after 111 µs to 10.50.2.90:80 (4.1), which answered 200 after 6 s"
/// A proxy that collects the request before it passes it on waits for its end.
std::string passed_on(const Leg& front, const Leg& leg) {
  const bool whole = leg.first.time >= front.sent.time;
  const std::string after = ago(leg.first.time - (whole ? front.sent.time : front.first.time));
  if (leg.exchange == 0) {
    return fmt::format("tried after {} to connect to {} (flow {}: {})", after,
                       to_string(leg.server), name_of(leg), info(leg.label).id);
  }
  const bool began = !whole && front.sent.time - leg.first.time > kPassingOn;
  return fmt::format("{} after {} to {} ({}), which {}",
                     began ? "began to pass it on" : "passed it on", after, to_string(leg.server),
                     name_of(leg), outcome_of(leg));
}

/// Connections that failed are told together.
std::string failed_connects(const std::vector<Leg>& legs, std::size_t front) {
  std::vector<const Leg*> failed;
  for (const Leg& leg : legs) {
    if (leg.exchange == 0 && leg.behind == front) failed.push_back(&leg);
  }
  if (failed.empty()) return {};
  if (failed.size() == 1) return passed_on(legs[front], *failed.front());
  return fmt::format(
      "tried {} times to connect to {}, first after {} (flows {} to {}: {})", failed.size(),
      to_string(failed.front()->server), ago(failed.front()->first.time - legs[front].first.time),
      name_of(*failed.front()), name_of(*failed.back()), info(failed.front()->label).id);
}

std::vector<std::string> steps_of(const std::vector<Leg>& legs) {
  std::vector<std::string> steps;
  std::size_t left_out = 0;
  for (std::size_t front = 0; front < legs.size(); ++front) {
    const bool first = front == 0;
    const std::string proxy =
        first ? "The proxy" : fmt::format("The next proxy ({})", to_string(legs[front].server.ip));
    const std::string connects = failed_connects(legs, front);
    if (!connects.empty()) steps.push_back(fmt::format("{} {}.", proxy, connects));
    bool again = false;
    for (std::size_t i = 1; i < legs.size(); ++i) {
      if (legs[i].behind != front || legs[i].exchange == 0) continue;
      if (steps.size() >= kShownLegs) {
        ++left_out;
        continue;
      }
      steps.push_back(fmt::format(
          "{}{} {}.", again ? "Then " + base::lower(proxy.substr(0, 1)) + proxy.substr(1) : proxy,
          again ? " again" : "", passed_on(legs[front], legs[i])));
      again = true;
    }
  }
  if (left_out != 0) steps.push_back(fmt::format("And {}.", base::count(left_out, "more leg")));
  return steps;
}

/// The last leg directly behind the first one that carried the request.
const Leg* upstream_of_first(const std::vector<Leg>& legs) {
  const Leg* last = nullptr;
  for (std::size_t i = 1; i < legs.size(); ++i) {
    if (legs[i].behind == 0 && legs[i].exchange != 0) last = &legs[i];
  }
  return last;
}

const Leg& first_behind(const std::vector<Leg>& legs) {
  return *std::find_if(legs.begin() + 1, legs.end(),
                       [](const Leg& leg) { return leg.behind == 0; });
}

/// What the client of the first leg got although this one failed; empty: its own trouble.
std::string outcome_for_client(const std::vector<Leg>& legs, std::size_t place) {
  const Leg& front = legs.front();
  const Leg& leg = legs[place];
  if (place == 0 || !front.done || is_problem(front) || !is_problem(leg)) return {};
  const auto well = std::find_if(legs.begin() + 1, legs.end(), [&](const Leg& other) {
    return other.exchange != 0 && other.done && other.status == front.status && !is_problem(other);
  });
  const std::string answered =
      fmt::format("The client ({}) was answered {}", name_of(front), front.status);
  if (well == legs.end()) {
    return answered +
           " all the same: the proxy did not pass this on (an error page or a fallback of its "
           "own). "
           "The sender takes it for done.";
  }
  const bool next = well->first.time + kReordered >= end_of(leg);
  return fmt::format(
      "{}, as {} ({}) answered{}", answered, to_string(well->server), name_of(*well),
      next ? ", which the proxy asked then." : " the proxy: this leg had a copy, as for a mirror.");
}

/// The upstream that the proxy left at the moment at which it closed towards its client, with no
/// answer from the one and for the other.
const Leg* left_on_both_sides(const std::vector<Leg>& legs) {
  const Leg& front = legs.front();
  const Leg* upstream = upstream_of_first(legs);
  const bool closed =
      front.label == Label::closed_without_response || front.label == Label::reset_without_response;
  if (!closed || upstream == nullptr || !upstream->gave_up_after) return nullptr;
  const Timestamp left = end_of(*upstream);
  const bool unanswered = !upstream->answered || upstream->answered.time > left;
  return unanswered && std::chrono::abs(front.last.time - left) <= kPassingOn ? upstream : nullptr;
}

std::string conclusion_of(const std::vector<Leg>& legs, std::size_t decisive) {
  const Leg& front = legs.front();
  const Leg* upstream = upstream_of_first(legs);
  if (std::string outcome = outcome_for_client(legs, decisive); !outcome.empty()) return outcome;
  if (front.gave_up_after) {
    const Timestamp left = front.sent.time + *front.gave_up_after;
    std::string text = fmt::format("The client left after {}", ago(*front.gave_up_after));
    if (upstream == nullptr) return text + ".";
    if (first_behind(legs).first.time > left)
      return text + ": the proxy had not passed it on by then.";
    if (!upstream->answered || upstream->answered.time > left) {
      text += ": the time went behind the proxy.";
      const bool own = front.answered && front.status != 0 &&
                       (!upstream->answered || upstream->answered.time > front.answered.time);
      if (own) text += fmt::format(" The {} that came then is the proxy's own.", front.status);
      return text;
    }
    if (left - upstream->answered.time > kPassingOn && !front.answered) {
      return text +
             fmt::format("; the proxy had the answer for {} by then and had not passed it on.",
                         ago(left - upstream->answered.time));
    }
    return text + ".";
  }
  if (front.by_itself) {
    return fmt::format("The gateway answered {} after {} by itself: it had passed nothing on.",
                       front.status, ago(front.answered.time - front.sent.time));
  }
  if (front.label == Label::http_gateway_error) {
    const bool same = upstream != nullptr && upstream->status == front.status;
    const auto place = same ? static_cast<std::size_t>(upstream - legs.data()) : std::size_t{0};
    if (same && decisive != place && is_behind(legs, decisive, place)) {
      return fmt::format("The {} is the next proxy's ({}), passed on by the first.", front.status,
                         name_of(*upstream));
    }
    if (same) return fmt::format("The {} is the upstream's, passed on by the proxy.", front.status);
    const bool explained = decisive != 0;
    return fmt::format("The {} after {} is the proxy's own answer{}.", front.status,
                       ago(front.answered.time - front.first.time),
                       explained ? "" : ", though nothing was wrong behind it");
  }
  if (upstream == nullptr) return {};
  if (decisive == 0 && broke_off(front.label) && !front.gave_up_after &&
      !broke_off(upstream->label) && upstream->last.time > front.last.time + kReordered)
    return "The proxy cut the answer while the upstream was still sending it.";
  if (front.answered && upstream->answered) {
    const Duration all = std::max(front.answered.time - front.sent.time, Duration{0});
    // A proxy that collects the answer before it passes it on waits for its end.
    const Duration slack = broke_off(upstream->label) ? kPassingOn : Duration{0};
    const bool collected = front.answered.time + slack >= upstream->last.time;
    const PacketRef& end = collected ? upstream->last : upstream->answered;
    const Duration behind = std::clamp(end.time - first_behind(legs).sent.time, Duration{0}, all);
    // An upstream that never finished its answer may have kept the proxy waiting.
    const bool finished = upstream->label == Label::ok || upstream->label == Label::slow_response;
    const bool mostly = behind >= all - all / 4;
    return fmt::format("Of the {} until the client's answer began, {} went behind the proxy{}.",
                       ago(all), ago(behind),
                       mostly || !finished ? "" : ": the rest is the proxy's");
  }
  if (left_on_both_sides(legs) != nullptr) {
    return "The proxy left the upstream and closed towards its client at one moment, before there "
           "was an answer: it ran into a limit of its own, or was stopped or restarted.";
  }
  if (!front.answered && upstream->answered && upstream->answered.time <= end_of(front))
    return "The proxy had an answer and did not pass it on.";
  return {};
}

/// A leg behind `place` was done, and its proxy had that answer long enough to pass it on: what is
/// wrong with `place` is the proxy's own doing.
const Leg* kept_by_proxy(const std::vector<Leg>& legs, std::size_t place) {
  const Leg& leg = legs[place];
  const Leg* done = done_behind(legs, place);
  if (done == nullptr || done->gave_up_after || leg.fault.party != Party::server_app)
    return nullptr;
  const bool own_error = leg.label == Label::http_gateway_error || broke_off(leg.label);
  const bool began = leg.answered && !leg.gave_up_after && !broke_off(leg.label);
  const Timestamp end = began ? leg.answered.time : end_of(leg);
  const Duration slack = own_error ? Duration{0} : kPassingOn;
  return done->last.time + slack <= end ? done : nullptr;
}

/// What the client lacks of the answer came to the proxy behind the end of that connection: nothing
/// had ended behind it.
const Leg* cut_by_proxy(const std::vector<Leg>& legs, std::size_t place) {
  const Leg& leg = legs[place];
  const bool cut =
      leg.label == Label::response_truncated_fin || leg.label == Label::response_truncated_rst;
  if (!cut || leg.fault.party != Party::server_app) return nullptr;
  const Leg* upstream = nullptr;
  for (std::size_t i = 1; i < legs.size(); ++i) {
    if (legs[i].behind == place && legs[i].exchange != 0) upstream = &legs[i];
  }
  if (upstream == nullptr || !upstream->answered || upstream->status != leg.status) return nullptr;
  if (is_problem(*upstream) && upstream->label != Label::response_aborted_by_client) return nullptr;
  return upstream->last.time > leg.last.time + kReordered ? upstream : nullptr;
}

void tell_cut(const Leg& upstream, ExchangeReport& exchange, const Fault& fault) {
  for (Finding& finding : exchange.findings) {
    if (finding.label != exchange.label) continue;
    finding.fault = fault;
    finding.settle.reset();
    finding.remedy = fmt::format(
        "The proxy cut the answer while {} was still sending it ({}). Raise its read timeout for "
        "this path above the longest pause of the answer (nginx proxy_read_timeout, haproxy "
        "timeout "
        "server), or let the application send something more often (a comment line in an event "
        "stream); read the proxy's error log at that second.",
        to_string(upstream.server), name_of(upstream));
  }
}

void tell_stopped(const Leg& upstream, ExchangeReport& exchange, const Fault& fault) {
  for (Finding& finding : exchange.findings) {
    if (finding.label != exchange.label) continue;
    finding.fault = fault;
    finding.settle.reset();
    if (finding.has_fact("matched_timeout_us")) {
      finding.remedy = fmt::format(
          "The proxy closed towards its client in the moment in which it left {} ({}), after a "
          "time "
          "that matches a limit. Find out why that server took longer, or set the proxy's limit "
          "above the longest call (nginx proxy_read_timeout, HAProxy timeout server; the idle "
          "limit "
          "of a proxy that passes on TCP). If there is none: a stop or a restart at that second, "
          "in its log.",
          to_string(upstream.server), name_of(upstream));
      continue;
    }
    finding.remedy = fmt::format(
        "The proxy closed towards its client in the moment in which it left {} ({}). Look in its "
        "log for a stop, a restart or a reload at that second, and let it finish what is under way "
        "(nginx -s quit; haproxy -sf; a preStop hook that waits). A proxy that passes on TCP: an "
        "idle limit above the longest call.",
        to_string(upstream.server), name_of(upstream));
  }
}

void blame_proxy(const Leg& done, ExchangeReport& exchange, const Fault& fault) {
  for (Finding& finding : exchange.findings) {
    if (finding.label != exchange.label) continue;
    finding.fault = fault;
    finding.settle.reset();  // the leg behind is in the capture
    if (exchange.label != Label::http_gateway_error) continue;
    finding.remedy = fmt::format(
        "Read the gateway's error log at that second: it had the {} of {} and answered with an "
        "error of its own, as it does to an answer that is too large for its buffers, or that it "
        "takes for invalid.",
        done.status, name_of(done));
  }
}

/// What a leg behind it proves about an exchange that its own connection leaves open.
void tell_done(const Chain& chain, std::size_t place, ExchangeReport& exchange) {
  const Leg& leg = chain.legs[place];
  const Leg* done = done_behind(chain.legs, place);
  const bool has_answer = leg.answered && leg.status >= 200 && !is_gateway_error(leg.status);
  if (done == nullptr || exchange.retry == Retry::do_not) return;
  // The answer is that of another backend, where the proxy had not waited for the first one's.
  if (has_answer && leg.status >= 300 && !done->gave_up_after) return;
  exchange.retry = Retry::do_not;
  exchange.done_behind = fmt::format("{} on {}", done->status, name_of(*done));
}

/// That the gateway asked nobody is proved by what the capture does not have.
void tell_own_answer(ExchangeReport& exchange) {
  exchange.retry = Retry::safe;
  for (Finding& finding : exchange.findings) {
    if (finding.label != exchange.label) continue;
    finding.settle.reset();
    finding.fault.unless.clear();
    finding.remedy =
        "The gateway asked no backend: it holds all of them for down after failures or failed "
        "health checks (nginx: no live upstreams, max_fails and fail_timeout; haproxy: no server "
        "is available), its queue or limit of connections was full (timeout queue, maxconn), or a "
        "limit on the rate of requests turned it away (nginx limit_req, limit_conn). "
        "Read its error log at that second, and mend what failed on its legs before.";
  }
}

Finding gave_up(const Chain& chain, const Leg& front) {
  const Leg& reason = chain.legs[chain.decisive];
  Finding finding;
  finding.label = Label::proxy_gave_up;
  const RuleInfo& rule = info(finding.label);
  finding.severity = rule.severity;
  finding.fault = chain.fault;
  finding.detail = fmt::format("Behind the gateway {} towards {} shows {}.", name_of(reason),
                               to_string(reason.server), info(reason.label).id);
  finding.remedy = rule.remedy;
  finding.evidence = {
      {reason.first, std::nullopt,
       fmt::format("{} {}", reason.exchange == 0 ? "upstream connection" : "upstream request",
                   name_of(reason))},
      {reason.last, std::nullopt, fmt::format("{} on {}", info(reason.label).id, name_of(reason))}};
  if (front.answered)
    finding.evidence.push_back({front.answered, Side::server, fmt::format("{}", front.status)});
  std::sort(finding.evidence.begin(), finding.evidence.end(),
            [](const Evidence& a, const Evidence& b) { return a.packet.number < b.packet.number; });
  finding.facts = {{"upstream_flow", static_cast<std::int64_t>(reason.flow)},
                   {"upstream_label", std::string{info(reason.label).id}}};
  return finding;
}

}  // namespace

bool explained_behind(Label label) {
  switch (label) {
    case Label::client_timeout:
    case Label::late_response:
    case Label::no_response:
    case Label::slow_response:
    case Label::closed_without_response:
    case Label::reset_without_response:
    case Label::response_truncated_fin:
    case Label::response_truncated_rst:
    case Label::response_stalled:
    case Label::http_client_error:
    case Label::http_server_error:
    case Label::http_gateway_error:
    case Label::ack_negative:
      return true;
    default:
      return false;
  }
}

Chain chain_of(const std::vector<Record>& records) {
  Chain chain;
  const Record& front = records.front();
  chain.method = front.method;
  chain.host = front.host;
  chain.target = front.target;
  chain.profile = front.profile;
  std::vector<std::size_t> order(records.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin() + 1, order.end(), [&](std::size_t a, std::size_t b) {
    return records[a].leg.first.number < records[b].leg.first.number;
  });
  for (const std::size_t i : order) {
    chain.legs.push_back(records[i].leg);
    const auto at = std::find(order.begin(), order.end(), records[i].leg.behind);
    chain.legs.back().behind = static_cast<std::size_t>(at - order.begin());
  }
  chain.decisive = decisive_of(chain.legs);
  chain.fault = seen_from_front(chain.legs[chain.decisive], chain.decisive == 0);
  // That the capture is over says nothing about a leg whose gateway has given up on it.
  if (chain.legs.front().gateway && chain.fault.party == Party::capture)
    chain.fault = {Party::server_app, Confidence::medium, "the gateway's own limit is too short"};
  if (kept_by_proxy(chain.legs, chain.decisive) != nullptr)
    chain.fault = {Party::server_app, Confidence::high, {}};
  if (left_on_both_sides(chain.legs) != nullptr)
    chain.fault = {Party::server_app, Confidence::medium,
                   "an idle limit of a proxy that passes on TCP is shorter than the call takes"};
  if (chain.decisive == 0 && cut_by_proxy(chain.legs, 0) != nullptr)
    chain.fault = {Party::server_app, Confidence::high, "the proxy was stopped or restarted"};
  for (const std::string& step : steps_of(chain.legs))
    chain.detail += (chain.detail.empty() ? "" : " ") + step;
  const std::vector<const Leg*> repeated = repetitions(chain.legs);
  if (repeated.size() > 1)
    chain.detail += fmt::format(" The proxy sent the request {}.", words(repeated));
  const std::string conclusion = conclusion_of(chain.legs, chain.decisive);
  if (!conclusion.empty()) chain.detail += " " + conclusion;
  return chain;
}

bool tell(const Chain& chain, ExchangeReport& exchange, FlowId flow) {
  const auto leg = std::find_if(chain.legs.begin(), chain.legs.end(), [&](const Leg& candidate) {
    return candidate.flow == flow && candidate.exchange == exchange.index;
  });
  if (leg == chain.legs.end()) return false;
  const auto place = static_cast<std::size_t>(leg - chain.legs.begin());
  exchange.chain = name_of(chain.legs.front());
  exchange.chain_detail = chain.detail;
  exchange.chain_outcome = outcome_for_client(chain.legs, place);
  tell_done(chain, place, exchange);
  if (const Leg* done = kept_by_proxy(chain.legs, place); done && place == chain.decisive)
    blame_proxy(*done, exchange, chain.fault);
  if (const Leg* cut = cut_by_proxy(chain.legs, place); cut && place == chain.decisive)
    tell_cut(*cut, exchange, chain.fault);
  const Leg* left = left_on_both_sides(chain.legs);
  if (left != nullptr && (place == 0 || leg->gave_up_after))
    tell_stopped(*left, exchange, chain.fault);
  if (place == 0 && !leg->answered && reached_nobody(chain.legs)) exchange.retry = Retry::safe;
  if (leg->by_itself) tell_own_answer(exchange);
  if (!is_behind(chain.legs, chain.decisive, place) || !explained_behind(exchange.label))
    return false;
  const Leg& reason = chain.legs[chain.decisive];
  const bool gateway = exchange.label == Label::http_gateway_error;
  for (Finding& finding : exchange.findings) {
    if (finding.label != exchange.label) continue;
    finding.fault = chain.fault;
    finding.settle.reset();  // the leg behind is in the capture
    if (!gateway) continue;  // whose own remedy is to look behind
    finding.remedy = fmt::format("Behind the proxy ({} at {}): {}", info(reason.label).id,
                                 name_of(reason), info(reason.label).remedy);
  }
  if (!gateway || reason.status == leg->status) return false;
  if (reached_nobody(chain.legs)) exchange.retry = Retry::safe;
  exchange.findings.push_back(gave_up(chain, *leg));
  exchange.labels.insert(
      std::upper_bound(exchange.labels.begin(), exchange.labels.end(), Label::proxy_gave_up),
      Label::proxy_gave_up);
  return true;
}

}  // namespace httpdiag::legs
