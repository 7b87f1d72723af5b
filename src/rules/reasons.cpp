// SPDX-License-Identifier: Apache-2.0
#include "rules/reasons.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/icmp_words.hpp"
#include "rules/idle_timers.hpp"
#include "rules/rst_origin.hpp"
#include "rules/waiting.hpp"

namespace httpdiag::rules {

bool probes_unanswered(FindingBuilder& finding, const FlowRecord& flow, Side prober) {
  const SideTrouble& trouble = flow.side(prober).trouble();
  if (trouble.unanswered_keepalives < kProbesInVain) return false;
  finding
      .also(fmt::format("The {}'s keep-alive probes, {} of them, found no answer.", words(prober),
                        trouble.unanswered_keepalives))
      .evidence(trouble.first_keepalive, prober, "first keep-alive probe")
      .fact("unanswered_keepalives", std::int64_t{trouble.unanswered_keepalives})
      .fault(Party::network, Confidence::medium,
             fmt::format("the {} host is gone", words(other(prober))));
  return true;
}

bool fins_unanswered(FindingBuilder& finding, const ExchangeFacts& facts) {
  constexpr std::uint32_t kInVain = 3;
  const SideRecord& client = facts.flow.flow.c();
  const bool acked = client.acked > client.fin_offset;
  if (client.fins < kInVain || acked || facts.flow.flow.s().trouble().rst) return false;
  finding.fact("fins_unanswered", true)
      .fault(Party::network, Confidence::medium, "the server host is gone");
  return true;
}

bool answer_repeated(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const SideTrouble& server = facts.flow.flow.s().trouble();
  const bool told_before = x.response && server.told_of && server.told > x.response->begin &&
                           server.told_of.number > x.request.last.number &&
                           server.told_of.number < x.response->first.number;
  // Two packets that were recorded the wrong way round are no repetition.
  if (!told_before || x.response->first.time - server.told_of.time <= kReordering) return false;
  finding
      .also(
          "The number of an earlier packet says that the answer had been sent before: it was lost "
          "on the way, and this is a repetition.")
      .evidence(server.told_of, Side::server, "its number tells of an answer that was not seen")
      .fact("answer_repeated", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "the client host stopped receiving");
  return true;
}

bool answer_lacks_beginning(FindingBuilder& finding, const ExchangeFacts& facts) {
  const PacketRef seen = answer_without_beginning(facts);
  if (!seen) return false;
  finding
      .also(
          "Of an answer only bytes further on came here: those in front of them were lost on the "
          "way, and the client asked for them in vain.")
      .evidence(seen, Side::server, "bytes of an answer whose beginning is missing")
      .fact("answer_unseen", true)
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "they were sent again, and not recorded");
  return true;
}

bool rst_ttl_tells(FindingBuilder& finding, const FlowRecord& flow, Side side) {
  if (!rst_has_ttl_of_its_own(flow, side)) return false;
  const SideRecord& own = flow.side(side);
  finding
      .also(fmt::format("Its TTL is {}, that of the {}'s other packets {}.", own.trouble().rst_ttl,
                        words(side), own.last_ttl))
      .fact("rst_ttl", std::int64_t{own.trouble().rst_ttl})
      .fact("usual_ttl", std::int64_t{own.last_ttl})
      .fault(Party::network, own.trouble().rst_ip_id_astray ? Confidence::medium : Confidence::low,
             fmt::format("the {}'s host begins its RSTs at another TTL", words(side)));
  return true;
}

namespace {

constexpr std::uint32_t kInVain = 2;  // of one segment: no chance any more

}  // namespace

bool arrived_and_not_taken(FindingBuilder& finding, const ExchangeFacts& facts, Side sender) {
  const Exchange& x = facts.exchange;
  // What was sent again in other exchanges says nothing of this one.
  return x.retransmits_after - x.retransmits_before >= kInVain &&
         arrived_and_not_taken(finding, facts.flow, sender);
}

