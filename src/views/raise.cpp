// SPDX-License-Identifier: Apache-2.0
// Goes through the findings of a flow, and says what neither capture can prove of its end.
#include <fmt/format.h>

#include <algorithm>

#include "views/verdict.hpp"
#include "views/verdicts.hpp"

namespace httpdiag::views {

void Verdicts::about(Finding& finding, ExchangeReport& exchange) {
  if (info(finding.label).phase == Phase::own) return;
  const Finding before = finding;
  raise(finding, exchange);
  finish(finding);
  hold_to_points(finding, before);
  hold_to_losses(finding, before);
}

void Verdicts::about(Finding& finding) {
  if (info(finding.label).phase == Phase::own) return;
  const Finding before = finding;
  const bool told = about_encrypted(finding) || about_reset(finding, nullptr) ||
                    about_connect(finding) || about_rest_of_handshake(finding) ||
                    about_tls_handshake(finding) || about_probes(finding);
  if (!told && finding.label == Label::loss_recovery_delay) about_loss(finding);
  finish(finding);
  hold_to_points(finding, before);
  hold_to_losses(finding, before);
}

/// A capture that was taken on the way shows what passed that point, not what the end behind it
/// did: an end is accused of no more than without it.
void Verdicts::hold_to_points(Finding& finding, const Finding& before) const {
  for (const Side side : {Side::client, Side::server}) {
    if (!flow_.on_the_way[index(side)]) continue;
    const bool of_client = side == Side::client;
    const Party party = finding.fault.party;
    const bool accused = of_client ? party == Party::client_app || party == Party::client_host
                                   : party == Party::server_app || party == Party::server_host;
    const bool raised =
        party != before.fault.party || finding.fault.confidence > before.fault.confidence;
    if (accused && raised) {
      finding.fault = before.fault;
      finding.remedy = before.remedy;
    }
    if (!of_client) finding.settle = before.settle;
    if (finding.detail == before.detail) continue;
    say(finding, fmt::format("The {0}'s capture was taken on the way, as its packets tell: what is "
                             "said of the {0} holds at that point, not beyond it.",
                             of_client ? "client" : "server"));
  }
}

/// What a capture that lost packets does not show may have been there.
void Verdicts::hold_to_losses(Finding& finding, const Finding& before) const {
  const bool lossy = std::ranges::any_of(flow_.ran, [](const Watch* ran) { return ran->lossy; });
  if (!lossy || finding.fault.confidence <= Confidence::medium) return;
  if (finding.fault.party == before.fault.party &&
      finding.fault.confidence == before.fault.confidence)
    return;
  finding.fault.confidence = Confidence::medium;
  finding.fault.unless +=
      fmt::format("{}what counts is among the packets that a capture says it dropped",
                  finding.fault.unless.empty() ? "" : ", or ");
}

bool Verdicts::refuted(const Finding& finding) const {
  if (finding.label != Label::syn_ignored_suspect) return false;
  const auto is_syn = [](const Seen& seen, const Stretch&) {
    return seen.flags.has(TcpFlags::syn);
  };
  // Nothing was there to ignore, or it was not ignored.
  const Fates answers = fates_of(flow_, Side::server, is_syn);
  return fates_of(flow_, Side::client, is_syn).none_arrived() ||
         (!answers.lost.empty() && answers.arrived == 0);
}

/// Marks what got lost, and puts the packets of both ends in the order of their time.
void Verdicts::finish(Finding& finding) const {
  for (const Side side : {Side::client, Side::server}) {
    const Way& way = flow_.ways[index(side)];
    const Trail& sender = side == Side::client ? flow_.client : flow_.server;
    for (Evidence& row : finding.evidence) {
      if (row.from != side || row.what.ends_with("lost on the way")) continue;
      for (std::size_t i = 0; i < way.sent.size(); ++i) {
        if (sender.seen[way.sent[i].seen].packet.number != row.packet.number) continue;
        if (sender.seen[way.sent[i].seen].is_bare_ack()) continue;
        if (way.fates[i] == Fate::lost) row.what += ", lost on the way";
      }
    }
  }
  std::stable_sort(
      finding.evidence.begin(), finding.evidence.end(),
      [](const Evidence& a, const Evidence& b) { return a.packet.time < b.packet.time; });
  if (flow_.there && finding.settle && finding.settle->at == Side::server) finding.settle.reset();
}

std::vector<Revision> raise(FlowReport& report, const Joined& flow, const CaptureSummary& input,
                            const Limits& limits) {
  // Each look at an exchange goes through all packets of its flow.
  constexpr std::size_t kMostWork = std::size_t{1} << 27;
  const std::size_t looks = kMostWork / (flow.client.seen.size() + flow.server.seen.size() + 1);
  Verdicts verdicts{report, flow, input, limits};
  std::vector<Revision> revisions;
  std::size_t looked = 0;
  for (ExchangeReport& exchange : report.exchanges) {
    if (exchange.findings.empty()) continue;
    if (++looked > looks) break;
    for (Finding& finding : exchange.findings) verdicts.about(finding, exchange);
    if (const auto revision = verdicts.revise(exchange)) revisions.push_back(*revision);
  }
  for (Finding& finding : report.findings) verdicts.about(finding);
  const auto refuted = [&](const Finding& finding) {
    return finding.label != report.label && verdicts.refuted(finding);
  };
  for (const Finding& finding : report.findings) {
    if (refuted(finding)) std::erase(report.labels, finding.label);
  }
  std::erase_if(report.findings, refuted);
  return revisions;
}

}  // namespace httpdiag::views
