// SPDX-License-Identifier: Apache-2.0
// What the path does to packets: long ones that it swallows (taxonomy 63), RSTs that it makes (65),
// and short ones that wait for an ACK (64).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/rst_origin.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

namespace {

/// The longest segment that `side` can put on the wire.
std::uint32_t full_size(const FlowRecord& flow, Side side) {
  const std::uint32_t longest = flow.side(side).longest;
  const std::uint32_t mss = flow.side(other(side)).mss;
  return mss != 0 ? std::min(longest, mss) : longest;
}

bool is_full(std::uint32_t bytes, std::uint32_t full, const Thresholds& limits) {
  return bytes >= limits.pmtu_min_bytes && bytes >= limits.pmtu_full_share * full;
}

/// A router on the way says so: "fragmentation needed" (RFC 1191), "packet too big" (RFC 4443).
bool said_too_big(const FlowTrouble& trouble) {
  if (!trouble.icmp) return false;
  return trouble.icmp_v6 ? trouble.icmp_type == 2
                         : trouble.icmp_type == 3 && trouble.icmp_code == 4;
}

/// What is in front of the head was sent in one go with it, and acknowledged: at that ACK the head
/// was on its way already.
bool front_arrived(const SideRecord& own) {
  return own.acked > 0 && own.acked_by && own.head_sent == own.acked_by;
}

/// A moment before the head was sent something short arrived, bytes or the handshake's ACK; and
/// while the head was sent in vain the peer went on talking: neither it nor the way has died.
bool peer_goes_on(const FlowRecord& flow, Side side) {
  constexpr Duration kMoment = std::chrono::seconds{1};
  const SideRecord& own = flow.side(side);
  const SideRecord& peer = flow.side(other(side));
  const PacketRef resent = own.trouble().head_first_retransmit;
  const bool heard = peer.last.number > resent.number && peer.last.time - resent.time >= kMoment;
  if (!heard || peer.trouble().rst || peer.syns > 1) return false;
  const PacketRef arrived = own.acked > 0          ? own.acked_by
                            : side == Side::client ? flow.handshake_ack
                                                   : PacketRef{};
  return arrived && own.head_sent && own.head_sent.time - arrived.time <= kMoment;
}

/// The head of this side's tape is of full size, was sent again and again at that size, and never
/// arrived, while it is known that something shorter did.
bool loses_long_ones(const FlowRecord& flow, Side side, const Thresholds& limits) {
  const SideRecord& own = flow.side(side);
  const SideTrouble& trouble = own.trouble();
  if (trouble.head_retransmits < limits.unacked_min_retransmits) return false;
  if (own.acked >= own.next || own.acked > own.longest_begin) return false;
  const std::uint32_t full = full_size(flow, side);
  if (!is_full(trouble.head_least_bytes, full, limits)) return false;
  if (trouble.sacked_bytes >= limits.pmtu_full_share * full) return false;  // a long one arrived
  return trouble.beyond_head || said_too_big(flow.trouble()) || front_arrived(own) ||
         peer_goes_on(flow, side);
}

/// What arrived although the head did not.
std::string short_ones_text(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  const SideTrouble& trouble = own.trouble();
  if (trouble.beyond_head)
    return fmt::format("{} behind it arrived", base::count(trouble.sacked_bytes, "byte"));
  if (said_too_big(flow.trouble())) return "a router said that it was too big";
  if (front_arrived(own))
    return fmt::format("the {} in front of it, sent in one go with it, arrived",
                       base::count(own.acked, "byte"));
  return fmt::format("something short had arrived a moment before, and the {} went on talking",
                     words(other(side)));
}

FindingBuilder long_ones_lost(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  const SideTrouble& trouble = own.trouble();
  const FlowTrouble& rare = flow.trouble();
  const bool told = said_too_big(rare);
  std::string detail = fmt::format(
      "The {}'s segment of {} was sent again {} and never acknowledged, while ", words(side),
      base::count(trouble.head_most_bytes, "byte"), base::count(trouble.head_retransmits, "time"));
  detail += short_ones_text(flow, side) + ": something on the way drops long packets";
  if (told) {
    detail += fmt::format(" ({}{})", to_string(rare.icmp_reporter),
                          rare.icmp_mtu != 0 ? fmt::format(", MTU {}", rare.icmp_mtu) : "");
  }
  FindingBuilder finding{Label::pmtu_blackhole, detail + '.'};
  const bool by_front = !trouble.beyond_head && !told && front_arrived(own);
  const bool by_life = !trouble.beyond_head && !told && !by_front;
  finding.evidence(trouble.beyond_head, other(side), "selective ACK of shorter bytes behind it")
      .evidence(by_front ? own.acked_by : PacketRef{}, other(side),
                "ACK of the bytes in front of it")
      .evidence(by_life ? flow.side(other(side)).last : PacketRef{}, other(side),
                "the host is there, and still lacks it")
      .evidence(trouble.head_first_retransmit, side, "sent again, at full size")
      .evidence(trouble.head_retransmit, side, "last time")
      .fault(Party::network, told ? Confidence::high : Confidence::medium,
             told ? "" : "a firewall drops this one segment for what is in it")
      .fact("direction", std::string{side == Side::client ? "c2s" : "s2c"})
      .fact("segment_bytes", std::int64_t{trouble.head_most_bytes})
      .fact("retransmissions", std::int64_t{trouble.head_retransmits})
      .seen_as(
          "Client: read timed out, though small requests work. Server: nothing, or a request that "
          "never became whole.");
  if (told) {
    finding.evidence(rare.icmp, std::nullopt, icmp_evidence(rare))
        .fact("reported_by", to_string(rare.icmp_reporter))
        .fact("mtu", std::int64_t{rare.icmp_mtu});
  }
  return finding;
}

/// Seen behind the path: the receiver asks for bytes (RFC 2018) that never came past here, as much
/// as a full segment at least, while only shorter ones arrived, behind them too.
bool long_ones_missing(const FlowFacts& facts, Side side, const Thresholds& limits) {
  const FlowRecord& flow = facts.flow;
  const SideTrouble& trouble = flow.side(side).trouble();
  if (trouble.lost_bytes == 0 || !trouble.beyond_head) return false;
  const std::uint32_t full = flow.side(other(side)).mss;
  if (full == 0 ||
      !is_full(static_cast<std::uint32_t>(std::min<std::uint64_t>(trouble.lost_bytes, full)), full,
               limits))
    return false;
  if (flow.side(side).longest >= limits.pmtu_full_share * full) return false;  // a long one arrived
  return facts.watched_after(trouble.beyond_head) >= limits.unacked_min;
}

FindingBuilder long_ones_not_arrived(const FlowFacts& facts, Side side) {
  const SideRecord& own = facts.flow.side(side);
  const SideTrouble& trouble = own.trouble();
  FindingBuilder finding{
      Label::pmtu_blackhole,
      fmt::format("{} of the {} never came past here, though {} behind them did and the {} asked "
                  "for what was missing; no segment longer than {} arrived: something on the way "
                  "drops long packets.",
                  base::count(trouble.lost_bytes, "byte"), words(side),
                  base::count(trouble.sacked_bytes, "byte"), words(other(side)),
                  base::count(own.longest, "byte"))};
  finding.evidence(trouble.beyond_head, other(side), "selective ACK: bytes in front are missing")
      .fault(Party::network, Confidence::medium, "the missing segments were lost by chance")
      .fact("direction", std::string{side == Side::client ? "c2s" : "s2c"})
      .fact("lost_bytes", static_cast<std::int64_t>(trouble.lost_bytes))
      .fact("longest_bytes", std::int64_t{own.longest})
      .seen_as(
          "Client: read timed out, though small requests work. Server: nothing, or a request that "
          "never became whole.");
  return finding;
}

/// It got through in the end, in smaller pieces.
std::optional<Finding> shrunk(const FlowRecord& flow, Side side, const Thresholds& limits) {
  const SideTrouble::Shrunk& was = flow.side(side).trouble().shrunk;
  if (!was.longest_yet || was.in_vain < limits.unacked_min_retransmits) return std::nullopt;
  if (!is_full(was.most_bytes, full_size(flow, side), limits)) return std::nullopt;
  FindingBuilder finding{
      Label::pmtu_blackhole,
      fmt::format(
          "The {}'s segment of {} was sent again {} in vain; {} of it got through after {}.",
          words(side), base::count(was.most_bytes, "byte"), base::count(was.in_vain, "time"),
          base::count(was.bytes, "byte"), base::duration(was.acked_by.time - was.first.time))};
  finding.evidence(was.first, side, "sent again, at full size")
      .evidence(was.smaller, side, "sent again, shorter")
      .evidence(was.acked_by, other(side), "its ACK")
      .severity(Severity::warning)
      .fault(Party::network, Confidence::medium, "the short one was lucky")
      .fact("direction", std::string{side == Side::client ? "c2s" : "s2c"})
      .fact("segment_bytes", std::int64_t{was.most_bytes})
      .fact("smaller_bytes", std::int64_t{was.bytes})
      .fact("retransmissions", std::int64_t{was.in_vain});
  const FlowTrouble& rare = flow.trouble();
  if (said_too_big(rare)) {
    finding.evidence(rare.icmp, std::nullopt, icmp_evidence(rare))
        .fault(Party::network, Confidence::high, "")
        .fact("mtu", std::int64_t{rare.icmp_mtu});
  }
  return finding.build();
}

}  // namespace

