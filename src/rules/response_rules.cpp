// SPDX-License-Identifier: Apache-2.0
// A response began; did it arrive whole? (taxonomy 4.6)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "httpdiag/http2.hpp"
#include "rules/finding_builder.hpp"
#include "rules/long_polls.hpp"
#include "rules/reasons.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

bool cut(const ExchangeFacts& facts) {
  return facts.answered && facts.exchange.response->state == MessageState::incomplete;
}

std::string received(const Message& response) {
  if (!response.head_complete) return "in the middle of the response head";
  if (response.content_length && response.status == 0) {
    return fmt::format("after {} of a TLS record of {}", base::count(response.body_bytes, "byte"),
                       *response.content_length);
  }
  if (response.content_length) {
    return fmt::format("after {} of {}", response.body_bytes,
                       base::count(*response.content_length, "body byte"));
  }
  if (response.chunked && response.has_gap)  // which of them frame chunks is not known
    return fmt::format("after {} in all, before the last chunk",
                       base::bytes(response.end - response.begin));
  if (response.chunked)
    return fmt::format("after {}, before the last chunk",
                       base::count(response.body_bytes, "chunked body byte"));
  return "after " + base::count(response.body_bytes, "body byte");
}

/// Both FINs are proven by numbers alone: which of them came first, and with it who ended the
/// response, cannot be told.
bool order_of_ends_unseen(const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  const SideRecord& server = facts.flow.flow.s();
  const bool server_may_have_closed = server.fin_unseen || server.trouble().told > server.next;
  return client.fin_unseen && !client.trouble().rst && server_may_have_closed;
}

/// Short of what was announced, and all that was sent after it is one number, which was its end.
bool ended_by_either(const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  const SideRecord& server = facts.flow.flow.s();
  return order_of_ends_unseen(facts) && (response.content_length || response.chunked) &&
         !response.has_gap && server.trouble().told <= server.next + 1;
}

FindingBuilder& request_and_response(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  finding.evidence(x.request.first, Side::client, words_for_request_evidence(x))
      .evidence(x.response->first, Side::server,
                x.response->status == 0 && facts.flow.tls != nullptr
                    ? std::string{x.response->start()}
                : x.response->status != 0 || x.response->head_complete
                    ? fmt::format("{:03} {}", x.response->status, x.response->start())
                    : std::string{"start of the response"})
      .fact("status", std::int64_t{x.response->status})
      .fact("received_bytes", static_cast<std::int64_t>(x.response->body_bytes));
  if (x.response->content_length) {
    finding.fact("expected_bytes", static_cast<std::int64_t>(*x.response->content_length));
  }
  if (x.response->last != x.response->first) {
    finding.evidence(x.response->last, Side::server, "last response byte");
  }
  return finding;
}

/// Three digits, yet none of the five classes: "a client that receives a response with an invalid
/// status code ought to process it as if it were a 5xx" (RFC 9110 §15).
bool impossible_status(const Message& response) {
  return response.head_complete && (response.status < 100 || response.status > 599);
}

FindingBuilder malformed(const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  const bool by_status = impossible_status(response);
  FindingBuilder finding{
      Label::response_malformed,
      by_status ? fmt::format("The status {:03} is none: HTTP has 100 to 599, and a client has to "
                              "take any other for a server error.",
                              response.status)
                : words_for_error("response", response)};
  request_and_response(finding, facts)
      .evidence(response.error_packet, Side::server, "first byte that breaks the syntax")
      .seen_as(
          "Client: malformed response, BadStatusLine, HPE_... Parse Error, curl 1 or 8; a proxy: "
          "502.");
  if (by_status) {
    finding.seen_as(
        fmt::format("Client: status {:03}, an unknown status, or a malformed response; a "
                    "proxy: 502.",
                    response.status));
  }
  if (response.error == kHttp2Settings) {
    finding
        .fault(Party::client_app, Confidence::medium,
               "the server, or a load balancer in front of it, was meant to speak HTTP/1.1 there")
        .seen_as(
            "Client: Received HTTP/0.9 when not allowed (curl 1), malformed response, "
            "BadStatusLine, HPE_INVALID_CONSTANT; a proxy: 502. Server: a bad or missing "
            "connection preface.")
        .remedy(
            "Client: send to the port that speaks HTTP/1.1, or speak HTTP/2 from the first byte "
            "(curl --http2-prior-knowledge; gRPC). Server: let the port speak both (nginx before "
            "1.25.1: listen without http2), or give HTTP/1.1 a port of its own.");
  }
  if (response.error.empty()) return finding;
  finding.fact("parse_error", std::string{response.error})
      .fact("error_at_byte", static_cast<std::int64_t>(response.error_offset - response.begin));
  return finding;
}

