// SPDX-License-Identifier: Apache-2.0
// What a flow carried beside exchanges.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/rule_lists.hpp"
#include "rules/tls_words.hpp"

namespace httpdiag::rules {

namespace {

std::string carried(const FlowFacts& facts) {
  const std::string_view protocol = facts.opaque_protocol;
  const bool tunnel = protocol == "connect-tunnel";
  if (facts.tls != nullptr) {
    return fmt::format("{}{}; its content is not visible", tls_words(*facts.tls),
                       tunnel ? " in a tunnel" : "");
  }
  if (protocol == "tls") return "TLS; its content is not visible";
  if (protocol == "http2") return "HTTP/2, which is not read yet";
  if (protocol == "upgrade") return "another protocol after 101 Switching Protocols";
  return tunnel ? "a tunnel; its content is not read" : "no HTTP/1.x";
}

/// TLS 1.3: the client finished the handshake and left at once, with nothing sent that could be a
/// request. Load balancers check a server like this; a client that refuses the certificate does it
/// too, and the alert that would say so is encrypted (RFC 8446 §5.2, §6.2).
bool left_after_handshake(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.tls == nullptr || facts.tls->stage != TlsStage::done) return false;
  const TlsSession& tls = *facts.tls;
  if (tls.bursts > 0 || tls.early_data || tls.hidden || tls.unreadable || tls.alert.matters())
    return false;
  const PacketRef close = facts.first_close.packet;
  return tls.finished && close && by_client(facts.first_close.closer) &&
         close.time - tls.finished.time < limits.tls_alert_close;
}

/// HTTP had handed the connection over to something else, which the server's RST cut off.
bool handed_over_and_reset(const FlowFacts& facts) {
  const bool handed_over =
      facts.opaque_protocol == "upgrade" || facts.opaque_protocol == "connect-tunnel";
  return handed_over && facts.first_close.closer == Closer::server_rst;
}

/// The server had the last word, and took the connection away right behind it without the
/// close_notify that must come first (RFC 8446 §6.1, RFC 5246 §7.2.1): whether that word was whole
/// is not visible. Behind a rest it is the end of an idle connection.
bool reset_behind_data(const FlowFacts& facts, const Thresholds& limits) {
  const PacketRef answer = facts.flow.s().last_payload, rst = facts.first_close.packet;
  if (facts.tls == nullptr || facts.first_close.closer != Closer::server_rst) return false;
  const TlsSession& tls = *facts.tls;
  const bool answered = tls.stage == TlsStage::done && tls.burst.answered && !tls.server_goodbye;
  if (!answered || facts.client_unheard || answer.number < facts.flow.c().last_payload.number)
    return false;
  return !time_unknown(facts.flow, answer, rst) && rst.time - answer.time < limits.tls_alert_close;
}

}  // namespace

