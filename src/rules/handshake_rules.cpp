// SPDX-License-Identifier: Apache-2.0
// A handshake that seemed to come about, and then was taken back (taxonomy 15 to 17).
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

std::vector<PacketRef> synacks_behind(const SideRecord& server, PacketRef data, PacketRef until) {
  const std::size_t kept = std::min<std::size_t>(server.syns, kMaxSynTimes);
  std::vector<PacketRef> behind;
  for (const PacketRef packet : std::span{server.trouble().syn_times}.first(kept)) {
    if (packet.number > data.number && packet.number < until.number) behind.push_back(packet);
  }
  return behind;
}

bool accepted_late(const FlowFacts& facts) {
  const SideTrouble& client = facts.flow.c().trouble();
  constexpr std::uint32_t kInVain = 2;
  // One lost ACK draws a SYN-ACK as well; nothing that follows it is lost then.
  return facts.handshake == Handshake::complete && facts.flow.s().syns >= 2 &&
         facts.flow.c().acked > 0 && client.most_head_retransmits >= kInVain &&
         client.stall_begin && client.stall_end &&
         !synacks_behind(facts.flow.s(), client.stall_begin, client.stall_end).empty();
}

std::optional<Finding> accept_queue_was_full(const FlowFacts& facts, const Thresholds&) {
  if (!accepted_late(facts)) return std::nullopt;
  const SideRecord& server = facts.flow.s();
  const SideTrouble& client = facts.flow.c().trouble();
  const auto behind = synacks_behind(server, client.stall_begin, client.stall_end);
  FindingBuilder finding{
      Label::accept_queue_overflow,
      fmt::format(
          "The client acknowledged the SYN-ACK and sent data, but the server repeated its "
          "SYN-ACK and took the data only {} later, when it came again, as where its accept "
          "queue is full.",
          base::duration(client.longest_stall))};
  finding.severity(Severity::warning)
      .evidence(server.syn, Side::server, "SYN-ACK")
      .evidence(facts.flow.handshake_ack, Side::client, "handshake complete for the client")
      .evidence(client.stall_begin, Side::client, "first data, not acknowledged");
  for (const PacketRef packet : behind)
    finding.evidence(packet, Side::server, "SYN-ACK again, behind the data");
  finding.evidence(client.stall_end, Side::server, "data acknowledged")
      .fact("synack_count", std::int64_t{server.syns})
      .fact("synacks_behind_data", static_cast<std::int64_t>(behind.size()))
      .fact("longest_stall_us", std::optional{client.longest_stall})
      .fault(Party::server_app,
             facts.vantage.at(VantagePoint::server) ? Confidence::medium : Confidence::low,
             "what the client sent behind its SYN was lost on the way")
      .seen_as(
          "Client: connects, then waits seconds more than usual, or gives up. Server: "
          "ListenOverflows grows; the application sees the connection late.");
  return finding.build();
}

std::vector<PacketRef> asked_again_for_ack(const FlowFacts& facts) {
  const SideRecord& client = facts.flow.c();
  const SideRecord& server = facts.flow.s();
  if (facts.handshake != Handshake::complete || server.syns < 2 || facts.server_unheard) return {};
  // Data that was never taken, and a SYN-ACK repeated behind it: with TCP_DEFER_ACCEPT the server
  // would have acknowledged the data at once.
  if (client.next == 0 || client.acked > 0 || server.next > 0 || !client.head_sent) return {};
  constexpr PacketRef kNever{.number = ~PacketNumber{0}, .time = {}};
  return synacks_behind(server, client.head_sent, kNever);
}

