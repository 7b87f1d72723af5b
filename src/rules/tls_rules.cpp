// SPDX-License-Identifier: Apache-2.0
// TLS as far as it is in plaintext (taxonomy 4.3).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/reasons.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"
#include "rules/tls_words.hpp"

namespace httpdiag::rules {

namespace {

constexpr std::uint8_t kCloseNotify = 0, kUserCanceled = 90;

/// About certificates (RFC 8446 §6.2).
bool about_certificate(std::uint8_t code) {
  return (code >= 41 && code <= 46) || code == 48 || code == 113 || code == 114 || code == 116;
}

/// What the two could not agree on.
bool about_agreement(std::uint8_t code) {
  return code == 40 || code == 47 || code == 70 || code == 71 || code == 86 || code == 109 ||
         code == 110 || code == 120;
}

/// Whose configuration an alert complains of: as a rule that of the sender's peer.
Fault fault_of(const TlsAlert& alert) {
  const bool by_client = alert.from == Side::client;
  const Party peer = by_client ? Party::server_app : Party::client_app;
  if (alert.code == 80) {
    return {by_client ? Party::client_app : Party::server_app, Confidence::medium,
            "what the other side sent upset it"};
  }
  if (about_certificate(alert.code)) {
    return {peer, Confidence::medium,
            by_client ? "the client's trust store is too old or lacks a private CA, or its clock "
                        "is wrong"
                      : "the server trusts the wrong CA for client certificates"};
  }
  if (about_agreement(alert.code)) {
    return {peer, Confidence::medium,
            by_client ? "the client insists on too much" : "the server insists on too much"};
  }
  return {peer, Confidence::low, "the sender is wrong"};
}

/// The server asked for the client's certificate, got an empty one, and ends the handshake.
bool lacks_client_certificate(const TlsSession& tls) {
  const std::uint8_t code = tls.alert.code;
  return tls.client_certificate == ClientCertificate::none && tls.alert.from == Side::server &&
         (about_certificate(code) || about_agreement(code));
}

std::string remedy_of(const TlsSession& tls) {
  const TlsAlert& alert = tls.alert;
  const bool by_client = alert.from == Side::client;
  if (lacks_client_certificate(tls)) {
    return "Client: present a certificate that the server's CA has issued (mutual TLS). Server: "
           "ask for none, or let clients in without one, if that was not meant.";
  }
  if (about_certificate(alert.code) && by_client) {
    return "Server: install the whole chain, intermediate certificates included, for this name, "
           "and renew it in time. Client: update the trust store, or add the private CA.";
  }
  if (about_certificate(alert.code)) {
    return "Client: present a client certificate that the server's CA has issued and that is "
           "valid. Server: check which CA it asks for.";
  }
  if (alert.code == 112) {
    return "Client: send the name of the callback's host as SNI. Server: add the name to its "
           "configuration.";
  }
  if (about_agreement(alert.code)) {
    return "Enable a version and a cipher suite that both sides know: TLS 1.2 or later in the "
           "client (old Java, old OpenSSL), and not only the newest in the server.";
  }
  return {};
}

}  // namespace

namespace {

/// The server closed without a word, and the client's library complains of that.
bool complains_of_end(const FlowFacts& facts) {
  const TlsAlert& alert = facts.tls->alert;
  return alert.from == Side::client && facts.flow.s().next == 0 &&
         facts.first_close.closer == Closer::server_fin &&
         facts.first_close.packet.number < alert.packet.number;
}

/// Whoever spoke last has waited in vain, and says goodbye: RFC 8446 §6.1 has user_canceled for
/// what has nothing to do with the protocol.
bool gives_up_waiting(const TlsSession& tls, const Thresholds& limits) {
  const TlsAlert& alert = tls.alert;
  return alert.packet && (alert.code == kCloseNotify || alert.code == kUserCanceled) &&
         alert.from == tls.last_flight && tls.last_flight_packet &&
         alert.packet.time - tls.last_flight_packet.time >= limits.tls_stall;
}

/// The alert says why the handshake ended.
bool says_why(const FlowFacts& facts, const Thresholds& limits) {
  return facts.tls->alert.matters() && !complains_of_end(facts) &&
         !gives_up_waiting(*facts.tls, limits);
}

}  // namespace

std::optional<Finding> tls_alert(const FlowFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  const TlsAlert& alert = tls.alert;
  if (!says_why(facts, limits)) return std::nullopt;
  // What its receiver sent behind a warning is not in the capture: it may have gone on.
  const PacketRef behind = facts.flow.side(other(alert.from)).last_payload;
  if (alert.level != 2 && tls.hidden && behind.number > alert.packet.number) return std::nullopt;
  const PacketRef close = facts.first_close.packet;
  const Duration before_close = close ? close.time - alert.packet.time : Duration::max();
  if (alert.level != 2 && before_close > limits.tls_alert_close) return std::nullopt;
  const std::string alert_name = tls_alert_name(alert.code);
  const Fault fault = fault_of(alert);
  FindingBuilder finding{
      Label::tls_alert,
      fmt::format("The {} ended the handshake with the alert {} ({}); no request was sent.{}",
                  words(alert.from), alert_name, alert.code,
                  certificate_words(tls, alert.packet.time))};
  finding.evidence(tls.client_hello, Side::client, "ClientHello")
      .evidence(tls.server_hello, Side::server, "the server's answer")
      .evidence(alert.packet, alert.from, fmt::format("alert {}", alert_name))
      .evidence(facts.first_close)
      .fact("alert", alert_name)
      .fact("alert_code", std::int64_t{alert.code})
      .fact("alert_level", std::int64_t{alert.level})
      .fact("alert_from", std::string{words(alert.from)})
      .fault(fault.party, fault.confidence, fault.unless)
      .seen_as(alert.from == Side::client
                   ? "Client: a certificate or handshake error (SSLHandshakeException, curl 35 or "
                     "60). Server: alert number " +
                         std::to_string(alert.code) + " in its log."
                   : fmt::format("Client: received fatal alert {}, curl 35. Server: a handshake "
                                 "error in its log.",
                                 alert_name));
  if (const std::string remedy = remedy_of(tls); !remedy.empty()) finding.remedy(remedy);
  if (lacks_client_certificate(tls)) {
    finding
        .also(
            "The server had asked for the client's certificate, and the client sent an empty one.")
        .fault(Party::client_app, Confidence::medium,
               "the server was not meant to ask for certificates");
  }
  if (alert.code == kUserCanceled) finding.severity(Severity::warning);
  add_tls_facts(finding, tls, alert.packet.time);
  return finding.build();
}

std::optional<Finding> tls_plaintext_mismatch(const FlowFacts& facts, const Thresholds&) {
  const TlsSession& tls = *facts.tls;
  if (!tls.server_text || !tls.client_hello) return std::nullopt;
  const bool http = tls.server_text_start.starts_with("HTTP/");
  FindingBuilder finding{
      Label::tls_plaintext_mismatch,
      fmt::format("The client spoke TLS; the server answered in plain {}: {}.",
                  http ? "HTTP" : "text", base::shorten(tls.server_text_start, 60))};
  finding.evidence(tls.client_hello, Side::client, "ClientHello")
      .evidence(tls.server_text, Side::server, http ? "plain HTTP" : "plain text")
      .evidence(facts.first_close)
      .fact("spoke_tls", std::string{"client"})
      .fault(Party::client_app, Confidence::high,
             "a load balancer in between passes TLS on to a plain backend")
      .seen_as(
          "Client: wrong version number, unsupported or unrecognized SSL message. Server: 400, a "
          "malformed request in its log.");
  add_tls_facts(finding, tls, tls.client_hello.time);
  return finding.build();
}

namespace {

/// The handshake is under way, and what is missing of it is missing on the wire.
bool unfinished(const FlowFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  if (tls.stage == TlsStage::unseen || tls.stage == TlsStage::done) return false;
  if (tls.hidden || tls.unreadable || tls.early_data || tls.not_tls) return false;
  // Whoever hears the ClientHello has heard all, also of a connection that is older.
  const bool from_start = !facts.flow.has(Oddity::midstream) || tls.client_hello;
  return !facts.server_unheard && !facts.client_unheard && from_start && !says_why(facts, limits);
}

/// Who has to go on with the handshake, and since when.
struct Turn {
  Side spoke = Side::client;
  PacketRef since;
  Offset end = 0;  // of what was said
};

Turn turn_of(const FlowFacts& facts, const Thresholds& limits) {
  const FlowRecord& flow = facts.flow;
  const bool client = flow.c().last_payload.number > flow.s().last_payload.number;
  const Side spoke = client ? Side::client : Side::server;
  const TlsSession& tls = *facts.tls;
  const PacketRef last = flow.side(spoke).last_payload;
  // A goodbye is no turn of the handshake's.
  if (tls.alert.from == spoke && gives_up_waiting(tls, limits))
    return {spoke, tls.last_flight_packet, tls.last_flight_end};
  return {spoke, last, flow.side(spoke).next};
}

/// What the side that closed had last seen or said: the other side may have spoken behind that.
Turn turn_before(const FlowFacts& facts, const Thresholds& limits) {
  const Closing& close = facts.first_close;
  const Turn last = turn_of(facts, limits);
  const Side closer = by_client(close.closer) ? Side::client : Side::server;
  if (last.spoke == closer || last.since.number <= close.packet.number) return last;
  const PacketRef word = facts.flow.side(closer).last_payload;
  return word ? Turn{closer, word, 0} : Turn{last.spoke, facts.tls->client_hello_end, 0};
}

std::string_view words_of(Side side, const TlsSession& tls) {
  if (side == Side::server) return "the server's part of the handshake";
  return tls.stage == TlsStage::client_flight ? "the client's part of the handshake"
                                              : "the ClientHello";
}

std::string_view stage_words(TlsStage stage) {
  switch (stage) {
    case TlsStage::client_hello:
      return "the ClientHello";
    case TlsStage::server_flight:
      return "the server's part of the handshake";
    case TlsStage::client_flight:
      return "the client's part of the handshake";
    case TlsStage::unseen:
    case TlsStage::done:
      break;
  }
  return "the handshake";
}

/// The handshake does not go on: who spoke last, and what came of it.
struct Standstill {
  Turn turn;
  Duration silence{0};
  bool acked = false;  // what was said last
  std::uint32_t resent = 0;
  PacketRef told_of;       // a number of the silent side's tells of bytes that never came here
  std::uint64_t told = 0;  // how many
  Side silent() const { return other(turn.spoke); }
};

Standstill standstill_of(const FlowFacts& facts, const Thresholds& limits) {
  const Turn turn = turn_of(facts, limits);
  const PacketRef close = facts.first_close.packet;
  const SideRecord& sender = facts.flow.side(turn.spoke);
  const SideRecord& silent = facts.flow.side(other(turn.spoke));
  Standstill still{.turn = turn,
                   .silence = (close ? close.time : facts.until) - turn.since.time,
                   .acked = sender.acked >= turn.end,
                   .resent = sender.trouble().head_retransmits,
                   .told_of = {}};
  // A single one may be a FIN.
  const SideTrouble& trouble = silent.trouble();
  if (trouble.told_of.number > turn.since.number && trouble.told > silent.next + 1 &&
      silent.acked <= silent.next && !silent.fin) {
    still.told_of = trouble.told_of;
    still.told = trouble.told - silent.next;
  }
  return still;
}

/// Long enough to tell; sooner, where so many repetitions did not get through.
bool tells(const Standstill& still, const Thresholds& limits) {
  const bool in_vain = !still.acked && still.resent >= limits.unacked_min_retransmits &&
                       still.silence >= limits.unacked_min;
  if (still.silence < limits.tls_stall && !in_vain) return false;
  return still.acked || still.resent > 0;  // else nobody knows whether it arrived
}

/// What says that it arrived, or did not.
PacketRef receipt_of(const Standstill& still, const FlowFacts& facts) {
  const SideRecord& sender = facts.flow.side(still.turn.spoke);
  if (!still.acked) return sender.trouble().head_retransmit;
  // The last ACK may be that of a FIN.
  const PacketRef close = facts.first_close.packet;
  return !close || sender.acked_by.number < close.number ? sender.acked_by : PacketRef{};
}

std::string standstill_text(const Standstill& still, const FlowFacts& facts) {
  const SideRecord& sender = facts.flow.side(still.turn.spoke);
  const std::string_view stage = stage_words(facts.tls->stage);
  if (!still.acked) {
    return fmt::format(
        "{} of {} were never acknowledged, though sent again {}; nothing more came for {}.",
        base::bytes(sender.next - sender.acked), stage, base::count(still.resent, "time"),
        base::duration(still.silence));
  }
  return fmt::format(
      "The {} acknowledged {}, and nothing more of the handshake came for {}{}.",
      words(still.silent()), stage, base::duration(still.silence),
      facts.first_close.packet ? fmt::format("; then {}", words(facts.first_close.closer)) : "");
}

// Why it does not go on.

bool last_word_got_lost(FindingBuilder& finding, const Standstill& still) {
  if (still.acked) return false;
  finding.fault(Party::network, Confidence::medium,
                "large packets alone get lost: a path MTU that nobody is told of");
  return true;
}

bool answer_got_lost(FindingBuilder& finding, const Standstill& still) {
  if (!still.told_of) return false;
  finding
      .also(fmt::format("A number in a later packet of the {} says that {} had been sent: lost on "
                        "the way to here.",
                        words(still.silent()), base::bytes(still.told)))
      .evidence(still.told_of, still.silent(), "its number tells of bytes that were not seen")
      .fact("answer_unseen", true)
      .remedy(
          "Find what drops these packets on the way. Where short packets pass and the long ones of "
          "the handshake do not, a path MTU that nobody is told of: allow ICMP type 3 code 4, or "
          "clamp the MSS.")
      .fault(Party::network, Confidence::medium,
             "they were sent only when the other side had given up");
  return true;
}

bool server_is_silent(FindingBuilder& finding, const Standstill& still) {
  if (still.silent() != Side::server) return false;
  finding.fault(Party::server_app, Confidence::medium, "a device in between holds the answer");
  return true;
}

bool client_is_silent(FindingBuilder& finding, const Standstill&) {
  finding.severity(Severity::warning)
      .fault(Party::client_app, Confidence::low,
             "it only probed the port, or its packets are held back in between");
  return true;
}

constexpr std::array kWhyHandshakeStalled = {
    &last_word_got_lost,
    &answer_got_lost,
    &server_is_silent,
    &client_is_silent,
};

}  // namespace

std::optional<Finding> tls_handshake_stalled(const FlowFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  if (!unfinished(facts, limits) || tls.client_refusal) return std::nullopt;
  const Standstill still = standstill_of(facts, limits);
  if (!tells(still, limits)) return std::nullopt;
  const PacketRef close = facts.first_close.packet;
  const Side spoke = still.turn.spoke;
  FindingBuilder finding{Label::tls_handshake_stalled, standstill_text(still, facts)};
  finding.evidence(tls.client_hello, Side::client, "ClientHello")
      .evidence(tls.server_hello, Side::server, "the server's answer")
      .evidence(still.turn.since, spoke,
                fmt::format("last of the handshake, from the {}", words(spoke)))
      .evidence(receipt_of(still, facts), still.acked ? still.silent() : spoke,
                still.acked ? "its ACK" : "sent again in vain")
      .evidence(facts.first_close)
      .evidence(close ? PacketRef{} : facts.flow.last, std::nullopt, "last packet of the flow")
      .fact("silent_us", std::optional{still.silence})
      .fact("matched_timeout_us",
            close ? match_timeout(still.silence, limits, limits.known_timeouts) : std::nullopt)
      .fact("silent_side", std::string{words(still.silent())})
      .fact("acknowledged", still.acked)
      .fact("retransmissions", std::int64_t{still.resent})
      .seen_as(
          "Client: TLS handshake timeout, read timed out, curl 28. Server: nothing, or a "
          "handshake that timed out.");
  tell_first(kWhyHandshakeStalled, finding, still);
  if (!close && facts.capture_over) finding.severity(Severity::warning);
  add_tls_facts(finding, tls, tls.client_hello.time);
  return finding.build();
}

namespace {

/// TLS 1.3: the handshake was over for the client; all that the server sent since is as long as an
/// alert, and then it closed.
bool refused_after_finished(const FlowFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  if (tls.stage != TlsStage::done || !tls.server_refusal || tls.hidden || tls.unreadable)
    return false;
  if (tls.burst.answered || tls.burst.maybe_answered || !by_server(facts.first_close.closer))
    return false;
  // Who was not asked for a certificate is not refused for it: what it sent went unanswered.
  if (tls.client_certificate == ClientCertificate::not_asked && tls.burst.first) return false;
  return tls.finished && tls.server_refusal.time - tls.finished.time < limits.tls_alert_close &&
         facts.first_close.packet.time - tls.server_refusal.time < limits.tls_alert_close;
}

/// Whom a refusal behind the client's Finished speaks of, by ClientCertificate.
struct Refused {
  std::string_view sentence;
  Party party;
  Confidence confidence;
  std::string_view unless;
};
constexpr std::array kRefused{
    Refused{
        "The client had finished the handshake; the server answered with a single record as long "
        "as an alert and closed. It may have refused the client's certificate, or the lack of "
        "one; TLS 1.3 hides which.",
        Party::client_app, Confidence::low, "the server refuses everybody at that time"},
    Refused{"The client had finished the handshake, and nobody had asked it for a certificate; the "
            "server answered with a single record as long as an alert and closed.",
            Party::server_app, Confidence::low,
            "an allow-list or a limit of connections does what it is meant to do"},
    Refused{"The server asked for the client's certificate, and the client has sent an empty one; "
            "the server answered with a single record as long as an alert and closed.",
            Party::client_app, Confidence::medium,
            "the server can do without one, and refuses everybody at that time"},
};

FindingBuilder aborted(const FlowFacts& facts, std::string detail) {
  const TlsSession& tls = *facts.tls;
  FindingBuilder finding{Label::tls_handshake_aborted, std::move(detail)};
  finding.evidence(tls.client_hello, Side::client, "ClientHello")
      .evidence(tls.server_hello, Side::server, "the server's answer")
      .evidence(tls.client_refusal, Side::client, "a record as long as an alert")
      .evidence(tls.finished, Side::client, "the client's Finished")
      .evidence(tls.server_refusal, Side::server, "a record as long as an alert")
      .evidence(facts.first_close)
      .fact("after", std::string{name(tls.stage)});
  add_tls_facts(finding, tls, tls.client_hello.time);
  return finding;
}

// Why the server broke it off.

bool device_reset_it(FindingBuilder& finding, const FlowFacts& facts, const Thresholds& limits) {
  if (facts.first_close.closer != Closer::server_rst ||
      !reset_from_elsewhere(facts.flow, Side::server, limits))
    return false;
  finding.fault(Party::network, Confidence::medium,
                "a load balancer answers for the server, which is legitimate");
  return true;
}

bool disliked_client_hello(FindingBuilder& finding, const FlowFacts& facts, const Thresholds&) {
  if (facts.tls->stage != TlsStage::client_hello) return false;
  finding.fault(Party::server_app, Confidence::medium,
                "a device in between filters by SNI or address");
  return true;
}

constexpr std::array kWhyServerAborted = {&device_reset_it, &disliked_client_hello};

/// `heard`: the server's host had acknowledged all that the client said.
void blame_client_abort(FindingBuilder& finding, bool answered, bool heard, Duration waited,
                        const Thresholds& limits) {
  constexpr Duration kPatience = std::chrono::seconds{2};  // more than who only looks has
  const auto matched = match_timeout(waited, limits, limits.known_timeouts);
  finding.fact("matched_timeout_us", matched);
  if (matched) {
    finding.fault(Party::server_app, Confidence::low,
                  "the client's limit is too short for a handshake");
    return;
  }
  if (!answered && heard && waited >= kPatience) {
    finding.also("The server had acknowledged it and sent nothing.")
        .fault(Party::server_app, Confidence::low,
               "a device in between holds the answer, or whoever connected only looked");
    return;
  }
  finding.severity(Severity::warning)
      .fault(Party::client_app, Confidence::low,
             answered ? "it refused the certificate without a word; a scanner, a health check or a "
                        "browser that changed its mind leaves like this, too"
                      : "a scanner or a health check leaves like this, too");
}

}  // namespace

std::optional<Finding> tls_handshake_aborted(const FlowFacts& facts, const Thresholds& limits) {
  const TlsSession& tls = *facts.tls;
  constexpr std::string_view kSeen =
      "Client: remote host terminated the handshake, EOF, SSL_ERROR_SYSCALL, curl 35. Server: peer "
      "closed connection in SSL handshake.";
  if (refused_after_finished(facts, limits)) {
    const Refused& refused = kRefused[static_cast<std::size_t>(tls.client_certificate)];
    return aborted(facts, std::string{refused.sentence})
        .fault(refused.party, refused.confidence, std::string{refused.unless})
        .seen_as(std::string{kSeen})
        .build();
  }
  if (!unfinished(facts, limits) || !facts.first_close.packet) return std::nullopt;
  const Turn turn = turn_before(facts, limits);
  const Duration waited = std::max(facts.first_close.packet.time - turn.since.time, Duration{0});
  if (tls.client_refusal) {
    return aborted(facts,
                   "The client answered the server's part of the handshake with a record as long "
                   "as an alert, in place of its Finished, and the connection was closed. The "
                   "client has probably refused the certificate; TLS 1.3 hides alert and "
                   "certificate.")
        .fact("waited_us", std::optional{waited})
        .fault(Party::server_app, Confidence::low,
               "the client's trust store lacks the CA, or it wanted something else of the server")
        .seen_as(
            "Client: a certificate error (PKIX path building failed, curl 60). Server: an alert "
            "in its log, with its number.")
        .build();
  }
  const bool client = by_client(facts.first_close.closer);
  const bool overtaken = turn.spoke != turn_of(facts, limits).spoke;
  FindingBuilder finding = aborted(
      facts,
      fmt::format("After {} {}, {} later{}; the handshake was not finished and no alert says "
                  "why.{}",
                  overtaken ? words_of(turn.spoke, tls) : stage_words(tls.stage),
                  rules::words(facts.first_close.closer), base::duration(waited),
                  overtaken
                      ? fmt::format(", and {} came behind that", words_of(other(turn.spoke), tls))
                      : "",
                  overtaken ? "" : certificate_words(tls, facts.first_close.packet.time)));
  finding.fact("waited_us", std::optional{waited}).seen_as(std::string{kSeen});
  const bool answered = tls.server_hello && !overtaken;
  if (client) {
    const SideRecord& own = facts.flow.c();
    blame_client_abort(finding, answered, own.acked >= own.next, waited, limits);
  } else {
    finding.fault(Party::unknown, Confidence::low);
    tell_first(kWhyServerAborted, finding, facts, limits);
  }
  return finding.build();
}

namespace {

/// What servers write when plain HTTP reaches their TLS port; the status is 400 (nginx logs 497).
bool says_wrong_port(const Message& response) {
  static constexpr std::array<std::string_view, 4> kWords = {
      "plain http request was sent to https port",          // nginx
      "sent an http request to an https server",            // Go
      "speaking plain http to an ssl-enabled server port",  // Apache httpd
      "combination of host and port requires tls",          // Tomcat
  };
  if (response.status != 400 && response.status != 497) return false;
  const std::string body = base::lower(response.body_head);
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view words) { return body.find(words) != std::string::npos; });
}

}  // namespace