std::optional<Finding> payload_opaque(const FlowFacts& facts, const Thresholds& limits) {
  if (!facts.opaque) return std::nullopt;
  if (facts.opaque_protocol == "preface") {
    return FindingBuilder{Label::payload_opaque,
                          "The server began with something that is no HTTP/1.x; the HTTP that "
                          "follows is judged."}
        .evidence(facts.opaque, std::nullopt, "first such bytes")
        .fact("protocol", std::string{"preface"})
        .build();
  }
  const bool tls = facts.tls != nullptr;
  const bool left = left_after_handshake(facts, limits);
  FindingBuilder finding{
      Label::payload_opaque,
      fmt::format("The connection carries {}. {}Verdicts rest on {}.{}", carried(facts),
                  left ? "The client left right after the handshake without a request: it may have "
                         "refused the certificate (its name, its date, who issued it), or it only "
                         "checked that the server is there. "
                       : "",
                  tls ? "TCP, the readable part of the handshake, and on who sent how much when"
                      : "TCP alone",
                  left ? certificate_words(*facts.tls, facts.opaque.time) : "")};
  finding.evidence(facts.opaque, std::nullopt, "first such bytes")
      .fact("protocol", std::string{facts.opaque_protocol});
  if (tls) add_tls_facts(finding, *facts.tls, facts.opaque.time);
  if (left) {
    finding.evidence(facts.tls->finished, Side::client, "the client's Finished")
        .evidence(facts.first_close)
        .fact("left_after_handshake_us",
              std::optional{
                  std::max(facts.first_close.packet.time - facts.tls->finished.time, Duration{0})})
        .fault(Party::unknown, Confidence::low, "this is a health check, and nothing is wrong")
        .seen_as(
            "Client: a certificate error, if it had a request to send. Server: an alert in its "
            "log, or a connection without a request.");
  }
  if (handed_over_and_reset(facts)) {
    const PacketRef client = facts.flow.c().last_payload, server = facts.flow.s().last_payload;
    const PacketRef last = client.number > server.number ? client : server;
    finding
        .also(fmt::format("The server reset it, {} after the last byte.",
                          base::duration(facts.elapsed(last, facts.first_close.packet))))
        .severity(Severity::warning)
        .evidence(facts.first_close)
        .fault(Party::server_app, Confidence::low, "both had said goodbye in that protocol before")
        .seen_as("Client: connection reset; a WebSocket ends with code 1006.")
        .remedy(
            "Where the silence before it is as long as a timer of the server's or of a proxy's "
            "(nginx proxy_read_timeout, haproxy timeout tunnel), raise that, or send pings more "
            "often. Otherwise read the server's log at that second.");
  }
  if (reset_behind_data(facts, limits)) {
    const PacketRef answer = facts.flow.s().last_payload;
    finding
        .also(fmt::format("The server's address sent RST {} after the server's last data and no "
                          "close_notify: whether that answer was whole is not visible.",
                          base::duration(facts.elapsed(answer, facts.first_close.packet))))
        .severity(Severity::warning)
        .evidence(answer, Side::server, "the server's last data")
        .evidence(facts.first_close)
        .fault(Party::server_app, Confidence::low,
               "the answer was whole, or a device in between sent the RST")
        .seen_as(
            "Client: connection reset, or the end of TLS without close_notify (OpenSSL: unexpected "
            "eof), if it was still reading. Server: a worker that ended, or nothing.")
        .remedy(
            "Ask the client whether it had the whole answer. Server: look for a worker that was "
            "killed at that second, for SO_LINGER 0, and for a close that skips TLS's own.");
  }
  return finding.build();
}

namespace {

/// `side` sent bytes again and again, up to the end of what was seen, and no ACK came.
bool sent_in_vain(const FlowFacts& facts, Side side, const Thresholds& limits) {
  const SideRecord& own = facts.flow.side(side);
  const SideTrouble& tape = own.trouble();
  if (own.acked >= own.next || tape.head_retransmits < limits.unacked_min_retransmits) return false;
  if (facts.ack_unrecorded(side) || facts.closed_window(other(side))) return false;
  if (facts.flow.side(other(side)).trouble().rst.number > own.head_sent.number) return false;
  // Three retransmissions may be over in a second: at the end of a capture they prove nothing yet.
  const bool may_yet_come = facts.capture_over && !facts.first_close.packet;
  return !may_yet_come || facts.watched_after(own.head_sent) >= limits.unacked_min;
}

}  // namespace

std::optional<Finding> unread_not_acked(const FlowFacts& facts, const Thresholds& limits) {
  if (!facts.opaque || facts.tls != nullptr || facts.server_unheard || facts.client_unheard)
    return std::nullopt;
  const FlowRecord& flow = facts.flow;
  const bool client = sent_in_vain(facts, Side::client, limits);
  if (!client && !sent_in_vain(facts, Side::server, limits)) return std::nullopt;
  const Side side = client ? Side::client : Side::server;
  const SideRecord& own = flow.side(side);
  const SideTrouble& tape = own.trouble();
  const std::uint64_t unacked = own.next - own.acked;
  return FindingBuilder{
      client ? Label::request_not_acked : Label::response_not_acked,
      fmt::format("The last {} that the {} sent were retransmitted {} and never acknowledged. The "
                  "connection carries {}: what they say is not known.",
                  base::bytes(unacked), words(side), base::count(tape.head_retransmits, "time"),
                  carried(facts))}
      .evidence(flow.side(other(side)).last, other(side),
                fmt::format("last packet from the {}", words(other(side))))
      .evidence(own.head_sent, side, "first byte that was not acknowledged")
      .evidence(tape.head_first_retransmit, side, "first retransmission")
      .evidence(tape.head_retransmit, side, "last retransmission")
      .evidence(facts.first_close)
      .fact("retransmissions", std::int64_t{tape.head_retransmits})
      .fact("unacked_bytes", static_cast<std::int64_t>(unacked))
      .fault(Party::network, Confidence::medium,
             fmt::format("the {} host went down, or drops packets in its own firewall",
                         words(other(side))))
      .seen_as(fmt::format("{}: its call hangs, then a timeout or ETIMEDOUT after minutes.",
                           client ? "Client" : "Server"))
      .build();
}

