// SPDX-License-Identifier: Apache-2.0
// Loss and flow control that delayed an exchange without deciding it (taxonomy 4.10).
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/reasons.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

namespace {

/// Ended stalls, and the one that never ended.
Duration longest_stall(const FlowFacts& facts, Side side) {
  const SideRecord& record = facts.flow.side(side);
  const SideTrouble& trouble = record.trouble();
  Duration longest = trouble.longest_stall;
  if (trouble.head_retransmits > 0 && record.head_sent) {
    longest = std::max(longest, trouble.head_retransmit.time - record.head_sent.time);
  }
  return longest;
}

/// The server repeated its SYN-ACK meanwhile: its kernel had thrown away the ACK of the handshake,
/// and all that came with it.
void blame_full_accept_queue(FindingBuilder& finding, const FlowFacts& facts, PacketRef begin,
                             PacketRef end) {
  const auto again = synacks_behind(facts.flow.s(), begin, end);
  if (again.empty()) return;
  finding
      .also(
          "Meanwhile the server repeated its SYN-ACK: it took nothing of what the client sent, as "
          "where its accept queue is full.")
      .evidence(again.back(), Side::server, "SYN-ACK again")
      .fault(Party::server_app,
             facts.vantage.at(VantagePoint::server) ? Confidence::medium : Confidence::low,
             "what the client sent was lost on the way")
      .remedy(std::string{info(Label::accept_queue_overflow).remedy});
}

}  // namespace

std::optional<Finding> flow_loss_recovery_delay(const FlowFacts& facts, const Thresholds& limits) {
  std::optional<Side> worst;
  for (const Side side : {Side::client, Side::server}) {
    const SideRecord& record = facts.flow.side(side);
    if (!record.trouble_ptr) continue;
    const SideTrouble& trouble = record.trouble();
    // Retransmissions into a closed window are probes by another name. FINs that are sent again
    // hold up nothing (fin-not-acked).
    const std::uint32_t beside =
        trouble.spurious + (record.fins > 1 ? std::uint32_t{record.fins} - 1 : 0);
    const std::uint32_t real = trouble.retransmitted - std::min(trouble.retransmitted, beside);
    // What was too long for the path is sent again at once, in smaller pieces (RFC 1191 §6.4): all
    // that was under way, as a rule an initial window (RFC 6928) and what the card made of it.
    constexpr std::uint32_t kUnderWay = 12;
    const bool shortened = too_big(facts.flow.trouble()) && real <= kUnderWay;
    const bool many = real >= limits.loss_min_packets && !shortened &&
                      static_cast<double>(real) >=
                          limits.loss_ratio * static_cast<double>(record.payload_packets);
    const bool stalled = longest_stall(facts, side) >= limits.loss_stall;
    const bool rtos = trouble.most_head_retransmits >= limits.loss_min_rtos;
    if (!many && !stalled && !rtos) continue;
    // Payload behind the sender's own FIN alone: no packet that would show a delay.
    if (!trouble.stall_begin && !trouble.head_first_retransmit && !record.last_payload) continue;
    if (!worst || longest_stall(facts, side) > longest_stall(facts, *worst)) worst = side;
  }
  if (!worst) return std::nullopt;
  const SideTrouble& trouble = facts.flow.side(*worst).trouble();
  const Duration stall = longest_stall(facts, *worst);
  FindingBuilder finding{Label::loss_recovery_delay,
                         fmt::format("{} retransmitted by the {}; the longest stall was {}.",
                                     base::count(trouble.retransmitted, "segment"), words(*worst),
                                     base::duration(stall))};
  finding.evidence(trouble.stall_begin, *worst, "stall begins")
      .evidence(trouble.stall_end, std::nullopt, "progress again")
      .evidence(trouble.head_first_retransmit, *worst, "retransmission")
      .evidence(trouble.head_retransmit, *worst, "last retransmission")
      .evidence(facts.flow.side(*worst).last_payload, *worst, "last new payload")
      .fact("direction", std::string{*worst == Side::client ? "c2s" : "s2c"})
      .fact("retransmitted", std::int64_t{trouble.retransmitted})
      .fact("spurious", std::int64_t{trouble.spurious})
      .fact("longest_stall_us", std::optional{stall})
      .fact("consecutive_timeouts", std::int64_t{trouble.most_head_retransmits});
  arrived_and_not_taken(finding, facts, *worst);
  if (*worst == Side::client && accepted_late(facts))
    blame_full_accept_queue(finding, facts, trouble.stall_begin, trouble.stall_end);
  return finding.build();
}

