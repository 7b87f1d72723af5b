// SPDX-License-Identifier: Apache-2.0
// A response began; did it arrive whole? (taxonomy 4.6)
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
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
  if (response.error.empty()) return finding;
  finding.fact("parse_error", std::string{response.error})
      .fact("error_at_byte", static_cast<std::int64_t>(response.error_offset - response.begin));
  return finding;
}

}  // namespace

namespace {

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

}  // namespace

std::optional<Finding> response_truncated_fin(const ExchangeFacts& facts,
                                              const Thresholds& limits) {
  if (!cut(facts)) return std::nullopt;
  if (ended_by_either(facts)) return ended_unseen(facts);
  if (facts.close_after_response.closer != Closer::server_fin) return std::nullopt;
  if (lost_before_fin(facts)) return std::nullopt;
  FindingBuilder finding{Label::response_truncated_fin,
                         fmt::format("The server closed {}.", received(*facts.exchange.response))};
  request_and_response(finding, facts)
      .evidence(facts.close_after_response)
      .fault(Party::server_app, Confidence::high,
             "the peer is a proxy, and what is behind it failed");
  // The server could not go on: its client did not read.
  const SideTrouble& client = facts.flow.flow.c().trouble();
  const PacketRef fin = facts.close_after_response.packet;
  constexpr Duration kAtOnce = std::chrono::seconds{1};  // a server may have noticed too late
  const bool until_the_end = static_cast<bool>(client.zero_window_since);
  const PacketRef begin = until_the_end ? client.zero_window_since : client.zero_window_begin;
  const Timestamp end = until_the_end ? fin.time : client.zero_window_end.time;
  const bool did_not_read = begin.number > facts.exchange.response->first.number &&
                            begin.number < fin.number && fin.time - end <= kAtOnce &&
                            end - begin.time >= limits.zero_window_min;
  if (did_not_read) {
    finding
        .also(fmt::format("The client had not read for {}, up to {} before.",
                          base::duration(end - begin.time), base::duration(fin.time - end)))
        .evidence(begin, Side::client, "window closed: the client does not read")
        .fault(Party::client_app, Confidence::medium, "the client host is short of memory")
        .remedy(std::string{info(Label::zero_window_stall).remedy});
  }
  finding.seen_as(
      "Client: premature end of body, IncompleteRead, unexpected EOF, curl 18. Not "
      "acknowledged.");
  return finding.build();
}

