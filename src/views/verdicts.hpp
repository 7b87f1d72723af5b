// SPDX-License-Identifier: Apache-2.0
// The verdicts of verdict.hpp, one kind of finding each: those about requests are in verdict.cpp,
// those about the connection in flow_verdict.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "httpdiag/report.hpp"
#include "views/clock.hpp"
#include "views/facts.hpp"

namespace httpdiag::views {

/// Verdicts over one flow. Each says nothing where the two captures leave it open.
class Verdicts {
 public:
  Verdicts(const FlowReport& report, const Joined& flow, const CaptureSummary& input,
           const Limits& limits)
      : report_{report}, flow_{flow}, input_{input}, limits_{limits} {}

  void about(Finding& finding, ExchangeReport& exchange);
  void about(Finding& finding);
  /// The other capture shows that what the label of `finding` supposes is not so.
  bool refuted(const Finding& finding) const;
  /// Of a request without an answer: what is proven of its arrival, also to whoever may retry it.
  std::optional<Revision> revise(ExchangeReport& exchange) const;

 private:
  bool about_reset(Finding& finding, const ExchangeReport* exchange);
  void tell_request(Finding& finding, const ExchangeReport* exchange) const;
  bool forged_at_server(Finding& finding);
  bool about_request(Finding& finding, const RequestFacts& facts);
  Timestamp left_at(const Finding& finding) const;
  Fates sent_before(Timestamp left, const PacketRef& behind, bool (*wanted)(const Seen&)) const;
  bool about_leaving(Finding& finding, const RequestFacts& facts);
  bool about_late_fin(Finding& finding);
  bool ignored_fins() const;
  bool about_answer(Finding& finding, const RequestFacts& facts);
  bool about_cut_meanwhile(Finding& finding, const RequestFacts& facts);
  void about_time(Finding& finding, const ExchangeReport& exchange, const RequestFacts& facts);
  void raise(Finding& finding, ExchangeReport& exchange);
  bool about_connect(Finding& finding);
  bool about_rest_of_handshake(Finding& finding);
  bool about_probes(Finding& finding);
  void about_loss(Finding& finding);
  void finish(Finding& finding) const;
  void hold_to_points(Finding& finding, const Finding& before) const;
  void hold_to_losses(Finding& finding, const Finding& before) const;
  bool thrown_away(const ExchangeReport& exchange, const RequestFacts& facts) const;
  void about_earlier_ones(Finding& finding, const ExchangeReport& exchange);
  bool about_encrypted(Finding& finding);
  bool about_tls_handshake(Finding& finding);
  bool about_lost_fin(Finding& finding, const ExchangeReport& exchange, const PacketRef& rst);

  std::string name(const PacketRef& packet) const { return packet_name(&input_, packet.number); }
  std::string names(const std::vector<PacketRef>& packets) const;
  std::string capture_end() const {
    if (!flow_.ran[index(Side::server)]->gaps.empty())
      return "it lies where the server's capture has a gap, or behind its end";
    return flow_.server_last
               ? fmt::format("the server's capture had ended by then (its last packet is {})",
                             name(flow_.server_last))
               : std::string{"the server's capture did not run then"};
  }
  /// Whether the server's capture has a gap while what the finding shows went on.
  bool has_gap(const Finding& finding) const {
    Timestamp first = Timestamp::max(), last = Timestamp::min();
    for (const Evidence& row : finding.evidence) {
      first = std::min(first, row.packet.time);
      last = std::max(last, row.packet.time);
    }
    const Watch& ran = *flow_.ran[index(Side::server)];
    return !ran.throughout(shifted(first, flow_.ahead), shifted(last, flow_.ahead));
  }
  /// Whether the server's capture went on behind all that the finding shows: silence is no evidence
  /// otherwise.
  bool watched(const Finding& finding) const {
    const Timestamp end = shifted(flow_.server_last.time, -flow_.ahead);
    return flow_.server_last && !has_gap(finding) &&
           std::all_of(finding.evidence.begin(), finding.evidence.end(),
                       [&](const Evidence& row) { return row.packet.time <= end; });
  }
  /// A packet of the server's capture as evidence, in the client's time.
  void show(Finding& finding, const PacketRef& packet, Side from, std::string what) const {
    if (!packet || finding.evidence.size() >= limits_.max_evidence) return;
    const PacketRef shown{packet.number, shifted(packet.time, -flow_.ahead)};
    finding.evidence.push_back({shown, from, std::move(what)});
  }
  static void blame(Finding& finding, Party party, Confidence confidence, std::string unless = {}) {
    finding.fault = {party, confidence, std::move(unless)};
    finding.settle.reset();
    if (party != Party::network) return;
    finding.remedy =
        "Look at what lies between the two capture points at that time: firewalls, NAT, load "
        "balancers, tunnels, and what they dropped; a third capture halfway halves the way.";
  }
  static void say(Finding& finding, const std::string& sentence) {
    finding.detail += (finding.detail.empty() ? "" : " ") + sentence;
  }

  const FlowReport& report_;
  const Joined& flow_;
  const CaptureSummary& input_;
  const Limits& limits_;
};

}  // namespace httpdiag::views