/// The few letters that are left of the request may be another protocol's.
bool may_be_no_http(const ExchangeFacts& facts) {
  return facts.exchange.request.head_cut() && !facts.exchange.response->head_complete;
}

}  // namespace

std::optional<Finding> response_malformed(const ExchangeFacts& facts, const Thresholds&) {
  if (!facts.answered) return std::nullopt;
  const Message& response = *facts.exchange.response;
  if (impossible_status(response)) {
    return malformed(facts).evidence(facts.close_after_response).build();
  }
  if (response.error.empty() || harmless_error(response)) return std::nullopt;
  if (facts.flow.doubtful(response.error_packet)) return std::nullopt;
  if (may_be_no_http(facts)) return std::nullopt;
  // Odd, yet a whole message came out of it: clients differ, so it is a note.
  if (!response.fatal && response.head_complete && response.state == MessageState::complete)
    return std::nullopt;
  return malformed(facts).evidence(facts.close_after_response).build();
}

std::optional<Finding> response_malformed_note(const ExchangeFacts& facts,
                                               const Thresholds& limits) {
  if (!facts.answered || facts.exchange.response->error.empty()) return std::nullopt;
  if (response_malformed(facts, limits) || may_be_no_http(facts)) return std::nullopt;
  if (facts.flow.doubtful(facts.exchange.response->error_packet)) return std::nullopt;
  const bool harmless = harmless_error(*facts.exchange.response);
  return malformed(facts)
      .severity(harmless ? Severity::info : Severity::warning)
      .fault(Party::server_app, harmless ? Confidence::low : Confidence::high)
      .seen_as("Lenient clients read it, strict ones fail.")
      .build();
}

namespace {

/// Bytes in front of the server's FIN never came past here, by its own number, and the client's
/// ACKs say that it lacks them, too: the server had sent them all.
bool lost_before_fin(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  return facts.answered && server.fin && !server.fin_unseen && server.trouble().lost_bytes > 0 &&
         server.fin_offset > facts.exchange.response->end;
}

Finding ended_unseen(const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  FindingBuilder finding{
      Label::response_truncated_fin,
      fmt::format("The connection was closed {}. Both sides did, by their numbers, but neither FIN "
                  "is in the capture: who was first cannot be told.",
                  received(*facts.exchange.response))};
  request_and_response(finding, facts)
      .evidence(Closing{Closer::client_fin, client.fin, true})
      .fault(Party::unknown, Confidence::low)
      .seen_as("Client: premature end of body, IncompleteRead, unexpected EOF, curl 18.");
  return finding.build();
}

/// The server could not go on: its client did not read.
bool client_did_not_read(FindingBuilder& finding, const ExchangeFacts& facts) {
  constexpr Duration kAtOnce = std::chrono::seconds{1};  // a server may have noticed too late
  const SideTrouble& client = facts.flow.flow.c().trouble();
  const PacketRef fin = facts.close_after_response.packet;
  const bool until_the_end = static_cast<bool>(client.zero_window_since);
  const PacketRef begin = until_the_end ? client.zero_window_since : client.zero_window_begin;
  const Timestamp end = until_the_end ? fin.time : client.zero_window_end.time;
  const bool in_between =
      begin.number > facts.exchange.response->first.number && begin.number < fin.number;
  if (!in_between || fin.time - end > kAtOnce || end - begin.time < facts.limits.zero_window_min)
    return false;
  finding
      .also(fmt::format("The client had not read for {}, up to {} before.",
                        base::duration(end - begin.time), base::duration(fin.time - end)))
      .evidence(begin, Side::client, "window closed: the client does not read")
      .fault(Party::client_app, Confidence::medium, "the client host is short of memory")
      .remedy(std::string{info(Label::zero_window_stall).remedy});
  return true;
}

}  // namespace

