// SPDX-License-Identifier: Apache-2.0
// The request is whole and acknowledged; what ended the wait? (taxonomy 4.5)
#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

/// Complete, and no answer is to be seen.
bool unanswered(const ExchangeFacts& facts) {
  return facts.request_complete && !facts.answered && !facts.exchange.response_missing;
}

/// The capture would show the answer if there were one.
bool waiting(const ExchangeFacts& facts) { return unanswered(facts) && !facts.flow.server_unheard; }

/// A number of the server's tells of an answer behind the request that never came here, and that
/// the client never acknowledged. A single one may be a FIN.
PacketRef answer_that_never_came(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  const SideTrouble& trouble = server.trouble();
  const bool behind = trouble.told_of.number > facts.exchange.request.last.number;
  const bool unknown = trouble.told > server.next + 1 && server.acked <= server.next;
  return behind && unknown && !server.fin ? trouble.told_of : PacketRef{};
}

/// What came of an answer whose beginning was lost on the way: its last packet.
PacketRef answer_without_beginning(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  const bool behind = server.last_payload.number > facts.exchange.request.last.number;
  return behind && server.trouble().lost_bytes > 0 ? server.last_payload : PacketRef{};
}

/// Instead of whatever else the wait is put down to.
void blame_loss_of_beginning(FindingBuilder& finding, PacketRef seen) {
  finding
      .also(
          "Of an answer only bytes further on came here: those in front of them were lost on the "
          "way, and the client asked for them in vain.")
      .evidence(seen, Side::server, "bytes of an answer whose beginning is missing")
      .fact("answer_unseen", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "they were sent again, and not recorded");
}

/// Of a request whose ACK the capture lacks, where the client would long have repeated itself.
constexpr std::string_view kAckInferred =
    "acknowledged, since it was not sent again (the ACK is not in the capture)";

/// A FIN right behind the request comes from a client that half-closes and reads on (nc, scripts);
/// what counts is what the server does then.
bool sent_fin_with_request(const ExchangeFacts& facts, const Thresholds& limits) {
  return facts.close.closer == Closer::client_fin && facts.after_request < limits.half_close_behind;
}

/// Recorded in the wrong order: the client's FIN acknowledges the server's (taxonomy 2.1).
bool server_closed_first(const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  const SideRecord& server = facts.flow.flow.s();
  return server.fin && !server.fin_unseen && client.fin && !client.fin_unseen &&
         client.fin_ack > server.fin_offset;
}

/// The client's FIN came soon, and the server ended the connection without an answer.
bool ended_after_early_fin(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  const PacketRef rst = server.trouble().rst;
  const PacketRef left = facts.close.packet;
  return server.fin.number > left.number || rst.number > left.number;
}

/// The server's kernel had the request already when the application closed a connection that had
/// rested: a close race all the same, where its idle timer says so.
void blame_idle_timer(FindingBuilder& finding, const ExchangeFacts& facts, Duration think) {
  // No application reads a request and gives up on it in so short a time without failing.
  constexpr Duration kAtOnce = std::chrono::milliseconds{5};
  const bool rested = facts.exchange.requests_before > 0 && facts.idle &&
                      *facts.idle >= std::chrono::seconds{1} && facts.server_idle;
  if (!rested || think > kAtOnce || facts.close.closer != Closer::server_fin) return;
  const Duration announced = std::chrono::seconds{facts.exchange.announced_keep_alive_s};
  const bool overdue = announced > Duration{0} && *facts.server_idle >= announced;
  if (!overdue && !facts.flow.closed_by_idle_timer) {
    finding.fault(Party::server_app, Confidence::medium,
                  "its keep-alive timer closed the connection at that moment");
    return;
  }
  finding
      .also(fmt::format("It had been idle for {}, {}: the server's idle timer and the request "
                        "crossed inside the server.",
                        base::duration(*facts.idle),
                        overdue ? fmt::format("and the server had announced to keep it for {} s",
                                              facts.exchange.announced_keep_alive_s)
                                : "and the server closes its other connections after such a rest"))
      .evidence(facts.exchange.active_before, std::nullopt, "last activity before the pause")
      .fact("idle_us", facts.idle)
      .fault(Party::none, Confidence::medium, "the server's process failed at that moment")
      .remedy(
          "Nobody broke a rule. Keep idle connections on the client for a second or two less than "
          "the server does, and let it send requests again that are safe to repeat.");
}

}  // namespace

