// SPDX-License-Identifier: Apache-2.0
// Did the request leave whole, and did it arrive? (taxonomy 4.4)
#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/reasons.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

std::string_view words_for_place(std::string_view error) {
  if (error == kBodyWithoutLength) return "a body that nothing announces";
  if (error == kBodyBeyondLength) return "the body goes on behind its length";
  if (error == kBehindLongBody) return "behind the rest of another's body";
  return "first byte that breaks the syntax";
}

FindingBuilder malformed(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  return FindingBuilder{Label::request_malformed, words_for_error("request", request)}
      .evidence(request.first, Side::client, words(request))
      .evidence(request.error_packet, Side::client, std::string{words_for_place(request.error)})
      .fact("parse_error", std::string{request.error})
      .fact("error_at_byte", static_cast<std::int64_t>(request.error_offset - request.begin))
      .seen_as("Servers answer 400 or close at once; a lenient one accepts it.");
}

/// A strict parser would refuse it, yet this server took it; or did not say that it did not, where
/// taking it is the rule.
bool accepted_anyway(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  if (request.fatal || request.error == kBodyWithoutLength) return false;
  if (!facts.response_complete) return harmless_error(request);
  const std::uint16_t status = facts.exchange.response->status;
  return status < 400 || (harmless_error(facts.exchange.request) && status != 400);
}

/// "1.2 kB of 64 kB"
std::string progress(const Message& message) {
  if (!message.content_length) return base::bytes(message.body_bytes) + " of the body";
  return fmt::format("{} of {}", message.body_bytes,
                     base::count(*message.content_length, "body byte"));
}

/// 408 says that the server waited in vain for the rest of the request; so does a gateway's 504
/// behind a client that had stopped sending.
bool waited_in_vain(const ExchangeFacts& facts) {
  if (!facts.answered || facts.request_complete) return false;
  const Message& response = *facts.exchange.response;
  const Duration silent = facts.wait.value_or(Duration{0});
  return response.status == 408 ||
         (response.status == 504 && silent >= facts.limits.no_response_min);
}

/// The server's 408, or a gateway's 504, came while the client sent nothing, and the rest of the
/// request behind it: how long the server had waited.
std::optional<Duration> timed_out_in_a_pause(const ExchangeFacts& facts) {
  if (!facts.answered || !facts.request_complete) return std::nullopt;
  const bool gateway = facts.exchange.response->status == 504;
  if (!gateway && facts.exchange.response->status != 408) return std::nullopt;
  const Message& request = facts.exchange.request;
  const PacketRef answer = facts.exchange.response->first;
  if (!request.pause_end || answer.number < request.pause_begin.number ||
      answer.number > request.pause_end.number)
    return std::nullopt;
  constexpr Duration kShortestTimer = std::chrono::seconds{1};
  const auto waited = between(request.pause_begin, answer, facts.flow.flow);
  const Duration least = gateway ? facts.limits.no_response_min : kShortestTimer;
  return waited && *waited >= least ? waited : std::nullopt;
}

/// Bytes came up to the 408 in the rhythm that they had had all along: what ran out was the time
/// that the server gives a whole request.
bool was_still_sending(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  const Duration silent = facts.wait.value_or(Duration::max());
  const Duration took = facts.send.value_or(Duration{0});
  return silent < std::chrono::seconds{1} && took >= std::chrono::seconds{1} &&
         silent <= 2 * request.pause() && silent * 10 <= took;
}

bool is_about_length(const Message& request) {
  return request.error == kBodyWithoutLength || request.error == kBodyBeyondLength ||
         request.error == kBehindLongBody;
}

/// Of what makes lengths wrong.
void tell_length(FindingBuilder& finding, const Message& request) {
  constexpr std::string_view kCharacters =
      "Client: Content-Length counts bytes, not characters (a text in UTF-8 has more of them than "
      "body.length()): encode the body first, then measure that, or leave it to the HTTP library.";
  if (request.error == kBodyWithoutLength) {
    finding
        .seen_as(
            "Server: an empty body, missing parameters, or 411 Length Required; often a 400 for "
            "what it takes for a second request.")
        .remedy(
            "Client: send Content-Length, or Transfer-Encoding: chunked, with every body: "
            "hand-written socket code forgets it, and so do proxies that take the header out and "
            "leave the body.");
  } else if (request.error == kBodyBeyondLength) {
    finding
        .seen_as(
            "Server: JSON or XML that ends too early (unexpected end of input), a signature that "
            "does not fit, and a 400 for what it takes for a second request.")
        .remedy(std::string{kCharacters});
  } else if (request.error == kBehindLongBody) {
    finding.seen_as("Server: an unknown method, 400 or 405, for a request that is right in itself.")
        .remedy(std::string{kCharacters});
  }
}

