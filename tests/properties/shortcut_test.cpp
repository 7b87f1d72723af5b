// SPDX-License-Identifier: Apache-2.0
// What is taken for healthy at a glance is healthy by all rules: every capture is
// judged both ways, whole and with packets taken out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "decode/decoder.hpp"
#include "http/pairer.hpp"
#include "properties/recording.hpp"
#include "rules/judge.hpp"
#include "tcp/tracker.hpp"

namespace httpdiag::test {
namespace {

std::string labels_of(const std::vector<Finding>& findings) {
  std::string labels;
  for (const Finding& finding : findings) labels += fmt::format("{} ", info(finding.label).id);
  return labels;
}

/// Stands where rules/engine.cpp stands, and asks the rules wherever that does not.
class Doubter final : public ExchangeSink, public FlowSink {
 public:
  void on_exchange(const FlowRecord& flow, Exchange& x, bool settled, Timestamp now) override {
    Carried& own = carried_[flow.id];
    ++own.exchanges;
    own.more = own.more || !settled || x.pipelined;
    if (!settled) return;
    if (x.response) own.last_response_end = x.response->last;
    if (!rules::plainly_ok(x, settings_.thresholds)) return;
    const auto facts = rules::measure(flow, EndCause::closed, now, settings_.thresholds);
    const ExchangeReport judged = rules::judge(x, facts, settings_);
    EXPECT_EQ(judged.label, Label::ok);
    EXPECT_EQ(labels_of(judged.findings), "") << "exchange " << x.index;
    ++plain_exchanges;
  }
  void on_stray(const FlowRecord& flow, const Stray&) override { carried_[flow.id].more = true; }
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override {
    const Carried own = carried_[flow.id];
    if (own.exchanges == 0 || own.more || !rules::plainly_ok(flow, settings_.thresholds)) return;
    auto facts = rules::measure(flow, cause, now, settings_.thresholds);
    facts.exchanges = own.exchanges;
    facts.last_response_end = own.last_response_end;
    for (const Label worst : {Label::http_server_error, Label::ok}) {
      const Severity severity = worst == Label::ok ? Severity::ok : Severity::error;
      for (const bool all_complete : {false, true}) {
        facts.all_complete = all_complete;
        const auto verdict = rules::judge(facts, worst, severity, settings_);
        EXPECT_EQ(verdict.label, worst);
        EXPECT_EQ(labels_of(verdict.findings), "");
      }
    }
    ++plain_flows;
  }

  std::size_t plain_exchanges = 0, plain_flows = 0;

 private:
  struct Carried {
    std::uint32_t exchanges = 0;
    bool more = false;  // than settled exchanges
    PacketRef last_response_end;
  };
  const Settings settings_;
  std::map<FlowId, Carried> carried_;
};

void judge_both_ways(const Recording& recording, Doubter& doubter) {
  const Settings settings;
  Ledger ledger;
  decode::Decoder decoder{settings.limits};
  http::Pairer pairer{settings.limits, doubter};
  tcp::Tracker tracker{settings, ledger, pairer, doubter};
  Replay replay{recording};
  while (const Packet* packet = replay.next()) {
    const Decoded& decoded = decoder.on_packet(*packet);
    if (const auto* segment = std::get_if<Segment>(&decoded)) {
      tracker.on_segment(*segment);
    } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
      tracker.on_icmp_error(*error);
    } else {
      tracker.on_other_packet(packet->ref);
    }
  }
  tracker.finish();
}

/// Without every `step`th packet, beginning with `from`.
Recording thinned(const Recording& recording, std::size_t from, std::size_t step) {
  Recording left{.name = recording.name, .link = recording.link, .packets = {}};
  for (std::size_t i = 0; i < recording.packets.size(); ++i) {
    if (i % step != from) left.packets.push_back(recording.packets[i]);
  }
  return left;
}

TEST(ShortcutProperty, AgreesWithTheRules) {
  std::size_t exchanges = 0, flows = 0;
  for (const Recording& recording : recordings()) {
    SCOPED_TRACE(recording.name);
    Doubter whole;
    judge_both_ways(recording, whole);
    exchanges += whole.plain_exchanges;
    flows += whole.plain_flows;
    constexpr std::size_t kStep = 9;
    for (std::size_t from = 0; from < std::min(kStep, recording.packets.size()); ++from) {
      SCOPED_TRACE(fmt::format("without packet {} and every {}th behind it", from + 1, kStep));
      Doubter doubter;
      judge_both_ways(thinned(recording, from, kStep), doubter);
      exchanges += doubter.plain_exchanges;
      flows += doubter.plain_flows;
    }
  }
  EXPECT_GT(exchanges, 100U);
  EXPECT_GT(flows, 100U);
}

/// Healthy exchanges are judged in full as long as they are to be listed, and at a
/// glance from then on.
TEST(ShortcutProperty, GivesTheSameTotals) {
  for (const Recording& recording : recordings()) {
    SCOPED_TRACE(recording.name);
    const Outcome full = analyse(recording);
    Settings settings;
    settings.limits.max_healthy_exchanges = 0;
    Replay replay{recording};
    Collector collector;
    const Report glance = analyze(replay, settings, collector);
    EXPECT_EQ(glance.exchange_labels, full.report.exchange_labels);
    EXPECT_EQ(glance.flow_labels, full.report.flow_labels);
    EXPECT_EQ(glance.annotations, full.report.annotations);
    EXPECT_EQ(glance.worst, full.report.worst);
    EXPECT_EQ(glance.headline, full.report.headline);
    EXPECT_EQ(glance.causes.size(), full.report.causes.size());
  }
}

}  // namespace
}  // namespace httpdiag::test
