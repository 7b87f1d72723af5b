// SPDX-License-Identifier: Apache-2.0
// All arithmetic over what was observed, done once. Rules compare facts; they
// do no measuring. A fact that could not be measured is nullopt (or an empty
// PacketRef), and a rule that needs it stays silent.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "httpdiag/exchange.hpp"
#include "httpdiag/finding.hpp"
#include "httpdiag/report.hpp"
#include "httpdiag/settings.hpp"
#include "httpdiag/tls.hpp"
#include "rules/syn_answers.hpp"

namespace httpdiag::rules {

/// What closed a flow or ended a wait.
enum class Closer : std::uint8_t { none, client_fin, client_rst, server_fin, server_rst };
constexpr bool by_client(Closer c) { return c == Closer::client_fin || c == Closer::client_rst; }
constexpr bool by_server(Closer c) { return c == Closer::server_fin || c == Closer::server_rst; }

struct Closing {
  Closer closer = Closer::none;
  PacketRef packet;
  bool unseen = false;    // the FIN is not in the capture; `packet` acknowledges it ...
  bool followed = false;  // ... or is its sender's, and comes behind it
};
/// None if there is no FIN.
Closing fin_of(const FlowRecord& flow, Side side);

/// Two packets recorded one after the other, the later one with an earlier time.
struct ClockStep {
  PacketRef from, to;
  Duration size() const { return from.time - to.time; }
};

/// Which published retry schedule a series of SYNs follows.
struct SynSchedule {
  std::string_view name;      // "Linux, tcp_syn_retries 6"
  bool exhausted = false;     // as many SYNs as the schedule has
  bool begun_before = false;  // its first ones are not in the capture
  Duration next_gap{0};       // expected wait after the last SYN seen
};

/// A connection that was closed, and the clock of its client then (RFC 7323 §3.2).
struct ClosedClock {
  Endpoint client;
  PacketRef fin;
  std::uint32_t fin_clock = 0;
};

/// A kernel sends again what is not acknowledged, first after 3 s at most (RFC 6298 §5.7): after so
/// long without that, the ACK came, and was not recorded.
inline constexpr Duration kRetransmissionOverdue = std::chrono::seconds{10};

/// Final responses whose requests are not in the capture.
struct AnswersAlone {
  PacketRef worst;  // the first of those with the worst class of status
  std::uint16_t status = 0;
  std::uint32_t count = 0, failed = 0;

  void add(PacketRef packet, std::uint16_t of) {
    ++count;
    if (of >= 400) ++failed;
    if (of / 100 <= status / 100) return;
    worst = packet;
    status = of;
  }
};

/// About a flow, measured when it ended (or as it stands when an exchange is settled).
struct FlowFacts {
  /// From `from` to `to`, or to the end of the watching where that is none. Where the clock was set
  /// in between: no time, or what can be said at least.
  Duration elapsed(PacketRef from, PacketRef to) const;
  /// How long it was watched after `packet`.
  Duration watched_after(PacketRef packet) const { return elapsed(packet, {}); }

  /// The file is damaged right behind `packet`: where bytes are missing, what was read as its end
  /// may be those behind them.
  bool doubtful(const PacketRef& packet) const;

  const FlowRecord& flow;
  const CaptureSummary* input = nullptr;  // files and devices; null: the flow has not ended
  Timestamp until;                        // the capture clock then
  bool capture_over = false;              // it was still being watched when the capture ended
  bool let_go = false;                    // it was watched no longer, for a limit of ours
  Handshake handshake{};
  bool client_unheard = false;  // one direction is not in the capture, though it exists
  bool server_unheard = false;
  bool one_way_elsewhere = false;       // filled in by the engine: so it is on other connections
  bool server_heard_elsewhere = false;  // likewise: on other connections it is in the capture
  Closing first_close{};

