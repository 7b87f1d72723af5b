// SPDX-License-Identifier: Apache-2.0
// The response is whole; does it accept the callback? (taxonomy 4.7)
#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/ack.hpp"
#include "rules/finding_builder.hpp"
#include "rules/reasons.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

namespace {

/// An answer from which the client's next request went on, and got through: no failure.
struct Step {
  std::string_view next, told, remedy;
};

// How Digest, NTLM and Kerberos always go.
constexpr Step kChallenge{
    .next = "the same request, with credentials",
    .told =
        "It asked for credentials; the client sent the request again with them and was answered "
        "{}: a part of the authentication, not a failure.",
    .remedy =
        "Nothing: the client got in. Sent with the first request, the credentials save a round "
        "trip (where the scheme allows it, as Basic and Bearer do)."};
// RFC 9110 §10.1.1: that is what the status is for.
constexpr Step kExpectation{
    .next = "the same request, without Expect",
    .told =
        "The server does not wait for \"Expect: 100-continue\"; the client sent the request again "
        "without it and was answered {}: as the protocol has it, not a failure.",
    .remedy =
        "Nothing: the request got through. Without \"Expect\" (curl: -H 'Expect:') it "
        "saves a round trip."};
// RFC 9110 §15.4.8, §15.4.9.
constexpr Step kFollowed{
    .next = "the same request, to another target",
    .told = "The client followed it with the same body and was answered {}.",
    .remedy = "Register the URL that it leads to: many senders do not follow a redirect."};

/// Of heads that were recorded in part.
FindingBuilder step_unread(FindingBuilder finding, const Exchange& x) {
  finding.severity(Severity::info)
      .evidence(x.granted_by, Side::client, "the client's next request")
      .also(fmt::format("The client went on at once and was answered {}; what would say that it "
                        "did what this answer asked for was cut off when it was recorded.",
                        x.granted_status))
      .fact("granted_status", std::int64_t{x.granted_status})
      .fault(Party::unknown, Confidence::low, "the two have nothing to do with each other")
      .remedy(std::string{info(Label::capture_snaplen_cut).remedy});
  return finding;
}

FindingBuilder step(FindingBuilder finding, const Exchange& x, const Step& step) {
  if (x.request.head_cut() || x.response->head_cut()) return step_unread(std::move(finding), x);
  finding.severity(Severity::info)
      .evidence(x.granted_by, Side::client, std::string{step.next})
      .also(fmt::format(fmt::runtime(step.told), x.granted_status))
      .fact("granted_status", std::int64_t{x.granted_status})
      .fault(Party::none, Confidence::high)
      .remedy(std::string{step.remedy});
  return finding;
}

Finding challenge(FindingBuilder finding, const Exchange& x) {
  return step(std::move(finding), x, x.response->status == 417 ? kExpectation : kChallenge)
      .seen_as("Server: its access log has both requests.")
      .build();
}

std::uint16_t status_of(const ExchangeFacts& facts) {
  return facts.answered ? facts.exchange.response->status : std::uint16_t{0};
}

/// "404 Not Found"; a reason may be missing, or have been cut off.
std::string status_line(const Message& response) {
  if (response.start().empty()) return fmt::format("{}", response.status);
  return fmt::format("{} {}", response.status, response.start());
}

FindingBuilder answered_with(Label label, const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const std::string after = facts.wait ? " after " + base::duration(*facts.wait) : std::string{};
  FindingBuilder finding{label,
                         fmt::format("The answer was {}{}.", status_line(*x.response), after)};
  finding.evidence(x.request.first, Side::client, words_for_request_evidence(x))
      .evidence(x.response->first, Side::server, status_line(*x.response))
      .fact("status", std::int64_t{x.response->status})
      .fact("wait_us", facts.wait);
  if (!x.response->host().empty()) finding.fact("server_header", std::string{x.response->host()});
  return finding;
}

}  // namespace