std::optional<Finding> http2_refused(const FlowFacts& facts, const Thresholds&) {
  if (facts.opaque_protocol != "http2" || facts.tls != nullptr) return std::nullopt;
  constexpr std::string_view kBegan =
      "The client began with HTTP/2 (connection preface), and the server ";
  constexpr std::string_view kRemedy =
      "Client: speak HTTP/1.1 to this port, or HTTP/2 to the one that is meant for it (gRPC needs "
      "HTTP/2). Server: let the port take HTTP/2 without TLS (nginx: http2 on; Envoy: "
      "codec_type AUTO).";
  const SideRecord& server = facts.flow.s();
  if (facts.unsolicited) {
    return FindingBuilder{
        Label::request_malformed,
        fmt::format("{}answered {} in HTTP/1.1: on this port it speaks nothing else.", kBegan,
                    facts.unsolicited_status)}
        .evidence(facts.opaque, Side::client, "HTTP/2 connection preface")
        .evidence(facts.unsolicited, Side::server,
                  fmt::format("{} in HTTP/1.1", facts.unsolicited_status))
        .evidence(facts.first_close)
        .fact("status", std::int64_t{facts.unsolicited_status})
        .fault(Party::client_app, Confidence::medium,
               "the server, or a load balancer in front of it, was meant to speak HTTP/2 there")
        .seen_as("Client: a protocol error, PROTOCOL_ERROR or \"http2: frame too large\".")
        .remedy(std::string{kRemedy})
        .build();
  }
  // One that speaks HTTP/2 begins with SETTINGS (RFC 9113 §3.4).
  if (server.next > 0 || facts.server_unheard || !by_server(facts.first_close.closer))
    return std::nullopt;
  const bool reset = facts.first_close.closer == Closer::server_rst;
  return FindingBuilder{
      reset ? Label::reset_without_response : Label::closed_without_response,
      fmt::format("{}{} the connection without a byte, as one that speaks HTTP/1.1 alone may.",
                  kBegan, reset ? "reset" : "closed")}
      .evidence(facts.opaque, Side::client, "HTTP/2 connection preface")
      .evidence(facts.first_close)
      .fault(Party::client_app, Confidence::low,
             "the server was shutting down, or refuses this client")
      .remedy(std::string{kRemedy})
      .build();
}

std::optional<Finding> response_unsolicited(const FlowFacts& facts, const Thresholds&) {
  if (!facts.unsolicited || facts.opaque_protocol == "http2") return std::nullopt;
  const bool idle_timeout = facts.unsolicited_status == 408;
  const bool requests_missing =
      facts.flow.has(Oddity::midstream) || facts.flow.c().trouble().gap_bytes > 0;
  // HAProxy answers the end of a connection without a request with 400.
  const bool client_left = by_client(facts.first_close.closer) &&
                           facts.first_close.packet.number < facts.unsolicited.number;
  return FindingBuilder{
      Label::response_unsolicited,
      fmt::format(
          "The server sent {} although no request was outstanding{}.", facts.unsolicited_status,
          idle_timeout       ? ": it had waited long enough for the next one"
          : client_left      ? ", behind the client's close: nobody reads it"
          : requests_missing ? ", as far as can be seen: the capture lacks a part of what was asked"
                             : "")}
      .evidence(facts.unsolicited, Side::server,
                fmt::format("{} without a request", facts.unsolicited_status))
      .evidence(facts.first_close)
      .severity(idle_timeout || requests_missing || client_left ? Severity::info
                                                                : Severity::warning)
      .fact("status", std::int64_t{facts.unsolicited_status})
      .build();
}

std::optional<Finding> trailing_garbage(const FlowFacts& facts, const Thresholds&) {
  if (!facts.garbage) return std::nullopt;
  return FindingBuilder{Label::response_malformed,
                        "The server sent bytes behind a complete response that are no response."}
      .evidence(facts.garbage, Side::server, "bytes that belong to no response")
      .severity(Severity::warning)
      .build();
}

std::optional<Finding> pipelined_requests(const FlowFacts& facts, const Thresholds&) {
  if (!facts.pipelined) return std::nullopt;
  return FindingBuilder{Label::pipelined_requests,
                        "Requests were sent before the answer to the one in front was complete; "
                        "they are paired in order."}
      .evidence(facts.pipelined_behind, Side::client, "request still unanswered")
      .evidence(facts.pipelined, Side::client, "next request already")
      .build();
}

}  // namespace httpdiag::rules
