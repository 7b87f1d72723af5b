// SPDX-License-Identifier: Apache-2.0
// The response came, but late: nobody was there to read it any more, or somebody had to wait for it
// (taxonomy 4.5, 4.6).
#include <fmt/format.h>

#include <array>
#include <string>

#include "base/text.hpp"
#include "rules/ack.hpp"
#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/long_polls.hpp"
#include "rules/reasons.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

namespace {

/// How the client left before the response was there, as far as it can be seen.
struct Leaving {
  Duration waited{0}, took{0};  // until the client left, until the response came
  std::optional<ClientLimit> matched{};
  bool lost = false;        // the response was sent while the client was still there
  bool drawn_only = false;  // only the RST that the response drew: it does not say when
  bool at_once = false;     // behind its own request, at a place where that says nothing
  bool older = false;       // untimed, since the request is older than the capture
  bool held_up = false;     // likewise, by a FIN that had waited for what was lost of the request
  bool probed = false;      // keep-alive probes went unanswered before
  bool drew_it = false;     // its FIN may have drawn the response
  bool cancelled = false;   // sooner than anybody gives up on a server: it meant to
  bool by_device = false;   // a RST that was not the client's had ended the server's side of it
  bool untimed = false;     // the clock was set meanwhile: nothing is known of both times
};

/// While it waited the client asked by keep-alive probe more than once, and nobody answered.
bool probes_in_vain(const ExchangeFacts& facts) {
  const SideTrouble& client = facts.flow.flow.c().trouble();
  return client.last_keepalive.number > client.first_keepalive.number &&
         client.first_keepalive.number > facts.exchange.request.last.number && facts.answered &&
         client.last_keepalive.number < facts.exchange.response->first.number;
}

/// None: it did not leave without the response, or what was lost on the way is the story.
std::optional<Leaving> leaving_of(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.answered || facts.flow.client_unheard || facts.reset_first) return std::nullopt;
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const SideTrouble& client = flow.c().trouble();
  // Its own ACK numbers say that the client knew of no response byte when it left, and never
  // learnt of one. A FIN alone may be a half-close; a RST says that nobody reads.
  if (!client.rst || facts.client_left.closer == Closer::none) return std::nullopt;
  if (facts.client_received > x.response->begin) return std::nullopt;
  const PacketRef left = facts.client_left.packet;
  const std::uint32_t resent = flow.s().trouble().most_head_retransmits;
  Leaving leaving;
  leaving.lost = x.response->first.number < left.number && resent > 0;
  if (leaving.lost && resent >= limits.unacked_min_retransmits) return std::nullopt;
  // Of the first request behind the beginning, bytes that are not there left before it.
  leaving.older = flow.has(Oddity::midstream) && x.requests_before == 0 && x.request.has_gap &&
                  !x.request.snaplen_cut;
  leaving.untimed = leaving.older || time_unknown(flow, x.request.last, left) ||
                    time_unknown(flow, x.request.last, x.response->first);
  if (!leaving.untimed) {
    leaving.waited = std::max(left.time - x.request.last.time, Duration{0});
    leaving.took = std::max(x.response->first.time - x.request.last.time, Duration{0});
  }
  leaving.drawn_only = facts.client_left.closer == Closer::client_rst &&
                       left.number > x.response->first.number && !client.rst_has_ack;
  if (leaving.drawn_only && acknowledged_unseen(facts, left)) return std::nullopt;
  leaving.at_once = !leaving.drawn_only && !leaving.untimed &&
                    leaving.waited < limits.half_close_behind &&
                    !facts.flow.vantage.at(VantagePoint::client);
  // A FIN queues behind what is not acknowledged (taxonomy 2.2).
  leaving.held_up = !leaving.drawn_only && !leaving.untimed &&
                    leaving.waited < limits.half_close_behind &&
                    x.longest_stall >= limits.loss_stall;
  leaving.by_device =
      client.rst == client.first_rst && reset_from_elsewhere(flow, Side::client, limits);
  leaving.probed = probes_in_vain(facts) && facts.client_left.closer == Closer::client_rst &&
                   left.number > client.last_keepalive.number &&
                   left.number < x.response->first.number;
  leaving.drew_it =
      !leaving.untimed && facts.client_left.closer == Closer::client_fin && drawn_by_leaving(facts);
  if (!leaving.untimed) leaving.matched = client_limit(facts, leaving.waited, left);
  // What takes longer than anybody takes for soon is worth giving up on.
  leaving.cancelled = !leaving.untimed && !leaving.drawn_only && !leaving.at_once &&
                      !leaving.held_up && !leaving.matched &&
                      leaving.waited < limits.client_timeout_min_wait &&
                      leaving.took < limits.client_timeout_min_wait;
  return leaving;
}