std::optional<Finding> exchange_loss_recovery_delay(const ExchangeFacts& facts,
                                                    const Thresholds& limits) {
  const Exchange& x = facts.exchange;
  if (x.longest_stall < limits.loss_stall || !x.stall_begin || !x.stall_end) return std::nullopt;
  if (time_unknown(facts.flow.flow, x.stall_begin, x.stall_end)) return std::nullopt;
  const PacketRef end = x.response ? x.response->last : facts.flow.flow.last;
  const Duration total = end.time - x.request.first.time;
  FindingBuilder finding{
      Label::loss_recovery_delay,
      fmt::format("{} of this exchange's {} went into recovering lost packets of the {}.",
                  base::duration(x.longest_stall), base::duration(std::max(total, x.longest_stall)),
                  words(x.stalled))};
  finding.evidence(x.stall_begin, x.stalled, "stall begins")
      .evidence(x.stall_end, std::nullopt, "progress again")
      .fact("direction", std::string{x.stalled == Side::client ? "c2s" : "s2c"})
      .fact("longest_stall_us", std::optional{x.longest_stall});
  arrived_and_not_taken(finding, facts, x.stalled);
  if (x.stalled == Side::client && x.index == 1)
    blame_full_accept_queue(finding, facts.flow, x.stall_begin, x.stall_end);
  return finding.build();
}

namespace {

/// The server's window was 0 for most of the time that a request took which never became whole:
/// the client had to wait, whoever lost patience. Without an end it may still get there.
bool held_back(const ExchangeFacts& facts, const Thresholds& limits) {
  if (facts.request_complete || facts.answered || !facts.close.packet) return false;
  // A server that has opened its window and then broken off has ended it itself (taxonomy 3.1).
  if (by_server(facts.close.closer) && !facts.flow.flow.s().trouble().zero_window_since)
    return false;
  const Duration took = facts.close.packet.time - facts.exchange.request.first.time;
  return facts.server_window_closed >= std::max(limits.zero_window_min, took / 2);
}

std::string still_closed(const ExchangeFacts& facts, Side receiver, Duration closed) {
  const SideTrouble& trouble = facts.flow.flow.side(receiver).trouble();
  return fmt::format("The {} announced a window of 0 and never opened it again; {} sent in {}.",
                     words(receiver), base::count(trouble.window_probes, "window probe"),
                     base::duration(closed));
}

/// Both sides write and neither reads. None of them can go on, whoever began.
std::string deadlock(const FlowFacts& flow) {
  const PacketRef client = flow.flow.c().trouble().zero_window_since;
  const PacketRef server = flow.flow.s().trouble().zero_window_since;
  const bool server_first = server.number < client.number;
  return fmt::format(
      "Both announced a window of 0, the {} first, and neither opened it again: the server answers "
      "before it has read the request, the client sends on without reading the answer, and each "
      "waits for the other.",
      words(server_first ? Side::server : Side::client));
}

std::string mostly_closed(const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  const Duration took = facts.close.packet.time - request.first.time;
  return fmt::format(
      "The server's window was 0 for {} of the {} in which the client tried to send its request; "
      "it got rid of {}{}.",
      base::duration(facts.server_window_closed), base::duration(took),
      base::count(request.body_bytes, "body byte"),
      request.content_length ? fmt::format(" of {}", *request.content_length) : "");
}

/// Neither can go on, whoever began.
void blame_deadlock(FindingBuilder& finding, const FlowFacts& flow) {
  finding.fault(Party::unknown, Confidence::low, "")
      .evidence(flow.flow.s().trouble().zero_window_since, Side::server, "window 0")
      .remedy(
          "Server: read the whole request before answering, or close after an early answer. "
          "Client: read while sending (RFC 9112 section 9.5).");
}

/// Probes and data that `receiver` acknowledged no more.
void blame_silence(FindingBuilder& finding, const FlowFacts& flow, Side receiver,
                   const Thresholds& limits) {
  const std::uint32_t in_vain = flow.flow.side(receiver).trouble().unanswered_probes +
                                flow.flow.side(other(receiver)).trouble().head_retransmits;
  if (in_vain < limits.unacked_min_retransmits) return;
  finding
      .fault(Party::network, Confidence::medium,
             fmt::format("the {} host is gone", words(receiver)))
      .fact("unanswered_probes", std::int64_t{in_vain});
}

}  // namespace