std::optional<Finding> response_truncated_fin(const ExchangeFacts& facts, const Thresholds&) {
  if (!cut(facts)) return std::nullopt;
  if (ended_by_either(facts)) return ended_unseen(facts);
  if (facts.close_after_response.closer != Closer::server_fin) return std::nullopt;
  if (lost_before_fin(facts)) return std::nullopt;
  FindingBuilder finding{Label::response_truncated_fin,
                         fmt::format("The server closed {}.", received(*facts.exchange.response))};
  request_and_response(finding, facts)
      .evidence(facts.close_after_response)
      .fault(Party::server_app, Confidence::high,
             "the peer is a proxy, and what is behind it failed")
      .seen_as(
          "Client: premature end of body, IncompleteRead, unexpected EOF, curl 18. Not "
          "acknowledged.");
  client_did_not_read(finding, facts);
  return finding.build();
}

namespace {

bool truncated_by_rst(const ExchangeFacts& facts) {
  return cut(facts) && facts.close_after_response.closer == Closer::server_rst;
}

/// Whole on the wire, but the RST overtakes what the client has not acknowledged.
bool overtaken_by_rst(const ExchangeFacts& facts) {
  const SideTrouble& server = facts.flow.flow.s().trouble();
  const Message& response = *facts.exchange.response;
  // It counts bytes of the client's that the capture lacks: the client's ACK may be among them.
  const bool ack_unseen = facts.flow.flow.c().trouble().gap_noticed && server.rst_has_ack &&
                          server.rst_ack > facts.exchange.request.end;
  return !ack_unseen && response.state == MessageState::complete && server.rst &&
         (server.rst.number >= response.last.number || server.rst_seq >= response.end) &&
         facts.client_received < response.end && !facts.flow.client_unheard &&
         !by_client(facts.close_after_response.closer);
}

bool resent_in_vain(const ExchangeFacts& facts) {
  return facts.flow.flow.s().trouble().most_head_retransmits >=
         facts.limits.unacked_min_retransmits;
}

// Who broke it off.

bool rst_answers_unseen_packet(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!truncated_by_rst(facts) || !answers_unseen_packet(facts.flow.flow, Side::server))
    return false;
  finding
      .also(
          "The RST answers a packet that is not in the capture: who ended the connection, and "
          "when, cannot be told.")
      .severity(facts.exchange.response->event_stream ? Severity::info : Severity::error)
      .fault(Party::unknown, Confidence::low);
  return true;
}

bool response_never_arrived(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (truncated_by_rst(facts) || !resent_in_vain(facts)) return false;
  finding.severity(Severity::error)
      .fault(Party::network, Confidence::medium, "the client host stopped receiving");
  return true;
}

constexpr std::array kWhyReset = {&rst_answers_unseen_packet, &response_never_arrived};

}  // namespace

