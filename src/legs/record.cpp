// SPDX-License-Identifier: Apache-2.0
#include "legs/record.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace httpdiag::legs {

namespace {

constexpr std::size_t kMaxTarget = 512;
constexpr Duration kPatience = std::chrono::minutes{5};  // that a client has, where it shows none

/// Without scheme and authority, which a forward proxy takes away (RFC 9112 §3.2.2).
std::string_view origin_form(std::string_view target) {
  const std::size_t scheme = target.find("://");
  const std::size_t query = target.find('?');
  if (target.starts_with('/') || scheme == std::string_view::npos || scheme > query) return target;
  const std::size_t path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view{"/"} : target.substr(path);
}

/// What is left when a proxy rewrites the beginning of the path: "/notify?id=1" of
/// "/api/v1/notify?id=1".
std::string_view last_segment(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? target : target.substr(slash);
}

/// The part of a trace id that every hop passes on: version-TRACEID-parent-flags (W3C Trace
/// Context §3.2.2), or all of it.
std::string_view passed_on(std::string_view trace) {
  constexpr std::size_t kVersion = 3, kTraceId = 32;
  const bool traceparent = trace.size() >= kVersion + kTraceId + 1 && trace[2] == '-' &&
                           trace[kVersion + kTraceId] == '-';
  return traceparent ? trace.substr(kVersion, kTraceId) : trace;
}

const Finding* primary(const std::vector<Finding>& findings, Label label) {
  for (const Finding& finding : findings) {
    if (finding.label == label) return &finding;
  }
  return nullptr;
}

Timestamp left_at(const ExchangeReport& report, const Exchange& exchange) {
  if (report.gave_up_after) return exchange.request.last.time + *report.gave_up_after;
  // Nobody left, as far as the capture goes.
  if (report.label == Label::no_response || report.label == Label::ok)
    return exchange.request.last.time + kPatience;
  // No answer, and no sign of the client's leaving: as long as anything was seen.
  Timestamp last = exchange.request.last.time;
  for (const Finding& finding : report.findings) {
    for (const Evidence& evidence : finding.evidence) last = std::max(last, evidence.packet.time);
  }
  return last;
}

/// A whole 2xx, and nothing that would take it back.
bool says_done(const Exchange& exchange, const ExchangeReport* report) {
  if (!exchange.response || exchange.response->state != MessageState::complete) return false;
  if (report == nullptr) return is_success(exchange.response->status);
  const bool unclear =
      std::any_of(report->findings.begin(), report->findings.end(), [](const Finding& finding) {
        return finding.label == Label::ack_negative || finding.label == Label::ack_unrecognized;
      });
  return report->said == Said::done && report->retry == Retry::do_not && !unclear;
}

/// 502 and 504 are a gateway's by definition. 503 says an application as well that has no database;
/// proxies explain theirs (HAProxy, Traefik, Envoy, Varnish, Apache, Squid, Kong).
bool is_of_a_gateway(const Message& response) {
  if (!is_gateway_error(response.status)) return false;
  constexpr std::uint16_t kServiceUnavailable = 503;
  if (response.status != kServiceUnavailable) return true;
  constexpr std::array<std::string_view, 9> kWords = {
      "no server is available", "no available server",    "no healthy upstream",
      "upstream connect error", "upstream request",       "backend fetch failed",
      "unable to service your", "could not be retrieved", "ring-balancer"};
  const std::string page = base::lower(response.body_head);
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return page.find(word) != std::string::npos; });
}

/// To the same place: a second attempt, no leg behind the first.
bool same_way(const Record& a, const Record& b) {
  return a.leg.server == b.leg.server && a.leg.client.ip == b.leg.client.ip;
}

/// One may be the other with something put in front: "/v1/notify" and "/notify".
bool same_end(std::string_view a, std::string_view b) {
  return a.size() < b.size() ? b.ends_with(a) : a.ends_with(b);
}