/// A second Content-Length, whose value was cut off: it may be the same.
bool second_length_unread(const Message& request) {
  return request.head_cut() && request.error == "HPE_UNEXPECTED_CONTENT_LENGTH";
}

}  // namespace

std::optional<Finding> request_malformed(const ExchangeFacts& facts, const Thresholds&) {
  if (facts.exchange.request.error.empty() || accepted_anyway(facts)) return std::nullopt;
  if (second_length_unread(facts.exchange.request)) return std::nullopt;
  if (facts.flow.doubtful(facts.exchange.request.error_packet)) return std::nullopt;
  FindingBuilder finding = malformed(facts);
  if (is_about_length(facts.exchange.request) && facts.answered) {
    const Message& response = *facts.exchange.response;
    finding.evidence(response.first, Side::server, fmt::format("{}", response.status));
  }
  tell_length(finding, facts.exchange.request);
  if (harmless_error(facts.exchange.request)) {
    finding.fault(Party::client_app, Confidence::medium, "the server had another reason");
  }
  if (facts.exchange.response_missing || facts.flow.server_unheard) {
    finding.severity(Severity::warning)
        .fault(Party::client_app, Confidence::low,
               "the server takes it as it is; its answer is not in the capture");
  }
  return finding.build();
}

std::optional<Finding> request_malformed_note(const ExchangeFacts& facts, const Thresholds&) {
  if (facts.exchange.request.error.empty() || !accepted_anyway(facts)) return std::nullopt;
  if (facts.exchange.request.error == kBehindLongBody) return std::nullopt;
  if (facts.flow.doubtful(facts.exchange.request.error_packet)) return std::nullopt;
  if (second_length_unread(facts.exchange.request)) return std::nullopt;
  // Of a head that was recorded in part nobody knows how odd it is.
  const bool harmless = harmless_error(facts.exchange.request) || facts.exchange.request.head_cut();
  FindingBuilder finding = malformed(facts);
  finding.severity(harmless ? Severity::info : Severity::warning)
      .fault(Party::client_app, harmless ? Confidence::low : Confidence::high)
      .seen_as(facts.response_complete
                   ? "This server accepted it; a stricter one, or a proxy in between, will not."
                   : "Most servers accept it; strict ones answer 400.");
  tell_length(finding, facts.exchange.request);
  return finding.build();
}

