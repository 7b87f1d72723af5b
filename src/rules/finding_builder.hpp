// SPDX-License-Identifier: Apache-2.0
// Puts a Finding together. Evidence that was not seen is left out; a finding
// without any evidence does not build, unless it says why.
#pragma once

#include <string>
#include <utility>

#include "httpdiag/finding.hpp"
#include "rules/facts.hpp"

namespace httpdiag::rules {

class FindingBuilder {
 public:
  /// Severity, fault and remedy are the catalogue's until said otherwise.
  FindingBuilder(Label label, std::string detail);

  FindingBuilder& detail(std::string sentence);  // in place of the one given
  FindingBuilder& severity(Severity value);
  FindingBuilder& fault(Party party, Confidence confidence, std::string unless = {});
  FindingBuilder& evidence(PacketRef packet, std::optional<Side> from, std::string what);
  FindingBuilder& evidence(const Closing& closing);
  FindingBuilder& fact(std::string_view name, std::int64_t value);
  FindingBuilder& fact(std::string_view name, bool value);
  FindingBuilder& fact(std::string_view name, std::string value);
  /// In microseconds; `name` ends in _us. Nothing when it was not measured.
  FindingBuilder& fact(std::string_view name, std::optional<Duration> value);
  /// One more sentence of detail.
  FindingBuilder& also(std::string_view sentence);
  FindingBuilder& seen_as(std::string text);
  FindingBuilder& remedy(std::string text);

  /// Nothing was read: there is no packet to point at.
  FindingBuilder& without_evidence();

  /// Evidence in packet order, one line per packet.
  Finding build();

 private:
  Finding finding_;
  bool evidence_needed_ = true;
};

inline std::string_view words(Side side) { return side == Side::client ? "client" : "server"; }
/// "once", "3 times"
std::string times(std::uint64_t count);
std::string_view words(Closer closer);  // "the client closed (FIN)"
/// "POST /notify", cut to a length that fits a line; not escaped.
std::string words(const Message& request);
/// `what` is wrong with `message`: "request" or "response".
std::string words_for_error(std::string_view what, const Message& message);
std::string words_for_request_evidence(const Exchange& exchange);

}  // namespace httpdiag::rules