bool arrived_and_not_taken(FindingBuilder& finding, const FlowFacts& facts, Side sender) {
  const Side receiver = other(sender);
  const VantagePoint place = receiver == Side::client ? VantagePoint::client : VantagePoint::server;
  if (!facts.vantage.at(place) || facts.flow.side(sender).trouble().most_head_retransmits < kInVain)
    return false;
  // Who answers them with a RST has taken them, and knows of no such connection.
  const SideTrouble& theirs = facts.flow.side(receiver).trouble();
  const PacketRef begin = facts.flow.side(sender).trouble().stall_begin;
  if (theirs.rsts > 0 &&
      (!begin || std::max(theirs.rst.number, theirs.ignored_rst.number) > begin.number))
    return false;
  // One that has said something is out of the queue.
  const bool queued = receiver == Side::server && facts.flow.s().payload_bytes == 0;
  finding
      .also(fmt::format("The repetitions are seen arriving at the {0}, whose kernel did not take "
                        "them{1}: the way there is not at fault.",
                        words(receiver), queued ? ", as where the accept queue is full" : ""))
      .fault(receiver == Side::client ? Party::client_host : Party::server_host, Confidence::medium,
             facts.vantage.on_host ? "its ACKs were not recorded"
                                   : "they get lost between the capture point and that host");
  if (queued) {
    finding.remedy(std::string{info(Label::accept_queue_overflow).remedy});
  } else if (receiver == Side::server) {
    finding.remedy(
        "Server host: find what keeps its TCP from taking them: a firewall rule, conntrack "
        "INVALID, "
        "bad checksums (nstat: TcpInCsumErrors), or a host that stood still.");
  }
  return true;
}

bool reported_on_the_way(FindingBuilder& finding, const ExchangeFacts& facts) {
  const FlowTrouble& trouble = facts.flow.flow.trouble();
  if (trouble.icmp.number < facts.exchange.request.first.number) return false;
  if (facts.answered && trouble.icmp.number > facts.exchange.response->first.number) return false;
  finding
      .also(fmt::format("Meanwhile {} reported \"{}\".", to_string(trouble.icmp_reporter),
                        icmp_meaning(trouble)))
      .evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble))
      .fault(Party::network, Confidence::medium, "the server's host was down meanwhile");
  return true;
}

void blame_loss_of_request(FindingBuilder& finding, const ExchangeFacts& facts, Duration delay,
                           std::string_view sentence) {
  finding.also(sentence)
      .fact("request_delay_us", std::optional{delay})
      .remedy(std::string{info(Label::loss_recovery_delay).remedy})
      .fault(Party::network, Confidence::medium, "the server host was slow to acknowledge");
  if (arrived_and_not_taken(finding, facts, Side::client)) return;
  reported_on_the_way(finding, facts);
}

namespace {

/// The server closed at once behind the first byte of the request. No application reads a request
/// and gives up on it in so short a time without failing.
bool closed_at_once(const ExchangeFacts& facts) {
  constexpr Duration kAtOnce = std::chrono::milliseconds{5};
  const bool by_rst = facts.close.closer == Closer::server_rst;
  if (!by_server(facts.close.closer) || facts.close.unseen) return false;
  // Its number says that the request was in the kernel: unread, or a FIN would have come.
  if (by_rst && (facts.rst_from_elsewhere || !facts.flow.flow.s().trouble().rst_has_ack ||
                 !facts.request_part_acked)) {
    return false;
  }
  // The close takes as long to get here as the SYN-ACK; a round trip, where the SYN is not
  // recorded.
  const Duration way = facts.flow.syn_count == 1
                           ? facts.flow.synack_delay.value_or(Duration{0})
                           : (facts.flow.syn_count == 0 ? facts.flow.flow.rtt : Duration{0});
  return facts.close.packet.time - facts.exchange.request.first.time <= way + kAtOnce;
}

/// The last answer to the close. None: the connection had not rested.
std::optional<Duration> server_rest(const ExchangeFacts& facts) {
  const PacketRef answered = facts.flow.flow.s().last_payload;
  if (facts.exchange.requests_before == 0 || !answered || !facts.idle) return std::nullopt;
  if (*facts.idle < kShortestRest) return std::nullopt;
  return facts.close.packet.time - answered.time;
}

}  // namespace