std::optional<Finding> response_truncated_rst(const ExchangeFacts& facts, const Thresholds&) {
  if (!facts.answered) return std::nullopt;
  const bool truncated = truncated_by_rst(facts);
  if (!truncated && !overtaken_by_rst(facts)) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const Message& response = *facts.exchange.response;
  const SideTrouble& server = flow.s().trouble();
  const std::uint64_t unacked = response.end > flow.s().acked ? response.end - flow.s().acked : 0;
  FindingBuilder finding{
      Label::response_truncated_rst,
      truncated ? fmt::format("The server reset the connection {}.", received(response))
                : fmt::format("The whole response was sent, but {} were never acknowledged when "
                              "the server's RST came{}.",
                              base::bytes(unacked),
                              resent_in_vain(facts) ? fmt::format(", after {} retransmissions",
                                                                  server.most_head_retransmits)
                                                    : "")};
  request_and_response(finding, facts)
      .evidence(server.head_retransmit, Side::server, "last retransmission")
      .evidence(server.rst, Side::server, "server RST")
      .severity(truncated ? Severity::error : Severity::warning)
      .fact("data_at_risk", !truncated)
      .fact("unacked_bytes", static_cast<std::int64_t>(unacked))
      .fault(Party::server_app, Confidence::medium,
             "a device in between sent it with the server's address")
      .seen_as("Client: connection reset by peer while it reads the body (curl 56).");
  if (!rst_ttl_tells(finding, flow, Side::server)) tell_first(kWhyReset, finding, facts);
  return finding.build();
}

namespace {

/// The client acknowledged more than the capture has, and nothing says how much was to come: the
/// rest of the response and the server's FIN may be among it.
bool end_may_be_unseen(const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  const PacketRef gap = facts.flow.flow.s().trouble().gap_noticed;
  return !response.content_length && response.has_gap && gap.number > response.last.number &&
         facts.client_received >= response.end;
}

/// How the client left, and when.
struct Departure {
  Closing how;
  PacketRef rst;  // behind its FIN; none: it sent none
  Duration since_request{0};
};

Departure departure_of(const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  const PacketRef rst = client.trouble().rst;
  const bool by_fin = client.fin && !(client.fin_unseen && rst);
  Departure left{.how = by_fin ? Closing{Closer::client_fin, client.fin, client.fin_unseen}
                               : Closing{Closer::client_rst, rst},
                 .rst = by_fin ? rst : PacketRef{}};
  left.since_request =
      std::max(left.how.packet.time - facts.exchange.request.last.time, Duration{0});
  return left;
}

/// What the client was waiting for when it left did not come: nobody reads on in such a silence.
bool left_a_silent_server(const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  if (!cut(facts) || response.event_stream) return false;
  if (!response.content_length && !response.chunked) return false;
  if (facts.flow.closed_window(Side::client)) return false;  // it took nothing itself
  return facts.silence >= std::chrono::seconds{1} &&
         facts.silence * 2 >= departure_of(facts).since_request;
}

/// The client left with a part of the response: by framing, or because its ACK numbers say so
/// although the rest was sent and drew a RST.
bool left_in_the_middle(const ExchangeFacts& facts) {
  // The end of a stream without an end.
  if (facts.answered && facts.exchange.response->event_stream) return false;
  if (cut(facts)) {
    return by_client(facts.close_after_response.closer) && !end_may_be_unseen(facts) &&
           !order_of_ends_unseen(facts);
  }
  if (!facts.answered || facts.flow.client_unheard) return false;
  const Message& response = *facts.exchange.response;
  return facts.flow.flow.c().trouble().rst && facts.client_received > response.begin &&
         facts.client_received < response.end;
}

/// Only the server's FIN would have said that there is no more, and all that was sent had arrived:
/// health checks leave as soon as they have the status.
bool may_have_had_all(const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  const SideRecord& server = facts.flow.flow.s();
  return cut(facts) && response.close_delimited && !response.has_gap &&
         facts.silence < std::chrono::seconds{1} && server.next <= facts.client_received &&
         !is_callback(facts.exchange.request.method());
}

// Why the client left.

bool server_fell_silent(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!left_a_silent_server(facts)) return false;
  finding.fact("silent_us", std::optional{facts.silence});
  // Chunks may come as things happen, in an answer to a question more than to a callback.
  const bool streamed =
      !facts.exchange.response->content_length && !is_callback(facts.exchange.request.method());
  if (streamed) {
    finding.fault(Party::unknown, Confidence::low);
  } else {
    finding.fault(Party::server_app, Confidence::medium,
                  "the client left for a reason of its own, or the rest was lost on the way");
  }
  return true;
}

