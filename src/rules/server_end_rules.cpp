// SPDX-License-Identifier: Apache-2.0
// The request was sent, and the server ended the connection in place of an answer (taxonomy 4.5).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/idle_timers.hpp"
#include "rules/reasons.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

/// A FIN whose number is beyond all that arrived counts an answer that never did.
std::uint64_t bytes_lost_before_fin(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  return server.fin_offset > server.delivered ? server.fin_offset - server.delivered : 0;
}

/// The server's FIN ended the wait, though the client may have half-closed before.
bool server_ended_wait(const ExchangeFacts& facts) {
  if (!whole_and_unanswered(facts) || !facts.request_acked) return false;
  if (facts.close.closer == Closer::server_fin) return true;
  return facts.exchange.request.state == MessageState::complete &&
         facts.close.closer == Closer::client_fin &&
         (sent_fin_with_request(facts) || server_closed_first(facts)) &&
         facts.flow.flow.s().fin.number > facts.close.packet.number;
}

bool half_closed_with_request(const ExchangeFacts& facts) {
  return sent_fin_with_request(facts) && !server_closed_first(facts);
}

// Why the server closed without an answer.

bool told_to_expect_it(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.exchange.previous_said_close) return false;
  finding.evidence(facts.exchange.close_token_in, std::nullopt, "Connection: close")
      .fault(Party::none, Confidence::high)
      .remedy(
          "Nobody broke a rule: after Connection: close a server reads no further request "
          "(RFC 9112 section 9.6). Send this one again on a new connection, where doing it twice "
          "does no harm; do not pipeline behind a request that may end the connection.");
  return true;
}

bool answer_lost_before_fin(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (bytes_lost_before_fin(facts) == 0) return false;
  finding.fault(Party::network, Confidence::medium, "the client host stopped receiving");
  return true;
}

bool gave_up_on_cut_request(FindingBuilder& finding, const ExchangeFacts& facts) {
  const auto until = between(facts.exchange.request.last, facts.flow.flow.s().fin, facts.flow.flow);
  return until && *until >= facts.limits.capture_end_margin &&
         request_cut_in_recording(finding, facts);
}

bool disliked_syntax(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (facts.exchange.request.error.empty()) return false;
  finding.fault(Party::server_app, Confidence::medium, "it refused the odd syntax of the request");
  return true;
}

bool took_fin_for_cancelling(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!half_closed_with_request(facts)) return false;
  finding.fault(Party::server_app, Confidence::low,
                "it takes the client's FIN for a cancelled request, as proxies do");
  return true;
}

constexpr std::array kWhyServerClosed = {
    &told_to_expect_it,       &answer_lost_before_fin,      &gave_up_on_cut_request,
    &idle_timer_ran_out,      &idle_timer_may_have_run_out, &disliked_syntax,
    &took_fin_for_cancelling,
};

}  // namespace