std::optional<Finding> early_response(const ExchangeFacts& facts, const Thresholds&) {
  if (!facts.answered || !facts.exchange.response->head_complete) return std::nullopt;
  const Message& response = *facts.exchange.response;
  const Message& request = facts.exchange.request;
  // What Expect: 100-continue is for; a limit (413) is worth its own words all the same.
  const bool asks_for_more = response.status == 401 || response.status == 407;
  const bool says_all = asks_for_more || response.status == 417 || response.status >= 500;
  if (request.body_omitted && says_all) return std::nullopt;
  // A client that had closed was answered for what it left: the request is the story then.
  if (facts.exchange.client_closed_before_response) return std::nullopt;
  // The request is the story.
  if (waited_in_vain(facts) || timed_out_in_a_pause(facts)) return std::nullopt;
  // Its own ACK number covers the request: only the recording is out of order.
  if (facts.request_complete && response.peer_acked >= facts.q1) return std::nullopt;
  const bool before_end = !facts.request_complete || response.first.number < request.last.number;
  if (!before_end) return std::nullopt;
  if (facts.request_complete && response.status < 300) return std::nullopt;  // RFC 9112 §9.5: legal
  // Unfinished although the answer is fine and nobody closed: still being sent.
  const Closing& close = facts.close_after_response;
  // Its FIN stands where the request stopped: nothing of it is missing from the capture.
  const SideRecord& client = facts.flow.flow.c();
  const bool by_fin = client.fin && !client.fin_unseen && client.fin_offset == request.end;
  const bool by_rst = close.closer == Closer::client_rst && client.trouble().rst_has_ack &&
                      client.next == request.end;
  const bool client_had_it = by_client(close.closer) && response.status >= 200 &&
                             response.last.number < close.packet.number &&
                             facts.response_complete && facts.client_received >= response.end &&
                             !request.has_gap && (by_fin || by_rst);
  if (!facts.request_complete && response.status < 300 && !by_server(close.closer) &&
      !client_had_it)
    return std::nullopt;

  const bool closed = by_server(close.closer);
  // Behind its FIN as well, which the rest of the request draws from a socket that is closed.
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef rst = flow.s().trouble().rst;
  const bool wrote_on = flow.c().last_payload.number > close.packet.number &&
                        rst.number > flow.c().last_payload.number;
  const bool reset = close.closer == Closer::server_rst || (closed && wrote_on);
  const bool answer_unread = flow.s().acked < response.end;
  // Who is still writing then may fail at that, and never read.
  const bool at_risk = reset && (answer_unread || !facts.request_complete);
  FindingBuilder finding{
      Label::early_response,
      fmt::format("The server answered {} {} ({} in all){}{}.", response.status,
                  facts.request_complete ? "while the request was still being sent"
                                         : "before the request was complete",
                  progress(request), closed ? ", then " : "",
                  !closed                              ? ""
                  : close.closer == Closer::server_rst ? "reset the connection"
                  : reset                              ? "closed it and reset what came behind"
                                                       : "closed it")};
  finding.severity(response.status >= 400 || reset ? Severity::error : Severity::warning)
      .evidence(request.first, Side::client, words(request))
      .evidence(response.first, Side::server,
                fmt::format("{} before the request was complete", response.status))
      .evidence(request.last, Side::client, "last request byte seen")
      .evidence(close)
      .evidence(reset && close.closer != Closer::server_rst ? rst : PacketRef{}, Side::server,
                "RST for what the client still sent")
      .fact("status", std::int64_t{response.status})
      .fact("request_complete", facts.request_complete)
      .fact("response_lost_risk", at_risk)
      .seen_as(at_risk ? "The client may see a broken pipe or a reset instead of the answer."
                       : "The client sees the status, or a broken pipe while it still sends.");
  if (client_had_it && response.status < 300) {
    finding
        .also(
            "The client had the whole answer when it closed; what it did not send, nobody waited "
            "for.")
        .fault(Party::server_app, Confidence::low, "the client meant to send more")
        .seen_as("The client sees the status. Server: nothing, or a body that ended early.");
  }
  if (request.body_omitted) {
    finding
        .also(
            "The client had asked (Expect: 100-continue) and kept the body back: as it should be.")
        .seen_as("The client sees the status.")
        .fault(Party::client_app, Confidence::medium,
               "the server's limit is lower than it should be")
        .remedy(
            "Client: do what the status asks for; a body that is too large (413) has to be "
            "smaller. Server: raise the limit (nginx client_max_body_size), if the body is as it "
            "should be.");
  }
  return finding.build();
}