std::string words(const Leaving& leaving, std::string_view status) {
  const std::string waited = base::duration(leaving.waited), took = base::duration(leaving.took);
  const std::string_view gave_up = leaving.cancelled ? "left" : "gave up";
  if (leaving.untimed) {
    return fmt::format(
        "{} before the server's {} reached it, and nobody read it; after how long is not known: "
        "{}.",
        leaving.by_device ? "A RST in the client's name ended the connection"
                          : "The client was gone",
        status,
        leaving.older ? "a part of the request left before the capture began"
                      : "the capture's clock was set meanwhile, or it has no times");
  }
  if (leaving.by_device) {
    return fmt::format(
        "The server's {} came after {}; a RST in the client's name ended the connection, and the "
        "client never had it.",
        status, took);
  }
  if (leaving.probed) {
    return fmt::format(
        "The client's keep-alive probes found no answer, and it reset the connection after {}; the "
        "server's {} came after {}, and nobody read it.",
        waited, status, took);
  }
  if (leaving.held_up) {
    return fmt::format(
        "The client had closed by the time that its request was through; the "
        "server's {} came {} later, and nobody read it.",
        status, took);
  }
  if (leaving.at_once) {
    return fmt::format(
        "The client had left when its request came here, or right behind it; the "
        "server's {} came {} later, and nobody read it.",
        status, took);
  }
  if (leaving.drawn_only) {
    return fmt::format(
        "The server's {} came after {}; the client's socket was gone and its kernel "
        "answered with RST.",
        status, took);
  }
  if (leaving.drew_it) {
    return fmt::format(
        "The client gave up after {}{}. The server's {} came {} behind its FIN and acknowledges "
        "it: the server, or a proxy in front of it, may have ended the cancelled request with it, "
        "and the result that the client had waited for is not known.",
        waited, limit_text(leaving.matched), status, base::duration(leaving.took - leaving.waited));
  }
  if (leaving.took >= leaving.waited) {
    return fmt::format(
        "The client {} after {}{}; the server's {} came {} too late, after {}, "
        "and nobody read it.",
        gave_up, waited, limit_text(leaving.matched), status,
        base::duration(leaving.took - leaving.waited), took);
  }
  constexpr Duration kOnItsWay = std::chrono::seconds{1};
  if (leaving.waited - leaving.took > kOnItsWay) {
    return fmt::format(
        "The server's {} was sent after {}; the client gave up after {}{} without having had a "
        "byte of it.",
        status, took, waited, limit_text(leaving.matched));
  }
  return fmt::format(
      "The client {} after {}{}, when the server's {} was on its way; nobody "
      "read it.",
      gave_up, waited, limit_text(leaving.matched), status);
}

// Why nobody read it.

bool only_repetition_came(FindingBuilder& finding, const ExchangeFacts& facts, const Leaving&) {
  return answer_repeated(finding, facts);
}

bool answer_lost_on_its_way(FindingBuilder& finding, const ExchangeFacts&, const Leaving& leaving) {
  if (!leaving.lost) return false;
  finding.fault(Party::network, Confidence::medium, "the client host stopped receiving");
  return true;
}