std::optional<Finding> pmtu_blackhole(const ExchangeFacts& facts, const Thresholds& limits) {
  const FlowRecord& flow = facts.flow.flow;
  const Exchange& x = facts.exchange;
  if (x.response_missing || facts.flow.server_unheard || facts.flow.client_unheard)
    return std::nullopt;
  if (!facts.answered && !facts.request_complete &&
      long_ones_missing(facts.flow, Side::client, limits)) {
    return long_ones_not_arrived(facts.flow, Side::client)
        .evidence(x.request.first, Side::client, words_for_request_evidence(x))
        .evidence(facts.close)
        .build();
  }
  if (!facts.answered) {
    const Offset lost = flow.c().acked;
    const bool reset = flow.s().trouble().rst.number > x.request.first.number;
    if (reset || facts.request_acked || lost < facts.q0 || lost >= facts.q1) return std::nullopt;
    if (!loses_long_ones(flow, Side::client, limits)) return std::nullopt;
    return long_ones_lost(flow, Side::client)
        .evidence(x.request.first, Side::client, words_for_request_evidence(x))
        .evidence(facts.close)
        .build();
  }
  const Offset lost = flow.s().acked;
  if (lost < x.response->begin || lost >= x.response->end) return std::nullopt;
  if (x.client_closed_before_response || flow.s().trouble().rst) return std::nullopt;
  if (!loses_long_ones(flow, Side::server, limits)) return std::nullopt;
  return long_ones_lost(flow, Side::server)
      .evidence(x.request.first, Side::client, words_for_request_evidence(x))
      .evidence(facts.close_after_response)
      .build();
}

