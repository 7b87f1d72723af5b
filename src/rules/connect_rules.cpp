// SPDX-License-Identifier: Apache-2.0
// Did a connection come about? (taxonomy 4.2)
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/icmp_words.hpp"
#include "rules/reasons.hpp"
#include "rules/rule_lists.hpp"
#include "rules/syn_schedules.hpp"
#include "rules/vantage.hpp"

namespace httpdiag::rules {

namespace {

/// Each SYN (or SYN-ACK) transmission that was kept, as evidence.
void transmissions(FindingBuilder& finding, const SideRecord& side, Side from,
                   std::string_view what) {
  finding.evidence(side.syn, from, std::string{what});
  if (side.syns < 2) return;
  const std::size_t kept = std::min<std::size_t>(side.syns, kMaxSynTimes);
  for (std::size_t i = 1; i < kept; ++i) {
    const std::size_t number = i + 1 == kMaxSynTimes ? side.syns : i + 1;
    finding.evidence(side.trouble().syn_times[i], from, fmt::format("{} again ({})", what, number));
  }
}

void icmp_facts(FindingBuilder& finding, const FlowTrouble& trouble) {
  finding.fact("icmp_type", std::int64_t{trouble.icmp_type})
      .fact("icmp_code", std::int64_t{trouble.icmp_code})
      .fact("reported_by", to_string(trouble.icmp_reporter));
}

constexpr std::string_view kConnectTimeoutSeen =
    "Client: connection timed out (ETIMEDOUT), connect timed out, dial i/o timeout, curl 7 or 28. "
    "Server: nothing.";

constexpr std::string_view kComesBackAround =
    "Make the answers come back the way the SYNs went: translate the source address as well where "
    "the destination is translated (masquerade, hairpin NAT), or route the server's answers "
    "through "
    "that device; or let the client call the server by its own address.";

/// Behind the capturing host's address translation, where there is one.
std::string listener(const FlowRecord& flow) {
  const Endpoint& behind = flow.trouble().translated_server;
  if (behind.port == 0 || behind == flow.server) return to_string(flow.server);
  return fmt::format("{}, to which {} is translated", to_string(behind), to_string(flow.server));
}

/// The RST came another way than the server's packets on other connections (fact F11).
bool refused_on_the_way(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.rst_made_here) return true;
  const std::uint8_t ttl = facts.flow.s().trouble().rst_ttl;
  // A stack may begin at 255 with a RST and at 64 otherwise: the routers passed have to differ,
  // too.
  return facts.server_ttl && ttl != 0 && hops(ttl) != hops(*facts.server_ttl) &&
         std::abs(int{ttl} - int{*facts.server_ttl}) >= limits.rst_ttl_delta;
}

/// One that came from nearer, by less than that.
bool refused_from_nearer(const FlowFacts& facts) {
  const auto passed = hops(facts.flow.s().trouble().rst_ttl);
  const auto usual = facts.server_ttl ? hops(*facts.server_ttl) : std::nullopt;
  return passed && usual && *passed < *usual;
}

std::string rejected(const FlowFacts& facts) {
  if (facts.rst_made_here) {
    return fmt::format(
        "the host that the capture was taken on sent it, which passes packets on to {} and did not "
        "pass this SYN on",
        to_string(facts.flow.server.ip));
  }
  return fmt::format(
      "its TTL is {}, that of the server's packets on other connections {}, so a device in between "
      "rejects what goes to {}",
      facts.flow.s().trouble().rst_ttl, *facts.server_ttl, to_string(facts.flow.server));
}

/// The client got its connection another way, so that nothing has failed; empty: it did not.
std::string fallback_words(const FlowRecord& flow) {
  const auto other = static_cast<std::uint32_t>(flow.trouble().fallback);
  if (other == 0) return {};
  return fmt::format("; the client went over to the other IP version at once (flow {})", other);
}

/// SYNs before the one that was refused. Windows sends its SYN three times, too, but each of them
/// is answered.
std::uint32_t ignored_syns(const FlowFacts& facts) {
  return facts.syn_count - std::min(facts.syn_count, facts.flow.s().trouble().rsts);
}

// Who refused.

bool gateway_refused(FindingBuilder& finding, const FlowFacts& facts, const Thresholds&) {
  if (!facts.rst_made_here) return false;
  finding.fault(Party::network, Confidence::high)
      .remedy(
          "On the host that the capture was taken on: find the firewall rule that rejects what "
          "goes to this port (nft list ruleset, iptables -S: REJECT with tcp-reset).");
  return true;
}

bool refused_after_silence(FindingBuilder& finding, const FlowFacts& facts, const Thresholds&) {
  const std::uint32_t ignored = ignored_syns(facts);
  if (ignored < 2) return false;
  finding.also(fmt::format("{} before had got no answer.", base::count(ignored, "SYN")))
      .fault(Party::server_host, Confidence::medium,
             "a device in between dropped them, and rejected the last one");
  return true;
}

bool device_refused(FindingBuilder& finding, const FlowFacts& facts, const Thresholds& limits) {
  if (!refused_on_the_way(facts, limits)) return false;
  finding.fault(Party::network, Confidence::medium, "the way from the server has changed since");
  return true;
}

bool firewall_may_have_refused(FindingBuilder& finding, const FlowFacts& facts, const Thresholds&) {
  if (!refused_from_nearer(facts)) return false;
  finding.fault(Party::server_host, Confidence::medium,
                "a firewall in front of it rejected it: the RST came over fewer routers than the "
                "server's packets on other connections");
  return true;
}

constexpr std::array kWhoRefused = {
    &gateway_refused,
    &refused_after_silence,
    &device_refused,
    &firewall_may_have_refused,
};

}  // namespace