std::optional<Finding> proxy_tunnel_refused(const ExchangeFacts& facts, const Thresholds&) {
  const std::uint16_t status = status_of(facts);
  if (facts.exchange.request.method() != "CONNECT" || status < 300) return std::nullopt;
  FindingBuilder finding = answered_with(Label::proxy_tunnel_refused, facts);
  if (facts.exchange.granted_by) return challenge(std::move(finding), facts.exchange);
  finding
      .detail(fmt::format("The proxy answered {} with {}: no tunnel, and nothing reached the "
                          "host behind it.",
                          words(facts.exchange.request), status_line(*facts.exchange.response)))
      .fault(Party::server_host, Confidence::medium,
             status == 407   ? "the client sent no credentials, or the wrong ones"
             : status >= 500 ? "what the proxy should connect to is down"
                             : "the client should not use the proxy for this host")
      .seen_as(
          "Client: CONNECT tunnel failed, unable to tunnel through proxy, proxyconnect (curl 56).");
  return finding.build();
}

std::optional<Finding> http_gateway_error(const ExchangeFacts& facts, const Thresholds& limits) {
  const std::uint16_t status = status_of(facts);
  if (!is_gateway_error(status)) return std::nullopt;
  const auto matched =
      match_timeout(facts.wait.value_or(Duration{0}), limits, limits.known_timeouts);
  FindingBuilder finding = answered_with(Label::http_gateway_error, facts);
  finding.fact("matched_timeout_us", matched)
      .fault(Party::server_app, Confidence::medium,
             "what stands behind the gateway failed, or the network between them")
      .seen_as(fmt::format(
          "Client: status {}. Gateway: an upstream error in its log at that second.", status));
  // It may have waited for the rest of the request.
  if (status == 504) request_cut_in_recording(finding, facts);
  return finding.build();
}

std::optional<Finding> failed_answer_alone(const FlowFacts& facts, const Thresholds&) {
  const std::uint16_t status = facts.alone.status;
  // A challenge is the first half of an exchange that goes on (RFC 9110 §11.3).
  if (status < 400 || status > 599 || status == 401 || status == 407) return std::nullopt;
  const bool gateway = is_gateway_error(status), server = status >= 500;
  return FindingBuilder{
      gateway  ? Label::http_gateway_error
      : server ? Label::http_server_error
               : Label::http_client_error,
      fmt::format("The server answered {} to a request that is not in the "
                  "capture{}.",
                  status,
                  facts.alone.count < 2 ? std::string{}
                                        : fmt::format("; of {} such answers here {} failed",
                                                      facts.alone.count, facts.alone.failed))}
      .evidence(facts.alone.worst, Side::server, fmt::format("{}", status))
      .fact("status", std::int64_t{status})
      .fact("answers_alone", std::int64_t{facts.alone.count})
      .fact("answers_alone_failed", std::int64_t{facts.alone.failed})
      .fault(server ? Party::server_app : Party::unknown, Confidence::low,
             gateway ? "what stands behind the gateway failed, or the network between them" : "")
      .seen_as(fmt::format("Client: status {}. Server: its access log has the request.", status))
      .build();
}

std::optional<Finding> failed_answer_in_a_hole(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.flow.c().trouble().gap_bytes == 0) return std::nullopt;
  return failed_answer_alone(facts, limits);
}

std::optional<Finding> http_server_error(const ExchangeFacts& facts, const Thresholds&) {
  const std::uint16_t status = status_of(facts);
  if (status < 500 || status > 599 || is_gateway_error(status)) return std::nullopt;
  return answered_with(Label::http_server_error, facts)
      .seen_as(
          fmt::format("Client: status {}. Server: an exception in its log at that second.", status))
      .build();
}

std::optional<Finding> http_client_error(const ExchangeFacts& facts, const Thresholds&) {
  const std::uint16_t status = status_of(facts);
  if (status < 400 || status > 499) return std::nullopt;
  FindingBuilder finding = answered_with(Label::http_client_error, facts);
  if (facts.exchange.granted_by) return challenge(std::move(finding), facts.exchange);
  finding.seen_as(
      fmt::format("Client: status {}. Server: its access log has the request.", status));
  if (blame_proxy_header(finding, facts, status)) return finding.build();
  switch (status) {
    case 401:
    case 403:
    case 404:
    case 405:
      finding.fault(Party::server_app, Confidence::low,
                    "the URL or the credentials registered with the sender are wrong");
      break;
    case 429:
      finding.fault(Party::client_app, Confidence::medium,
                    "the limit is too low for the agreed traffic");
      break;
    default:
      finding.fault(Party::client_app, Confidence::low,
                    "the receiver refuses what it should accept");
  }
  return finding.build();
}

