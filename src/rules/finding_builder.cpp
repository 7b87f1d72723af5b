// SPDX-License-Identifier: Apache-2.0
#include "rules/finding_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/http2.hpp"

namespace httpdiag::rules {

FindingBuilder::FindingBuilder(Label label, std::string detail) {
  const RuleInfo& rule = info(label);
  finding_.label = label;
  finding_.severity = rule.severity;
  finding_.fault = {rule.party, rule.confidence, {}};
  finding_.remedy = std::string{rule.remedy};
  finding_.detail = std::move(detail);
}

FindingBuilder& FindingBuilder::detail(std::string sentence) {
  finding_.detail = std::move(sentence);
  return *this;
}

FindingBuilder& FindingBuilder::severity(Severity value) {
  finding_.severity = value;
  return *this;
}

FindingBuilder& FindingBuilder::fault(Party party, Confidence confidence, std::string unless) {
  finding_.fault = {party, confidence, std::move(unless)};
  return *this;
}

std::string times(std::uint64_t count) {
  return count == 1 ? "once" : fmt::format("{} times", count);
}

FindingBuilder& FindingBuilder::evidence(PacketRef packet, std::optional<Side> from,
                                         std::string what) {
  if (packet) finding_.evidence.push_back({packet, from, std::move(what)});
  return *this;
}

FindingBuilder& FindingBuilder::evidence(const Closing& closing) {
  const Side side = by_client(closing.closer) ? Side::client : Side::server;
  const std::string_view who = words(side);
  if (closing.followed) {
    return evidence(closing.packet, side,
                    fmt::format("follows a {} FIN that is not in the capture", who));
  }
  if (closing.unseen) {
    return evidence(closing.packet, other(side),
                    fmt::format("ACK of a {} FIN that is not in the capture", who));
  }
  switch (closing.closer) {
    case Closer::none:
      return *this;
    case Closer::client_fin:
    case Closer::server_fin:
      return evidence(closing.packet, side, fmt::format("{} FIN", who));
    case Closer::client_rst:
    case Closer::server_rst:
      return evidence(closing.packet, side, fmt::format("{} RST", who));
  }
  return *this;
}

FindingBuilder& FindingBuilder::fact(std::string_view name, std::int64_t value) {
  finding_.facts.push_back({name, value});
  return *this;
}

FindingBuilder& FindingBuilder::fact(std::string_view name, bool value) {
  finding_.facts.push_back({name, value});
  return *this;
}

FindingBuilder& FindingBuilder::fact(std::string_view name, std::string value) {
  finding_.facts.push_back({name, std::move(value)});
  return *this;
}

FindingBuilder& FindingBuilder::fact(std::string_view name, std::optional<Duration> value) {
  if (!value) return *this;
  using std::chrono::microseconds;
  return fact(name, std::int64_t{std::chrono::duration_cast<microseconds>(*value).count()});
}

FindingBuilder& FindingBuilder::seen_as(std::string text) {
  finding_.seen_as = std::move(text);
  return *this;
}

FindingBuilder& FindingBuilder::also(std::string_view sentence) {
  finding_.detail += fmt::format(" {}", sentence);
  return *this;
}

FindingBuilder& FindingBuilder::remedy(std::string text) {
  finding_.remedy = std::move(text);
  return *this;
}

FindingBuilder& FindingBuilder::without_evidence() {
  evidence_needed_ = false;
  return *this;
}

Finding FindingBuilder::build() {
  auto& evidence = finding_.evidence;
  HTTPDIAG_CHECK(!evidence.empty() || !evidence_needed_);
  std::stable_sort(evidence.begin(), evidence.end(), [](const Evidence& a, const Evidence& b) {
    return a.packet.number < b.packet.number;
  });
  for (std::size_t i = 1; i < evidence.size();) {  // one line per packet
    if (evidence[i].packet.number != evidence[i - 1].packet.number) {
      ++i;
      continue;
    }
    if (evidence[i].what != evidence[i - 1].what) {
      evidence[i - 1].what += ", " + evidence[i].what;
    }
    evidence.erase(evidence.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return std::move(finding_);
}

std::string_view words(Closer closer) {
  switch (closer) {
    case Closer::none:
      return "nobody closed";
    case Closer::client_fin:
      return "the client closed (FIN)";
    case Closer::client_rst:
      return "the client reset the connection (RST)";
    case Closer::server_fin:
      return "the server closed (FIN)";
    case Closer::server_rst:
      return "the server reset the connection (RST)";
  }
  return "";
}

std::string words(const Message& request) {
  // No query, no path parameters, no user info: they carry secrets.
  const std::string_view target = request.start();
  const std::string path = base::without_user(target.substr(0, target.find_first_of("?;#")));
  if (request.method().empty()) return "request (start not captured)";
  return fmt::format("{} {}", request.method(), base::shorten(path, 60));
}

std::string words_for_error(std::string_view what, const Message& message) {
  const Offset at = message.error_offset - message.begin;
  if (message.error == kBareLineFeed) {
    return fmt::format(
        "The {} ends lines with LF alone (byte {}), which a recipient may accept (RFC 9112 "
        "section 2.2).",
        what, at);
  }
  if (message.error == kHttp2Settings) {
    return fmt::format(
        "The {} is an HTTP/2 SETTINGS frame: on this port the server speaks HTTP/2, and the "
        "request is HTTP/1.1.",
        what);
  }
  if (message.error == kBodyWithoutLength) {
    return fmt::format(
        "The head of the {} announces no body (neither Content-Length nor chunked), yet bytes "
        "follow that are no other request: the server takes it for one without a body, and them "
        "for the next one.",
        what);
  }
  if (message.error == kBodyBeyondLength) {
    return fmt::format(
        "The body of the {} goes on behind its Content-Length of {}, with bytes that are no other "
        "request: the server reads a body that is cut off, and takes the rest for the next one.",
        what, message.content_length.value_or(0));
  }
  if (message.error == kBehindLongBody) {
    return fmt::format(
        "The body of the request before it on this connection was longer than its Content-Length: "
        "the server finds the rest of that in front of this {}.",
        what);
  }
  return fmt::format("The {} breaks HTTP/1.1 syntax at byte {} ({}).", what, at, message.error);
}

std::string words_for_request_evidence(const Exchange& exchange) {
  const Message& request = exchange.request;
  if (request.body_bytes == 0) return words(request);
  return fmt::format("{}, body {}", words(request), base::bytes(request.body_bytes));
}

}  // namespace httpdiag::rules