  // Connect phase.
  std::uint32_t syn_count = 0;
  std::optional<Duration> syn_span{};           // first to last SYN
  std::optional<Duration> silence_after_syn{};  // last SYN to `until`
  std::optional<SynSchedule> schedule{};
  std::optional<Duration> next_syn{};        // expected wait after the last SYN
  bool next_syn_overdue = false;             // it would have been seen
  std::optional<Duration> synack_delay{};    // first SYN to first SYN-ACK
  std::optional<Duration> handshake_time{};  // first SYN to the client's ACK
  bool unused = false;                       // no payload from either side
  // Handshake to first close, or to `until`, where the client sent no payload.
  std::optional<Duration> unused_for{};

  // What it carried; filled in when the flow has ended.
  std::uint32_t exchanges = 0;
  bool all_complete = true;  // every response arrived whole and was read in time
  PacketRef last_response_end{};
  PacketRef pipelined{},
      pipelined_behind{};  // first request sent before the answer to the one in front of it
  PacketRef opaque{}, unsolicited{}, garbage{};  // strays: see Stray
  AnswersAlone alone{};
  std::string_view opaque_protocol{};
  const TlsSession* tls = nullptr;  // null: no TLS was seen
  bool server_speaks_tls = false;   // on another connection
  std::uint16_t unsolicited_status = 0;
  Sighting vantage{};                        // filled in by the engine
  std::optional<std::uint8_t> server_ttl{};  // likewise: of the same address on other connections
  // Likewise: the capturing host, which passes packets on to the server, sent the server's RST.
  bool rst_made_here = false;
  bool server_lives_here = false;  // likewise: it answers others from the capturing host
  // Likewise: the capturing host passes packets on to the server, and passed none of the client's
  // on.
  bool dropped_here = false;
  // Likewise: no packet of the capture goes beyond a handshake's first two, though servers answer;
  // or none beyond the SYN, of which hardly one was repeated.
  bool only_syns = false;
  bool only_first_syns = false;
  // Likewise: of a SYN without an answer, the SYN-ACK that came from another address; of such a
  // SYN-ACK the SYN.
  std::optional<SynAnswers::Match> torn{};
  // Likewise: it closed, or reset, as long after its last answer as it closed other connections at
  // rest.
  bool closed_by_idle_timer = false;
  const ClosedClock* older = nullptr;     // likewise: why its SYN may have been ignored
  std::optional<ClockStep> clock_step{};  // the largest while it lasted, if it is still known

  /// By a packet other than its RSTs, or by its TTL on other connections: without either nobody can
  /// tell a RST of its own from one that was sent in its name.
  bool knows_server() const;
  bool closed_window(Side side) const;  // ends with a window of zero that was probed
  /// Bytes that `side` sent stayed without an ACK, and it did not send them again for longer than
  /// any kernel waits (kRetransmissionOverdue, then twice as long each time): they were
  /// acknowledged, and the capture lacks that.
  bool ack_unrecorded(Side side) const;
  /// The same of more than a lost ACK or two would cover: the recording of this flow broke off.
  bool recording_broke_off(Side side) const;
};

FlowFacts measure(const FlowRecord& flow, EndCause cause, Timestamp until,
                  const Thresholds& limits);

/// By its framing. Where the end is not in the capture, by what the client did next.
bool has_whole_response(const Exchange& x);

/// A known limit of clients. Libraries measure from the end of the request, from its first byte, or
/// from the start of connecting.
struct ClientLimit {
  Duration time{0};
  std::string_view since;  // "its first byte"; empty: the end of the request
};

/// About one exchange. Offsets are on the client's tape (q) and the server's (r).
struct ExchangeFacts {
  const Exchange& exchange;
  const FlowFacts& flow;
  const Thresholds& limits;

