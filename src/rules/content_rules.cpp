// SPDX-License-Identifier: Apache-2.0
// What a flow carried beside exchanges.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

std::optional<Finding> payload_opaque(const FlowFacts& facts, const Thresholds&) {
  if (!facts.opaque) return std::nullopt;
  const std::string_view protocol = facts.opaque_protocol;
  const std::string_view what = protocol == "tls"     ? "TLS; its content is not visible"
                                : protocol == "http2" ? "HTTP/2, which is not read yet"
                                : protocol == "upgrade"
                                    ? "another protocol after 101 Switching Protocols"
                                : protocol == "connect-tunnel" ? "a tunnel; its content is not read"
                                                               : "no HTTP/1.x";
  const bool preface = protocol == "preface";
  return FindingBuilder{
      Label::payload_opaque,
      preface ? std::string{"The server began with something that is no "
                            "HTTP/1.x; the HTTP that follows is judged."}
              : fmt::format("The connection carries {}. Verdicts rest on TCP alone.", what)}
      .evidence(facts.opaque, std::nullopt, "first such bytes")
      .fact("protocol", std::string{protocol})
      .build();
}

std::optional<Finding> response_unsolicited(const FlowFacts& facts, const Thresholds&) {
  if (!facts.unsolicited) return std::nullopt;
  const bool idle_timeout = facts.unsolicited_status == 408;
  return FindingBuilder{
      Label::response_unsolicited,
      fmt::format("The server sent {} although no request was outstanding{}.",
                  facts.unsolicited_status,
                  idle_timeout ? ": it had waited long enough for the next one" : "")}
      .evidence(facts.unsolicited, Side::server,
                fmt::format("{} without a request", facts.unsolicited_status))
      .evidence(facts.first_close)
      .severity(idle_timeout ? Severity::info : Severity::warning)
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