std::optional<Finding> connect_refused(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.handshake != Handshake::refused) return std::nullopt;
  const FlowRecord& flow = facts.flow;
  const SideTrouble& server = flow.s().trouble();
  const std::optional<Duration> latency = between(flow.c().last, server.rst, flow);
  const std::string replaced = fallback_words(flow);
  const bool foreign = refused_on_the_way(facts, limits);
  FindingBuilder finding{
      Label::connect_refused,
      fmt::format("The SYN was answered with RST after {}: {}{}.",
                  time_words(between(flow.c().syn, server.rst, flow)),
                  foreign ? rejected(facts) : "nothing listens on " + listener(flow), replaced)};
  transmissions(finding, flow.c(), Side::client, "SYN");
  finding.evidence(server.rst, Side::server, "RST, acknowledges the SYN")
      .severity(replaced.empty() ? Severity::error : Severity::info)
      .fact("syn_count", std::int64_t{facts.syn_count})
      .fact("latency_us", latency)
      .fact("rst_ttl", std::int64_t{server.rst_ttl})
      .fault(Party::server_host, Confidence::high, "a firewall rejected it in the server's name")
      .seen_as(
          "Client: connection refused (ECONNREFUSED, curl 7); a proxy: 502 or 503. Server: "
          "nothing.");
  tell_first(kWhoRefused, finding, facts, limits);
  if (foreign && facts.server_ttl) finding.fact("server_ttl", std::int64_t{*facts.server_ttl});
  return finding.build();
}

namespace {

/// The SYN-ACK came behind the ICMP error, to a client that had been told to give up.
bool unreachable_until_late(const FlowFacts& facts) {
  const FlowRecord& flow = facts.flow;
  const FlowTrouble& trouble = flow.trouble();
  return facts.handshake == Handshake::incomplete && flow.c().syn && flow.s().syn && trouble.icmp &&
         !flow.has(Oddity::icmp_soft_error) && !too_big(trouble) && !time_exceeded(trouble) &&
         trouble.icmp.number < flow.s().syn.number &&
         flow.c().trouble().rst.number > trouble.icmp.number;
}

}  // namespace

std::optional<Finding> connect_unreachable(const FlowFacts& facts, const Thresholds&) {
  const FlowTrouble& trouble = facts.flow.trouble();
  const bool answered_late = unreachable_until_late(facts);
  if (facts.handshake != Handshake::unreachable && !answered_late) return std::nullopt;
  const bool from_target = trouble.icmp_reporter == facts.flow.server.ip;
  // Nobody has no way to himself: it hands the port on (DNAT, a container), to whom it cannot
  // reach.
  const bool forwards = from_target && has_no_way_on(trouble);
  const std::string replaced = fallback_words(facts.flow);
  FindingBuilder finding{
      Label::connect_unreachable,
      fmt::format("{} answered the SYN with ICMP \"{}\"{}.", to_string(trouble.icmp_reporter),
                  icmp_meaning(trouble), replaced)};
  transmissions(finding, facts.flow.c(), Side::client, "SYN");
  finding.evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble))
      .severity(replaced.empty() ? Severity::error : Severity::info)
      .fault(from_target && !forwards ? Party::server_host : Party::network,
             forwards ? Confidence::medium : Confidence::high,
             forwards ? "that host means itself" : "")
      .seen_as(
          "Client: no route to host (EHOSTUNREACH), network unreachable, or connection refused for "
          "\"port unreachable\". Server: nothing.");
  if (forwards) {
    finding.also(
        "It says so of its own address: it passes this port on (address translation, a container) "
        "to a host that it cannot reach.");
  }
  if (answered_late) {
    finding
        .also(fmt::format(
            "A SYN-ACK came {} later: the client had given up by then.",
            base::duration(std::max(facts.flow.s().syn.time - trouble.icmp.time, Duration{0}))))
        .evidence(facts.flow.s().syn, Side::server, "SYN-ACK, too late")
        .evidence(facts.flow.c().trouble().rst, Side::client, "client RST");
  }
  icmp_facts(finding, trouble);
  return finding.build();
}

