// SPDX-License-Identifier: Apache-2.0
#include "rules/reasons.hpp"

#include <fmt/format.h>

#include "rules/waiting.hpp"

namespace httpdiag::rules {

bool probes_unanswered(FindingBuilder& finding, const FlowRecord& flow, Side prober) {
  const SideTrouble& trouble = flow.side(prober).trouble();
  if (trouble.unanswered_keepalives < kProbesInVain) return false;
  finding
      .also(fmt::format("The {}'s keep-alive probes, {} of them, found no answer.", words(prober),
                        trouble.unanswered_keepalives))
      .evidence(trouble.first_keepalive, prober, "first keep-alive probe")
      .fact("unanswered_keepalives", std::int64_t{trouble.unanswered_keepalives})
      .fault(Party::network, Confidence::medium,
             fmt::format("the {} host is gone", words(other(prober))));
  return true;
}

bool fins_unanswered(FindingBuilder& finding, const ExchangeFacts& facts) {
  constexpr std::uint32_t kInVain = 3;
  const SideRecord& client = facts.flow.flow.c();
  const bool acked = client.acked > client.fin_offset;
  if (client.fins < kInVain || acked || facts.flow.flow.s().trouble().rst) return false;
  finding.fact("fins_unanswered", true)
      .fault(Party::network, Confidence::medium, "the server host is gone");
  return true;
}

bool answer_repeated(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const SideTrouble& server = facts.flow.flow.s().trouble();
  const bool told_before = x.response && server.told_of && server.told > x.response->begin &&
                           server.told_of.number > x.request.last.number &&
                           server.told_of.number < x.response->first.number;
  if (!told_before) return false;
  finding
      .also(
          "The number of an earlier packet says that the answer had been sent before: it was lost "
          "on the way, and this is a repetition.")
      .evidence(server.told_of, Side::server, "its number tells of an answer that was not seen")
      .fact("answer_repeated", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "the client host stopped receiving");
  return true;
}

bool answer_lacks_beginning(FindingBuilder& finding, const ExchangeFacts& facts) {
  const PacketRef seen = answer_without_beginning(facts);
  if (!seen) return false;
  finding
      .also(
          "Of an answer only bytes further on came here: those in front of them were lost on the "
          "way, and the client asked for them in vain.")
      .evidence(seen, Side::server, "bytes of an answer whose beginning is missing")
      .fact("answer_unseen", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "they were sent again, and not recorded");
  return true;
}

void blame_loss_of_request(FindingBuilder& finding, Duration delay, std::string_view sentence) {
  finding.also(sentence)
      .fact("request_delay_us", std::optional{delay})
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "the server host was slow to acknowledge");
}

bool request_cut_in_recording(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  if (!request.snaplen_cut || request.state == MessageState::complete) return false;
  finding.fault(Party::unknown, Confidence::low,
                "the request was not whole, of which the rest was cut off when it was recorded");
  return true;
}

void blame_impatience(FindingBuilder& finding, Duration waited, const Thresholds& limits,
                      bool sure) {
  // A timer of a second may fire a moment before it is over, as the capture sees it.
  const Duration limit = match_timeout(waited, limits, limits.known_timeouts).value_or(waited);
  if (limit < std::chrono::seconds{1}) {
    finding.fault(Party::client_app, Confidence::medium, "the server was to answer at once");
  } else {
    finding.fault(Party::server_app, sure ? Confidence::medium : Confidence::low,
                  "the client's limit is shorter than this call is meant to take");
  }
}

}  // namespace httpdiag::rules
