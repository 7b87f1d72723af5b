// SPDX-License-Identifier: Apache-2.0
#include "check/outcome.hpp"

#include <limits>

#include "httpdiag/analysis.hpp"

namespace httpdiag::check {
namespace {

class Collector final : public FlowReportSink {
 public:
  Collector(Outcome& out, const std::set<ItemName>& timed) : out_{out}, timed_{timed} {}

  void on_flow_report(const FlowReport& flow) override {
    const auto id = static_cast<std::uint32_t>(flow.id);
    if (out_.exchanges_of.size() < id) out_.exchanges_of.resize(id);
    out_.exchanges_of[id - 1] = flow.exchange_count;
    note({id, 0}, flow);
    for (const ExchangeReport& exchange : flow.exchanges) {
      const ItemName item{id, exchange.index};
      note(item, exchange);
      if (timed_.contains(item)) note_times(item, exchange);
    }
  }

 private:
  /// FlowReport or ExchangeReport.
  template <typename Judged>
  void note(ItemName item, const Judged& judged) {
    const bool plain = judged.label == Label::ok && judged.labels.empty();
    if (plain && !timed_.contains(item)) return;
    OutcomeItem& kept = out_.items[item];
    kept.label = info(judged.label).id;
    for (const Label label : judged.labels) kept.annotations.emplace(info(label).id);
    for (const Finding& finding : judged.findings) {
      if (finding.label == judged.label && kept.detail.empty()) kept.detail = finding.detail;
    }
  }

  void note_times(ItemName item, const ExchangeReport& exchange) {
    const std::optional<Duration> times[] = {exchange.idle, exchange.send, exchange.wait,
                                             exchange.receive};
    for (std::size_t i = 0; i < std::size(times); ++i) {
      if (!times[i] || *times[i] < Duration{0}) continue;
      out_.items[item].timing[std::string{kTimings[i]}] =
          static_cast<std::uint64_t>(times[i]->count() / 1000);
    }
  }

  Outcome& out_;
  const std::set<ItemName>& timed_;
};

}  // namespace

Outcome outcome_of(const std::string& capture, const Settings& settings,
                   const std::set<ItemName>& timed) {
  Settings own = settings;
  own.digest_bodies = false;
  // An annotation on a healthy exchange counts too, so that all of them have to be seen.
  own.limits.max_healthy_exchanges = std::numeric_limits<std::uint32_t>::max();
  Outcome out;
  Collector collector{out, timed};
  const auto source = open_capture(capture, {});
  const Report report = analyze(*source, own, collector);
  out.flows = report.flows;
  out.exchanges = report.exchanges;
  for (const Finding& finding : report.findings)
    out.capture.emplace(info(finding.label).id, finding.detail);
  for (std::size_t i = 0; i < kDeliveryVerdictCount; ++i) {
    if (report.deliveries.verdicts[i] != 0)
      out.deliveries.emplace(name(static_cast<DeliveryVerdict>(i)), report.deliveries.verdicts[i]);
  }
  return out;
}

}  // namespace httpdiag::check