bool client_had_probed(FindingBuilder& finding, const ExchangeFacts& facts,
                       const Leaving& leaving) {
  if (!leaving.probed) return false;
  const SideTrouble& client = facts.flow.flow.c().trouble();
  finding.evidence(client.first_keepalive, Side::client, "keep-alive probe, unanswered")
      .evidence(client.last_keepalive, Side::client, "keep-alive probe, unanswered")
      .fact("probes_unanswered", true)
      .remedy(std::string{info(Label::keepalive_probe_failed).remedy})
      .fault(Party::network, Confidence::medium, "the server's host was down meanwhile");
  return true;
}

bool request_arrived_late(FindingBuilder& finding, const ExchangeFacts& facts,
                          const Leaving& leaving) {
  const Duration delay = delivery_delay(facts);
  if (delay <= leaving.took / 2 || delay < facts.limits.loss_stall) return false;
  blame_loss_of_request(
      finding, facts, delay,
      fmt::format("The request was sent again until it arrived: it was acknowledged only "
                  "after {}, and answered {} later. A FIN waits behind what is not "
                  "acknowledged, so the client may have given up before.",
                  base::duration(delay), base::duration(leaving.took - delay)));
  return true;
}

bool fin_was_held_up(FindingBuilder& finding, const ExchangeFacts& facts, const Leaving& leaving) {
  if (!leaving.held_up) return false;
  const Duration stall = facts.exchange.longest_stall;
  blame_loss_of_request(
      finding, facts, stall,
      fmt::format("The request was sent again until it was through: {} passed without progress. A "
                  "FIN waits behind what is not acknowledged, so the client may have given up any "
                  "time before.",
                  base::duration(stall)));
  return true;
}

/// A client that gives up sends a FIN, and its kernel repeats it.
bool leaving_unseen(FindingBuilder& finding, const ExchangeFacts& facts, const Leaving& leaving) {
  if (!leaving.drawn_only || facts.flow.flow.c().fin) return false;
  finding
      .also(
          "No FIN of the client came before that: when and how its socket went cannot be seen "
          "here.")
      .fault(Party::unknown, Confidence::low,
             "the client gave up, and its FIN was lost or dropped on the way");
  return true;
}

bool left_with_its_request(FindingBuilder& finding, const ExchangeFacts&, const Leaving& leaving) {
  if (!leaving.at_once) return false;
  finding
      .also(
          "The request was held up on the way, or the client never meant to wait; when it gave "
          "up cannot be seen here.")
      .fault(Party::unknown, Confidence::low);
  return true;
}

bool server_too_slow_for_client(FindingBuilder& finding, const ExchangeFacts&,
                                const Leaving& leaving) {
  const Duration waited = leaving.drawn_only ? leaving.took : leaving.waited;
  blame_impatience(finding, leaving.untimed ? std::nullopt : std::optional{waited}, leaving.matched,
                   true);
  return true;
}

/// The client's FIN was sent again and again, and acknowledged only when the answer came.
bool host_out_of_reach(FindingBuilder& finding, const ExchangeFacts& facts, const Leaving&) {
  constexpr std::uint16_t kInVain = 4;
  const FlowRecord& flow = facts.flow.flow;
  const PacketRef left = facts.client_left.packet;
  const PacketRef answer = facts.exchange.response->first;
  const bool unheard = facts.client_left.closer == Closer::client_fin && flow.c().fins >= kInVain &&
                       answer.number > left.number &&
                       facts.exchange.response->peer_acked <= flow.c().fin_offset;
  if (!unheard) return false;
  // Its packets came meanwhile: it was there, and what the client sent was lost on the way to it.
  const auto meanwhile = [&](PacketRef packet) {
    return packet.number > left.number && packet.number < answer.number;
  };
  if (meanwhile(facts.exchange.interim) || meanwhile(flow.s().trouble().last_keepalive))
    return false;
  finding
      .also(fmt::format(
          "Its FIN was sent {} and not acknowledged until the answer came, {} after the first: the "
          "server's host was out of reach or stood still, and when it answered cannot be seen "
          "here.",
          times(flow.c().fins), base::duration(answer.time - left.time)))
      .remedy(
          "Find what kept the server's host from answering at that time: its link, a router or "
          "firewall on the way, the hypervisor (a host that stood still). Before sending again, "
          "look up the result: the request had arrived.")
      .fault(Party::network, Confidence::medium, "the server's host was down or frozen meanwhile");
  const FlowTrouble& trouble = flow.trouble();
  if (has_no_way_on(trouble) && trouble.icmp.number > left.number &&
      trouble.icmp.number < answer.number) {
    finding.evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble))
        .fact("icmp_type", std::int64_t{trouble.icmp_type})
        .fact("icmp_code", std::int64_t{trouble.icmp_code})
        .fact("reported_by", to_string(trouble.icmp_reporter));
  }
  return true;
}