namespace {

/// The client repeated its SYN behind the server's SYN-ACK, as one does that has not had it.
bool synack_lost(const FlowRecord& flow) {
  constexpr Duration kCrossing = std::chrono::milliseconds{500};
  const std::size_t kept = std::min<std::size_t>(flow.c().syns, kMaxSynTimes);
  if (kept < 2 || flow.has(Oddity::synack_before_syn)) return false;
  const PacketRef last = flow.c().trouble().syn_times[kept - 1];
  return last.number > flow.s().syn.number && last.time - flow.s().syn.time >= kCrossing;
}

/// The SYN-ACK came past here long before the RST: the server was not slow to answer.
bool answered_soon(const FlowFacts& facts) {
  const Duration waited = facts.flow.c().trouble().rst.time - facts.flow.c().syn.time;
  return facts.synack_delay && *facts.synack_delay * 10 <= waited;
}

// Why the client's socket was gone.

bool synack_got_lost(FindingBuilder& finding, const FlowFacts& facts) {
  const FlowRecord& flow = facts.flow;
  if (!synack_lost(flow)) return false;
  const bool at_client = facts.vantage.at(VantagePoint::client);
  finding
      .also(
          fmt::format("A SYN-ACK had come past here {} after the first SYN, and the client went "
                      "on repeating that: it had not got it.",
                      base::duration(std::max(flow.s().syn.time - flow.c().syn.time, Duration{0}))))
      .fault(at_client ? Party::client_host : Party::network, Confidence::medium,
             at_client ? "what was recorded here got lost on its way to the client behind it"
                       : "the client's own firewall drops them");
  return true;
}

/// Nobody had to repeat anything: a kernel waits for a second before it does.
bool limit_below_round_trip(FindingBuilder& finding, const FlowFacts& facts) {
  const FlowRecord& flow = facts.flow;
  const Duration waited = flow.c().trouble().rst.time - flow.c().syn.time;
  if (facts.syn_count != 1 || flow.s().syns != 1 || waited >= kInitialRto) return false;
  finding
      .also(
          "Nothing had been lost: its connect timeout is shorter than the way there and back took.")
      .fault(Party::client_app, Confidence::medium,
             answered_soon(facts)
                 ? "the way is shorter as a rule"
                 : "the server host was slow to answer, or the way is shorter as a rule");
  return true;
}

bool answered_too_late(FindingBuilder& finding, const FlowFacts& facts) {
  finding.fault(
      Party::network, Confidence::medium,
      answered_soon(facts)
          ? "the client's connect timeout is too short"
          : "the server host was slow to answer, or the client's connect timeout is too short");
  return true;
}

constexpr std::array kWhySocketGone = {
    &synack_got_lost,
    &limit_below_round_trip,
    &answered_too_late,
};

}  // namespace

std::optional<Finding> handshake_client_reset(const FlowFacts& facts, const Thresholds& limits) {
  // A limit that somebody set on purpose, though it is shorter than the way.
  constexpr Duration kShortestLimit = std::chrono::milliseconds{50};
  const FlowRecord& flow = facts.flow;
  if (facts.handshake != Handshake::incomplete || !flow.s().syn || !flow.c().syn)
    return std::nullopt;
  if (opened_unseen(flow)) return std::nullopt;
  const SideTrouble& client = flow.c().trouble();
  if (!client.rst) return std::nullopt;
  // The kernel answers the SYN-ACK at once, so its RST tells how long the client waited wherever
  // the capture was taken; at the server the SYN-ACK itself would not.
  const Duration delay = std::max(client.rst.time - flow.c().syn.time, Duration{0});
  const bool too_late = delay >= limits.half_open_probe;
  const auto matched = match_timeout(delay, limits, limits.known_timeouts);
  FindingBuilder finding{
      Label::handshake_client_reset,
      too_late ? fmt::format("The client answered the SYN-ACK with RST {} after "
                             "its first SYN: its socket was gone when the "
                             "SYN-ACK came.",
                             base::duration(delay))
               : fmt::format("The client answered the SYN-ACK with RST {} after "
                             "its SYN: a port probe or health check{}.",
                             base::duration(delay),
                             delay < kShortestLimit ? ""
                                                    : ", or a client whose connect timeout is "
                                                      "shorter than the way there and back")};
  transmissions(finding, flow.c(), Side::client, "SYN");
  finding.evidence(flow.s().syn, Side::server, "SYN-ACK")
      .evidence(client.rst, Side::client, "client RST")
      .severity(too_late ? Severity::error : Severity::info)
      .fault(Party::none, Confidence::medium)
      .fact("synack_delay_us", facts.synack_delay)
      .fact("rst_delay_us", std::optional{delay})
      .fact("matched_timeout_us", too_late ? matched : std::nullopt)
      .fact("reason", std::string{too_late ? "synack-too-late" : "half-open-probe"})
      .seen_as(too_late ? "Client: connect timed out. Server: SYN_RECV for a moment, no accept."
               : delay < kShortestLimit
                   ? "Nobody sees anything."
                   : "A probe: nothing. Client: connect timed out (curl 28). Server: no accept.");
  if (too_late) tell_first(kWhySocketGone, finding, facts);
  return finding.build();
}

