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
  return finding.build();
}

std::optional<Finding> response_unsolicited(const FlowFacts& facts, const Thresholds&) {
  if (!facts.unsolicited) return std::nullopt;
  const bool idle_timeout = facts.unsolicited_status == 408;
  const bool requests_missing =
      facts.flow.has(Oddity::midstream) || facts.flow.c().trouble().gap_bytes > 0;
  return FindingBuilder{
      Label::response_unsolicited,
      fmt::format(
          "The server sent {} although no request was outstanding{}.", facts.unsolicited_status,
          idle_timeout       ? ": it had waited long enough for the next one"
          : requests_missing ? ", as far as can be seen: the capture lacks a part of what was asked"
                             : "")}
      .evidence(facts.unsolicited, Side::server,
                fmt::format("{} without a request", facts.unsolicited_status))
      .evidence(facts.first_close)
      .severity(idle_timeout || requests_missing ? Severity::info : Severity::warning)
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