/// Not even a FIN got through to it: what was to come was lost on the way.
bool server_out_of_reach(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!left_a_silent_server(facts) || !fins_unanswered(finding, facts)) return false;
  finding
      .also(fmt::format("Its FIN was sent {} and not acknowledged either.",
                        times(facts.flow.flow.c().fins)))
      .severity(Severity::error)
      .fact("silent_us", std::optional{facts.silence});
  return true;
}

/// It comes in pieces, as things happen, until the client has seen enough.
bool watches_for_news(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  const Message& response = *facts.exchange.response;
  return response.chunked && response.body_bytes > 0 && request.method() == "GET" &&
         is_named_for_news(request.start());
}

bool watched_for_news(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!left_a_silent_server(facts) || !watches_for_news(facts)) return false;
  finding.also("By its name it is a stream of news, which ends when its client has seen enough.")
      .severity(Severity::info)
      .fact("silent_us", std::optional{facts.silence})
      .fault(Party::none, Confidence::low, "the server fell silent with more to send");
  return true;
}

bool may_be_endless_stream(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.exchange.response->head_cut()) return false;
  finding.fault(Party::unknown, Confidence::low,
                "it was a stream without an end, whose head was cut off when it was recorded");
  return true;
}

bool client_had_enough(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!may_have_had_all(facts)) return false;
  finding.fault(Party::none, Confidence::low, "the server had more to send");
  return true;
}

/// Its head was all that the client needed to know.
bool status_was_enough(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  if (!response.head_complete || response.status < 400) return false;
  const bool server = response.status >= 500;
  finding
      .also(fmt::format("The status is {}: the request had failed before that.", response.status))
      .severity(Severity::error)
      .fault(Party::server_app, server ? Confidence::medium : Confidence::low,
             server ? "" : "the client asked for what it should not ask for");
  return true;
}

constexpr std::array kWhyClientLeft = {
    &status_was_enough,  &server_out_of_reach,   &watched_for_news,
    &server_fell_silent, &may_be_endless_stream, &client_had_enough,
};

}  // namespace

namespace {

/// How long all of the answer would have taken at the pace at which it came, where the server, and
/// not the way, set the pace: what it sent fits into the first window (RFC 6928), and nothing of it
/// was lost.
std::optional<Duration> whole_at_that_pace(const ExchangeFacts& facts, const Departure& left) {
  constexpr Duration kSlow = std::chrono::seconds{1};
  constexpr std::uint64_t kFirstWindow = 10 * 1460;
  const Message& response = *facts.exchange.response;
  const std::uint64_t late = response.end - std::min(facts.client_received, response.end);
  const Duration wait = facts.wait.value_or(Duration{0});
  const Duration coming = left.since_request - wait;  // from its first byte on
  if (coming < kSlow || facts.flow.flow.c().trouble().zero_window_last ||
      !response.content_length || response.body_bytes <= late ||
      response.end - response.begin > kFirstWindow ||
      facts.flow.flow.s().trouble().most_head_retransmits > 0) {
    return std::nullopt;
  }
  const double share = static_cast<double>(*response.content_length) /
                       static_cast<double>(response.body_bytes - late);
  return wait + Duration{static_cast<std::int64_t>(static_cast<double>(coming.count()) * share)};
}

}  // namespace