bool idle_timer_ran_out(FindingBuilder& finding, const ExchangeFacts& facts) {
  const auto rest = server_rest(facts);
  if (!rest || !closed_at_once(facts)) return false;
  const Duration announced = std::chrono::seconds{facts.exchange.announced_keep_alive_s};
  const bool overdue = announced > Duration{0} && outlasts(*rest, announced);
  if (!overdue && !facts.flow.closed_by_idle_timer) return false;
  finding
      .also(fmt::format("It had been idle for {}, {}: the server's idle timer and the request "
                        "crossed inside the server{}.",
                        base::duration(*rest),
                        overdue ? fmt::format("and the server had announced to keep it for {} s",
                                              facts.exchange.announced_keep_alive_s)
                                : "and the server closes its other connections after such a rest",
                        facts.close.closer == Closer::server_rst
                            ? ", whose kernel says RST where a close leaves bytes unread"
                            : ""))
      .evidence(facts.exchange.active_before, std::nullopt, "last activity before the pause")
      .fact("idle_us", facts.idle)
      .fact("announced_keep_alive_us", overdue ? std::optional{announced} : std::nullopt)
      .fault(Party::none, Confidence::medium, "the server's process failed at that moment")
      .remedy(
          "Nobody broke a rule. Keep idle connections on the client for a second or two less than "
          "the server does, and let it send requests again that are safe to repeat.");
  return true;
}

bool idle_timer_may_have_run_out(FindingBuilder& finding, const ExchangeFacts& facts) {
  const auto rest = server_rest(facts);
  if (!rest || !outlasts(*rest, std::chrono::seconds{1}) || !closed_at_once(facts)) return false;
  finding.fault(Party::server_app, Confidence::medium,
                "its keep-alive timer closed the connection at that moment");
  return true;
}

bool request_cut_in_recording(FindingBuilder& finding, const ExchangeFacts& facts) {
  const Message& request = facts.exchange.request;
  if (!request.snaplen_cut || request.state == MessageState::complete) return false;
  finding.fault(Party::unknown, Confidence::low,
                "the request was not whole, of which the rest was cut off when it was recorded");
  return true;
}

void blame_impatience(FindingBuilder& finding, std::optional<Duration> waited,
                      const std::optional<ClientLimit>& matched, bool sure) {
  // A timer of a second may fire a moment before it is over, as the capture sees it.
  const std::optional<Duration> limit = matched ? matched->time : waited;
  if (limit && *limit < std::chrono::seconds{1}) {
    finding.fault(Party::client_app, Confidence::medium, "the server was to answer at once");
  } else {
    finding.fault(Party::server_app, sure && limit ? Confidence::medium : Confidence::low,
                  "the client's limit is shorter than this call is meant to take");
  }
}

std::uint64_t proxy_header_bytes(const ExchangeFacts& facts) {
  constexpr std::uint64_t kShortest = 15;  // "PROXY UNKNOWN\r\n"
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  const bool first = x.requests_before == 0 && flow.c().syn && flow.c().trouble().gap_bytes == 0;
  return first && x.request.begin >= kShortest ? x.request.begin : 0;
}

bool blame_proxy_header(FindingBuilder& finding, const ExchangeFacts& facts, std::uint16_t status) {
  const std::uint64_t bytes = proxy_header_bytes(facts);
  if (bytes == 0 || status != 400) return false;
  finding
      .also(fmt::format("In front of the request {} were sent that are no HTTP, as of a PROXY "
                        "protocol header: a server that does not expect one refuses it.",
                        base::bytes(bytes)))
      .fact("bytes_in_front", static_cast<std::int64_t>(bytes))
      .fault(Party::client_app, Confidence::medium,
             "the server was meant to expect the header, or refuses the request for itself")
      .remedy(
          "Sender or load balancer: switch the PROXY protocol off for this server (send-proxy, "
          "proxy_protocol on). Server: or accept it on this listener (accept-proxy, listen ... "
          "proxy_protocol). A retry fails in the same way.");
  return true;
}

}  // namespace httpdiag::rules