std::optional<Finding> accept_queue_overflow(const FlowFacts& facts, const Thresholds&) {
  const FlowRecord& flow = facts.flow;
  const SideRecord& client = flow.c();
  const SideRecord& server = flow.s();
  const auto behind = asked_again_for_ack(facts);
  if (behind.empty()) return std::nullopt;
  const bool seen_there = facts.vantage.at(VantagePoint::server);
  FindingBuilder finding{
      Label::accept_queue_overflow,
      fmt::format("The client acknowledged the SYN-ACK and sent {}, but the server repeated its "
                  "SYN-ACK {} after that and took nothing{}",
                  base::bytes(client.next), base::count(behind.size(), "time"),
                  seen_there ? ": its accept queue is full."
                             : ", as where its accept queue is full; whether what the client sent "
                               "behind its SYN arrived there cannot be seen from here.")};
  finding.evidence(server.syn, Side::server, "SYN-ACK")
      .evidence(flow.handshake_ack, Side::client, "handshake complete for the client")
      .evidence(client.head_sent, Side::client, "first data, never acknowledged");
  for (const PacketRef packet : behind)
    finding.evidence(packet, Side::server, "SYN-ACK again, behind the data");
  finding.evidence(facts.first_close)
      .fact("synack_count", std::int64_t{server.syns})
      .fact("synacks_behind_data", static_cast<std::int64_t>(behind.size()))
      .fault(Party::server_app, seen_there ? Confidence::medium : Confidence::low,
             "everything that the client sends after its SYN is lost on the way")
      .seen_as(
          "Client: connects, then read timed out or connection reset. Server: ListenOverflows "
          "grows; the application never sees the connection.");
  return finding.build();
}

namespace {

/// A server that wants to hear nothing, without a RST (taxonomy 16, 20): what it waits for it
/// cannot have waited for.
Finding closed_after_handshake(const FlowFacts& facts) {
  return FindingBuilder{
      Label::reset_after_handshake,
      fmt::format("The server closed the connection {} after the handshake, before the client had "
                  "sent anything on it.",
                  base::duration(*facts.unused_for))}
      .severity(Severity::warning)
      .evidence(facts.flow.s().syn, Side::server, "SYN-ACK")
      .evidence(facts.flow.handshake_ack, Side::client, "handshake complete")
      .evidence(facts.first_close)
      .fact("open_us", facts.unused_for)
      .fact("reason", std::string{"closed-at-once"})
      .fault(Party::server_app, Confidence::low,
             "an allow-list or a limit of connections does what it is meant to do, the server was "
             "shutting down, or whoever connected only looked whether somebody listens")
      .seen_as(
          "Client: end of file, or connection reset, at its first request. Server: often a "
          "line about a refused address.")
      .build();
}

}  // namespace

std::optional<Finding> reset_after_handshake(const FlowFacts& facts, const Thresholds& limits) {
  const Closer closer = facts.first_close.closer;
  if (!facts.unused || !by_server(closer) || !facts.unused_for) return std::nullopt;
  // Later it is an unused connection that was put away.
  if (*facts.unused_for >= limits.reset_after_handshake) return std::nullopt;
  if (closer == Closer::server_fin) {
    // A client that closes at the same moment had nothing to say.
    const SideRecord& client = facts.flow.c();
    const bool crossed = client.fin && client.fin_ack <= facts.flow.s().fin_offset;
    if (crossed) return std::nullopt;
    return closed_after_handshake(facts);
  }
  const FlowRecord& flow = facts.flow;
  const SideTrouble& server = flow.s().trouble();
  const bool elsewhere = reset_from_elsewhere(flow, Side::server, limits);
  FindingBuilder finding{
      Label::reset_after_handshake,
      fmt::format(
          "The connection was open for {} and unused when {} reset it{}.",
          base::duration(*facts.unused_for),
          elsewhere ? "a device in the server's name" : "the server",
          server.rst_has_ack ? "" : ", with the RST of a host that knows no such connection")};
  finding.evidence(flow.s().syn, Side::server, "SYN-ACK")
      .evidence(flow.handshake_ack, Side::client, "handshake complete")
      .evidence(facts.first_close)
      .fact("open_us", facts.unused_for)
      .fact("rst_ttl", std::int64_t{server.rst_ttl})
      .fact("usual_ttl", std::int64_t{flow.s().ttl})
      .fact("reason", std::string{elsewhere            ? "middlebox"
                                  : server.rst_has_ack ? "aborted-by-live-socket"
                                                       : "no-socket"})
      .fault(elsewhere ? Party::network : Party::server_host, Confidence::medium,
             elsewhere
                 ? "a load balancer answers for the server, which is legitimate"
                 : "the accept queue was full (tcp_abort_on_overflow), or a load balancer had "
                   "no healthy target")
      .seen_as(
          "Client: connection reset by peer right after connect. Server: often nothing in its "
          "log.");
  return finding.build();
}