Record record_of(const FlowEnds& flow) {
  Record record;
  record.leg.flow = flow.id;
  record.leg.client = flow.client;
  record.leg.server = flow.server;
  record.server_inside = flow.server_inside;
  record.client_here = flow.client_here;
  record.server_here = flow.server_here;
  return record;
}

}  // namespace

std::vector<IpAddress> addresses_in(std::string_view text) {
  constexpr std::string_view kOfAddress = "0123456789abcdefABCDEF.:";
  std::vector<IpAddress> found;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_of(kOfAddress), text.size()));
    std::string_view word = text.substr(0, text.find_first_not_of(kOfAddress));
    text.remove_prefix(word.size());
    // RFC 7239 §6: an IPv4 address may have a port behind it.
    if (std::count(word.begin(), word.end(), ':') == 1) word = word.substr(0, word.find(':'));
    if (const auto ip = parse_ip(word)) found.push_back(*ip);
  }
  return found;
}

Record record_of(const FlowEnds& flow, const Exchange& exchange, const ExchangeReport* report,
                 std::vector<IpAddress> forwarded_for, const Thresholds& settings) {
  const Message& request = exchange.request;
  Record record = record_of(flow);
  Leg& leg = record.leg;
  leg.exchange = exchange.index;
  leg.first = request.first;
  leg.sent = leg.last = request.last;
  if (exchange.response) {
    leg.status = exchange.response->status;
    leg.answered = exchange.response->first;
    leg.last = exchange.response->last;
    leg.gateway = is_of_a_gateway(*exchange.response);
  }
  leg.done = says_done(exchange, report);
  record.until = exchange.response ? leg.answered.time : leg.sent.time;
  if (report != nullptr) {
    leg.label = report->label;
    leg.severity = report->severity;
    leg.gave_up_after = report->gave_up_after;
    leg.untouched = report->retry == Retry::safe && !exchange.response;
    if (const Finding* finding = primary(report->findings, report->label)) {
      leg.fault = finding->fault;
      const bool whole = exchange.response && !broke_off(leg.label);
      if (!whole && !finding->evidence.empty())
        leg.last =
            std::max(leg.last, finding->evidence.back().packet,
                     [](const PacketRef& a, const PacketRef& b) { return a.number < b.number; });
    }
    if (!exchange.response || report->gave_up_after) record.until = left_at(*report, exchange);
  }
  record.method = request.method();
  record.host = request.host();
  record.target = request.start().substr(0, kMaxTarget);
  record.profile = &ack_profile(request, settings);
  record.forwarded_for = std::move(forwarded_for);
  const std::string_view target = origin_form(record.target);
  record.key = base::hash64(record.method) ^ base::hash64(last_segment(target));
  const std::string_view trace = passed_on(request.trace_id());
  if (!trace.empty()) record.trace = base::hash64(trace);
  record.body_bytes = request.body_bytes;
  record.digest = request.digest;
  record.body_known = is_callback(record.method) && !request.has_gap &&
                      request.state == MessageState::complete && request.body_bytes != 0;
  return record;
}

Record record_of(const FlowEnds& flow, const FlowReport& failed) {
  Record record = record_of(flow);
  Leg& leg = record.leg;
  leg.label = failed.label;
  leg.severity = failed.severity;
  if (const Finding* finding = primary(failed.findings, failed.label)) leg.fault = finding->fault;
  // Where the ACK of the handshake may be missing from the capture, so may what followed it.
  leg.untouched =
      failed.label != Label::handshake_not_completed || leg.fault.confidence > Confidence::low;
  leg.first = leg.sent = failed.first;
  leg.last = failed.last;
  record.until = failed.last.time;
  return record;
}

Record record_of_unanswered(const FlowEnds& flow, const FlowReport& open) {
  Record record = record_of(flow, open);
  record.given_up_in_front = true;
  record.leg.label = Label::connect_abandoned;
  record.leg.severity = info(Label::connect_abandoned).severity;
  record.leg.fault = {Party::network, Confidence::low,
                      "the server host is down, or drops what comes in"};
  record.leg.untouched = true;
  return record;
}