namespace {

/// The SYN went to another address.
void tell_question_from_elsewhere(FindingBuilder& finding, const SynAnswers::Match& syn) {
  finding
      .also(
          fmt::format("It answers a SYN to {} (flow {}): something on the way there translates the "
                      "address, and the answers come back around it.",
                      to_string(syn.server), static_cast<std::uint32_t>(syn.flow)))
      .evidence(syn.packet, Side::client, "SYN to another address")
      .severity(Severity::info)
      .fact("syn_went_to", to_string(syn.server))
      .fault(Party::network, Confidence::high)
      .remedy(std::string{kComesBackAround});
}

}  // namespace

std::optional<Finding> handshake_not_completed(const FlowFacts& facts, const Thresholds& limits) {
  // SYN-ACKs that may as well have been acknowledged, where a filter kept all ACKs out: the second
  // answers a SYN that was repeated on its way.
  constexpr std::uint16_t kUntold = 2;
  const FlowRecord& flow = facts.flow;
  if (facts.handshake != Handshake::incomplete || facts.client_unheard) return std::nullopt;
  // Bytes that both sides acknowledged prove a connection, whatever the recording order says. An
  // answer to what came with the SYN proves none (RFC 7413).
  const bool answered_in_vain = flow.s().acked == 0 && flow.s().syns > 1;
  if (flow.c().payload_packets > 0 && flow.s().payload_packets > 0 && !answered_in_vain)
    return std::nullopt;
  if (opened_unseen(flow)) return std::nullopt;
  // Its ACK was recorded in front of the SYN-ACK.
  const bool acked_before = flow.s().syn && flow.has(Oddity::synack_missing);
  if (acked_before && flow.c().packets > flow.c().syns) return std::nullopt;
  const bool no_synack = !flow.s().syn;
  if (no_synack && !flow.has(Oddity::challenged)) return std::nullopt;
  const PacketRef answer = no_synack ? flow.trouble().challenge_ack : flow.s().syn;
  if (!answer) return std::nullopt;
  // Either there was time for the ACK, or what came instead of it acknowledges something else.
  const bool wrong_ack = flow.has(Oddity::out_of_window);
  const Duration waited = facts.until - answer.time;
  const bool too_early = waited < limits.capture_end_margin && flow.s().syns < 2;
  // The ACK of the second SYN-ACK may be on its way.
  const bool under_way =
      facts.capture_over && flow.s().syns == 2 &&
      facts.watched_after(flow.s().trouble().syn_times[1]) < limits.capture_end_margin;
  if ((too_early || under_way) && !facts.first_close.packet && !wrong_ack) return std::nullopt;
  // A SYN that was repeated before the SYN-ACK says nothing about what became of that.
  const bool repeated = flow.s().syns >= 2 || (no_synack ? flow.c().syns >= 2 : synack_lost(flow));
  const FlowTrouble& trouble = flow.trouble();
  std::string detail =
      no_synack ? std::string{"The SYN was answered by a packet that does not acknowledge it, and "
                              "no connection came about."}
                : fmt::format("The server sent its SYN-ACK {}; the client never acknowledged it.",
                              times(flow.s().syns));
  if (trouble.icmp) {
    detail += fmt::format(" {} reported \"{}\" by ICMP.", to_string(trouble.icmp_reporter),
                          icmp_meaning(trouble));
  }
  FindingBuilder finding{Label::handshake_not_completed, std::move(detail)};
  transmissions(finding, flow.c(), Side::client, "SYN");
  transmissions(finding, flow.s(), Side::server, "SYN-ACK");
  finding.evidence(flow.trouble().challenge_ack, Side::server, "does not acknowledge the SYN")
      .evidence(facts.first_close)
      .severity(repeated ? Severity::error : Severity::warning)
      .fact("syn_count", std::int64_t{flow.c().syns})
      .fact("synack_count", std::int64_t{flow.s().syns})
      .fault(Party::network, repeated && flow.c().syns >= 2 ? Confidence::high : Confidence::medium,
             "the client host drops the SYN-ACK in its own firewall, or is gone")
      .seen_as("Client: connect timed out, or nothing at all. Server: SYN_RECV in netstat.");
  const PacketRef refused = flow.c().syn ? PacketRef{} : flow.c().trouble().rst;
  if (facts.torn) {
    tell_question_from_elsewhere(finding, *facts.torn);
  } else if (refused) {
    finding
        .also(fmt::format("Its host reset it {} later, as one that knows no such connection.",
                          base::duration(std::max(refused.time - answer.time, Duration{0}))))
        .severity(Severity::info)
        .fault(
            Party::network, Confidence::low,
            "the client had given up by then; the SYN is not in this capture, or went to another "
            "address, which something on the way translates");
  } else if (facts.only_syns && flow.s().syns <= kUntold) {
    finding
        .also(
            "No connection of this capture has more than SYNs and RSTs: a filter left out what "
            "followed.")
        .severity(Severity::info)
        .fault(Party::capture, Confidence::low, "the connection did not come about")
        .seen_as("Client and server: most often nothing.");
  } else if (!repeated && !no_synack && facts.until - answer.time >= kSynAckRepeatDue) {
    finding
        .also("The server did not repeat it within " + base::duration(facts.until - answer.time) +
              ": it had an ACK or a RST that is not in this capture, or had sent a cookie.")
        .severity(Severity::info)
        .fault(Party::capture, Confidence::low,
               "the server answers SYNs with cookies, or without repeating itself, and the ACK was "
               "lost")
        .seen_as("Client and server: most often nothing.");
  }
  if (trouble.icmp) {
    finding.evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble))
        .fault(Party::network, Confidence::high, "the client host refuses the SYN-ACK by itself");
    icmp_facts(finding, trouble);
  }
  return finding.build();
}