std::optional<Finding> flow_pmtu_blackhole(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.server_unheard || facts.client_unheard) return std::nullopt;
  for (const Side side : {Side::client, Side::server}) {
    const SideTrouble& trouble = facts.flow.side(side).trouble();
    if (trouble.head_retransmits > 0 && loses_long_ones(facts.flow, side, limits))
      return long_ones_lost(facts.flow, side).build();
    if (trouble.shrunk.in_vain > 0) {
      if (auto finding = shrunk(facts.flow, side, limits)) return finding;
    }
    if (long_ones_missing(facts, side, limits)) return long_ones_not_arrived(facts, side).build();
  }
  return std::nullopt;
}

bool may_be_delayed_ack(const Message& message, const Thresholds& limits) {
  if (!message.pause_acked) return false;
  const Duration waited = message.pause_acked.time - message.pause_begin.time;
  const Duration behind = message.pause_end.time - message.pause_acked.time;
  return waited >= limits.delayed_ack_min && behind >= Duration{0} &&
         behind <= limits.delayed_ack_follow;
}

std::optional<Finding> delayed_ack_stall(const ExchangeFacts& facts, const Thresholds& limits) {
  const Exchange& x = facts.exchange;
  const Duration rtt = facts.flow.flow.rtt;
  if (rtt == Duration{0}) return std::nullopt;
  for (const Side side : {Side::client, Side::server}) {
    if (side == Side::server && !x.response) continue;
    const Message& message = side == Side::client ? x.request : *x.response;
    if (message.has_gap || !may_be_delayed_ack(message, limits)) continue;
    // Waiting for any ACK costs a round trip; what is beyond that is the delay of the ACK.
    const Duration delay = message.pause() - rtt;
    if (delay < limits.delayed_ack_min || delay > limits.delayed_ack_max) continue;
    const std::string_view what = side == Side::client ? "request" : "response";
    FindingBuilder finding{
        Label::delayed_ack_stall,
        fmt::format("The {} left in pieces, and one of them {} after the one before it, when the "
                    "{}'s delayed ACK came: {} lost to Nagle's algorithm.",
                    what, base::duration(message.pause()), words(other(side)),
                    base::duration(delay))};
    finding.evidence(message.pause_begin, side, fmt::format("{} so far", what))
        .evidence(message.pause_acked, other(side), "bare ACK of it")
        .evidence(message.pause_end, side, "the next piece, at once")
        .fault(side == Side::client ? Party::client_app : Party::server_app, Confidence::medium,
               "the application paused for as long by chance")
        .fact("direction", std::string{side == Side::client ? "c2s" : "s2c"})
        .fact("wasted_us", std::optional{delay});
    return finding.build();
  }
  return std::nullopt;
}