std::optional<Finding> response_truncated_rst(const ExchangeFacts& facts,
                                              const Thresholds& limits) {
  if (!facts.answered) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const Message& response = *facts.exchange.response;
  const SideTrouble& server = flow.s().trouble();
  const bool truncated = cut(facts) && facts.close_after_response.closer == Closer::server_rst;
  // The RST counts bytes of the client's that the capture lacks: its ACK may be among them.
  const bool unheard = flow.c().trouble().gap_noticed && server.rst_has_ack &&
                       server.rst_ack > facts.exchange.request.end;
  // Whole on the wire, but the RST overtakes what the client has not acknowledged.
  const bool at_risk =
      !truncated && response.state == MessageState::complete && server.rst &&
      (server.rst.number >= response.last.number || server.rst_seq >= response.end) &&
      facts.client_received < response.end && !facts.flow.client_unheard && !unheard &&
      !by_client(facts.close_after_response.closer);
  if (!truncated && !at_risk) return std::nullopt;
  const bool never_arrived =
      at_risk && server.most_head_retransmits >= limits.unacked_min_retransmits;
  const std::uint64_t unacked = response.end > flow.s().acked ? response.end - flow.s().acked : 0;
  FindingBuilder finding{
      Label::response_truncated_rst,
      truncated ? fmt::format("The server reset the connection {}.", received(response))
                : fmt::format("The whole response was sent, but {} were never acknowledged when "
                              "the server's RST came{}.",
                              base::bytes(unacked),
                              never_arrived ? fmt::format(", after {} retransmissions",
                                                          server.most_head_retransmits)
                                            : "")};
  request_and_response(finding, facts)
      .evidence(server.head_retransmit, Side::server, "last retransmission")
      .evidence(server.rst, Side::server, "server RST")
      .severity(truncated || never_arrived ? Severity::error : Severity::warning)
      .fact("data_at_risk", at_risk)
      .fact("unacked_bytes", static_cast<std::int64_t>(unacked))
      .seen_as("Client: connection reset by peer while it reads the body (curl 56).");
  if (never_arrived) {
    finding.fault(Party::network, Confidence::medium, "the client host stopped receiving");
  } else {
    finding.fault(Party::server_app, Confidence::medium,
                  "a device in between sent it with the server's address");
  }
  if (truncated && answers_unseen_packet(flow, Side::server)) {
    finding
        .also(
            "The RST answers a packet that is not in the capture: who ended the connection, and "
            "when, cannot be told.")
        .severity(response.event_stream ? Severity::info : Severity::error)
        .fault(Party::unknown, Confidence::low);
  }
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

/// What the client was waiting for when it left did not come: nobody reads on in such a silence.
bool left_a_silent_server(const ExchangeFacts& facts, Duration since_request) {
  const Message& response = *facts.exchange.response;
  if (!cut(facts) || response.event_stream) return false;
  if (!response.content_length && !response.chunked) return false;
  if (facts.flow.closed_window(Side::client)) return false;  // it took nothing itself
  return facts.silence >= std::chrono::seconds{1} && facts.silence * 2 >= since_request;
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

}  // namespace

std::optional<Finding> response_aborted_by_client(const ExchangeFacts& facts,
                                                  const Thresholds& limits) {
  if (!left_in_the_middle(facts)) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const Message& response = *facts.exchange.response;
  const PacketRef rst = flow.c().trouble().rst;
  const bool by_fin = flow.c().fin && !(flow.c().fin_unseen && rst);
  const PacketRef left = by_fin ? flow.c().fin : rst;
  const Duration since_request =
      std::max(left.time - facts.exchange.request.last.time, Duration{0});
  const auto matched = match_timeout(since_request, limits, limits.known_timeouts);
  const bool silent = left_a_silent_server(facts, since_request);
  FindingBuilder finding{
      Label::response_aborted_by_client,
      fmt::format(
          "{} {}, {} after the request{}{}.",
          by_fin ? "The client closed" : "The client reset the connection",
          cut(facts) ? received(response)
                     : fmt::format("having {} of {}", facts.client_received - response.begin,
                                   base::count(response.end - response.begin, "response byte")),
          base::duration(since_request),
          matched ? fmt::format(", which matches a limit of {}", base::duration(*matched)) : "",
          silent
              ? fmt::format("; the server had sent nothing for {}", base::duration(facts.silence))
              : "")};
  request_and_response(finding, facts)
      .evidence(by_fin ? Closing{Closer::client_fin, left, flow.c().fin_unseen}
                       : Closing{Closer::client_rst, left, false})
      .evidence(by_fin ? rst : PacketRef{}, Side::client, "client RST: the socket is gone")
      .fact("since_request_us", std::optional{since_request})
      .fact("matched_timeout_us", matched)
      .fault(Party::client_app, matched ? Confidence::medium : Confidence::high,
             matched ? "the server was too slow for the client's limit" : "")
      .seen_as(
          "Server: broken pipe, ClientAbortException; nginx 499 or 200 with fewer bytes; HAProxy "
          "CD.");
  if (may_have_had_all(facts)) {
    finding.severity(Severity::info)
        .also(
            "Without a length only the server's FIN would have ended the answer; the client had "
            "all that was sent.")
        .fault(Party::none, Confidence::low, "the server had more to send");
  }
  if (response.head_cut()) {
    finding.severity(Severity::info)
        .fault(Party::unknown, Confidence::low,
               "it was a stream without an end, whose head was cut off when it was recorded");
  }
  if (silent) {
    finding.fact("silent_us", std::optional{facts.silence});
    // Chunks may come as things happen, in an answer to a question more than to a callback.
    const bool streamed = !response.content_length && !is_callback(facts.exchange.request.method());
    if (streamed) {
      finding.fault(Party::unknown, Confidence::low);
    } else {
      finding.fault(Party::server_app, Confidence::medium,
                    "the client left for a reason of its own, or the rest was lost on the way");
    }
  }
  return finding.build();
}

namespace {

/// An answer to a request that came with the SYN (RFC 7413): not even the SYN-ACK in front of it,
/// sent again and again, was acknowledged.
bool behind_unacked_handshake(const ExchangeFacts& facts, const Thresholds& limits) {
  const FlowRecord& flow = facts.flow.flow;
  return facts.answered && facts.flow.handshake == Handshake::incomplete && flow.s().acked == 0 &&
         flow.s().syns > limits.unacked_min_retransmits;
}

/// Bytes of the response were sent, and sent again, and the client never had them.
bool undelivered(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.answered || facts.flow.client_unheard) return false;
  const Message& response = *facts.exchange.response;
  const SideRecord& server = facts.flow.flow.s();
  if (facts.client_received >= response.end || server.acked >= response.end) return false;
  const SideTrouble& trouble = server.trouble();
  // Of what is unacknowledged now; earlier losses were made good.
  if (trouble.head_retransmits >= limits.unacked_min_retransmits) return true;
  return trouble.head_retransmits > 0 && server.head_sent &&
         trouble.head_retransmit.time - server.head_sent.time >= limits.unacked_min;
}

}  // namespace