namespace {

/// What the last bytes of a request had waited for when the client's end of it followed at once. A
/// FIN queues behind what is not acknowledged, or finds no room (taxonomy 2.2): the client may have
/// given up long before, and never have stopped sending.
struct Hold {
  enum By : std::uint8_t { nothing, loss, window, unseen } by = nothing;
  Duration time{0};
};

Hold what_held_it(const ExchangeFacts& facts) {
  const Thresholds& limits = facts.limits;
  if (!by_client(facts.close.closer)) return {};
  const Exchange& x = facts.exchange;
  const Timestamp left = facts.close.packet.time;
  const auto right_behind = [&](Timestamp end) {
    return left >= end && left - end < limits.half_close_behind;
  };
  const Duration took = left - x.request.first.time;
  if (facts.server_window_closed >= std::max(limits.zero_window_min, took / 2))
    return {Hold::window, facts.server_window_closed};
  const bool by_fin = facts.close.closer == Closer::client_fin;
  const bool at_once =
      right_behind(x.request.last.time) || (x.stall_end && right_behind(x.stall_end.time));
  if (by_fin && at_once && x.longest_stall >= limits.loss_stall)
    return {Hold::loss, x.longest_stall};
  // Lost in front of the capture point, what is sent again is not seen as such.
  const bool paused = x.request.pause_end && x.request.pause() >= limits.request_stall &&
                      right_behind(x.request.pause_end.time);
  if (paused && !facts.flow.vantage.at(VantagePoint::client))
    return {Hold::unseen, x.request.pause()};
  return {};
}

std::string hold_text(const Hold& hold) {
  const std::string time = base::duration(hold.time);
  switch (hold.by) {
    case Hold::nothing:
      break;
    case Hold::loss:
    case Hold::window:
      return fmt::format(
          ", after {} in which {}; a FIN waits for that, so the client may have given up before",
          time, hold.by == Hold::loss ? "nothing was acknowledged" : "the server took nothing");
    case Hold::unseen:
      return fmt::format(
          ", right behind a pause of {} in which nothing came; what was lost on its way to here "
          "would look the same, and the client may have given up before",
          time);
  }
  return {};
}

/// As timers are set: a whole number of seconds, and what it takes to act on it.
bool is_whole_seconds(Duration time) {
  constexpr Duration kSecond = std::chrono::seconds{1}, kEarly = std::chrono::milliseconds{5},
                     kSlack = std::chrono::milliseconds{50};
  return time + kEarly >= kSecond && (time + kEarly) % kSecond <= kSlack;
}

/// A close after seconds of silence is a timeout of the server's; a RST at once is a refusal.
bool is_timeout(Duration silence, bool by_fin, const Thresholds& limits) {
  return silence >= limits.request_stall || is_whole_seconds(silence) ||
         (by_fin && silence >= limits.capture_end_margin);
}

void blame_slow_client(FindingBuilder& finding, bool in_head) {
  finding.fault(Party::client_app, Confidence::medium,
                fmt::format("the server's {} timeout is too short, or the network held the rest "
                            "back",
                            in_head ? "header" : "body"));
  if (!in_head) return;
  finding.remedy(
      "Client: find why it stopped in the middle of the head (a process that was stopped, a "
      "head written in pieces). Server: a limit for heads ran out (nginx client_header_timeout "
      "60 s, HAProxy timeout http-request, Node.js headersTimeout 60 s, Apache "
      "RequestReadTimeout header=20).");
}

/// The server's FIN came while the client sent nothing, and after so long that a timer may have
/// run out: how long that was.
std::optional<Duration> closed_in_a_pause(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef fin = flow.s().fin;
  if (!request.pause_end || fin.number < request.pause_begin.number ||
      fin.number > request.pause_end.number)
    return std::nullopt;
  const auto silence = between(request.pause_begin, fin, flow);
  const bool held = silence && facts.server_window_closed >= *silence / 2;
  if (!silence || held || !is_timeout(*silence, true, facts.limits)) return std::nullopt;
  return silence;
}

/// Whole on the wire, or as far as it was sent, but the server closed having received a part only.
std::optional<Finding> closed_with_a_part(const ExchangeFacts& facts) {
  if (!closed_in_the_middle(facts)) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& server = flow.s();
  const Message& request = facts.exchange.request;
  const PacketRef rst = server.trouble().rst;
  const bool refused = rst.number > server.fin.number;
  const std::string part =
      fmt::format("{} of {} request bytes{}", server.fin_ack - facts.q0, facts.q1 - facts.q0,
                  facts.request_complete ? "" : " that were sent");
  const auto pause = closed_in_a_pause(facts);
  FindingBuilder finding{
      Label::request_incomplete,
      pause ? fmt::format("The client paused for {} behind {}; {} into that the server closed{}.",
                          base::duration(request.pause()), part, base::duration(*pause),
                          refused ? ", and its kernel answered the rest with RST" : "")
            : fmt::format("The server closed after {} had reached it{}.", part,
                          refused ? "; its kernel answered the rest with RST" : "")};
  finding.evidence(request.first, Side::client, words(request))
      .evidence(pause ? request.pause_begin : PacketRef{}, Side::client,
                "last bytes in front of the pause")
      .evidence(server.fin, Side::server, "server FIN, acknowledges part of the request")
      .evidence(pause ? request.pause_end : PacketRef{}, Side::client, "the client goes on")
      .evidence(refused ? rst : PacketRef{}, Side::server, "RST")
      .fact("ended_by", std::string{"server-fin"})
      .fact("stalled_us", pause);
  if (pause) {
    blame_slow_client(finding, !request.head_complete);
    return finding.build();
  }
  finding.fault(Party::server_app, Confidence::medium,
                "the rest of the request was delayed or lost on the way");
  constexpr Duration kAtOnce = std::chrono::milliseconds{500};
  const auto open_for = between(request.first, server.fin, flow);
  // Of a request that is not here whole, nobody knows where it paused.
  if ((request.snaplen_cut || request.has_gap) &&
      (!open_for || is_timeout(*open_for, true, facts.limits)))
    finding.fault(Party::unknown, Confidence::low);
  if (open_for && *open_for < kAtOnce) {
    finding
        .seen_as(
            "Client: connection reset by peer, broken pipe, or an end of file in place of the "
            "answer. Server: nothing, or nginx 444.")
        .remedy(
            "Server: find what closes without reading the whole request: nginx return 444, a rule "
            "or size limit that drops the connection, a handler or worker that ended. It should "
            "answer with a status, and read the rest of the request before it closes (RFC 9112 "
            "section 9.6).");
  }
  return finding.build();
}

/// Whole in the end, but the server had waited for the rest as long as it does.
Finding told_in_a_pause(const ExchangeFacts& facts, Duration waited) {
  const Message& request = facts.exchange.request;
  const Message& response = *facts.exchange.response;
  FindingBuilder finding{
      Label::request_incomplete,
      fmt::format("The client paused for {} in the middle of the request; {} into that the server "
                  "answered {}, and the rest came too late.",
                  base::duration(request.pause()), base::duration(waited), response.status)};
  finding.evidence(request.first, Side::client, words(request))
      .evidence(request.pause_begin, Side::client, "last bytes in front of the pause")
      .evidence(response.first, Side::server, fmt::format("{}", response.status))
      .evidence(request.pause_end, Side::client, "the client goes on")
      .fact("ended_by", fmt::format("server-{}", response.status))
      .fact("stalled_us", std::optional{waited});
  blame_slow_client(finding, !request.head_complete);
  return finding.build();
}

/// What was not seen of the request need not be missing, or may yet come.
bool may_be_whole(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  if (facts.answered && !facts.exchange.client_closed_before_response &&
      is_success(facts.exchange.response->status) &&
      facts.close_after_response.closer == Closer::none) {
    return true;  // answered early and still sending, or a gap at the end of the capture
  }
  if (request.body_omitted) return true;  // refused before it was sent: nothing is missing
  // Only the last piece of a datagram says how long that is.
  if (request.snaplen_cut && facts.flow.flow.c().trouble().lacks_pieces) return true;
  // The last byte rather than a FIN: either is one number further, and neither was recorded.
  const bool one_short =
      request.content_length && *request.content_length == request.body_bytes + 1;
  if (one_short && facts.answered && facts.close.unseen && facts.close.closer == Closer::client_fin)
    return true;
  // The server acknowledged more than was seen: the rest is missing from the capture only.
  const SideRecord& client = facts.flow.flow.c();
  const bool fin_acked = client.fin && client.acked > client.fin_offset;
  if ((fin_acked ? client.fin_offset : client.acked) > facts.q1) return true;
  // What the capture lacks may be the server's answer.
  if (facts.exchange.response_missing || facts.flow.server_unheard) return true;
  return facts.close.closer == Closer::none && (facts.silence < facts.limits.request_stall ||
                                                facts.flow.recording_broke_off(Side::client));
}

bool resent_in_vain(const ExchangeFacts& facts) {
  return facts.head_retransmits >= facts.limits.unacked_min_retransmits;
}

/// Its kernel still sends again what was not acknowledged: the client has not stopped.
bool still_resending(const ExchangeFacts& facts) {
  return facts.close.closer == Closer::none && !facts.request_part_acked &&
         facts.head_retransmits > 0 && !facts.flow.ack_unrecorded(Side::client);
}

/// Bytes in front of others that came are missing.
bool has_hole(const ExchangeFacts& facts) { return facts.flow.flow.c().trouble().lost_bytes > 0; }

/// What the server gave the request before it answered that it took too long. None: it did not.
std::optional<Duration> time_given(const ExchangeFacts& facts) {
  if (!waited_in_vain(facts) || !was_still_sending(facts)) return std::nullopt;
  return facts.exchange.response->first.time - facts.exchange.request.first.time;
}

/// How long the request was watched without its ACK. A client that resets ends that wait as well.
Duration unacked_for(const ExchangeFacts& facts) {
  return facts.close.closer == Closer::client_rst
             ? facts.after_request
             : facts.flow.watched_after(facts.exchange.request.last);
}

/// It does not fit a window, and nothing of what was sent is acknowledged any more: what is missing
/// of it on the wire could not be sent.
bool stuck(const ExchangeFacts& facts) {
  if (facts.request_complete) return false;
  if (!facts.request_part_acked) return resent_in_vain(facts) || still_resending(facts);
  return resent_in_vain(facts) && facts.close.closer == Closer::none;
}

/// Sent in vain often, or long, enough; and no other label says why.
bool lost_for_good(const ExchangeFacts& facts) {
  if (!facts.request_complete && !stuck(facts)) return false;
  if (facts.answered || facts.request_acked) return false;
  if (facts.exchange.response_missing || facts.flow.server_unheard) return false;
  const PacketRef rst = facts.flow.flow.s().trouble().rst;
  if (facts.crossed_rst || rst.number > facts.exchange.request.first.number) return false;
  if (facts.flow.closed_window(Side::server)) return false;  // held back, not lost
  const bool long_enough = unacked_for(facts) >= facts.limits.unacked_min;
  // Three retransmissions may be over in a second: at the end of a capture they prove nothing yet.
  const bool may_yet_come = facts.flow.capture_over && facts.close.closer == Closer::none;
  const bool enough = long_enough || (resent_in_vain(facts) && !may_yet_come);
  return enough && !facts.flow.ack_unrecorded(Side::client);
}

// Why the rest of the request did not come.

/// A number of the client's says that more had been sent, and the server never acknowledged it.
bool rest_never_came_here(FindingBuilder& finding, const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  const SideTrouble& tape = client.trouble();
  const bool unknown = tape.told > client.next + 1 && client.acked <= client.next;
  if (!unknown || tape.told_of.number <= facts.exchange.request.last.number) return false;
  const bool lost_here = facts.flow.vantage.at(VantagePoint::client);
  finding
      .also(fmt::format(
          "A number in a later packet of the client says that {} more had been sent: "
          "{}.",
          base::bytes(tape.told - client.next),
          lost_here ? "they are not in the capture" : "they were lost on their way to here"))
      .evidence(tape.told_of, Side::client, "its number tells of bytes that were not seen")
      .fact("lost_bytes", static_cast<std::int64_t>(tape.told - client.next))
      .fault(lost_here ? Party::unknown : Party::network,
             lost_here ? Confidence::low : Confidence::medium, "they were not recorded");
  return true;
}

bool request_ran_out_of_time(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!time_given(facts)) return false;
  finding.fault(Party::unknown, Confidence::low)
      .remedy(
          "Server: allow a whole request as long as the largest upload takes (Node.js: "
          "requestTimeout; Apache: RequestReadTimeout; HAProxy: timeout http-request counts the "
          "head only). Client: send faster, or in smaller parts.");
  return true;
}