namespace {

enum class LeadsTo : std::uint8_t { elsewhere, itself, https };

/// Where the Location of a redirect is, as compared to the request's own URL.
LeadsTo leads_to(const Exchange& x) {
  std::string_view location = x.response->location();
  const std::string_view target = x.request.start();
  location = location.substr(0, location.find('#'));
  if (location.empty() || !target.starts_with('/')) return LeadsTo::elsewhere;
  if (location == target) return LeadsTo::itself;
  const std::size_t begin = location.find("://");
  if (begin == std::string_view::npos) return LeadsTo::elsewhere;
  const std::string scheme = base::lower(location.substr(0, begin));
  const std::string_view rest = location.substr(begin + 3);
  const std::size_t path = std::min(rest.find('/'), rest.size());
  const auto without = [](std::string_view host, std::string_view port) {
    const std::string name = base::lower(host);
    return name.ends_with(port) ? name.substr(0, name.size() - port.size()) : name;
  };
  if ((path == rest.size() ? "/" : rest.substr(path)) != target) return LeadsTo::elsewhere;
  const std::string_view host = rest.substr(0, path);
  if (scheme == "http")
    return without(host, ":80") == without(x.request.host(), ":80") ? LeadsTo::itself
                                                                    : LeadsTo::elsewhere;
  const std::string asked = without(x.request.host(), ":80");
  return scheme == "https" && without(host, ":443") == asked ? LeadsTo::https : LeadsTo::elsewhere;
}

}  // namespace

std::optional<Finding> http_redirect(const ExchangeFacts& facts, const Thresholds&) {
  const std::uint16_t status = status_of(facts);
  if (!is_redirect(status) || !facts.callback) return std::nullopt;
  FindingBuilder finding = answered_with(Label::http_redirect, facts);
  if (facts.exchange.granted_by) return step(std::move(finding), facts.exchange, kFollowed).build();
  finding.seen_as(
      "Senders of callbacks count it as a failure, or follow it with a GET and lose the body.");
  // Behind a 303 it is asked for by GET, which is another request (RFC 9110 §15.4.4); so clients
  // take 301 and 302 as well (§15.4.2).
  const bool keeps_method = status == 307 || status == 308 ||
                            facts.exchange.request.method() == "GET" ||
                            facts.exchange.request.method() == "HEAD";
  switch (leads_to(facts.exchange)) {
    case LeadsTo::elsewhere:
      break;
    case LeadsTo::itself:
      if (status == 303 && !keeps_method) break;
      finding
          .also(keeps_method
                    ? "It leads back to the URL that was asked for: whoever follows it goes in "
                      "circles."
                    : "It leads back to the URL that was asked for: whoever follows it by the same "
                      "method goes in circles, and by GET it is another request.")
          .fact("leads_to", std::string{"itself"})
          .remedy(
              "Server: find the rule that redirects to the same URL (a rewrite for www or for a "
              "trailing slash that never stops matching, a login page that asks for itself).");
      break;
    case LeadsTo::https:
      finding.also("It leads to the same URL with https.")
          .fact("leads_to", std::string{"https"})
          .remedy(
              "Sender: register the URL with https. If it is, a proxy in front ended TLS and this "
              "is a loop: have it send X-Forwarded-Proto: https, and the server believe it.");
      break;
  }
  return finding.build();
}

