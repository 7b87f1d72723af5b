// SPDX-License-Identifier: Apache-2.0
// What the rules about waiting for a response have in common: when the request arrived, whether the
// response was lost on its way, and what a client that gives up is to be blamed for.
#pragma once

#include "rules/facts.hpp"
#include "rules/finding_builder.hpp"

namespace httpdiag::rules {

/// "acknowledged after 20 ms"
std::string acked_text(const ExchangeFacts& facts);
/// Its packets, as evidence.
FindingBuilder& request_and_ack(FindingBuilder& finding, const ExchangeFacts& facts);

/// The request was sent again until it arrived, and its ACK came that much later: the server could
/// not have begun before. 0: it arrived at once, or is not known to have arrived.
Duration delivery_delay(const ExchangeFacts& facts);

/// The response had been sent before the capture has it: a number in an earlier segment of the
/// server says so. It was lost on its way to here.
bool answer_was_lost(const ExchangeFacts& facts);
/// What came is a repetition of it.
void tell_lost_answer(FindingBuilder& finding, const ExchangeFacts& facts);

/// An empty response came right behind the client's FIN and acknowledges it, after a silence many
/// times as long: what the client's leaving has drawn (a proxy or framework that ends a cancelled
/// request with an empty 200), rather than the result that it had waited for.
bool drawn_by_leaving(const ExchangeFacts& facts);

/// Nobody can keep a limit of less than a second; a longer one is for both to agree on.
void blame_impatience(FindingBuilder& finding, Duration waited, const Thresholds& limits,
                      bool sure);

/// ", which matches a limit of 10 s"; empty: it matches none.
std::string limit_text(const std::optional<Duration>& matched);

/// A server repeats within a second what is not acknowledged (RFC 6298 §2); of the response nothing
/// was repeated up to then: its ACK is missing from the capture only.
bool acknowledged_unseen(const ExchangeFacts& facts, PacketRef until);

/// A RST without ACK answers a packet (RFC 9293 §3.10.7.1): nothing of the other side came for so
/// long in front of this one that the packet is not in the capture.
bool answers_unseen_packet(const FlowRecord& flow, Side sender);

/// The keep-alive probe of the other side in front of the bare RST of `side`, which such a probe
/// draws where there is no socket any more; none: it has no such RST.
PacketRef probe_before_bare_rst(const FlowRecord& flow, Side side);

/// The last keep-alive probes of `prober` found no answer.
void tell_of_unanswered_probes(FindingBuilder& finding, const FlowRecord& flow, Side prober);

/// The client's FINs find no answer, however often they are sent: no kernel is there any more, or
/// no way to it.
bool fins_unanswered(const FlowRecord& flow);

/// Of a request that was cut off when it was recorded nobody knows whether it was whole: who kept
/// whom waiting is open then.
void doubt_cut_request(FindingBuilder& finding, const ExchangeFacts& facts);

}  // namespace httpdiag::rules