namespace {

/// A SYN series without any answer whatever. Where the capture lacks what the server sends, that
/// the client repeated its SYN says that those before had been in vain.
bool unanswered(const FlowFacts& facts) {
  return facts.handshake == Handshake::unanswered && facts.silence_after_syn &&
         (!facts.server_unheard || facts.syn_count >= 2);
}

void doubt_unheard_answer(FindingBuilder& finding, const FlowFacts& facts) {
  if (!facts.server_unheard) return;
  finding
      .also(
          "What the server sends is not in this capture, as other connections show: that the SYN "
          "was repeated says that the ones before had been in vain; how the last one was answered "
          "is not known.")
      .fault(Party::network, Confidence::low, "the server refused the last SYN");
}

/// What a router had to say about the SYNs, if it did. Time exceeded has no label of its own
/// (taxonomy 12), yet it shows where the SYNs ended.
std::string icmp_note(const FlowTrouble& trouble) {
  if (!trouble.icmp) return "";
  return fmt::format(
      " {} answered with ICMP \"{}\"{}.", to_string(trouble.icmp_reporter), icmp_meaning(trouble),
      time_exceeded(trouble) ? ": routers pass the SYN on in circles. Linux gives up at once on it"
                             : "");
}

FindingBuilder unanswered_syns(Label label, const FlowFacts& facts, std::string detail) {
  const FlowTrouble& trouble = facts.flow.trouble();
  FindingBuilder finding{label, std::move(detail) + icmp_note(trouble)};
  transmissions(finding, facts.flow.c(), Side::client, "SYN");
  finding.evidence(trouble.icmp, std::nullopt, icmp_evidence(trouble))
      .fact("syn_count", std::int64_t{facts.syn_count})
      .fact("span_us", facts.syn_span)
      .seen_as(std::string{kConnectTimeoutSeen})
      .fault(Party::network, Confidence::medium,
             "the server host is down, drops SYNs in its firewall, or its accept queue is full");
  if (trouble.icmp) icmp_facts(finding, trouble);
  if (time_exceeded(trouble)) {
    finding.fault(Party::network, Confidence::high)
        .seen_as("Client: no route to host (EHOSTUNREACH), or a connect timeout. Server: nothing.");
  }
  if (facts.schedule) finding.fact("schedule", std::string{facts.schedule->name});
  return finding;
}

/// The SYN-ACK came from another address.
void tell_answer_from_elsewhere(FindingBuilder& finding, const FlowFacts& facts) {
  if (!facts.torn) return;
  finding.evidence(facts.torn->packet, std::nullopt, "SYN-ACK from another address")
      .also(fmt::format(
          "{} answered with a SYN-ACK (flow {}), which the client's host does not know: something "
          "on the way there translates the address, and the answers come back around it.",
          to_string(facts.torn->server), static_cast<std::uint32_t>(facts.torn->flow)))
      .fact("answered_from", to_string(facts.torn->server))
      .fault(Party::network, Confidence::high)
      .remedy(std::string{kComesBackAround});
}

void tell_dropped_here(FindingBuilder& finding, const FlowFacts& facts) {
  if (!facts.dropped_here) return;
  finding
      .also(fmt::format(
          "The host that the capture was taken on passes packets on to {}, as other connections "
          "show, and did not pass {} on.",
          to_string(facts.flow.server.ip), facts.syn_count == 1 ? "this one" : "these"))
      .fault(Party::network, Confidence::medium,
             "it no longer finds the server's host (ARP), which is down")
      .remedy(
          "On the host that the capture was taken on: find the firewall rule that drops what goes "
          "to this port (nft list ruleset, iptables -S FORWARD: DROP), or what else keeps it "
          "(ip neigh: the next host does not answer; rp_filter, a full conntrack table: dmesg).");
}

}  // namespace