std::optional<Finding> zero_window_stall(const ExchangeFacts& facts, const Thresholds& limits) {
  // A client that probes a closed window has more to send: a request that was recorded in part is
  // not over.
  const bool whole = facts.exchange.request.state == MessageState::complete ||
                     (facts.request_complete && !facts.exchange.request.snaplen_cut);
  const bool unsent = !whole || !facts.request_acked;
  const bool unread =
      facts.answered && (facts.exchange.response->state == MessageState::incomplete ||
                         facts.client_received < facts.exchange.response->end);
  const bool upload = !facts.answered && unsent && facts.flow.closed_window(Side::server);
  const bool download = unread && facts.flow.closed_window(Side::client);
  const bool slow_reader = !upload && held_back(facts, limits);
  if (!upload && !download && !slow_reader) return std::nullopt;
  const bool both = download && !whole && facts.flow.closed_window(Side::server);
  const Side receiver = download ? Side::client : Side::server;
  const SideRecord& record = facts.flow.flow.side(receiver);
  const SideTrouble& trouble = record.trouble();
  const Closing& close = facts.answered ? facts.close_after_response : facts.close;
  const Duration closed = slow_reader ? facts.server_window_closed
                                      : facts.flow.elapsed(trouble.zero_window_since, close.packet);
  if (closed < limits.zero_window_min) return std::nullopt;
  // Still being read, for all that the capture shows.
  if (facts.flow.capture_over && !close.packet && closed < limits.unacked_min) return std::nullopt;
  FindingBuilder finding{Label::zero_window_stall, slow_reader ? mostly_closed(facts)
                                                   : both      ? deadlock(facts.flow)
                                                          : still_closed(facts, receiver, closed)};
  finding.severity(Severity::error)
      .fault(receiver == Side::client ? Party::client_app : Party::server_app,
             slow_reader ? Confidence::medium : Confidence::high,
             slow_reader ? "the client had a reason of its own to stop" : "")
      .evidence(facts.exchange.request.first, Side::client,
                words_for_request_evidence(facts.exchange))
      .evidence(slow_reader ? trouble.zero_window_begin : PacketRef{}, receiver,
                "window 0, for the longest time")
      .evidence(trouble.zero_window_since, receiver, "window 0")
      .evidence(trouble.window_probe, other(receiver), "last window probe")
      .evidence(close)
      .fact("closed_us", std::optional{closed})
      .fact("window_probes", std::int64_t{trouble.window_probes})
      .fact("receiver", std::string{words(receiver)})
      .seen_as(
          "Sender: send blocks, EAGAIN or a write timeout. Receiver: the process does not read its "
          "socket.");
  if (both) blame_deadlock(finding, facts.flow);
  if (!slow_reader) blame_silence(finding, facts.flow, receiver, limits);
  return finding.build();
}

namespace {

/// Behind a reset there is no window.
std::optional<std::pair<Side, PacketRef>> reset_behind(const FlowRecord& flow, PacketRef packet) {
  std::optional<std::pair<Side, PacketRef>> first;
  for (const Side side : {Side::client, Side::server}) {
    const PacketRef rst = flow.side(side).trouble().rst;
    if (rst.number <= packet.number) continue;
    if (!first || rst.number < first->second.number) first = {side, rst};
  }
  return first;
}

/// The window was 0 in the SYN-ACK, and stayed so: hosts open with one, a SYN proxy does not until
/// it has reached the server.
bool blame_syn_proxy(FindingBuilder& finding, const FlowRecord& flow, PacketRef begin) {
  if (!begin || begin != flow.s().syn) return false;
  const FlowTrouble& trouble = flow.trouble();
  finding
      .also(
          "The SYN-ACK itself offered no window, as that of a device does which completes "
          "handshakes for the server (SYN proxy) and has not reached it yet.")
      .fault(Party::network, Confidence::medium, "the server host itself opens with a window of 0")
      .remedy(
          "Find what accepts connections for the server (SYNPROXY, a firewall with SYN "
          "protection, a load balancer) and why it does not reach it: host down, route, port. "
          "The client sees a connection that is open and does nothing: set a request timeout.");
  if (trouble.icmp) {
    finding
        .also(fmt::format("{} said ICMP \"{}\".", to_string(trouble.icmp_reporter),
                          icmp_meaning(trouble)))
        .evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble));
  }
  return true;
}

}  // namespace

namespace {

/// Where it happened more than once.
std::string in_all(Duration total, Duration longest) {
  if (total * 10 < longest * 11) return "";
  return fmt::format(", and for {} in all", base::duration(total));
}

}  // namespace

std::optional<Finding> flow_zero_window_stall(const FlowFacts& facts, const Thresholds& limits) {
  for (const Side receiver : {Side::client, Side::server}) {
    const SideTrouble& trouble = facts.flow.side(receiver).trouble();
    Duration closed = trouble.longest_zero_window;
    PacketRef begin = trouble.zero_window_begin;
    PacketRef end = trouble.zero_window_end;
    const auto reset = reset_behind(facts.flow, trouble.zero_window_since);
    if (facts.closed_window(receiver)) {  // still closed
      const Duration open =
          facts.elapsed(trouble.zero_window_since, reset ? reset->second : PacketRef{});
      if (open > closed) {
        closed = open;
        begin = trouble.zero_window_since;
        end = {};
      }
    }
    if (closed < limits.zero_window_min || !begin) continue;
    FindingBuilder finding{Label::zero_window_stall,
                           fmt::format("The {} took nothing for {}{}: its receive window was 0 "
                                       "while the other side had more to send.",
                                       words(receiver), base::duration(closed),
                                       in_all(trouble.zero_window_total, closed))};
    finding.evidence(begin, receiver, "window 0")
        .evidence(trouble.window_probe, other(receiver), "window probe")
        .evidence(end, receiver, "window open again")
        .fault(receiver == Side::client ? Party::client_app : Party::server_app, Confidence::high,
               "")
        .fact("receiver", std::string{words(receiver)})
        .fact("closed_us", std::optional{closed});
    if (end) return finding.build();
    if (reset) finding.evidence(reset->second, reset->first, "RST");
    if (facts.closed_window(other(receiver)))
      blame_deadlock(finding.detail(deadlock(facts)), facts);
    if (!blame_syn_proxy(finding, facts.flow, begin))
      blame_silence(finding, facts, receiver, limits);
    return finding.build();
  }
  return std::nullopt;
}

}  // namespace httpdiag::rules