std::optional<Finding> closed_without_response(const ExchangeFacts& facts,
                                               const Thresholds& limits) {
  if (!waiting(facts) || facts.close.closer != Closer::server_fin) {
    const bool half_close = facts.exchange.request.state == MessageState::complete &&
                            waiting(facts) && facts.close.closer == Closer::client_fin &&
                            (sent_fin_with_request(facts, limits) || server_closed_first(facts)) &&
                            facts.flow.flow.s().fin.number > facts.close.packet.number;
    if (!half_close) return std::nullopt;
  }
  if (!facts.request_acked) return std::nullopt;
  const SideRecord& server = facts.flow.flow.s();
  // Recorded in the wrong order, the FIN may seem to come first.
  const Duration think = std::max(server.fin.time - facts.exchange.request.last.time, Duration{0});
  const bool by_fin = server.fin_ack >= facts.q1;
  const auto matched = match_timeout(think, limits, limits.known_timeouts);
  // A FIN whose number is beyond all that arrived counts an answer that never did.
  const std::uint64_t lost =
      server.fin_offset > server.delivered ? server.fin_offset - server.delivered : 0;
  FindingBuilder finding{
      Label::closed_without_response,
      lost > 0 ? fmt::format("The server closed {} after the request; the {} of an answer that its "
                             "FIN counts were lost on the way and never acknowledged.",
                             base::duration(think), base::bytes(lost))
               : fmt::format("The server received the whole request and closed {} later without a "
                             "byte of response{}.",
                             base::duration(think), limit_text(matched))};
  request_and_ack(finding, facts);
  if (server.fin_unseen) {
    finding.evidence(Closing{Closer::server_fin, server.fin, true});
  } else {
    finding.evidence(server.fin, Side::server,
                     by_fin ? "server FIN, acknowledges the request" : "server FIN");
  }
  finding.fact("think_us", std::optional{think})
      .fact("matched_timeout_us", matched)
      .fact("requests_before", std::int64_t{facts.exchange.requests_before})
      .fault(Party::server_app, server.fin_unseen ? Confidence::medium : Confidence::high,
             "the peer is a proxy, and what is behind it failed")
      .seen_as(
          "Client: NoHttpResponseException, empty reply (52), RemoteDisconnected, socket hang up. "
          "Server: a crash, restart or kill at that second, or nginx 444; a proxy: upstream "
          "prematurely closed.");
  if (sent_fin_with_request(facts, limits) && !server_closed_first(facts)) {
    finding.evidence(facts.close)
        .fault(Party::server_app, Confidence::low,
               "it takes the client's FIN for a cancelled request, as proxies do");
  }
  if (!facts.exchange.request.error.empty()) {
    finding.fault(Party::server_app, Confidence::medium,
                  "it refused the odd syntax of the request");
  }
  blame_idle_timer(finding, facts, think);
  if (think >= limits.capture_end_margin) doubt_cut_request(finding, facts);
  if (facts.exchange.interim) {
    finding.evidence(facts.exchange.interim, Side::server,
                     fmt::format("interim {}", facts.exchange.interim_status));
  }
  if (lost > 0) {
    finding.fault(Party::network, Confidence::medium, "the client host stopped receiving")
        .fact("lost_response_bytes", static_cast<std::int64_t>(lost));
  }
  if (facts.exchange.previous_said_close) {
    finding.evidence(facts.exchange.close_token_in, std::nullopt, "Connection: close")
        .fault(Party::none, Confidence::high)
        .remedy(
            "Nobody broke a rule: after Connection: close a server reads no further request "
            "(RFC 9112 section 9.6). Send this one again on a new connection, where doing it twice "
            "does no harm; do not pipeline behind a request that may end the connection.");
  }
  return finding.build();
}

