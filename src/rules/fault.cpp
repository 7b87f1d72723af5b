// SPDX-License-Identifier: Apache-2.0
#include "rules/fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/rst_origin.hpp"
#include "rules/vantage.hpp"

namespace httpdiag::rules {

namespace {

VantagePoint place_of(Side side) {
  return side == Side::client ? VantagePoint::client : VantagePoint::server;
}
Party host_of(Side side) { return side == Side::client ? Party::client_host : Party::server_host; }

/// RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291 §2.5.6.
bool is_private(const IpAddress& ip) {
  const auto& b = ip.bytes;
  if (!ip.is_v4()) return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
  return b[12] == 10 || (b[12] == 172 && (b[13] & 0xf0) == 16) || (b[12] == 192 && b[13] == 168) ||
         (b[12] == 100 && (b[13] & 0xc0) == 64) || (b[12] == 169 && b[13] == 254);
}

/// A capture at `side`. Where addresses are translated on the way, that side knows the other one
/// by another address, and the port has to do.
Settle capture_at(Side side, const FlowRecord& flow, std::string question) {
  const IpAddress& here = side == Side::client ? flow.client.ip : flow.server.ip;
  const IpAddress& there = side == Side::client ? flow.server.ip : flow.client.ip;
  const bool translated = is_private(there) && !is_private(here);
  const std::string_view icmp = flow.server.ip.is_v4() ? "icmp" : "icmp6";
  const std::string filter = translated ? fmt::format("tcp port {} or {}", flow.server.port, icmp)
                                        : fmt::format("host {} and tcp port {} or {}",
                                                      to_string(there), flow.server.port, icmp);
  return {.at = side,
          .host = here,
          .question = std::move(question),
          .command = fmt::format("tcpdump -s0 -i any -w {}.pcap '{}'", words(side), filter)};
}

/// Packets that their receiver never confirmed, and who sent them.
struct Unconfirmed {
  Side sender;
  std::string_view what;  // plural
};

/// What the finding's blame of the network rests on. Nothing where it rests on something else,
/// such as an ICMP error, a TTL or the time that retransmissions took.
std::optional<Unconfirmed> unconfirmed(const Finding& finding, const FlowFacts& facts) {
  if (finding.fault.party != Party::network || finding.has_fact("icmp_type")) return std::nullopt;
  if (finding.has_fact("answer_repeated") || finding.has_fact("request_delay_us"))
    return std::nullopt;                                       // they arrived in the end
  if (finding.has_fact("lost_bytes")) return std::nullopt;     // lost in front of the capture point
  if (finding.has_fact("answer_unseen")) return std::nullopt;  // likewise
  if (finding.has_fact("usual_ttl")) return std::nullopt;      // a RST, which nothing was lost by
  if (finding.has_fact("probes_unanswered")) return Unconfirmed{Side::client, "keep-alive probes"};
  switch (finding.label) {
    case Label::syn_retries_exhausted:
    case Label::connect_abandoned:
      return Unconfirmed{Side::client, "SYNs"};
    case Label::connect_slow:
      if (!finding.has_fact("unanswered_syns")) return std::nullopt;
      return Unconfirmed{Side::client, "unanswered SYNs"};
    case Label::handshake_not_completed:
      if (!facts.flow.s().syn) return std::nullopt;  // answered by something else
      return Unconfirmed{Side::server, "SYN-ACKs"};
    case Label::request_incomplete:
      if (finding.has_fact("unanswered_keepalives"))
        return Unconfirmed{Side::server, "keep-alive probes"};
      return Unconfirmed{Side::client, "request's packets"};
    case Label::request_not_acked:
    case Label::idle_conn_blackholed:
      return Unconfirmed{Side::client, "request's packets"};
    case Label::client_timeout:
      if (finding.has_fact("fins_unanswered")) return Unconfirmed{Side::client, "FINs"};
      return Unconfirmed{Side::client, finding.has_fact("unanswered_keepalives")
                                           ? "keep-alive probes"
                                           : "request's packets"};
    case Label::response_stalled:
      // The client has what came, and its own FINs find no answer.
      if (finding.has_fact("fins_unanswered")) return Unconfirmed{Side::client, "FINs"};
      if (finding.has_fact("unanswered_keepalives"))
        return Unconfirmed{Side::client, "keep-alive probes"};
      return Unconfirmed{Side::server, "answer's packets"};
    case Label::response_not_acked:
    case Label::late_response:
    case Label::response_truncated_rst:
      return Unconfirmed{Side::server, "answer's packets"};
    case Label::fin_not_acked:
      // The first packet of the evidence by number may be another; the FIN says who closed.
      for (const Evidence& evidence : finding.evidence) {
        if (evidence.what.starts_with("FIN") && evidence.from)
          return Unconfirmed{*evidence.from, "FINs"};
      }
      return std::nullopt;
    case Label::keepalive_probe_failed:
      for (const Evidence& evidence : finding.evidence) {
        if (evidence.packet == facts.flow.c().trouble().first_keepalive)
          return Unconfirmed{Side::client, "keep-alive probes"};
        if (evidence.packet == facts.flow.s().trouble().first_keepalive)
          return Unconfirmed{Side::server, "keep-alive probes"};
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// Of the sender's IP datagrams later pieces are not in the capture: that the first ones were seen
/// to arrive says nothing of the whole.
void attribute_pieces(Finding& finding, const FlowFacts& facts, const Unconfirmed& lost) {
  const FlowTrouble& trouble = facts.flow.trouble();
  const Side receiver = other(lost.sender);
  const IpAddress& host = receiver == Side::client ? facts.flow.client.ip : facts.flow.server.ip;
  const bool said_so =
      trouble.icmp && reassembly_time_exceeded(trouble) && trouble.icmp_reporter == host;
  Fault& fault = finding.fault;
  fault.confidence = std::min(fault.confidence, said_so ? Confidence::high : Confidence::low);
  fault.unless = said_so ? ""
                         : fmt::format(
                               "the other pieces did arrive and were only not recorded, as "
                               "by a filter for ports: then the {} host is at fault",
                               words(receiver));
  finding.detail += fmt::format(
      " Of the IP datagrams of the {} only the first pieces are seen arriving at the {}{}.",
      lost.what, words(receiver),
      said_so ? ", which says by ICMP that it waited for the others in vain" : "");
}

/// Facts F2, F5 and F6: silence accuses the path and the receiver alike, until it is known that
/// the packets arrived.
void attribute_silence(Finding& finding, const FlowFacts& facts, const Unconfirmed& lost) {
  const Side receiver = other(lost.sender);
  Fault& fault = finding.fault;
  const bool same_host = facts.vantage.at(VantagePoint::loopback);
  if (same_host || facts.vantage.at(place_of(receiver))) {
    if (facts.flow.side(lost.sender).trouble().lacks_pieces)
      return attribute_pieces(finding, facts, lost);
    // A capture beside the host leaves the last stretch to it open.
    const bool on_host = facts.vantage.on_host;
    fault.party = host_of(receiver);
    if (fault.confidence != Confidence::low)
      fault.confidence = on_host ? facts.vantage.confidence : Confidence::medium;
    fault.unless = same_host ? ""
                   : on_host ? "its answers leave by an interface that this capture does not see"
                             : "they get lost between the capture point and that host";
    finding.detail += fmt::format(" The {} are seen {}, so the way {} is not at fault.", lost.what,
                                  same_host ? "on the one host that both ends are on"
                                            : fmt::format("arriving at the {}", words(receiver)),
                                  on_host ? "there" : "up to here");
    return;
  }
  fault.confidence = std::min(fault.confidence, Confidence::medium);
  finding.settle = capture_at(
      receiver, facts.flow,
      fmt::format("do the {} arrive there, and does anything leave in reply?", lost.what));
}

/// Labels of a RST in the server's name.
bool about_server_reset(Label label) {
  return label == Label::connect_refused || label == Label::reset_after_handshake ||
         label == Label::reset_without_response || label == Label::idle_conn_reset ||
         label == Label::response_truncated_rst;
}

/// Fact F11: whether the server or a device sent it is certain only where it was sent.
void attribute_reset(Finding& finding, const FlowFacts& facts, const Thresholds& limits) {
  const bool elsewhere = reset_from_elsewhere(facts.flow, Side::server, limits);
  const bool here =
      facts.vantage.at(VantagePoint::server) || facts.vantage.at(VantagePoint::loopback);
  if (!here) {
    finding.settle = capture_at(Side::server, facts.flow,
                                "does the RST leave that host, or does a device in between send "
                                "it?");
    return;
  }
  // Its host never saw the connection begin: another may have, under the same name or another.
  if (facts.flow.has(Oddity::midstream) && !facts.flow.s().trouble().rst_has_ack) {
    finding.fault.confidence = Confidence::low;
    finding.fault.unless =
        "a NAT or load balancer on the way lost the connection, and passed its packets on as they "
        "were";
    return;
  }
  const bool born_here = hops(facts.flow.s().trouble().rst_ttl) == 0;
  if (elsewhere || !born_here || finding.fault.party == Party::network) return;
  const SideRecord& server = facts.flow.s();
  // All that came from the server is RSTs of this host: a router that rejects makes the same.
  if (server.trouble().rst_from_here && server.packets <= server.trouble().rsts &&
      !facts.vantage.given && !facts.server_lives_here) {
    finding.fault.confidence = std::min(finding.fault.confidence, Confidence::medium);
    finding.fault.unless =
        "the capturing host is a router that rejects it in the server's name, or its own firewall "
        "does (REJECT with tcp-reset)";
    finding.detail += " The RST was recorded at the host that sent it.";
    return;
  }
  finding.fault.confidence = std::max(finding.fault.confidence, facts.vantage.confidence);
  finding.fault.unless = finding.label == Label::connect_refused
                             ? "the host's own firewall rejects it (REJECT with tcp-reset)"
                             : "";
  finding.detail +=
      " The RST was recorded at the server, with a TTL as it was sent: it comes from there.";
}

/// Where the suspicion of a device in between would end: at the receiver of what gets lost, at the
/// host in whose name a RST came.
std::optional<Side> other_end(const Finding& finding) {
  const auto side_in = [&](std::string_view name, std::string_view client) {
    const auto* value = finding.fact<std::string>(name);
    return value != nullptr && *value == client ? Side::client : Side::server;
  };
  if (finding.label == Label::pmtu_blackhole) return other(side_in("direction", "c2s"));
  if (finding.label == Label::rst_injection_suspect) return side_in("side", "client");
  return std::nullopt;
}

void attribute_to_path(Finding& finding, const FlowFacts& facts, Side end) {
  if (facts.vantage.at(VantagePoint::loopback) || facts.vantage.at(place_of(end))) return;
  finding.settle = capture_at(end, facts.flow,
                              finding.label == Label::pmtu_blackhole
                                  ? "do only the short packets arrive there?"
                                  : "does the RST leave that host, or does a device in between "
                                    "send it?");
}

/// Labels that tell of an end, which a RST may have been.
bool about_an_end(Label label) {
  switch (label) {
    using enum Label;
    case reset_after_handshake:
    case handshake_client_reset:
    case reset_without_response:
    case idle_conn_reset:
    case request_incomplete:
    case client_timeout:
    case late_response:
    case response_truncated_rst:
    case response_aborted_by_client:
      return true;
    default:
      return false;
  }
}

struct DeviceReset {
  Side side;  // in whose name
  RstSigns signs;
  Confidence sure;
};

/// The first RST within what the finding tells of, if a device sent it. What came behind it, the
/// other end's own RST too, is its consequence.
std::optional<DeviceReset> reset_by_device(const Finding& finding, const FlowFacts& facts,
                                           const Thresholds& limits) {
  if (!about_an_end(finding.label) || finding.evidence.empty()) return std::nullopt;
  const PacketNumber from = finding.evidence.front().packet.number;
  const PacketNumber to = finding.evidence.back().packet.number;
  std::optional<DeviceReset> found;
  for (const Side side : {Side::client, Side::server}) {
    const SideRecord& own = facts.flow.side(side);
    const PacketRef& rst = own.trouble().first_rst;
    if (!rst || rst.number < from || rst.number > to) continue;
    if (found && facts.flow.side(found->side).trouble().first_rst.number < rst.number) continue;
    const RstSigns signs = rst_signs(facts.flow, side, limits);
    const auto sure = sent_by_device(signs, own);
    if (sure && *sure >= Confidence::medium) found = {side, signs, *sure};
  }
  return found;
}

/// In the order of the packets, once each.
void add_evidence(Finding& finding, Evidence proof) {
  const PacketNumber number = proof.packet.number;
  const auto at = std::lower_bound(
      finding.evidence.begin(), finding.evidence.end(), number,
      [](const Evidence& each, PacketNumber wanted) { return each.packet.number < wanted; });
  if (at != finding.evidence.end() && at->packet.number == number) return;
  finding.evidence.insert(at, std::move(proof));
}

void attribute_to_device(Finding& finding, const FlowFacts& facts, const DeviceReset& reset) {
  const SideRecord& own = facts.flow.side(reset.side);
  const PacketRef& rst = own.trouble().first_rst;
  finding.fault = {Party::network, reset.sure,
                   "a load balancer or NAT in front of the host, which may do so by right"};
  finding.detail +=
      fmt::format(" The RST in the {}'s name was probably sent by a device between the hosts: {}.",
                  words(reset.side), reasons(reset.signs, own, reset.side));
  const std::string in_its_name = fmt::format("RST in the {}'s name", words(reset.side));
  for (Evidence& each : finding.evidence) {
    if (each.packet.number == rst.number) each.what = in_its_name;
  }
  add_evidence(finding, {rst, reset.side, in_its_name});
  finding.remedy = std::string{info(Label::rst_injection_suspect).remedy};
  finding.seen_as = "Either side: connection reset by peer, each taking the other for who did it.";
  finding.settle.reset();
  attribute_to_path(finding, facts, reset.side);
}

/// What got lost did not get lost by chance, where a firewall says that it rejects it.
void name_firewall(Finding& finding, const FlowFacts& facts) {
  const FlowTrouble& rare = facts.flow.trouble();
  if (finding.fault.party != Party::network || finding.has_fact("icmp_type")) return;
  if (!rejected_by_rule(rare) || finding.evidence.empty()) return;
  if (rare.icmp.number < finding.evidence.front().packet.number) return;
  const std::string reporter = to_string(rare.icmp_reporter);
  finding.detail +=
      fmt::format(" {} says that it rejects these packets: {}.", reporter, icmp_meaning(rare));
  finding.remedy = fmt::format("Have the firewall at {} pass what belongs to connections to {}.",
                               reporter, to_string(facts.flow.server));
  finding.fault.confidence = std::max(finding.fault.confidence, Confidence::medium);
  finding.fault.unless.clear();
  finding.settle.reset();
  add_evidence(finding, {rare.icmp, std::nullopt, icmp_evidence(rare)});
}

constexpr std::string_view kKeepTranslation =
    "Let the client send keep-alive probes, or close idle connections, before the address "
    "translation forgets them; or let it remember established connections for longer "
    "(Linux: nf_conntrack_tcp_timeout_established).";

/// What a server says, or does not, to a connection that it does not know.
bool about_lost_connection(Label label) {
  return label == Label::reset_without_response || label == Label::idle_conn_reset ||
         label == Label::idle_conn_blackholed || label == Label::request_not_acked;
}

/// This host translated the connection's addresses, and then passed on what the client sent last
/// as it was: its table had forgotten the connection.
bool forgot_translation(const Finding& finding, const FlowFacts& facts) {
  const FlowTrouble& rare = facts.flow.trouble();
  const PacketRef& last = facts.flow.c().last_payload;
  if (!rare.last_translated || rare.last_translated.number > last.number) return false;
  if (rare.translated_client.port == 0 && rare.translated_server.port == 0) return false;
  switch (finding.label) {
    case Label::reset_without_response:
    case Label::idle_conn_reset:
      return facts.flow.s().trouble().rst.number > last.number;
    case Label::idle_conn_blackholed:
    case Label::request_not_acked:
      return true;
    default:
      return false;
  }
}

/// This host gave the connection another name, and since then nothing of the client's was
/// acknowledged, as to a server that knows of no connection from there.
bool changed_translation(const Finding& finding, const FlowFacts& facts) {
  const FlowTrouble& rare = facts.flow.trouble();
  const PacketNumber anew = rare.translated_anew.number;
  if (!rare.translated_anew || facts.flow.c().acked_by.number > anew ||
      facts.flow.s().last_payload.number > anew)
    return false;
  return about_lost_connection(finding.label);
}

void attribute_to_change(Finding& finding, const FlowFacts& facts) {
  const FlowTrouble& rare = facts.flow.trouble();
  const bool of_client = rare.translated_client_before != rare.translated_client;
  finding.fault = {Party::network, Confidence::high, ""};
  finding.detail += fmt::format(
      " This host translates the connection's addresses, and did so anew for the request: {} had "
      "been {} before, and became {}. The server knows of no such connection.",
      to_string(of_client ? facts.flow.client : facts.flow.server),
      to_string(of_client ? rare.translated_client_before : rare.translated_server_before),
      to_string(of_client ? rare.translated_client : rare.translated_server));
  finding.remedy = std::string{kKeepTranslation};
  finding.settle.reset();
  add_evidence(finding, {rare.translated_anew, std::nullopt, "first packet under the new name"});
}

void attribute_to_translation(Finding& finding, const FlowFacts& facts) {
  const FlowTrouble& rare = facts.flow.trouble();
  finding.fault = {Party::network, Confidence::high, ""};
  finding.detail +=
      " This host translated the addresses of the connection's earlier packets, but not of the "
      "request: its table had forgotten the connection.";
  finding.remedy = std::string{kKeepTranslation};
  finding.settle.reset();
  add_evidence(finding, {rare.last_translated, std::nullopt, "last packet that was translated"});
}

/// Nothing is left to settle where the capture was taken on the host that sent the RST.
void attribute_to_gateway(Finding& finding) {
  if (finding.label == Label::connect_refused) return;  // says so itself
  finding.fault = {Party::network, Confidence::high, ""};
  finding.detail +=
      " The host that the capture was taken on, which passes the packets on, sent the RST itself "
      "in the server's name.";
  finding.remedy =
      "On the host that the capture was taken on: find the firewall rule that rejects these "
      "packets (nft list ruleset, iptables -S: REJECT with tcp-reset).";
}

void attribute_party(Finding& finding, const FlowFacts& facts, const Thresholds& limits) {
  if (forgot_translation(finding, facts)) return attribute_to_translation(finding, facts);
  if (changed_translation(finding, facts)) return attribute_to_change(finding, facts);
  if (facts.rst_made_here && about_server_reset(finding.label))
    return attribute_to_gateway(finding);
  if (facts.dropped_here || facts.torn) return;  // its rules say so themselves
  if (const auto reset = reset_by_device(finding, facts, limits))
    return attribute_to_device(finding, facts, *reset);
  if (finding.has_fact("answer_unseen"))
    finding.settle = capture_at(Side::server, facts.flow, "when does the answer leave that host?");
  if (const auto lost = unconfirmed(finding, facts))
    return attribute_silence(finding, facts, *lost);
  if (const auto end = other_end(finding)) return attribute_to_path(finding, facts, *end);
  if (about_server_reset(finding.label) && facts.flow.s().trouble().rst) {
    return attribute_reset(finding, facts, limits);
  }
  // Fact F1: the ACK proves that a kernel at the server's address has the request, no more.
  const bool at_server =
      facts.vantage.at(VantagePoint::server) || facts.vantage.at(VantagePoint::loopback);
  if (finding.label == Label::no_response && !at_server) {
    finding.settle = capture_at(Side::server, facts.flow,
                                "does an answer leave that host, or is it a proxy that waits for "
                                "another one?");
  }
}

}  // namespace

namespace {

/// Labels of what did not come, which may be what was not recorded.
bool rests_on_silence(Label label) {
  switch (label) {
    using enum Label;
    case no_response:
    case response_stalled:
    case close_wait_lingering:
    case fin_not_acked:
    case keepalive_probe_failed:
      return true;
    default:
      return false;
  }
}

/// Taxonomy 3.1, E0: packets of this very connection passed by unrecorded.
void doubt_silence(Finding& finding, const FlowRecord& flow) {
  const bool lossy = flow.c().trouble().gap_bytes + flow.s().trouble().gap_bytes > 0;
  if (!lossy || !rests_on_silence(finding.label)) return;
  Fault& fault = finding.fault;
  fault.confidence = Confidence::low;
  if (!fault.unless.empty()) fault.unless += ", or ";
  fault.unless +=
      "what seems to be missing was not recorded, like other packets of this connection";
}

/// What came first may be the rest of an answer that began before the capture.
void doubt_beginning(Finding& finding, const FlowRecord& flow) {
  if (finding.label != Label::response_malformed || !flow.has(Oddity::midstream)) return;
  finding.fault.confidence = Confidence::low;
  if (finding.fault.unless.empty())
    finding.fault.unless = "the bytes are the rest of an answer from before the capture";
}

}  // namespace

void attribute(Finding& finding, const FlowFacts& facts, const Thresholds& limits) {
  if (info(finding.label).phase == Phase::own) return;  // its author has decided
  attribute_party(finding, facts, limits);
  name_firewall(finding, facts);
  doubt_silence(finding, facts.flow);
  doubt_beginning(finding, facts.flow);
}

}  // namespace httpdiag::rules