namespace {

/// "connection 3, last seen 12.3 s before, its server in CLOSE_WAIT"
std::string old_connection(const FlowRecord& flow) {
  const FlowTrouble& rare = flow.trouble();
  if (rare.challenges == 0) return "an older connection with the same ports";
  const Duration ago = std::max(flow.c().syn.time - rare.predecessor_last.time, Duration{0});
  return fmt::format(
      "the older connection with the same ports (flow {}, last seen {} before; its server in {}, "
      "its client in {})",
      static_cast<std::uint32_t>(rare.predecessor), base::duration(ago),
      name(rare.predecessor_server), name(rare.predecessor_client));
}

/// The client's kernel refuses the wrong answer with a RST. Without one, or a SYN that had to be
/// repeated, the packet was a straggler that changed nothing; one of a connection that the capture
/// shows is a straggler by its numbers, until it comes again for each SYN.
bool came_in_the_way(const FlowFacts& facts, PacketRef refused) {
  const FlowRecord& flow = facts.flow;
  const FlowTrouble& rare = flow.trouble();
  const bool repeated = flow.c().syns >= 2;
  if (rare.challenges > 0 && !refused && (rare.challenges < 2 || !repeated)) return false;
  if (facts.handshake == Handshake::complete)
    return repeated && flow.s().syn.number > rare.challenge_ack.number;
  return refused || repeated;
}

}  // namespace

std::optional<Finding> stale_port_reuse(const FlowFacts& facts, const Thresholds&) {
  const FlowRecord& flow = facts.flow;
  const FlowTrouble& rare = flow.trouble();
  const PacketRef answer = rare.challenge_ack;
  if (!flow.has(Oddity::challenged) || !answer || !flow.c().syn) return std::nullopt;
  const SideTrouble& client = flow.c().trouble();
  const PacketRef refused = rare.challenge_refused ? rare.challenge_refused
                            : client.rst           ? client.rst
                                                   : client.ignored_rst;
  if (!came_in_the_way(facts, refused)) return std::nullopt;
  const bool established = facts.handshake == Handshake::complete;
  const std::optional<Duration> delay = established ? facts.synack_delay : std::nullopt;
  // Its next SYN may be answered as it should be.
  const bool goes_on = !established && facts.capture_over && !facts.next_syn_overdue;
  FindingBuilder finding{
      Label::stale_port_reuse,
      established ? fmt::format("The SYN met {}; it was {} later that a repeated SYN got its "
                                "SYN-ACK.",
                                old_connection(flow), base::duration(delay.value_or(Duration{0})))
                  : fmt::format("The SYN met {}: the answer acknowledges something else, and no "
                                "connection came about{}.",
                                old_connection(flow), goes_on ? " before the capture ended" : "")};
  finding.evidence(rare.predecessor_last, std::nullopt, "last packet of the older connection")
      .evidence(flow.c().syn, Side::client, "SYN")
      .evidence(answer, Side::server, "does not acknowledge the SYN")
      .evidence(refused, Side::client, "RST: that is not what was asked for")
      .evidence(flow.s().syn, Side::server, "SYN-ACK")
      .severity(established || goes_on ? Severity::warning : Severity::error)
      .fact("syn_count", std::int64_t{flow.c().syns})
      .fact("added_latency_us", delay)
      .fault(Party::server_host, Confidence::medium,
             "the client's host or a NAT uses the ports again too soon")
      .seen_as(established ? "Client: a connect that takes a second longer."
                           : "Client: connect timed out. Server: a socket in CLOSE_WAIT or "
                             "TIME_WAIT for these ports.");
  if (rare.challenges > 0) {
    finding.fact("older_flow", std::int64_t{static_cast<std::uint32_t>(rare.predecessor)})
        .fact("older_server_state", std::string{name(rare.predecessor_server)})
        .fact("older_client_state", std::string{name(rare.predecessor_client)})
        .fact("older_age_us",
              std::optional{std::max(flow.c().syn.time - rare.predecessor_last.time, Duration{0})});
    // Whoever still has it open has not noticed, or not closed.
    if (rare.predecessor_server == TcpState::close_wait)
      finding.fault(Party::server_app, Confidence::medium, "a NAT uses the ports again too soon");
    if (rare.predecessor_server == TcpState::time_wait)
      finding.fault(Party::client_host, Confidence::medium, "a NAT on the way chose the port");
  }
  if (flow.c().syns >= 2) {
    finding.evidence(client.syn_times[1], Side::client, "SYN again (2)");
  }
  return finding.build();
}

}  // namespace httpdiag::rules