std::optional<Finding> rst_injection_suspect(const FlowFacts& facts, const Thresholds& limits) {
  const FlowRecord& flow = facts.flow;
  if (!flow.c().trouble().first_rst && !flow.s().trouble().first_rst) return std::nullopt;
  const RstSigns of_client = rst_signs(flow, Side::client, limits);
  const RstSigns of_server = rst_signs(flow, Side::server, limits);
  const Side side = of_client.count() > of_server.count() ? Side::client : Side::server;
  const RstSigns& signs = side == Side::client ? of_client : of_server;
  const SideRecord& own = flow.side(side);
  const SideTrouble& trouble = own.trouble();
  const auto sure = sent_by_device(signs, own);
  if (!sure) return std::nullopt;
  FindingBuilder finding{
      Label::rst_injection_suspect,
      fmt::format("The RST in the {}'s name was probably sent by a device between the hosts, not "
                  "by the {} itself: {}.",
                  words(side), words(side), reasons(signs, own, side))};
  finding.evidence(trouble.first_rst, side, fmt::format("RST with the {}'s address", words(side)))
      .evidence(own.syn, side, side == Side::client ? "SYN" : "SYN-ACK")
      .evidence(trouble.stepped_rst, side, "another RST, further on")
      .evidence(trouble.after_rst, side, fmt::format("the {} is still there", words(side)))
      .severity(*sure == Confidence::low ? Severity::info : Severity::warning)
      .fault(Party::network, *sure,
             handshake_alone(own) ? "a load balancer or SYN proxy answered the SYN in the host's "
                                    "name, and the RST is the host's"
                                  : "a load balancer or NAT in front of the host, which may do so "
                                    "by right")
      .fact("side", std::string{words(side)})
      .fact("rst_ttl", std::int64_t{trouble.first_rst_ttl})
      .fact("usual_ttl", std::int64_t{own.last_ttl})
      .fact("ttl_differs", signs.ttl)
      .fact("ip_id_differs", signs.ip_id)
      .fact("sender_went_on", signs.went_on)
      .fact("stepped", signs.stepped);
  return finding.build();
}

}  // namespace httpdiag::rules