namespace {

/// What the RST says about the request.
std::string_view received_text(const ExchangeFacts& facts) {
  if (facts.flow.handshake == Handshake::refused)
    return "; it came with the SYN, which was refused, so no application has it";
  if (facts.reset_first) return "; an answer came behind it, to a connection that was gone";
  if (facts.crossed_rst) return "; the two crossed, so the request was never taken";
  if (facts.request_acked) return "; the request had reached it";
  if (facts.request_part_acked) return "; a part of the request had reached it";
  if (facts.rst_from_elsewhere) return "";
  if (facts.resent)
    return "; it answers the last transmission, and whether an earlier one arrived is not known";
  const bool live_socket = facts.flow.flow.s().trouble().rst_has_ack;
  return live_socket ? "; the request was not acknowledged"
                     : "; no socket was there to take the request";
}

/// The client's keep-alive probe behind the request that the RST answers.
PacketRef probe_in_front(const ExchangeFacts& facts) {
  constexpr Duration kSoon = std::chrono::seconds{1};
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef probe = probe_before_bare_rst(flow, Side::server);
  const bool behind_request = probe.number > facts.exchange.request.last.number;
  return behind_request && flow.s().trouble().rst.time - probe.time <= kSoon ? probe : PacketRef{};
}

void blame_reset(FindingBuilder& finding, const ExchangeFacts& facts) {
  const PacketRef probe = probe_in_front(facts);
  const bool live_socket = facts.flow.flow.s().trouble().rst_has_ack;
  if (facts.flow.handshake == Handshake::refused) {
    finding.fault(Party::server_host, Confidence::high,
                  "a firewall rejected it in the server's name");
  } else if (facts.rst_from_elsewhere) {
    finding.fault(Party::network, Confidence::medium,
                  "the RST has a TTL unlike the server's packets, but a load balancer in front of "
                  "it is legitimate");
  } else if (probe) {
    finding
        .also(
            "It answers a keep-alive probe of the client's: the connection was not known there any "
            "more.")
        .evidence(probe, Side::client, "keep-alive probe")
        .fault(Party::server_host, Confidence::medium,
               "a NAT, firewall or load balancer in front of it forgot the connection")
        .remedy(
            "Server: was the host restarted or replaced while the request was under way? Network: "
            "did an address move, or a load balancer or NAT lose its table?");
  } else if (facts.crossed_rst || (!live_socket && !facts.request_acked)) {
    finding.fault(Party::server_host, Confidence::medium,
                  "a firewall answered in its name, or the server was restarted");
  } else {
    finding.fault(Party::server_app, Confidence::medium,
                  "a device in between sent it with the server's address");
  }
}

/// The last answer said how long the server keeps an idle connection (Keep-Alive: timeout=N), and
/// the request came later than that. A server that has just closed answers with RST, also for bytes
/// that its kernel had taken.
bool outlived_announced_time(const ExchangeFacts& facts) {
  const Duration announced = std::chrono::seconds{facts.exchange.announced_keep_alive_s};
  return announced > Duration{0} && facts.idle && *facts.idle >= announced &&
         !facts.rst_from_elsewhere;
}

/// The request had been sent again before the RST came: the way was interrupted, or its acks were.
void tell_of_retransmissions(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& client = flow.c().trouble();
  finding.evidence(client.head_first_retransmit, Side::client, "sent again")
      .evidence(facts.head_retransmits > 1 ? client.head_retransmit : PacketRef{}, Side::client,
                "sent again, the last time")
      .fact("retransmissions", std::int64_t{facts.head_retransmits});
  const FlowTrouble& trouble = flow.trouble();
  if (trouble.icmp.number < facts.exchange.request.first.number) return;
  finding
      .also(fmt::format("Meanwhile {} reported \"{}\".", to_string(trouble.icmp_reporter),
                        icmp_meaning(trouble)))
      .evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble))
      .fault(Party::network, Confidence::medium, "the server's host was down meanwhile");
}