bool server_waited_in_vain(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!waited_in_vain(facts)) return false;
  finding.fault(Party::client_app, Confidence::medium,
                "the network held the rest of the request back");
  return true;
}

bool client_vanished(FindingBuilder& finding, const ExchangeFacts& facts) {
  return facts.close.closer == Closer::none &&
         probes_unanswered(finding, facts.flow.flow, Side::server);
}

bool server_stopped_reading(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.flow.closed_window(Side::server)) return false;
  finding.fault(Party::server_app, Confidence::medium);
  return true;
}

bool rest_was_resent_in_vain(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!resent_in_vain(facts) && !facts.head_ack_unrecorded) return false;
  finding.fault(Party::network, Confidence::medium, "the server host stopped receiving");
  return true;
}

bool client_left_while_held(FindingBuilder& finding, const ExchangeFacts& facts) {
  switch (what_held_it(facts).by) {
    case Hold::nothing:
      return false;
    case Hold::loss:
      finding.fault(Party::network, Confidence::medium,
                    "the client closed for a reason of its own");
      return true;
    case Hold::window:
      finding.fault(Party::server_app, Confidence::medium,
                    "the client's own limit is too short for it");
      return true;
    case Hold::unseen:
      finding.fault(Party::unknown, Confidence::low,
                    "the client paused by itself, and then closed for a reason of its own");
      return true;
  }
  return false;
}