constexpr std::array kWhyTooLate = {
    &only_repetition_came, &answer_lost_on_its_way, &client_had_probed,
    &host_out_of_reach,    &request_arrived_late,   &fin_was_held_up,
    &leaving_unseen,       &left_with_its_request,  &server_too_slow_for_client,
};

}  // namespace

std::optional<Finding> late_response(const ExchangeFacts& facts, const Thresholds& limits) {
  const auto leaving = leaving_of(facts, limits);
  if (!leaving) return std::nullopt;
  const Exchange& x = facts.exchange;
  const PacketRef rst = facts.flow.flow.c().trouble().rst;
  const std::string status =
      x.response->status != 0 ? std::to_string(x.response->status) : std::string{"answer"};
  // Where only the RST that it drew was seen, when the client left is unknown.
  const auto if_known = [&](std::optional<Duration> duration) {
    return leaving->drawn_only || leaving->untimed ? std::nullopt : duration;
  };
  FindingBuilder finding{Label::late_response, words(*leaving, status)};
  request_and_ack(finding, facts)
      .evidence(facts.client_left)
      .evidence(x.response->first, Side::server, fmt::format("{} {}", status, x.response->start()))
      .evidence(rst == facts.client_left.packet ? PacketRef{} : rst, Side::client,
                "client RST: the socket is gone")
      .fact("client_waited_us", if_known(leaving->waited))
      .fact("server_took_us", leaving->untimed ? std::nullopt : std::optional{leaving->took})
      .fact("late_by_us", if_known(std::max(leaving->took - leaving->waited, Duration{0})))
      .fact("status", std::int64_t{x.response->status})
      .fact("drawn_by_leaving", leaving->drew_it)
      .fact("refused", refuses_in_body(x, limits))
      .fact("matched_timeout_us",
            if_known(leaving->matched ? std::optional{leaving->matched->time} : std::nullopt))
      .seen_as(
          fmt::format("Client: read timed out, curl 28, status 0 / canceled. Server: logs {} and "
                      "may see a broken pipe; nginx 499, HAProxy CH or CD.",
                      status));
  kept_body_back(finding, facts);
  tell_first(kWhyTooLate, finding, facts, *leaving);
  if (leaving->cancelled) finding.severity(Severity::warning);
  request_cut_in_recording(finding, facts);
  return finding.build();
}