  bool request_complete = false;  // by its framing, or as far as can be known
  // It asks whether to send its body, and nothing was said to that: all that it will be for now.
  bool awaits_continue = false;
  PacketRef goodbye{};    // the server's end of TLS, which the request's own ACK number covers
  bool answered = false;  // a byte of a final response was seen
  bool response_complete = false;
  bool callback = false;  // POST, PUT or PATCH
  Offset q0 = 0, q1 = 0;
  std::optional<Duration> idle{};  // last payload, SYN or FIN before the request
  std::optional<Duration> send{}, wait{}, receive{};
  Duration silence{0};  // last relevant packet to the first close after the request, or to `until`
  Duration after_request{0};  // end of request to the first close after it, or to `until`
  // The packets have no time, or the clock stepped back meanwhile: `after_request` says nothing.
  bool close_time_unknown = false;
  Closing close{};                 // first FIN or effective RST after the request's last byte
  Closing close_after_response{};  // first one after the response's first byte

  std::uint32_t head_retransmits = 0;  // of the first unacknowledged request byte
  // A segment was sent again since the request began: where an earlier answer is missing from the
  // capture, what is unacknowledged begins before the request.
  bool resent = false;
  bool request_acked = false;  // cumulative ACK, or a RST's or FIN's ACK number, covers it
  bool request_part_acked = false;
  // The server's RST comes while the client could still be waiting for its first ACK: later than a
  // retransmission is due (RFC 6298 §2.4) it answers something else.
  bool rst_in_answer = false;
  bool head_ack_unrecorded = false;  // of these, by what the client sent again and what not
  bool acked_by_rst = false;
  // What the client's kernel had of the response when it last said so: the larger of its ACKs and
  // the ACK numbers of its FIN and RST,ACK. Decides what a client that left had read.
  Offset client_received = 0;
  Closing client_left{};            // the client's FIN or RST, when it knew of no response byte
  bool reset_first = false;         // the server's RST came before the response: the wait was over
  bool crossed_rst = false;         // the server's RST and the request crossed
  bool fin_seen_by_client = false;  // the request's first segment acknowledges the server's FIN
  std::optional<Duration> half_closed_age{};
  std::optional<Duration>
      server_idle{};                 // server's last payload to its FIN: its keep-alive timeout
  bool rst_from_elsewhere = false;   // the server's RST; see rst_origin.hpp
  bool crossed = false;              // FIN and request crossed
  Duration server_window_closed{0};  // since the request began: the server's window was 0
  Duration client_window_closed{0};  // likewise the client's, in periods that have ended

  std::optional<ClientLimit> limit{};  // that the wait up to `close` matches

  /// How long a client waited that gave up.
  std::optional<Duration> waited() const {
    return close_time_unknown ? std::nullopt : std::optional{after_request};
  }
  std::optional<Duration> matched_timeout() const {
    return limit ? std::optional{limit->time} : std::nullopt;
  }
};

/// The time from one packet of `flow` to the other. None: one of them is, or nobody knows it.
std::optional<Duration> between(PacketRef from, PacketRef to, const FlowRecord& flow);
/// "20 ms", or "an unknown time".
std::string time_words(std::optional<Duration> time);

ExchangeFacts measure(const Exchange& exchange, const FlowFacts& flow, const Thresholds& limits);

/// The only error of `message` is a Content-Length that is there twice with one value, or lines
/// that end with LF alone: a recipient may take it (RFC 9110 §8.6, RFC 9112 §2.2), and nearly all
/// do.
bool harmless_error(const Message& message);

/// A piece of it left right behind a bare ACK that had taken its time; the round trip is yet to be
/// taken off.
bool may_be_delayed_ack(const Message& message, const Thresholds& limits);

/// The text of a whole body, without byte order mark and white space around it. Null: the capture
/// does not have all of it, it is long, or its encoding was not undone.
std::optional<std::string_view> body_text(const Message& response);

/// The limit that a client which left with packet `left`, `waited` after its request, may have had.
std::optional<ClientLimit> client_limit(const ExchangeFacts& facts, Duration waited,
                                        PacketRef left);

/// The entry of `known` within the tolerance of `value`, if any.
std::optional<Duration> match_timeout(Duration value, const Thresholds& limits,
                                      const std::vector<Duration>& known);

}  // namespace httpdiag::rules