/// The last segment is as long as one can be: its sender may have had more to send. Far from the
/// client, what the way swallows and a client that stopped there look the same.
bool broke_off_between_segments(FindingBuilder& finding, const ExchangeFacts& facts) {
  const SideRecord& client = facts.flow.flow.c();
  constexpr std::uint32_t kMostOptions = 40;  // RFC 9293 §3.7.1: the MSS does not count them
  const std::uint32_t mss = std::min(client.mss, facts.flow.flow.s().mss);
  if (mss <= kMostOptions || client.longest > mss || client.longest + kMostOptions < mss)
    return false;
  if (facts.q1 <= client.longest_begin || (facts.q1 - client.longest_begin) % client.longest != 0)
    return false;
  if (by_client(facts.close.closer) || facts.after_request < facts.limits.request_stall)
    return false;
  if (!facts.flow.vantage.at(VantagePoint::server)) return false;
  finding
      .also(
          "The last segment is a full one: what followed it may have been lost on its way to here, "
          "or the client stopped just there.")
      .fault(Party::unknown, Confidence::low, "");
  return true;
}

/// What is missing was sent: what is behind it came past here. That the server asks for it says
/// that it was lost.
bool lost_in_the_middle(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!has_hole(facts)) return false;
  if (facts.flow.flow.c().trouble().beyond_head) {
    finding.fault(Party::network, Confidence::medium, "the client stopped sending what was lost");
  } else {
    finding.fault(Party::unknown, Confidence::low, "it was lost on the way, or was not recorded");
  }
  return true;
}