std::optional<Finding> closed_without_response(const ExchangeFacts& facts,
                                               const Thresholds& limits) {
  if (!server_ended_wait(facts)) return std::nullopt;
  const SideRecord& server = facts.flow.flow.s();
  const auto think = between(facts.exchange.request.last, server.fin, facts.flow.flow);
  const auto matched = think ? match_timeout(*think, limits, limits.known_timeouts) : std::nullopt;
  const std::uint64_t lost = bytes_lost_before_fin(facts);
  FindingBuilder finding{
      Label::closed_without_response,
      lost > 0
          ? fmt::format("The server closed {} after the request; the {} of an answer that its "
                        "FIN counts were lost on the way and never acknowledged.",
                        time_words(think), base::bytes(lost))
          : fmt::format("The server received the {} request and closed {} later without {} of "
                        "response{}.",
                        facts.awaits_continue ? "head of the" : "whole", time_words(think),
                        facts.exchange.interim ? "a final byte" : "a byte", limit_text(matched))};
  request_and_ack(finding, facts);
  if (server.fin_unseen) {
    finding.evidence(Closing{Closer::server_fin, server.fin, true});
  } else {
    finding.evidence(
        server.fin, Side::server,
        server.fin_ack >= facts.q1 ? "server FIN, acknowledges the request" : "server FIN");
  }
  finding.evidence(half_closed_with_request(facts) ? facts.close : Closing{})
      .fact("think_us", think)
      .fact("matched_timeout_us", matched)
      .fact("requests_before", std::int64_t{facts.exchange.requests_before})
      .fault(Party::server_app, server.fin_unseen ? Confidence::medium : Confidence::high,
             "the peer is a proxy, and what is behind it failed")
      .seen_as(
          "Client: NoHttpResponseException, empty reply (52), RemoteDisconnected, socket hang up. "
          "Server: a crash, restart or kill at that second, or nginx 444; a proxy: upstream "
          "prematurely closed.");
  interim(finding, facts);
  if (lost > 0) finding.fact("lost_response_bytes", static_cast<std::int64_t>(lost));
  tell_first(kWhyServerClosed, finding, facts);
  kept_body_back(finding, facts);
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
  if (!facts.rst_in_answer) return "; since it was not sent again, it had been acknowledged";
  if (!facts.flow.knows_server())
    return "; nothing else of the server's is in the capture that would tell whether it is its own";
  const bool live_socket = facts.flow.flow.s().trouble().rst_has_ack;
  return live_socket || rst_has_ttl_of_its_own(facts.flow.flow, Side::server)
             ? "; the request was not acknowledged"
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

// Who reset the connection.

bool syn_was_refused(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (facts.flow.handshake != Handshake::refused) return false;
  finding.fault(Party::server_host, Confidence::high,
                "a firewall rejected it in the server's name");
  return true;
}

bool reset_by_another_host(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.rst_from_elsewhere) return false;
  finding.fault(Party::network, Confidence::medium,
                "the RST has a TTL unlike the server's packets, but a load balancer in front of "
                "it is legitimate");
  return true;
}

bool probe_drew_reset(FindingBuilder& finding, const ExchangeFacts& facts) {
  const PacketRef probe = probe_in_front(facts);
  if (!probe) return false;
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
  return true;
}

/// One RST for the ACK of the handshake and one for the request, each as soon as it can be: what
/// the SYN-ACK had promised was gone when the ACK came.
bool handshake_was_thrown_away(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& server = flow.s().trouble();
  const bool fresh = facts.flow.handshake == Handshake::complete && flow.handshake_ack &&
                     !flow.has(Oddity::midstream) && facts.exchange.requests_before == 0 &&
                     flow.s().next == 0 && !facts.request_part_acked;
  // Two segments of the request would draw as many.
  const bool one_each = flow.c().payload_packets == 1 && server.rsts >= 2;
  if (!fresh || server.rst_has_ack || !one_each) return false;
  if (flow.handshake_ack.number == facts.exchange.request.first.number) return false;
  if (!as_soon_as_can_be(flow, server.rst, flow.handshake_ack)) return false;
  finding
      .also(
          "It answers the ACK of the handshake already, and another one answers the request: "
          "nobody held the connection that the SYN-ACK had promised, as where the accept queue is "
          "full and tcp_abort_on_overflow is set, or where the listener was closed just then.")
      .evidence(flow.handshake_ack, Side::client, "ACK of the handshake")
      .fact("handshake_reset", true)
      .fault(Party::server_host, Confidence::medium,
             "a firewall or a load balancer answered in its name")
      .remedy(
          "Server: compare the accept queue with its limit (ss -lnt: Recv-Q against Send-Q; nstat: "
          "TcpExtListenOverflows), raise net.core.somaxconn and the listen backlog (nginx "
          "backlog=, Tomcat acceptCount) and find what keeps the application from accepting; or "
          "find the restart at that second. Client: send it again, nothing was taken.");
  return true;
}