std::optional<Finding> response_not_acked(const ExchangeFacts& facts, const Thresholds& limits) {
  const bool no_handshake = behind_unacked_handshake(facts, limits);
  if (!no_handshake && !undelivered(facts, limits)) return std::nullopt;
  if (facts.flow.closed_window(Side::client)) return std::nullopt;
  const Message& response = *facts.exchange.response;
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
  return finding.build();
}

std::optional<Finding> response_stalled(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!cut(facts) || facts.flow.client_unheard) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const Message& response = *facts.exchange.response;
  const SideTrouble& server = flow.s().trouble();
  // Sent, and sent again: what is missing was lost on the way.
  const bool lost = undelivered(facts, limits);
  const bool silent = !by_server(facts.close_after_response.closer) &&
                      facts.silence >= limits.response_stall &&
                      !facts.flow.recording_broke_off(Side::server);
  const bool lost_here = !lost && lost_before_fin(facts);
  if (!lost && !silent && !lost_here) return std::nullopt;
  // A stream of events is silent by design until it has something to say.
  if (!lost && !lost_here && response.event_stream) return std::nullopt;

  const bool long_enough = facts.silence >= limits.no_response_high || lost || lost_here ||
                           by_client(facts.close_after_response.closer);
  FindingBuilder finding{
      Label::response_stalled,
      fmt::format("The response stopped {}; {}{}.", received(response),
                  lost        ? fmt::format("the server retransmitted {} in vain",
                                            base::bytes(flow.s().next - flow.s().acked))
                  : lost_here ? fmt::format("{} in front of the server's FIN were lost on the way",
                                            base::bytes(server.lost_bytes))
                              : "nothing more came for " + base::duration(facts.silence),
                  by_client(facts.close_after_response.closer) ? ", then the client closed" : "")};
  request_and_response(finding, facts)
      .evidence(server.head_first_retransmit, Side::server, "first retransmission")
      .evidence(server.head_retransmit, Side::server, "last retransmission")
      .evidence(facts.close_after_response)
      .evidence(facts.close_after_response.packet ? PacketRef{} : flow.last, std::nullopt,
                "last packet of the flow")
      .severity(long_enough ? Severity::error : Severity::warning)
      .fact("stalled_us", std::optional{facts.silence})
      .fact("undelivered", lost)
      .seen_as("Client: read timed out in the middle of the body.");
  if (lost) {
    finding.fault(Party::network, Confidence::medium, "the client host stopped receiving");
  } else if (lost_here) {
    finding.fact("lost_bytes", static_cast<std::int64_t>(server.lost_bytes))
        .fault(Party::network, Confidence::medium, "they were not recorded");
  } else if (fins_unanswered(flow)) {
    finding.fact("fins_unanswered", true)
        .fault(Party::network, Confidence::medium, "the server host is gone");
  } else if (flow.c().trouble().unanswered_keepalives >= 2) {
    tell_of_unanswered_probes(finding, flow, Side::client);
    finding.fault(Party::network, Confidence::medium, "the server host is gone");
  } else {
    finding.fault(Party::server_app, long_enough ? Confidence::medium : Confidence::low,
                  "the answer went on after the end of the capture");
  }
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