Record record_of_opaque(const FlowEnds& flow, const FlowReport& report) {
  Record record = record_of(flow);
  record.leg.first = report.first;
  record.leg.last = report.last;
  return record;
}

bool same_host(const Record& front, const Record& behind) {
  if (front.leg.flow == behind.leg.flow) return false;
  return front.leg.server.ip == behind.leg.client.ip ||
         front.server_inside == behind.leg.client.ip || (front.server_here && behind.client_here) ||
         names_client(behind, front.leg.client.ip);
}

bool in_time(const Record& front, const Record& behind) {
  return behind.leg.first.time + kReordered >= front.leg.first.time &&
         behind.leg.first.time <= front.until + kReordered;
}

bool broke_off(Label label) {
  switch (label) {
    case Label::response_truncated_fin:
    case Label::response_truncated_rst:
    case Label::response_stalled:
    case Label::response_aborted_by_client:
    case Label::response_malformed:
      return true;
    default:
      return false;
  }
}

bool same_body(const Record& a, const Record& b) {
  return a.body_known && b.body_known && a.digest == b.digest && a.body_bytes == b.body_bytes;
}

bool names_client(const Record& behind, const IpAddress& client) {
  const std::vector<IpAddress>& named = behind.forwarded_for;
  return std::find(named.begin(), named.end(), client) != named.end();
}

bool can_be(const Record& front, const Record& behind) {
  const bool bodies = front.body_known && behind.body_known;
  if (bodies && behind.leg.sent.time + kReordered < front.leg.sent.time) return false;
  // A gateway may answer while it waits, and any proxy may have left this leg for another one.
  if (!front.leg.answered || is_gateway_error(front.leg.status) || behind.leg.gave_up_after)
    return true;
  const Timestamp answered = front.leg.answered.time + kReordered;
  return behind.leg.sent.time <= answered &&
         (!behind.leg.answered || behind.leg.answered.time <= answered);
}

bool may_carry(const Record& front, const Record& behind) {
  if (!in_time(front, behind) || !same_host(front, behind) || same_way(front, behind)) return false;
  if (front.method != behind.method || !can_be(front, behind)) return false;
  return !front.body_known || !behind.body_known || same_body(front, behind);
}

bool fits_late(const Record& front, const Record& behind) {
  if (!left_unanswered(front)) return false;
  const Timestamp began = behind.leg.first.time;
  if (began <= front.until + kReordered || began > front.until + kPatience) return false;
  if (front.key != behind.key || front.method != behind.method) return false;
  if (!same_host(front, behind)) return false;
  // The client itself may have sent it again, to another place.
  if (front.leg.client.ip == behind.leg.client.ip || (front.client_here && behind.client_here))
    return false;
  // Time says little now: the request has to be the very same.
  if (!same_body(front, behind)) return false;
  return same_end(origin_form(front.target), origin_form(behind.target));
}

int fit(const Record& front, const Record& behind) {
  if (front.key != behind.key || !in_time(front, behind)) return 0;
  if (!same_host(front, behind) || front.method != behind.method) return 0;
  if (same_way(front, behind)) return 0;
  constexpr int kBody = 4, kTrace = 4, kPath = 3, kForwarded = 2, kPathEnd = 1, kEnough = 3;
  int points = 0;
  if (front.body_known && behind.body_known) {
    if (!same_body(front, behind)) return 0;
    points += kBody;
  }
  const std::string_view a = origin_form(front.target), b = origin_form(behind.target);
  if (a == b) {
    points += kPath;
  } else if (same_end(a, b)) {
    points += kPathEnd;
  }
  if (front.trace != 0 && front.trace == behind.trace) points += kTrace;
  if (names_client(behind, front.leg.client.ip)) points += kForwarded;
  return points >= kEnough ? points : 0;
}

}  // namespace httpdiag::legs