std::optional<Finding> syn_retries_exhausted(const FlowFacts& facts, const Thresholds&) {
  if (!unanswered(facts) || facts.syn_count < 2 || !facts.schedule || !facts.schedule->exhausted)
    return std::nullopt;
  // The kernel waits once more after the last SYN before it gives up.
  if (*facts.silence_after_syn < facts.schedule->next_gap) return std::nullopt;
  FindingBuilder finding = unanswered_syns(
      Label::syn_retries_exhausted, facts,
      fmt::format("{} SYNs over {}{} and no answer of any kind: the kernel ran to its limit ({}).",
                  facts.syn_count, time_words(facts.syn_span),
                  facts.schedule->begun_before
                      ? ", by their times the last of a series that began before the capture,"
                      : "",
                  facts.schedule->name));
  finding.fault(Party::network, Confidence::medium,
                "the server host is down, drops SYNs in its firewall, or its accept queue is full; "
                "with a longer schedule, a connect timeout of the application fits too");
  doubt_unheard_answer(finding, facts);
  tell_dropped_here(finding, facts);
  tell_answer_from_elsewhere(finding, facts);
  return finding.build();
}

namespace {

/// One SYN, and the other IP version was quicker: what was left of the try was let go of.
std::optional<Finding> overtaken(const FlowFacts& facts) {
  const std::string replaced = fallback_words(facts.flow);
  if (replaced.empty() || facts.syn_count != 1) return std::nullopt;
  FindingBuilder finding{Label::connect_abandoned,
                         fmt::format("1 SYN without an answer{}.", replaced)};
  finding.evidence(facts.flow.c().syn, Side::client, "SYN")
      .severity(Severity::info)
      .fact("syn_count", std::int64_t{facts.syn_count})
      .fault(Party::network, Confidence::low, "that version was only the slower one")
      .seen_as("Client: nothing but the moment that it waited for the first try (RFC 8305).")
      .remedy(
          "The callback got its connection. Where this is so each time, one of the two IP versions "
          "does not get through to the server: every new connection waits for it first.");
  return finding.build();
}

}  // namespace