std::optional<Finding> response_aborted_by_client(const ExchangeFacts& facts,
                                                  const Thresholds& limits) {
  if (!left_in_the_middle(facts)) return std::nullopt;
  const Message& response = *facts.exchange.response;
  const Departure left = departure_of(facts);
  const auto matched = match_timeout(left.since_request, limits, limits.known_timeouts);
  FindingBuilder finding{
      Label::response_aborted_by_client,
      fmt::format(
          "{} {}, {} after the request{}{}.",
          left.how.closer == Closer::client_fin ? "The client closed"
                                                : "The client reset the connection",
          cut(facts) ? received(response)
                     : fmt::format("having {} of {}", facts.client_received - response.begin,
                                   base::count(response.end - response.begin, "response byte")),
          base::duration(left.since_request), limit_text(matched),
          left_a_silent_server(facts)
              ? fmt::format("; the server had sent nothing for {}", base::duration(facts.silence))
              : "")};
  request_and_response(finding, facts)
      .evidence(left.how)
      .evidence(left.rst, Side::client, "client RST: the socket is gone")
      .fact("since_request_us", std::optional{left.since_request})
      .fact("matched_timeout_us", matched)
      .fault(Party::client_app, matched ? Confidence::medium : Confidence::high,
             matched ? "the server was too slow for the client's limit" : "")
      .seen_as(
          "Server: broken pipe, ClientAbortException; nginx 499 or 200 with fewer bytes; HAProxy "
          "CD.");
  if (const auto whole = whole_at_that_pace(facts, left); whole && !left_a_silent_server(facts)) {
    finding
        .also(fmt::format(
            "The server sent it little by little: at that pace the whole answer would have taken "
            "about {}.",
            base::duration(*whole)))
        .fault(Party::client_app, Confidence::medium,
               "the server was too slow for the client's limit");
  }
  const bool had_all = may_have_had_all(facts);
  if (had_all) {
    finding.also(
        "Without a length only the server's FIN would have ended the answer; the client had "
        "all that was sent.");
  }
  if (had_all || response.head_cut()) finding.severity(Severity::info);
  const bool by_device = left.how.closer == Closer::client_rst &&
                         rst_ttl_tells(finding, facts.flow.flow, Side::client);
  if (!by_device) tell_first(kWhyClientLeft, finding, facts);
  return finding.build();
}

namespace {

/// An answer to a request that came with the SYN (RFC 7413): not even the SYN-ACK in front of it,
/// sent again and again, was acknowledged.
bool behind_unacked_handshake(const ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  return facts.answered && facts.flow.handshake == Handshake::incomplete && flow.s().acked == 0 &&
         flow.s().syns > facts.limits.unacked_min_retransmits;
}

/// Bytes of the response were sent, and sent again, and the client never had them.
bool undelivered(const ExchangeFacts& facts) {
  if (!facts.answered || facts.flow.client_unheard) return false;
  const Message& response = *facts.exchange.response;
  const SideRecord& server = facts.flow.flow.s();
  if (facts.client_received >= response.end || server.acked >= response.end) return false;
  const SideTrouble& trouble = server.trouble();
  // Of what is unacknowledged now; earlier losses were made good.
  if (trouble.head_retransmits >= facts.limits.unacked_min_retransmits) return true;
  return trouble.head_retransmits > 0 && server.head_sent &&
         trouble.head_retransmit.time - server.head_sent.time >= facts.limits.unacked_min;
}

/// The pauses between retransmissions double: the client has been silent for many round trips.
bool silence_tells(const ExchangeFacts& facts, Duration watched) {
  const SideTrouble& server = facts.flow.flow.s().trouble();
  return server.head_retransmits > facts.limits.unacked_min_retransmits &&
         watched >= std::chrono::seconds{1} &&
         facts.flow.flow.c().last.number < server.head_first_retransmit.number;
}

}  // namespace