namespace {

Duration total_time(const ExchangeFacts& facts) {
  return facts.exchange.response->last.time - facts.exchange.request.first.time;
}

/// A beginning of the wait, or its end, may lie in what the capture lacks.
bool wait_in_doubt(const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  if (x.uncertain || x.response->resynchronised) return true;
  // Without its last bytes the request ended at the latest when it was acknowledged.
  return x.request.has_gap &&
         (!x.acked_by || x.acked_by.number >= x.response->first.number ||
          x.response->first.time - x.acked_by.time < facts.limits.slow_response);
}

// Where the time went before the answer began.

bool request_arrived_after_losses(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Duration delay = delivery_delay(facts);
  if (delay < facts.limits.loss_stall || *facts.wait - delay >= facts.limits.slow_response)
    return false;
  blame_loss_of_request(finding, facts, delay,
                        fmt::format("The request was sent again until it arrived, after {}; the "
                                    "answer came {} later.",
                                    base::duration(delay), base::duration(*facts.wait - delay)));
  return true;
}

// Where it went, if the server answered soon.

bool spent_on_losses(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (facts.exchange.longest_stall * 2 < total_time(facts)) return false;
  finding.fault(Party::network, Confidence::medium);
  return true;
}

bool spent_on_sending(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (facts.send.value_or(Duration{0}) * 2 < total_time(facts)) return false;
  finding.fault(Party::client_app, Confidence::low, "a narrow link, or a server that reads slowly");
  return true;
}

/// Its reader took nothing for most of the time.
bool spent_on_reading(FindingBuilder& finding, const ExchangeFacts& facts) {
  if (!facts.receive || facts.client_window_closed * 2 < *facts.receive) return false;
  const SideTrouble& client = facts.flow.flow.c().trouble();
  finding
      .also(fmt::format("For {} of that the client's receive window was 0: its application did not "
                        "read, and the server had to wait for it.",
                        base::duration(std::min(facts.client_window_closed, *facts.receive))))
      .evidence(client.zero_window_begin, Side::client, "window 0, for the longest time")
      .evidence(client.zero_window_end, Side::client, "window open again")
      .fact("client_window_closed_us", std::optional{facts.client_window_closed})
      .fault(Party::client_app, Confidence::medium, "it hands the answer on to somebody slow")
      .remedy(
          "Client: find what kept the application from reading its socket: a full queue behind it, "
          "a slow disk, a rate limit of its own (curl --limit-rate), a long garbage collection.");
  return true;
}

bool spent_on_receiving(FindingBuilder& finding, const ExchangeFacts&) {
  finding.fault(Party::server_app, Confidence::low,
                "a large answer on a narrow link, a stream, or a client that reads slowly");
  return true;
}

/// An answer to a long poll that came when it was asked for, or with what was waited for.
bool held_as_asked(FindingBuilder& finding, const ExchangeFacts& facts) {
  // Servers add to it what keeps their clients from coming all at once: a sixteenth (Consul).
  constexpr Duration kSlack = std::chrono::seconds{2};
  constexpr Duration kUnsaid = std::chrono::minutes{5};
  const Message& request = facts.exchange.request;
  const auto asked = asks_to_be_held(request);
  const bool polls = says_it_polls(request);
  if (!asked && !polls) return false;
  const Duration longest = std::max(asked.value_or(Duration{0}), polls ? kUnsaid : Duration{0});
  if (longest < facts.limits.slow_response || *facts.wait > longest + longest / 16 + kSlack)
    return false;
  finding
      .also(asked ? "It asks to be held, for that long at least: a long poll, as it should be."
                  : "It says itself that it is a long poll, which is answered when there is news.")
      .severity(Severity::info)
      .fault(Party::none, Confidence::medium, "that is not what the parameter means")
      .seen_as("Client: an answer when there is news, or an empty one.")
      .remedy("Nothing: the request had asked for it.");
  return true;
}

/// Nothing to tell, and that after whole seconds: the server had waited for news until its own
/// limit (RFC 6202 §2.1).
bool held_until_a_limit(FindingBuilder& finding, const ExchangeFacts& facts) {
  constexpr Duration kSecond = std::chrono::seconds{1}, kSlack = std::chrono::milliseconds{50};
  constexpr std::uint64_t kEmpty = 2;  // "[]", "{}"
  const Message& response = *facts.exchange.response;
  const Message& request = facts.exchange.request;
  const std::string_view target = request.start();
  const bool named = request.head_cut() || is_named_for_news(target.substr(0, target.find('?')));
  // What was cut off when it was recorded may be anything.
  const bool got = request.method() == "GET" ||
                   (request.head_cut() && std::string_view{"GET"}.starts_with(request.method()));
  const bool empty = response.snaplen_cut ||
                     (response.state == MessageState::complete && response.body_bytes <= kEmpty);
  const bool no_news = response.status == 304 || response.status == 204 ||
                       ((response.status == 200 || response.status == 0) && empty && named);
  // One that names a limit of whatever kind was to be answered sooner.
  const bool limited = base::lower(request.start()).find("timeout") != std::string::npos;
  if (!got || limited || asks_to_be_held(request) || !no_news) return false;
  if (*facts.wait % kSecond > kSlack) return false;
  finding
      .also(
          "A GET without news in its answer, after a whole number of seconds: a long poll, by the "
          "look of it, which the server holds for that long on purpose.")
      .severity(Severity::info)
      .fault(Party::none, Confidence::low, "this resource is meant to answer at once")
      .seen_as("Client: an empty answer. Server: a long request time in its log.")
      .remedy(
          "Nothing, if this is a long poll; else look for a timer of that length in the server.");
  return true;
}

constexpr std::array kWhySlowStart = {&answer_repeated, &request_arrived_after_losses,
                                      &held_as_asked, &held_until_a_limit};

constexpr std::array kWhySlowTransfer = {
    &spent_on_losses,
    &spent_on_sending,
    &spent_on_reading,
    &spent_on_receiving,
};

}  // namespace