std::optional<Finding> connect_abandoned(const FlowFacts& facts, const Thresholds& limits) {
  if (!unanswered(facts)) return std::nullopt;
  if (auto finding = overtaken(facts)) return finding;
  const Duration next_gap = *facts.next_syn;
  const bool gave_up = facts.next_syn_overdue;
  // Several SYNs in vain say enough, and so does what a router says; a single one at the end of the
  // capture says nothing.
  const bool in_circles = time_exceeded(facts.flow.trouble());
  if (!gave_up && facts.syn_count < 2 && !in_circles) return std::nullopt;

  const Duration lower = facts.syn_span.value_or(Duration{0});
  const Duration upper = lower + next_gap;
  // Limits in use that fit between the last SYN and the one that never came.
  std::vector<Duration> fitting;
  const bool begin_known = !facts.schedule || !facts.schedule->begun_before;
  if (gave_up && begin_known) {
    for (const Duration known : limits.known_timeouts) {
      if (known >= lower && known < upper) fitting.push_back(known);
    }
  }
  std::string candidates;
  for (const Duration known : fitting) {
    base::append_item(candidates, base::duration(known), " or ");
  }
  // More of them than any system's default schedule has (see syn_schedules.cpp).
  constexpr std::uint32_t kLongestSchedule = 11;
  const bool kernels_own_end = gave_up && facts.syn_count > kLongestSchedule;
  const std::string sent = facts.syn_count == 1 ? std::string{"1 SYN"}
                                                : fmt::format("{} SYNs over {}", facts.syn_count,
                                                              time_words(facts.syn_span));
  FindingBuilder finding = unanswered_syns(
      Label::connect_abandoned, facts,
      gave_up
          ? fmt::format("{} without an answer, and the next one, due within {}, never came: the "
                        "{} gave up{}.",
                        sent, base::duration(next_gap),
                        in_circles || kernels_own_end ? "client" : "application",
                        kernels_own_end ? fmt::format(", as with net.ipv4.tcp_syn_retries = {}",
                                                      facts.syn_count - 1)
                        : candidates.empty() ? ""
                                             : ", as with a connect timeout of " + candidates)
          : fmt::format("{} without an answer; the capture ended before the next one was due, so "
                        "whether the client gave up is not known.",
                        sent));
  finding.fact("waited_at_least_us", facts.syn_span)
      .fact("waited_at_most_us",
            gave_up && begin_known && facts.syn_span ? std::optional{upper} : std::nullopt)
      .fact("matched_timeout_us", fitting.size() == 1 ? std::optional{fitting[0]} : std::nullopt);
  if (facts.syn_count == 1 && !facts.flow.trouble().icmp) {
    finding.fault(
        Party::network, Confidence::low,
        "the server refused it and the RST was not recorded, or the client's own limit is "
        "shorter than a second");
  }
  if (!gave_up) {
    // Three retries, each after twice the time of the one before (RFC 6298 §5.5): whatever follows,
    // the callback has suffered.
    constexpr Duration kFailed = 7 * kInitialRto;
    finding.severity(lower < kFailed ? Severity::warning : Severity::error);
    if (!in_circles)
      finding.fault(Party::network, Confidence::low, "an answer came after the end of the capture");
  }
  if (facts.server_unheard) finding.severity(Severity::warning);
  if (facts.only_first_syns) {
    finding
        .also(
            "This capture holds nothing but SYNs, and most of them once: where a filter chose them "
            "(tcp[13] == 2), it left the answers out.")
        .severity(Severity::warning)
        .fault(Party::network, Confidence::low, "the answers are not in this capture");
  }
  doubt_unheard_answer(finding, facts);
  tell_dropped_here(finding, facts);
  tell_answer_from_elsewhere(finding, facts);
  return finding.build();
}

namespace {

/// SYNs that were sent before the server's first SYN-ACK, the one that it answers left out.
std::int64_t unanswered_syns(const FlowRecord& flow) {
  const std::size_t kept = std::min<std::size_t>(flow.c().syns, kMaxSynTimes);
  if (kept < 2 || flow.has(Oddity::synack_before_syn)) return 0;
  const auto& times = flow.c().trouble().syn_times;
  const auto before = std::count_if(times.begin(), times.begin() + kept, [&](PacketRef packet) {
    return packet.number < flow.s().syn.number;
  });
  return std::max<std::int64_t>(before - 1, 0);
}

}  // namespace

std::optional<Finding> connect_slow(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.handshake != Handshake::complete || !facts.flow.c().syn || !facts.flow.s().syn)
    return std::nullopt;
  const FlowRecord& flow = facts.flow;
  // No kernel repeats anything sooner (Linux: TCP_RTO_MIN; RFC 6298 §2 wants a second): what came
  // twice within so short a handshake was doubled by the network, and delayed nobody.
  constexpr Duration kSmallestRto = std::chrono::milliseconds{200};
  const bool doubled = facts.handshake_time && *facts.handshake_time < kSmallestRto;
  const bool repeated = !doubled && (flow.c().syns >= 2 || flow.s().syns >= 2);
  // A server repeats its SYN-ACK after a second: without that, a late ACK is the second one, and
  // the capture lacks the first.
  const bool slow =
      facts.handshake_time && *facts.handshake_time >= limits.connect_slow &&
      (repeated || (facts.synack_delay && *facts.synack_delay >= limits.connect_slow));
  if (!repeated && !slow) return std::nullopt;
  // A repeated SYN-ACK behind the client's ACK delayed nobody (TCP_DEFER_ACCEPT).
  if (!slow && flow.c().syns < 2 &&
      flow.handshake_ack.number < flow.s().trouble().syn_times[1].number)
    return std::nullopt;
  const std::int64_t in_vain = unanswered_syns(flow);
  FindingBuilder finding{
      Label::connect_slow,
      fmt::format("The handshake took {}; {} and {} were sent{}.", time_words(facts.handshake_time),
                  base::count(flow.c().syns, "SYN"), base::count(flow.s().syns, "SYN-ACK"),
                  in_vain >= 2 ? fmt::format(", and the first {} SYNs had no answer", in_vain)
                  : flow.trouble().refused ? ", after an earlier one had been refused"
                                           : "")};
  // One may have been lost by chance.
  if (in_vain >= 2) {
    finding.fact("unanswered_syns", in_vain)
        .fault(Party::network, Confidence::medium,
               "the server host drops SYNs: its accept queue was full, or its firewall does");
  }
  transmissions(finding, flow.c(), Side::client, "SYN");
  if (flow.trouble().refused) {
    finding.evidence(flow.trouble().refused, Side::server, "RST, refuses it")
        .fault(Party::server_host, Confidence::medium, "a device in between refused it")
        .remedy("Server: nobody listened on the port yet; let clients in only when it does.");
  }
  transmissions(finding, flow.s(), Side::server, "SYN-ACK");
  if (in_vain >= 1 && facts.vantage.at(VantagePoint::server)) {
    finding
        .also(in_vain == 1
                  ? "The first SYN is seen arriving at the server, which did not answer it."
                  : "They are seen arriving at the server, which did not answer them.")
        .fault(Party::server_host, Confidence::medium,
               facts.vantage.on_host ? "its answers leave by an interface that this capture does "
                                       "not see"
                                     : "they get lost between the capture point and that host");
  }
  finding.evidence(flow.handshake_ack, Side::client, "handshake complete")
      .fact("handshake_us", facts.handshake_time)
      .fact("syn_count", std::int64_t{flow.c().syns})
      .fact("synack_count", std::int64_t{flow.s().syns});
  return finding.build();
}