/// The first request of a connection that is older than the capture, and no socket for it: a FIN of
/// the server's may have come before.
bool may_have_been_closed_before(const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  return flow.has(Oddity::midstream) && facts.exchange.requests_before == 0 && flow.s().next == 0 &&
         !flow.s().trouble().rst_has_ack && !facts.rst_from_elsewhere;
}

/// What the last answer announced may have been cut off when it was recorded.
bool announced_time_unread(const ExchangeFacts& facts) {
  constexpr Duration kShortest = std::chrono::seconds{1};
  return facts.exchange.announced_keep_alive_s == 0 && facts.idle && *facts.idle >= kShortest &&
         facts.exchange.requests_before > 0 && facts.flow.flow.s().trouble().snaplen_bytes > 0;
}

void tell_of_announced_time(FindingBuilder& finding, const ExchangeFacts& facts) {
  const std::uint32_t announced = facts.exchange.announced_keep_alive_s;
  finding
      .also(fmt::format("The connection had been idle for {}, and the server had announced to keep "
                        "it for {} s (Keep-Alive: timeout={}): it was probably closing it.",
                        base::duration(*facts.idle), announced, announced))
      .evidence(facts.exchange.active_before, std::nullopt, "last activity before the pause")
      .fact("announced_keep_alive_us", std::optional<Duration>{std::chrono::seconds{announced}})
      .fault(Party::none, Confidence::medium, "the server's process failed at that moment")
      .remedy(
          fmt::format("Keep idle connections on the client for a second or two less than the {} s "
                      "that the server announces, or let the server keep them longer (Node.js: "
                      "keepAliveTimeout).",
                      announced));
}

}  // namespace

std::optional<Finding> reset_without_response(const ExchangeFacts& facts,
                                              const Thresholds& limits) {
  const bool broken_off = !facts.request_complete && !facts.request_part_acked && !facts.answered &&
                          !facts.flow.server_unheard && !facts.exchange.response_missing;
  if (!waiting(facts) && !broken_off && !facts.reset_first) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& server = flow.s().trouble();
  const bool first = facts.close.closer == Closer::server_rst;
  const bool half_close = sent_fin_with_request(facts, limits) && server.rst &&
                          server.rst.number > facts.close.packet.number;
  if (!first && !half_close) return std::nullopt;
  const Duration apart = server.rst.time - facts.exchange.request.last.time;
  const std::string_view acked = facts.acked_by_rst    ? "by_rst"
                                 : facts.request_acked ? "true"
                                                       : "false";
  FindingBuilder finding{
      Label::reset_without_response,
      facts.crossed_rst || apart < Duration{0}
          ? fmt::format("The server's address sent RST while the request was on its way{}.",
                        received_text(facts))
          : fmt::format(
                "The server's address sent RST {} after the request, without a byte of response{}.",
                base::duration(apart), received_text(facts))};
  request_and_ack(finding, facts)
      .evidence(server.rst, Side::server,
                !server.rst_has_ack  ? "RST"
                : facts.acked_by_rst ? "RST,ACK, acknowledges the request"
                                     : "RST,ACK")
      .fact("think_us", std::optional{std::max(apart, Duration{0})})
      .fact("request_acked", std::string{acked})
      .fact("rst_has_ack", server.rst_has_ack)
      .fact("rst_ttl", std::int64_t{server.rst_ttl})
      .fact("server_ttl", std::int64_t{flow.s().ttl})
      .fact("idle_us", facts.idle)
      .seen_as(
          "Client: connection reset by peer (ECONNRESET, curl 56). Server: an aborted or killed "
          "worker, or nothing.");
  if (facts.reset_first) {
    finding.evidence(facts.exchange.response->first, Side::server, "answer, too late");
  }
  blame_reset(finding, facts);
  if (facts.head_retransmits > 0) tell_of_retransmissions(finding, facts);
  if (outlived_announced_time(facts)) tell_of_announced_time(finding, facts);
  if (announced_time_unread(facts) && !facts.rst_from_elsewhere) {
    finding.fault(Party::unknown, Confidence::low,
                  "the server had announced to close it by then, in what was cut off when it was "
                  "recorded");
  }
  if (may_have_been_closed_before(facts)) {
    finding.fault(Party::server_host, Confidence::low,
                  "the server had closed the idle connection before the capture began, and the "
                  "client's pool had not noticed");
  }
  return finding.build();
}