/// Something between the hosts had reset the server's side before, in the client's name.
bool client_was_impersonated(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef forged = flow.c().trouble().first_rst;
  if (!forged || forged.number >= facts.exchange.request.first.number) return false;
  const auto sure = sent_by_device(rst_signs(flow, Side::client, facts.limits), flow.c());
  if (!sure || *sure == Confidence::low) return false;
  finding
      .also(
          "A RST in the client's name, by its marks not the client's own, had come before the "
          "request: the server's socket was gone by it.")
      .evidence(forged, Side::client, "RST with the client's address, probably of a device")
      .fault(Party::network, *sure,
             "a load balancer or NAT in front of the client, which may do so by right")
      .fact("impersonated", true)
      .remedy(std::string{info(Label::rst_injection_suspect).remedy});
  return true;
}

bool kernel_had_no_socket(FindingBuilder& finding, const ExchangeFacts& facts) {
  const bool live_socket = facts.flow.flow.s().trouble().rst_has_ack;
  if (!facts.crossed_rst && (live_socket || facts.request_acked)) return false;
  const FlowRecord& flow = facts.flow.flow;
  if (rst_ttl_tells(finding, flow, Side::server)) return true;
  const bool known = facts.flow.knows_server() && facts.rst_in_answer;
  finding.fault(Party::server_host, known ? Confidence::medium : Confidence::low,
                "a firewall answered in its name, or the server was restarted");
  return true;
}

constexpr std::array kWhoReset = {
    &syn_was_refused,           &reset_by_another_host,   &probe_drew_reset,
    &handshake_was_thrown_away, &client_was_impersonated, &kernel_had_no_socket,
};

/// The request had been sent again before the RST came: the way was interrupted, or its acks were.
void tell_of_retransmissions(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& client = flow.c().trouble();
  finding.evidence(client.head_first_retransmit, Side::client, "sent again")
      .evidence(facts.head_retransmits > 1 ? client.head_retransmit : PacketRef{}, Side::client,
                "sent again, the last time")
      .fact("retransmissions", std::int64_t{facts.head_retransmits});
  reported_on_the_way(finding, facts);
}

// Why there may have been no socket any more: the server had closed it, unseen or unrecorded.

/// The client's FIN acknowledges one byte more than the server is known to have sent: a FIN, which
/// came before the RST.
bool closed_unrecorded(FindingBuilder& finding, const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  const SideRecord& server = facts.flow.flow.s();
  const bool unseen = server.fin_unseen || (!server.fin && client.fin_ack > server.next);
  if (!unseen || !client.fin || client.fin_unseen) return false;
  if (client.fin.number < server.trouble().rst.number || facts.rst_from_elsewhere) return false;
  finding
      .also(
          "The client's FIN acknowledges a FIN of the server's that is not in the capture: the "
          "server had closed the connection, and the two crossed or the client sent on it all the "
          "same.")
      .evidence(client.fin, Side::client, "client FIN, acknowledges a FIN of the server's")
      .fact("server_fin_unseen", true)
      .fault(Party::none, Confidence::medium, "it was a byte of an answer that was not recorded")
      .remedy(
          "Keep idle connections on the client for a second or two less than the server does, and "
          "let it retry what was not acknowledged.");
  return true;
}

/// The first request of a connection that is older than the capture, and no socket for it: a FIN of
/// the server's may have come before.
bool closed_before_capture(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const bool unknown = flow.has(Oddity::midstream) && facts.exchange.requests_before == 0 &&
                       flow.s().next == 0 && !flow.s().trouble().rst_has_ack;
  if (!unknown || facts.rst_from_elsewhere) return false;
  finding.fault(Party::server_host, Confidence::low,
                "the server had closed the idle connection before the capture began, and the "
                "client's pool had not noticed");
  return true;
}

/// What the last answer announced may have been cut off when it was recorded.
bool announced_time_unread(FindingBuilder& finding, const ExchangeFacts& facts) {
  constexpr Duration kShortest = std::chrono::seconds{1};
  const bool unread = facts.exchange.announced_keep_alive_s == 0 && facts.idle &&
                      *facts.idle >= kShortest && facts.exchange.requests_before > 0 &&
                      facts.flow.flow.s().trouble().snaplen_bytes > 0;
  if (!unread || facts.rst_from_elsewhere) return false;
  finding.fault(Party::unknown, Confidence::low,
                "the server had announced to close it by then, in what was cut off when it was "
                "recorded");
  return true;
}