std::optional<Finding> slow_response(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.answered || !facts.wait || wait_in_doubt(facts)) return std::nullopt;
  const Exchange& x = facts.exchange;
  if (x.request.state == MessageState::incomplete || x.response->state == MessageState::incomplete)
    return std::nullopt;
  if (time_unknown(facts.flow.flow, x.request.first, x.response->last)) return std::nullopt;
  const Duration total = total_time(facts);
  const bool slow_start = *facts.wait >= limits.slow_response;
  const bool stream = x.response->event_stream || x.response->head_cut();  // or may be one
  if (!slow_start && (total < limits.slow_total || stream)) return std::nullopt;
  const std::optional<Duration> ack_delay =
      x.acked_by ? std::optional{std::max(x.acked_by.time - x.request.last.time, Duration{0})}
                 : std::nullopt;
  const bool retransmitted = x.retransmits_after != x.retransmits_before;
  const bool sure = ack_delay && !retransmitted && !facts.flow.vantage.at(VantagePoint::client);
  FindingBuilder finding{
      Label::slow_response,
      slow_start
          ? fmt::format("The first byte of the response came {} after the end of the request ({}).",
                        base::duration(*facts.wait), acked_text(facts))
          : fmt::format("From first request byte to last response byte it took {}: {} to send the "
                        "request, {} to the first byte of the answer, {} for the rest of it.",
                        base::duration(total), base::duration(facts.send.value_or(Duration{0})),
                        base::duration(*facts.wait),
                        base::duration(facts.receive.value_or(Duration{0})))};
  request_and_ack(finding, facts)
      .evidence(x.response->first, Side::server,
                fmt::format("{} {}", x.response->status, x.response->start()))
      .evidence(x.response->last, Side::server, "end of the response")
      .fact("wait_us", facts.wait)
      .fact("total_us", std::optional{total})
      .fact("ack_delay_us", ack_delay)
      .fault(Party::server_app, sure ? Confidence::high : Confidence::medium,
             retransmitted ? "retransmissions took a part of the time" : "")
      .seen_as("Client: success, late. Server: a long request time in its log.");
  if (slow_start) {
    tell_first(kWhySlowStart, finding, facts);
    if (probes_in_vain(facts))
      finding.fault(Party::network, Confidence::low, "the server's host was down, or slow");
  } else {
    tell_first(kWhySlowTransfer, finding, facts);
  }
  request_cut_in_recording(finding, facts);
  return finding.build();
}

}  // namespace httpdiag::rules
