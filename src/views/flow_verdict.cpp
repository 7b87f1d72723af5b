// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "views/verdicts.hpp"

namespace httpdiag::views {

/// SYNs and SYN-ACKs.
bool Verdicts::about_connect(Finding& finding) {
  switch (finding.label) {
    case Label::syn_retries_exhausted:
    case Label::connect_abandoned:
    case Label::connect_slow:
    case Label::syn_ignored_suspect:
    case Label::accept_queue_overflow:
    case Label::handshake_client_reset:
      break;
    default:
      return false;
  }
  const auto is_syn = [](const Seen& seen, const Stretch&) {
    return seen.flags.has(TcpFlags::syn);
  };
  const Fates syns = fates_of(flow_, Side::client, is_syn);
  const Fates answers = fates_of(flow_, Side::server, is_syn);
  if (syns.all.empty()) return false;
  const auto of_all = [](const Fates& fates, std::string_view what) {
    return fates.all.size() == 1 ? fmt::format("The {}", what)
                                 : fmt::format("All {} {}s", fates.all.size(), what);
  };
  if (syns.none_arrived()) {
    say(finding, fmt::format("{} left the client ({}) and none reached the server: lost between "
                             "the two points.",
                             of_all(syns, "SYN"), names(syns.all)));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (!syns.lost.empty() && syns.lost.size() + syns.unknown == syns.all.size()) {
    say(finding, fmt::format("{} of {} SYNs ({}) left the client while the server's capture ran "
                             "and did not reach it: lost between the two points.",
                             syns.lost.size(), syns.all.size(), names(syns.lost)));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (syns.arrived == 0) return false;
  show(finding, syns.first_there, Side::client, "arrives at the server: SYN");
  const std::string there =
      syns.arrived == syns.all.size()
          ? of_all(syns, "SYN") + " reached the server"
          : fmt::format("{} of {} SYNs reached the server", syns.arrived, syns.all.size());
  const std::string first = fmt::format("(first packet {})", name(syns.first_there));
  if (answers.all.empty() && (flow_.ways[1].sender_blind || incomplete(flow_, Side::server))) {
    say(finding, fmt::format("{} {}; the server's capture lacks what it sent.", there, first));
    return true;
  }
  if (answers.all.empty() && has_gap(finding)) {
    say(finding, fmt::format("{} {}; nothing left it in reply as far as the server's capture goes.",
                             there, first));
    blame(finding, Party::server_host, Confidence::medium, capture_end());
    return true;
  }
  if (answers.all.empty()) {
    // A capture in which no server ever says a word may be of one direction only.
    const bool mute = flow_.mute_server;
    say(finding, mute ? fmt::format("{} {}; no packet of the server's is in its capture, of "
                                    "whatever connection.",
                                    there, first)
                      : fmt::format("{} {}, and nothing left it in reply.", there, first));
    blame(finding, Party::server_host, mute ? Confidence::medium : Confidence::high,
          "its answers leave by an interface that its capture does not see");
    return true;
  }
  // What was repeated when the client's capture had ended changes nothing.
  const bool all_lost =
      !answers.lost.empty() && answers.lost.size() + answers.unknown == answers.all.size();
  show(finding, answers.all.front(), Side::server,
       all_lost ? "leaves the server: SYN-ACK, lost on the way" : "leaves the server: SYN-ACK");
  if (all_lost) {
    say(finding, fmt::format("{} {} and it answered: {} left it ({}) and {} lost on the way back.",
                             there, first, base::count(answers.lost.size(), "SYN-ACK"),
                             names(answers.lost), answers.lost.size() == 1 ? "was" : "were"));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (finding.label == Label::handshake_client_reset) {
    if (answers.lost.empty() || answers.lost.size() < answers.arrived) return false;
    say(finding, fmt::format("{} {} and it answered: {} left it before that ({}) and {} lost on "
                             "the way back.",
                             there, first, base::count(answers.lost.size(), "SYN-ACK"),
                             names(answers.lost), answers.lost.size() == 1 ? "was" : "were"));
    blame(finding, Party::network, Confidence::high);
    finding.remedy = std::string{info(Label::connect_abandoned).remedy};
    return true;
  }
  if (finding.label != Label::connect_slow) return false;
  const std::size_t lost = syns.lost.size() + answers.lost.size();
  say(finding, lost == 0 ? there + " and no answer to them was lost: it was late to answer."
                         : fmt::format("Between the two points {} lost.",
                                       lost == 1 ? "one SYN or SYN-ACK was"
                                                 : fmt::format("{} SYNs or SYN-ACKs were", lost)));
  blame(finding, lost == 0 ? Party::server_host : Party::network, Confidence::high);
  return true;
}

/// That the server took nothing behind the SYN may be the way's doing as well as its queue's.
bool Verdicts::about_rest_of_handshake(Finding& finding) {
  if (finding.label != Label::accept_queue_overflow) return false;
  const Fates rest = fates_of(flow_, Side::client, [](const Seen& seen, const Stretch&) {
    return seen.length > 0 && !seen.flags.has(TcpFlags::syn);
  });
  const bool there = std::any_of(
      flow_.server.seen.begin(), flow_.server.seen.end(),
      [](const Seen& seen) { return seen.from == Side::client && seen.flags.has(TcpFlags::syn); });
  if (!rest.none_arrived() || !there) return false;
  say(finding,
      fmt::format("The SYN reached the server; what the client sent behind it ({}) was lost "
                  "between the two points.",
                  names(rest.all)));
  blame(finding, Party::network, Confidence::high);
  return true;
}

/// What the rules for exchanges say of an encrypted burst that stands for a request.
bool Verdicts::about_encrypted(Finding& finding) {
  if (!finding.has_fact("burst_bytes") || report_.tls == nullptr) return false;
  const TlsBurst& burst = report_.tls->burst;
  ExchangeReport stand_in;
  stand_in.index = report_.tls->bursts;
  stand_in.label = finding.label;
  stand_in.request.first = burst.first;
  stand_in.request.last = burst.last;
  if (burst.late_answer) {
    ResponseReport& response = stand_in.response.emplace();
    response.first = response.last = burst.late_answer;
  }
  raise(finding, stand_in);
  return true;
}

/// Hellos, and what follows them: who fell silent, or whose words were lost.
bool Verdicts::about_tls_handshake(Finding& finding) {
  if (finding.label != Label::tls_handshake_stalled &&
      finding.label != Label::tls_handshake_aborted)
    return false;
  const auto carries = [](const Seen& seen, const Stretch&) { return seen.length > 0; };
  for (const Side from : {Side::client, Side::server}) {
    const Fates sent = fates_of(flow_, from, carries);
    if (sent.lost.empty() || sent.arrived + sent.lost.size() + sent.unknown < sent.all.size())
      continue;
    const bool none = sent.arrived == 0;
    // What was lost and repeated with success has cost time, and no handshake.
    if (!none && sent.all.back().number != sent.lost.back().number) continue;
    say(finding, fmt::format("{} of the {}'s part of the handshake left the {} ({}) and {} lost "
                             "between the two points.",
                             base::count(sent.lost.size(), "segment"),
                             from == Side::client ? "client" : "server",
                             from == Side::client ? "client" : "server", names(sent.lost),
                             sent.lost.size() == 1 ? "was" : "were"));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  return false;
}

/// FINs and keep-alive probes of the client that nobody answered.
bool Verdicts::about_probes(Finding& finding) {
  const bool fin = finding.label == Label::fin_not_acked;
  if (!fin && finding.label != Label::keepalive_probe_failed) return false;
  const auto row =
      std::find_if(finding.evidence.begin(), finding.evidence.end(),
                   [&](const Evidence& each) { return !fin || each.what.starts_with("FIN"); });
  if (row == finding.evidence.end() || row->from != Side::client) return false;
  const PacketNumber first = row->packet.number;
  const Fates probes = fates_of(flow_, Side::client, [&](const Seen& seen, const Stretch&) {
    return seen.packet.number >= first && !seen.is_rst() && seen.length <= 1 &&
           seen.flags.has(TcpFlags::fin) == fin;
  });
  const std::string_view what = fin ? "FIN" : "keep-alive probe";
  if (probes.none_arrived()) {
    say(finding, fmt::format("{} left the client ({}) and reached the server in no case: lost "
                             "between the two points.",
                             base::count(probes.all.size(), what), names(probes.all)));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (probes.arrived == 0) return false;
  show(finding, probes.first_there, Side::client, fmt::format("arrives at the server: {}", what));
  const Fates replies = fates_of(flow_, Side::server, [&](const Seen& seen, const Stretch&) {
    return seen.packet.number > probes.first_there.number;
  });
  if (replies.all.empty() && flow_.ways[1].sender_blind) return false;
  if (replies.all.empty()) {
    say(finding, fmt::format("{} of {} reached the server (first packet {}), and nothing left it "
                             "in reply.",
                             probes.arrived, base::count(probes.all.size(), what),
                             name(probes.first_there)));
    blame(finding, Party::server_host, Confidence::high);
    return true;
  }
  if (!replies.none_arrived()) return false;
  say(finding,
      fmt::format("{} of {} reached the server, and its replies ({}) were lost on the "
                  "way back.",
                  probes.arrived, base::count(probes.all.size(), what), names(replies.all)));
  blame(finding, Party::network, Confidence::high);
  return true;
}

void Verdicts::about_loss(Finding& finding) {
  const std::uint64_t forth = flow_.ways[0].count.lost, back = flow_.ways[1].count.lost;
  if (!flow_.there || flow_.ways[0].count.unknown + flow_.ways[1].count.unknown > 0) return;
  if (forth + back == 0) {
    // ACKs without payload are not counted; their loss, or that of time, holds a sender up as well.
    const auto all_arrived = [](const Way& way) {
      return std::ranges::all_of(way.fates, [](Fate fate) { return fate == Fate::arrived; });
    };
    constexpr Duration kHeldUp = std::chrono::milliseconds{100};
    const auto steady = [&](const Way& way) {
      return !way.count.least_delay || *way.count.most_delay - *way.count.least_delay < kHeldUp;
    };
    if (!std::ranges::all_of(flow_.ways, all_arrived)) {
      say(finding, "Only packets without payload were lost between the two points.");
      return;
    }
    say(finding, "No packet of the connection was lost between the two points.");
    if (finding.fault.party == Party::network && std::ranges::all_of(flow_.ways, steady)) {
      const auto* direction = finding.fact<std::string>("direction");
      const bool to_client = direction != nullptr && *direction == "s2c";
      blame(finding, to_client ? Party::client_host : Party::server_host, Confidence::medium,
            "the link behind that capture point drops them");
    }
    return;
  }
  say(finding, fmt::format("Between the two points {} towards the server and {} towards the client "
                           "got lost.",
                           base::count(forth, "packet"), base::count(back, "packet")));
  blame(finding, Party::network, Confidence::high);
}

}  // namespace httpdiag::views