/// The last answer said how long the server keeps an idle connection (Keep-Alive: timeout=N), and
/// the request came later than that. A server that has just closed answers with RST, also for bytes
/// that its kernel had taken.
bool outlived_announced_time(FindingBuilder& finding, const ExchangeFacts& facts) {
  const std::uint32_t announced = facts.exchange.announced_keep_alive_s;
  if (announced == 0 || !facts.idle || !outlasts(*facts.idle, std::chrono::seconds{announced}))
    return false;
  if (facts.rst_from_elsewhere) return false;
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
  return true;
}

/// It has closed behind the answer that said so, and its kernel says RST for what came then.
bool closed_as_it_had_said(FindingBuilder& finding, const ExchangeFacts& facts) {
  return !facts.rst_from_elsewhere && told_to_expect_it(finding, facts);
}

constexpr std::array kWhyNoSocket = {
    &closed_as_it_had_said,       &closed_unrecorded,       &closed_before_capture,
    &idle_timer_ran_out,          &outlived_announced_time, &announced_time_unread,
    &idle_timer_may_have_run_out,
};

}  // namespace

std::optional<Finding> reset_without_response(const ExchangeFacts& facts, const Thresholds&) {
  const bool broken_off = !facts.request_complete && !facts.request_part_acked && !facts.answered &&
                          !facts.flow.server_unheard && !facts.exchange.response_missing;
  if (!whole_and_unanswered(facts) && !broken_off && !facts.reset_first) return std::nullopt;
  if (closed_in_the_middle(facts)) return std::nullopt;  // the RST only follows from that
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& server = flow.s().trouble();
  const bool first = facts.close.closer == Closer::server_rst;
  const bool half_close =
      sent_fin_with_request(facts) && server.rst && server.rst.number > facts.close.packet.number;
  if (!first && !half_close) return std::nullopt;
  const PacketRef asked = facts.exchange.request.last;
  const auto apart = between(asked, server.rst, facts.flow.flow);
  const bool crossed = facts.crossed_rst || (apart && server.rst.time < asked.time);
  const std::string_view acked = facts.acked_by_rst    ? "by_rst"
                                 : facts.request_acked ? "true"
                                                       : "false";
  FindingBuilder finding{
      Label::reset_without_response,
      crossed
          ? fmt::format("The server's address sent RST while the request was on its way{}.",
                        received_text(facts))
          : fmt::format(
                "The server's address sent RST {} after the request, without a byte of response{}.",
                time_words(apart), received_text(facts))};
  request_and_ack(finding, facts)
      .evidence(server.rst, Side::server,
                !server.rst_has_ack  ? "RST"
                : facts.acked_by_rst ? "RST,ACK, acknowledges the request"
                                     : "RST,ACK")
      .evidence(facts.reset_first ? facts.exchange.response->first : PacketRef{}, Side::server,
                "answer, too late")
      .fact("think_us", apart)
      .fact("request_acked", std::string{acked})
      .fact("rst_has_ack", server.rst_has_ack)
      .fact("rst_ttl", std::int64_t{server.rst_ttl})
      .fact("server_ttl", std::int64_t{flow.s().ttl})
      .fact("idle_us", facts.idle)
      .fault(Party::server_app, Confidence::medium,
             "a device in between sent it with the server's address")
      .seen_as(
          "Client: connection reset by peer (ECONNRESET, curl 56). Server: an aborted or killed "
          "worker, or nothing.");
  tell_first(kWhoReset, finding, facts);
  if (facts.head_retransmits > 0) tell_of_retransmissions(finding, facts);
  tell_first(kWhyNoSocket, finding, facts);
  // Behind a rest the server may have waited for what is not in the recording.
  if (apart && *apart >= facts.limits.capture_end_margin) request_cut_in_recording(finding, facts);
  kept_body_back(finding, facts);
  return finding.build();
}

}  // namespace httpdiag::rules
