// SPDX-License-Identifier: Apache-2.0
// Why a label applies and who is to blame. A rule that knows several reasons lists them in order of
// precedence, and the first that holds tells; rule_lists.cpp does the same with the rules. Here is
// that form, and the reasons that several labels share.
#pragma once

#include <array>

#include "rules/facts.hpp"
#include "rules/finding_builder.hpp"

namespace httpdiag::rules {

/// Where it holds, it says so in `finding` (fault, and what else it proves) and returns true.
template <typename... Facts>
using Reason = bool (*)(FindingBuilder& finding, const Facts&... facts);

/// Where none holds, the fault is what the rule, or the catalogue, has said before.
template <std::size_t kCount, typename... Facts>
void tell_first(const std::array<Reason<Facts...>, kCount>& reasons, FindingBuilder& finding,
                const Facts&... facts) {
  for (const Reason<Facts...> reason : reasons) {
    if (reason(finding, facts...)) return;
  }
}

/// The last keep-alive probes of `prober` found no answer.
bool probes_unanswered(FindingBuilder& finding, const FlowRecord& flow, Side prober);
/// The client's FINs find no answer, however often they are sent: no kernel is there any more, or
/// no way to it.
bool fins_unanswered(FindingBuilder& finding, const ExchangeFacts& facts);

/// The answer had been sent before the capture has it: a number in an earlier segment of the server
/// says so. It was lost on its way to here, and what came is a repetition.
bool answer_repeated(FindingBuilder& finding, const ExchangeFacts& facts);
/// Of the answer only bytes further on came here; those in front were asked for in vain.
bool answer_lacks_beginning(FindingBuilder& finding, const ExchangeFacts& facts);

/// The capture was taken at the receiver of what `sender` sent again and again: it is seen
/// arriving, so that the way there is not at fault.
bool arrived_and_not_taken(FindingBuilder& finding, const FlowFacts& facts, Side sender);
bool arrived_and_not_taken(FindingBuilder& finding, const ExchangeFacts& facts, Side sender);

/// The RST of `side` has a TTL of its own, and so did not come from its host as all else did.
bool rst_ttl_tells(FindingBuilder& finding, const FlowRecord& flow, Side side);

/// While the request was under way something reported that packets of this connection could not be
/// delivered.
bool reported_on_the_way(FindingBuilder& finding, const ExchangeFacts& facts);
/// The request was sent again until it arrived, `delay` later than it should have: `sentence`.
void blame_loss_of_request(FindingBuilder& finding, const ExchangeFacts& facts, Duration delay,
                           std::string_view sentence);

/// The server's kernel had the request, or its beginning, when the application closed a connection
/// that had rested: a close race all the same, where its idle timer says so.
bool idle_timer_ran_out(FindingBuilder& finding, const ExchangeFacts& facts);
/// The same, and nothing is known of the server's idle timer.
bool idle_timer_may_have_run_out(FindingBuilder& finding, const ExchangeFacts& facts);

/// Of a request that was cut off when it was recorded nobody knows whether it was whole: who kept
/// whom waiting is open then. As a rule the last word, whatever else was told.
bool request_cut_in_recording(FindingBuilder& finding, const ExchangeFacts& facts);

/// Bytes in front of the first request that are no HTTP: a PROXY protocol header (HAProxy's
/// proxy-protocol.txt, §2). 0: none.
std::uint64_t proxy_header_bytes(const ExchangeFacts& facts);
/// The server answered with `status`, not knowing what to make of that header: says so, and whose
/// setting it is. False: there is none, or the status does not speak of it.
bool blame_proxy_header(FindingBuilder& finding, const ExchangeFacts& facts, std::uint16_t status);

/// Nobody can keep a limit of less than a second; a longer one is for both to agree on.
void blame_impatience(FindingBuilder& finding, std::optional<Duration> waited,
                      const std::optional<ClientLimit>& matched, bool sure);

}  // namespace httpdiag::rules