std::optional<Finding> response_not_acked(const ExchangeFacts& facts, const Thresholds&) {
  const bool no_handshake = behind_unacked_handshake(facts);
  if (!no_handshake && !undelivered(facts)) return std::nullopt;
  if (facts.flow.closed_window(Side::client)) return std::nullopt;
  const Message& response = *facts.exchange.response;
  // It was under way when the capture ended.
  const bool open = facts.flow.capture_over && !facts.close_after_response.packet;
  const Duration watched = facts.flow.watched_after(response.first);
  const bool soon_over = open && watched < facts.limits.unacked_min;
  if (soon_over && !silence_tells(facts, watched)) return std::nullopt;
  // One that broke off, or was reset, after a part had arrived has labels of its own.
  if (facts.client_received > response.begin && (cut(facts) || facts.flow.flow.s().trouble().rst)) {
    return std::nullopt;
  }
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& server = flow.s().trouble();
  const std::uint32_t times = server.head_retransmits;
  const std::uint64_t unacked = response.end - std::max(facts.client_received, response.begin);
  const std::string status =
      response.status != 0 ? fmt::format(" ({})", response.status) : std::string{};
  FindingBuilder finding{
      Label::response_not_acked,
      no_handshake
          ? fmt::format("The request came with the SYN, and the server sent its answer{}; not even "
                        "the SYN-ACK in front of it, sent {} times, was ever acknowledged.",
                        status, flow.s().syns)
          : fmt::format("The server sent its answer{}, retransmitted it {}, and {} were never "
                        "acknowledged.",
                        status, base::count(times, "time"), base::bytes(unacked))};
  request_and_response(finding, facts)
      .evidence(server.head_first_retransmit, Side::server, "first retransmission")
      .evidence(server.head_retransmit, Side::server, "last retransmission")
      .evidence(flow.c().last, Side::client, "last packet of the client")
      .evidence(facts.close_after_response)
      .fact("retransmissions", std::int64_t{times})
      .fact("unacked_bytes", static_cast<std::int64_t>(unacked))
      .fault(Party::network, Confidence::medium, "the client host stopped receiving")
      .seen_as(
          "Client: read timed out, as if there was no answer. Server: its log says that it "
          "answered.");
  if (soon_over) {
    finding.severity(Severity::warning)
        .also("The capture ended before more could be seen.")
        .fault(Party::network, Confidence::low, "it was acknowledged after the end of the capture");
  }
  return finding.build();
}

namespace {

/// Nothing more came for so long that it tells, and it would have been recorded.
bool fell_silent(const ExchangeFacts& facts) {
  return !by_server(facts.close_after_response.closer) &&
         facts.silence >= facts.limits.response_stall &&
         !facts.flow.recording_broke_off(Side::server);
}

/// The server repeated in vain what is missing, or it was lost in front of the server's FIN.
bool lost_on_the_way(const ExchangeFacts& facts) {
  return undelivered(facts) || lost_before_fin(facts);
}

/// Rather than a pause.
bool beyond_doubt(const ExchangeFacts& facts) {
  return facts.silence >= facts.limits.no_response_high || lost_on_the_way(facts) ||
         by_client(facts.close_after_response.closer);
}

std::string what_is_missing(const ExchangeFacts& facts) {
  const SideRecord& server = facts.flow.flow.s();
  if (undelivered(facts)) {
    return fmt::format("the server retransmitted {} in vain",
                       base::bytes(server.next - server.acked));
  }
  if (lost_before_fin(facts)) {
    return fmt::format("{} in front of the server's FIN were lost on the way",
                       base::bytes(server.trouble().lost_bytes));
  }
  return "nothing more came for " + base::duration(facts.silence);
}

// Why it stopped.

bool client_never_had_it(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!undelivered(facts)) return false;
  finding.fault(Party::network, Confidence::medium, "the client host stopped receiving");
  return true;
}

bool rest_lost_before_fin(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!lost_before_fin(facts)) return false;
  finding.fact("lost_bytes", static_cast<std::int64_t>(facts.flow.flow.s().trouble().lost_bytes))
      .fault(Party::network, Confidence::medium, "they were not recorded");
  return true;
}