namespace {

std::string wanted(const AckProfile& profile, const Thresholds& settings) {
  if (!settings.ack_token.empty()) return fmt::format("the body \"{}\"", settings.ack_token);
  switch (profile.wants) {
    case Wants::xml_return_code:
      return "XML with return_code SUCCESS";
    case Wants::ok_or_no_content:
      return "200 or 204";
    case Wants::token:
      return profile.strict ? "exactly \"success\"" : "a word like \"success\"";
    case Wants::own:
      return "what the configuration says";
    case Wants::any_2xx:
    case Wants::any_2xx_but_no:
      break;
  }
  return "a 2xx";
}

/// How the sender takes the body of a 2xx answer to a callback; nothing for other answers.
struct Receipt {
  const AckProfile& profile;
  AckReading reading;
};

std::optional<Receipt> receipt(const ExchangeFacts& facts) {
  const std::uint16_t status = status_of(facts);
  if (!is_success(status) || !facts.callback) return std::nullopt;
  const Message& response = *facts.exchange.response;
  if (response.state != MessageState::complete) return std::nullopt;
  const AckProfile& profile = ack_profile(facts.exchange.request, facts.limits);
  return Receipt{profile, read_ack(profile, facts.limits, response)};
}

FindingBuilder answered_with_body(Label label, const ExchangeFacts& facts, const Receipt& receipt) {
  const Message& response = *facts.exchange.response;
  FindingBuilder finding{label, {}};
  finding
      .evidence(facts.exchange.request.first, Side::client,
                words_for_request_evidence(facts.exchange))
      .evidence(response.first, Side::server,
                fmt::format("{}, {}", response.status, receipt.reading.body))
      .fact("status", std::int64_t{response.status})
      .fact("ack_profile", std::string{receipt.profile.name})
      .fact("wait_us", facts.wait);
  return finding;
}

}  // namespace

std::optional<Finding> ack_negative(const ExchangeFacts& facts, const Thresholds&) {
  const auto got = receipt(facts);
  if (!got || got->reading.ack != Ack::refused) return std::nullopt;
  FindingBuilder finding = answered_with_body(Label::ack_negative, facts, *got);
  finding
      .detail(fmt::format("The answer was {} with {}: received, and refused.{}", status_of(facts),
                          got->reading.body,
                          got->profile.retries_refusals
                              ? ""
                              : fmt::format(" {} goes by the status and will not send it again.",
                                            got->profile.sender)))
      .fact("sender_will_retry", got->profile.retries_refusals)
      .seen_as(
          "Client: status 200, yet its business code reports failure. Server: its business log has "
          "the reason.");
  if (!got->reading.token.empty()) finding.fact("ack_token", got->reading.token);
  const Message& request = facts.exchange.request;
  // Nobody knows what this sender looks at; that the receiver said no is plain all the same.
  if (!is_agreed(got->profile, got->reading)) {
    finding.severity(Severity::warning)
        .fault(Party::server_app, Confidence::low,
               "its code means something else, or is about something else");
  }
  const bool sender_unread = request.snaplen_cut && request.state != MessageState::complete;
  if (sender_unread && got->profile.wants == Wants::any_2xx_but_no) {
    finding.severity(Severity::info)
        .fault(Party::unknown, Confidence::low,
               "the sender goes by the status; what tells who it is was cut off when it was "
               "recorded");
  }
  return finding.build();
}

std::optional<Finding> ack_unrecognized(const ExchangeFacts& facts, const Thresholds& limits) {
  const auto got = receipt(facts);
  if (!got || got->reading.ack != Ack::unrecognized) return std::nullopt;
  // A signature alone does not say what its sender wants to read.
  const bool set = !limits.ack_token.empty() || !limits.ack_profile.empty();
  const bool known = set || got->profile.strict || got->profile.wants == Wants::ok_or_no_content;
  FindingBuilder finding = answered_with_body(Label::ack_unrecognized, facts, *got);
  finding
      .detail(fmt::format("The answer was {} with {}; {} waits for {} and will take this for none.",
                          status_of(facts), got->reading.body,
                          set ? "the sender" : got->profile.sender, wanted(got->profile, limits)))
      .fault(Party::server_app, known ? Confidence::high : Confidence::low,
             known ? "" : "the sender's contract accepts any 2xx");
  return finding.build();
}

}  // namespace httpdiag::rules