std::optional<Finding> plain_request_to_tls_port(const ExchangeFacts& facts, const Thresholds&) {
  const Exchange& x = facts.exchange;
  const bool record = facts.answered && x.response->tls_record;
  const bool told = facts.answered && says_wrong_port(*x.response);
  // The first request, and the server closed without a word.
  const bool closed = !facts.answered && facts.flow.server_speaks_tls && x.index == 1 &&
                      facts.request_complete && facts.request_acked && !x.response_missing &&
                      !facts.flow.server_unheard && facts.flow.flow.s().next == 0 &&
                      !facts.flow.flow.has(Oddity::midstream) && by_server(facts.close.closer);
  if (!record && !told && !closed) return std::nullopt;
  FindingBuilder finding{
      Label::tls_plaintext_mismatch,
      record ? std::string{"The request is plain HTTP; the server answered with a TLS record."}
      : told ? fmt::format("The server's {} says that plain HTTP came to a TLS port.",
                           x.response->status)
             : std::string{"The request is plain HTTP; on other connections this port speaks TLS, "
                           "and here the server closed without a byte."}};
  finding.evidence(x.request.first, Side::client, words_for_request_evidence(x))
      .evidence(facts.answered ? x.response->first : PacketRef{}, Side::server,
                record ? "TLS record" : "the server's answer")
      .evidence(facts.close)
      .fact("spoke_tls", std::string{"server"})
      .fault(Party::client_app, closed ? Confidence::medium : Confidence::high,
             closed ? "the server accepts both and failed for another reason"
                    : "a load balancer in between was told the wrong protocol")
      .seen_as(
          "Client: malformed HTTP response, parse error, 400. Server: client sent plain HTTP "
          "request to HTTPS port.");
  // The server of such a port closes behind this answer (nginx, Apache httpd, Go and Tomcat do).
  if (told && !record && !x.response->close_token) {
    finding
        .also(
            "It keeps the connection open, as the server of a TLS port does not behind such an "
            "answer: it looks like that of a server behind it, to which a proxy speaks plain HTTP.")
        .fact("kept_open", true)
        .fault(Party::server_app, Confidence::medium,
               "the server of this port answers so by itself, and the callback URL is wrong")
        .remedy(
            "In the proxy: speak TLS to the server behind it (nginx: proxy_pass https://, "
            "Kubernetes "
            "ingress: backend-protocol HTTPS), or give it that server's plain port.");
  }
  return finding.build();
}

}  // namespace httpdiag::rules
