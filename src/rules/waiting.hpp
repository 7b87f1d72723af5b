// SPDX-License-Identifier: Apache-2.0
// What the rules about waiting for a response look at in common: when the request arrived, what
// came of the response, and which RST answers what.
#pragma once

#include "rules/facts.hpp"
#include "rules/finding_builder.hpp"

namespace httpdiag::rules {

/// Complete, and the capture has no answer.
bool no_answer_seen(const ExchangeFacts& facts);
/// And it would show it if there were one.
bool whole_and_unanswered(const ExchangeFacts& facts);

/// A FIN right behind the request comes from a client that half-closes and reads on (nc, scripts);
/// what counts is what the server does then.
bool sent_fin_with_request(const ExchangeFacts& facts);

/// The server's FIN acknowledges a part of the request only (taxonomy 2.1): the rest met a server
/// that had closed, and whose kernel may say RST to it.
bool closed_in_the_middle(const ExchangeFacts& facts);

/// Recorded in the wrong order: the client's FIN acknowledges the server's (taxonomy 2.1).
bool server_closed_first(const ExchangeFacts& facts);

/// "acknowledged after 20 ms". `inferred`: the capture lacks the ACK, and the client would long
/// have repeated itself without one.
std::string acked_text(const ExchangeFacts& facts, bool inferred = false);
/// Its packets, as evidence.
FindingBuilder& request_and_ack(FindingBuilder& finding, const ExchangeFacts& facts);
/// The repetitions of what was not acknowledged, as evidence.
FindingBuilder& retransmissions(FindingBuilder& finding, const ExchangeFacts& facts);
/// Those of the interim response (1xx), if there was one.
FindingBuilder& interim(FindingBuilder& finding, const ExchangeFacts& facts);
/// That the client kept the body back, because nobody told it to send it.
void kept_body_back(FindingBuilder& finding, const ExchangeFacts& facts);

/// The request was sent again until it arrived, and its ACK came that much later: the server could
/// not have begun before. 0: it arrived at once, or is not known to have arrived.
Duration delivery_delay(const ExchangeFacts& facts);

/// Bytes of an answer whose beginning was lost on the way: the last packet that has some.
PacketRef answer_without_beginning(const ExchangeFacts& facts);

/// An empty response came right behind the client's FIN and acknowledges it, after a silence many
/// times as long: what the client's leaving has drawn (a proxy or framework that ends a cancelled
/// request with an empty 200), rather than the result that it had waited for.
bool drawn_by_leaving(const ExchangeFacts& facts);

/// `packet` came no later behind `cause` than a kernel takes to answer, and the way there and back.
bool as_soon_as_can_be(const FlowRecord& flow, PacketRef packet, PacketRef cause);

/// ", which matches a limit of 10 s"; empty: it matches none.
std::string limit_text(const std::optional<Duration>& matched);
/// ", which matches a limit of 10 s from the start of connecting"
std::string limit_text(const std::optional<ClientLimit>& matched);

/// So many keep-alive probes without an answer mean that the peer has vanished.
inline constexpr std::uint32_t kProbesInVain = 2;

/// A server repeats within a second what is not acknowledged (RFC 6298 §2); of the response nothing
/// was repeated up to then: its ACK is missing from the capture only.
bool acknowledged_unseen(const ExchangeFacts& facts, PacketRef until);

/// A RST without ACK answers a packet (RFC 9293 §3.10.7.1): nothing of the other side came for so
/// long in front of this one that the packet is not in the capture.
bool answers_unseen_packet(const FlowRecord& flow, Side sender);

/// The keep-alive probe of the other side in front of the bare RST of `side`, which such a probe
/// draws where there is no socket any more; none: it has no such RST.
PacketRef probe_before_bare_rst(const FlowRecord& flow, Side side);

}  // namespace httpdiag::rules