bool clients_probes_unanswered(FindingBuilder& finding, const ExchangeFacts& facts) {
  return probes_unanswered(finding, facts.flow.flow, Side::client);
}

bool server_went_silent(FindingBuilder& finding, const ExchangeFacts& facts) {
  finding.fault(Party::server_app, beyond_doubt(facts) ? Confidence::medium : Confidence::low,
                "the answer went on after the end of the capture");
  return true;
}

constexpr std::array kWhyResponseStopped = {
    &client_never_had_it,       &rest_lost_before_fin, &fins_unanswered,
    &clients_probes_unanswered, &server_went_silent,
};

}  // namespace

std::optional<Finding> response_stalled(const ExchangeFacts& facts, const Thresholds&) {
  if (!cut(facts) || facts.flow.client_unheard) return std::nullopt;
  const bool lost = lost_on_the_way(facts);
  if (!lost && !fell_silent(facts)) return std::nullopt;
  const Message& response = *facts.exchange.response;
  // A stream of events is silent by design until it has something to say.
  if (!lost && (response.event_stream || watches_for_news(facts))) return std::nullopt;

  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& server = flow.s().trouble();
  FindingBuilder finding{
      Label::response_stalled,
      fmt::format("The response stopped {}; {}{}.", received(response), what_is_missing(facts),
                  by_client(facts.close_after_response.closer) ? ", then the client closed" : "")};
  request_and_response(finding, facts)
      .evidence(server.head_first_retransmit, Side::server, "first retransmission")
      .evidence(server.head_retransmit, Side::server, "last retransmission")
      .evidence(facts.close_after_response)
      .evidence(facts.close_after_response.packet ? PacketRef{} : flow.last, std::nullopt,
                "last packet of the flow")
      .severity(beyond_doubt(facts) ? Severity::error : Severity::warning)
      .fact("stalled_us", std::optional{facts.silence})
      .fact("undelivered", undelivered(facts))
      .seen_as("Client: read timed out in the middle of the body.");
  tell_first(kWhyResponseStopped, finding, facts);
  return finding.build();
}

namespace {

/// Something else than the server's silence explains the pause: losses, or a client that took
/// nothing.
bool pause_explained(const ExchangeFacts& facts) {
  const Message& response = *facts.exchange.response;
  if (facts.exchange.longest_stall * 2 >= response.pause()) return true;
  const SideTrouble& client = facts.flow.flow.c().trouble();
  return client.zero_window_begin && client.zero_window_begin.number < response.pause_end.number &&
         client.zero_window_end.number > response.pause_begin.number;
}

}  // namespace

// Whole in the end, with a hole of seconds in it. Who promised a length was not waiting for news;
// chunks may be a stream.
std::optional<Finding> response_stalled_note(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.answered || facts.exchange.response->state != MessageState::complete)
    return std::nullopt;
  const Message& response = *facts.exchange.response;
  if (response.pause() < limits.response_stall || response.event_stream) return std::nullopt;
  if (response.has_gap && !response.snaplen_cut) return std::nullopt;
  if (pause_explained(facts)) return std::nullopt;
  const bool promised = response.content_length.has_value();
  FindingBuilder finding{
      Label::response_stalled,
      fmt::format("In the middle of the response nothing came for {}; then it went on to its end.",
                  base::duration(response.pause()))};
  finding.severity(promised ? Severity::warning : Severity::info)
      .fault(promised ? Party::server_app : Party::none,
             promised ? Confidence::medium : Confidence::low,
             promised ? "" : "a stream that has nothing to say is silent")
      .evidence(facts.exchange.request.first, Side::client,
                words_for_request_evidence(facts.exchange))
      .evidence(response.pause_begin, Side::server, "the response pauses")
      .evidence(response.pause_end, Side::server, "it goes on")
      .fact("longest_silence_us", std::optional{response.pause()})
      .seen_as("Client: nothing, if its read timeout is longer than the pause.");
  return finding.build();
}

}  // namespace httpdiag::rules