std::optional<Finding> syn_ignored_suspect(const FlowFacts& facts, const Thresholds& limits) {
  if (facts.older == nullptr || facts.server_unheard) return std::nullopt;
  const FlowRecord& flow = facts.flow;
  const bool repeated = flow.c().syns >= 2 && connect_slow(facts, limits);
  if (!repeated && !syn_retries_exhausted(facts, limits) && !connect_abandoned(facts, limits))
    return std::nullopt;
  const ClosedClock& older = *facts.older;
  FindingBuilder finding{
      Label::syn_ignored_suspect,
      fmt::format("The timestamp of the unanswered SYN ({}) is lower than that with which {} had "
                  "closed a connection to the same server {} before ({}). A server that takes all "
                  "hosts behind one address for one drops such a SYN.",
                  flow.syn_clock, to_string(older.client),
                  base::duration(flow.c().syn.time - older.fin.time), older.fin_clock)};
  finding.evidence(older.fin, std::nullopt, "FIN of the other connection, later timestamp")
      .evidence(flow.c().syn, Side::client, "SYN, earlier timestamp")
      .fault(Party::server_host, Confidence::low,
             "the SYN was lost or dropped for another reason, and the hosts' clocks differ by "
             "chance")
      .fact("syn_tsval", std::int64_t{flow.syn_clock})
      .fact("closed_tsval", std::int64_t{older.fin_clock})
      .fact("since_close_us", std::optional{flow.c().syn.time - older.fin.time});
  return finding.build();
}

std::optional<Finding> connection_unused(const FlowFacts& facts, const Thresholds& limits) {
  if (!facts.unused_for || !(facts.unused || facts.unsolicited)) return std::nullopt;
  // A server that closes at once has refused, not waited.
  if (by_server(facts.first_close.closer) && *facts.unused_for < limits.capture_end_margin)
    return std::nullopt;
  FindingBuilder finding{
      Label::connection_unused,
      facts.first_close.packet
          ? fmt::format("Opened, never used; {} {}.", words(facts.first_close.closer),
                        *facts.unused_for == Duration{0}
                            ? "at once"
                            : "after " + base::duration(*facts.unused_for))
          : fmt::format("Opened and not used for {}, still open at the end.",
                        base::duration(*facts.unused_for))};
  finding.evidence(facts.flow.c().syn, Side::client, "SYN")
      .evidence(facts.flow.handshake_ack, Side::client, "handshake complete")
      .evidence(facts.first_close)
      .fact("unused_us", facts.unused_for);
  // Whoever waited for it may have waited for less.
  constexpr Duration kLong = std::chrono::seconds{1};
  // Who has given up puts it away at once; one that is kept is a reserve.
  if (facts.handshake_time && *facts.handshake_time >= kLong && facts.flow.c().syns >= 2 &&
      by_client(facts.first_close.closer) && *facts.unused_for < kLong) {
    finding.severity(Severity::warning)
        .also(fmt::format("It took {} to come about: who wanted it may have given up meanwhile.",
                          base::duration(*facts.handshake_time)))
        .fault(Party::network, Confidence::low, "a pool opened it in reserve")
        .seen_as("Client: a connect timeout, if its limit is shorter than that.")
        .remedy(std::string{info(Label::connect_slow).remedy});
  }
  const FlowTrouble& rare = facts.flow.trouble();
  if (rejected_by_rule(rare)) {  // the connect call, or the first one behind it, has failed
    finding.severity(Severity::warning)
        .fault(Party::network, Confidence::medium)
        .seen_as(
            "Client: no route to host (EHOSTUNREACH). Server: a connection that never opened.");
  }
  return finding.build();
}

}  // namespace httpdiag::rules