bool server_refused_the_rest(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!by_server(facts.close.closer)) return false;
  const bool by_fin = facts.close.closer == Closer::server_fin;
  if (is_timeout(facts.after_request, by_fin, facts.limits)) {
    blame_slow_client(finding, !facts.exchange.request.head_complete);
  } else {
    finding.fault(Party::server_app, Confidence::medium,
                  "a size limit or a firewall in front of it");
  }
  return true;
}

constexpr std::array kWhyRequestStopped = {
    &rest_never_came_here,     // the client says so
    &request_ran_out_of_time,  // the server says so
    &server_waited_in_vain,    // likewise
    &client_vanished,         &server_stopped_reading,      &rest_was_resent_in_vain,
    &client_left_while_held,  &lost_in_the_middle,          &broke_off_between_segments,
    &idle_timer_ran_out,      &idle_timer_may_have_run_out, &server_refused_the_rest,
};

std::string ended_by(const ExchangeFacts& facts) {
  if (waited_in_vain(facts)) return fmt::format("server-{}", facts.exchange.response->status);
  switch (facts.close.closer) {
    case Closer::none:
      return "stall";
    case Closer::client_fin:
      return "client-fin";
    case Closer::client_rst:
      return "client-rst";
    case Closer::server_fin:
      return "server-fin";
    case Closer::server_rst:
      return "server-rst";
  }
  return {};
}

/// Where the request stopped, and what followed.
std::string stop_text(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  const std::string seen = request.head_complete ? progress(request) : "a part of its head";
  if (const auto given = time_given(facts)) {
    return fmt::format(
        "The server answered {} {} after the first byte of the request, while "
        "the client was still sending ({}): the request took longer than the server allows.",
        facts.exchange.response->status, base::duration(*given), seen);
  }
  const bool stalled = facts.close.closer == Closer::none;
  if (!stalled && facts.close.packet.number < request.last.number) {
    return fmt::format(
        "In the middle of the request {}; {} were seen, the last of them sent before the client "
        "knew.",
        words(facts.close.closer), seen);
  }
  const std::string end =
      stalled ? fmt::format("nothing more came for {}", base::duration(facts.silence))
              : fmt::format("{} {} later", words(facts.close.closer), time_words(facts.waited()));
  const std::string why =
      has_hole(facts) ? fmt::format(", though bytes behind the {} that are missing were sent",
                                    facts.flow.flow.c().trouble().lost_bytes)
      : resent_in_vain(facts) || facts.head_ack_unrecorded
          ? ", the last bytes were retransmitted in vain"
          : hold_text(what_held_it(facts));
  return fmt::format("The request stopped after {}; {}{}.", seen, end, why);
}

}  // namespace