std::optional<Finding> client_timeout(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!waiting(facts) || !by_client(facts.close.closer)) return std::nullopt;
  const bool rst = facts.close.closer == Closer::client_rst;
  if (!rst && server_closed_first(facts)) return std::nullopt;
  // Sooner than this a FIN may be a client's that half-closes and goes on reading (RFC 9112 §9.6):
  // what the server does then decides.
  // A RST of its own later on says that nobody was left to read.
  const bool early_fin = !rst && facts.after_request < limits.client_timeout_min_wait &&
                         !facts.flow.flow.c().trouble().rst;
  if (early_fin && (sent_fin_with_request(facts, limits) || !ended_after_early_fin(facts)))
    return std::nullopt;
  const Confidence confidence =
      rst || facts.matched_timeout ? Confidence::high : Confidence::medium;
  const std::uint32_t probes = facts.flow.flow.c().trouble().unanswered_keepalives;
  const bool by_device = rst && reset_from_elsewhere(facts.flow.flow, Side::client, limits);
  // The ACK came when the client had left.
  const PacketRef acked_by = facts.exchange.acked_by;
  const bool waited_for_ack = acked_by && acked_by.number > facts.close.packet.number;
  // By its host's silence the request had been acknowledged, whatever the capture has of that.
  const bool repeated = facts.resent || facts.flow.flow.c().trouble().retransmitted > 0;
  const bool heard = !repeated && facts.after_request >= kRetransmissionOverdue;
  const bool inferred = heard && (waited_for_ack || !facts.request_acked);
  const bool acked_late = waited_for_ack && !heard;
  const bool acked = (facts.request_acked && !acked_late) || heard;
  const std::string receipt = acked_late ? "not acknowledged in that time"
                              : inferred ? std::string{kAckInferred}
                                         : acked_text(facts);
  FindingBuilder finding{
      Label::client_timeout,
      by_device
          ? fmt::format("The request was {}; after {} without an answer a RST in the client's name "
                        "ended the connection.",
                        receipt, base::duration(facts.after_request))
          : fmt::format("The request was {}; after {} without an answer the client gave up{}.",
                        receipt, base::duration(facts.after_request),
                        limit_text(facts.matched_timeout))};
  request_and_ack(finding, facts)
      .evidence(facts.close)
      .fact("waited_us", std::optional{facts.after_request})
      .fact("matched_timeout_us", facts.matched_timeout)
      .fact("request_acked", acked)
      .seen_as(
          "Client: read timed out, deadline exceeded, curl 28, status 0 / canceled. "
          "Proxy: nginx 499, HAProxy CH. Server: may log 200 later, or nothing.");
  if (probes >= 2) {
    finding.fact("unanswered_keepalives", std::int64_t{probes})
        .fault(Party::network, Confidence::medium, "the server host is gone");
  } else if (fins_unanswered(facts.flow.flow)) {
    finding
        .also(fmt::format("Its FIN was sent {} and not acknowledged either.",
                          times(facts.flow.flow.c().fins)))
        .fact("fins_unanswered", true)
        .fault(Party::network, Confidence::medium, "the server host is gone");
  } else if (const PacketRef told = answer_that_never_came(facts)) {
    finding
        .also(
            "A number in a later packet of the server says that an answer had been sent: it was "
            "lost on its way to here.")
        .evidence(told, Side::server, "its number tells of an answer that was not seen")
        .fact("answer_unseen", true)
        .remedy(std::string{info(Label::loss_recovery_delay).remedy})
        .fault(Party::network, Confidence::medium,
               "the server answered only when the client had given up");
  } else if (const PacketRef seen = answer_without_beginning(facts)) {
    blame_loss_of_beginning(finding, seen);
  } else if (early_fin) {
    const SideRecord& server = facts.flow.flow.s();
    const bool by_fin = static_cast<bool>(server.fin);
    finding
        .evidence(by_fin ? server.fin : server.trouble().rst, Side::server,
                  by_fin ? "server FIN, after the client's" : "server RST, after the client's FIN")
        .fault(Party::client_app, Confidence::low,
               "it only half-closed and read on, and the server ended the connection unanswered");
  } else if (!acked && facts.after_request > limits.delayed_ack_max) {
    // A kernel acknowledges sooner: whether it arrived is not known.
    finding.fault(Party::network, Confidence::low,
                  "the server's host did not acknowledge what it had, or its ACK was not recorded");
  } else if (inferred) {
    finding.fault(Party::server_app, Confidence::low,
                  "the answer is missing from the capture, as the ACK is");
  } else {
    blame_impatience(finding, facts.after_request, limits, confidence == Confidence::high);
  }
  doubt_cut_request(finding, facts);
  if (facts.exchange.interim) {
    finding.evidence(facts.exchange.interim, Side::server,
                     fmt::format("interim {}", facts.exchange.interim_status));
  }
  return finding.build();
}