std::optional<Finding> request_incomplete(const ExchangeFacts& facts, const Thresholds&) {
  if (const auto waited = timed_out_in_a_pause(facts)) return told_in_a_pause(facts, *waited);
  if (facts.request_complete) return closed_with_a_part(facts);
  if (!has_hole(facts) && !lost_for_good(facts)) {
    if (auto finding = closed_with_a_part(facts)) return finding;
  }
  if (may_be_whole(facts) || lost_for_good(facts) || still_resending(facts)) return std::nullopt;
  const Message& request = facts.exchange.request;
  FindingBuilder finding{Label::request_incomplete, stop_text(facts)};
  const Hold hold = what_held_it(facts);
  if (hold.by == Hold::loss) finding.fact("request_delay_us", std::optional{hold.time});
  if (hold.by == Hold::window) finding.fact("zero_window_us", std::optional{hold.time});
  finding.fault(Party::client_app, Confidence::medium, "a device in between held the rest back");
  tell_first(kWhyRequestStopped, finding, facts);
  if (has_hole(facts)) {
    const SideTrouble& tape = facts.flow.flow.c().trouble();
    finding.evidence(tape.beyond_head, Side::server, "selective ACK: bytes in front are missing")
        .fact("lost_bytes", static_cast<std::int64_t>(tape.lost_bytes));
  }
  finding.evidence(request.first, Side::client, words(request))
      .evidence(request.last, Side::client, "last request byte seen")
      .evidence(facts.close)
      .fact("ended_by", ended_by(facts))
      .fact("body_bytes", static_cast<std::int64_t>(request.body_bytes))
      .fact("stalled_us", std::optional{facts.silence})
      .fact("request_limit_us", time_given(facts));
  if (facts.answered && facts.exchange.response->status != 0) {
    finding.evidence(facts.exchange.response->first, Side::server,
                     fmt::format("{}", facts.exchange.response->status));
  }
  return finding.build();
}

std::optional<Finding> request_not_acked(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!lost_for_good(facts)) return std::nullopt;
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const Duration waited = unacked_for(facts);
  const bool resent = facts.head_retransmits > 0;
  const std::uint64_t acked = flow.c().acked > facts.q0 ? flow.c().acked - facts.q0 : 0;
  const PacketRef heard = flow.s().last;
  const Timestamp since = std::max(x.request.first.time, flow.c().head_sent.time);
  FindingBuilder finding{
      Label::request_not_acked,
      resent ? fmt::format("{} of {} request bytes{} were acknowledged; the rest was retransmitted "
                           "{} over {} and never was.",
                           acked, facts.q1 - facts.q0, facts.request_complete ? "" : " sent so far",
                           times(facts.head_retransmits),
                           base::duration(flow.c().trouble().head_retransmit.time - since))
             : fmt::format("{} of {} request bytes were acknowledged in {}; no retransmission is "
                           "in the capture.",
                           acked, facts.q1 - facts.q0, base::duration(waited))};
  // Its kernel answers: it has not seen, or thrown away, what followed the SYN.
  const bool handshake_open_there = !asked_again_for_ack(facts.flow).empty();
  finding
      .fault(Party::network,
             !resent || handshake_open_there ? Confidence::low
             : acked == 0                    ? Confidence::high
                                             : Confidence::medium,
             handshake_open_there
                 ? "the server's accept queue is full, for which its kernel throws away the last "
                   "step of the handshake and all that follows (accept-queue-overflow)"
             : resent && flow.c().trouble().head_least_bytes >= limits.pmtu_min_bytes
                 ? "the server host went down, or drops packets in its own firewall; or only long "
                   "packets such as this one get lost"
                 : "the server host went down, or drops packets in its own firewall")
      .evidence(heard.number < x.request.first.number ? heard : PacketRef{}, Side::server,
                "last packet from the server")
      .evidence(x.request.first, Side::client, words_for_request_evidence(x));
  retransmissions(finding, facts)
      .evidence(facts.close)
      .evidence(flow.trouble().icmp, std::nullopt, icmp_evidence(flow.trouble()))
      .fact("acked_bytes", static_cast<std::int64_t>(acked))
      .fact("request_bytes", static_cast<std::int64_t>(facts.q1 - facts.q0))
      .fact("retransmissions", std::int64_t{facts.head_retransmits})
      .fact("unacked_us", std::optional{waited})
      .seen_as("Client: a read timeout, or ETIMEDOUT after minutes. Server: nothing in any log.");
  // What lies next to the server knows it, or knows that nobody answers there.
  const FlowTrouble& trouble = flow.trouble();
  if (trouble.icmp.number > x.request.first.number && has_no_way_on(trouble)) {
    finding
        .also(fmt::format("{} reported \"{}\" by ICMP.", to_string(trouble.icmp_reporter),
                          icmp_meaning(trouble)))
        .fact("icmp_type", std::int64_t{trouble.icmp_type})
        .fact("icmp_code", std::int64_t{trouble.icmp_code})
        .fact("reported_by", to_string(trouble.icmp_reporter))
        .fault(Party::network, Confidence::high, "the server host went down: nobody answers there");
  }
  return finding.build();
}

}  // namespace httpdiag::rules