std::optional<Finding> no_response(const ExchangeFacts& facts, const Thresholds& limits) {
  const bool inferred = !facts.request_acked && facts.flow.ack_unrecorded(Side::client);
  const bool unheard = facts.flow.server_heard_elsewhere;
  if (!waiting(facts) && !(unheard && unanswered(facts))) return std::nullopt;
  if (!facts.request_acked && !inferred) return std::nullopt;
  const bool half_closed = facts.close.closer == Closer::client_fin &&
                           facts.after_request < limits.client_timeout_min_wait;
  if (facts.close.closer != Closer::none && !half_closed) return std::nullopt;
  if (half_closed && facts.flow.flow.s().fin) return std::nullopt;            // the server ended it
  if (half_closed && facts.flow.flow.c().trouble().rst) return std::nullopt;  // it had left
  const Duration waited = facts.flow.watched_after(facts.exchange.request.last);
  if (waited < (unheard ? limits.no_response_high : limits.no_response_min)) return std::nullopt;
  const bool high = waited >= limits.no_response_high;
  const bool medium = waited >= limits.no_response_medium;
  const PacketRef seen = answer_without_beginning(facts);
  // An interim response, a session ticket.
  const bool spoke = facts.flow.flow.s().last_payload.number > facts.exchange.request.last.number;
  FindingBuilder finding{
      Label::no_response,
      fmt::format("The request was {}; {} later {} had come back and {} had closed{}.",
                  inferred ? std::string{kAckInferred} : acked_text(facts), base::duration(waited),
                  seen    ? "no whole answer"
                  : spoke ? "no answer"
                          : "nothing",
                  half_closed ? "only the client" : "nobody",
                  facts.flow.capture_over ? " when the capture ended" : "")};
  request_and_ack(finding, facts)
      .evidence(half_closed ? facts.close.packet : PacketRef{}, Side::client,
                "client FIN (half-close)")
      .evidence(facts.flow.flow.last, std::nullopt, "last packet of the flow")
      .severity(high && !inferred ? Severity::error
                : medium          ? Severity::warning
                                  : Severity::info)
      .fact("observed_wait_us", std::optional{waited})
      .fact("never_answered_before", facts.flow.flow.s().payload_packets == 0)
      .seen_as(
          "Client: still waiting, or hanging for good without a read timeout. "
          "Server and proxies: no log line yet, they log when the exchange ends.");
  if (unheard) {
    finding.also(
        "The capture has packets of the server on other connections, and none on this one.");
  }
  if (seen) {
    blame_loss_of_beginning(finding, seen);
  } else if (inferred) {
    finding.fact("ack_inferred", true)
        .fault(Party::unknown, Confidence::low,
               "the answer is missing from the capture, as the ACK is");
  } else if (medium) {
    finding.fault(Party::server_app, high ? Confidence::high : Confidence::medium,
                  "the answer came after the end of the capture");
    doubt_cut_request(finding, facts);
  } else {
    finding.fault(Party::capture, Confidence::medium, "the server is slow");
  }
  return finding.build();
}

}  // namespace httpdiag::rules
