// SPDX-License-Identifier: Apache-2.0
// The whole analysis in one call, with every flow kept.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "httpdiag/analysis.hpp"

namespace httpdiag::test {

struct Outcome {
  std::vector<FlowReport> flows;  // by id
  Report report;                  // `input` is gone
};

class Collector final : public FlowReportSink {
 public:
  std::vector<FlowReport> flows;
  void on_flow_report(const FlowReport& flow) override { flows.push_back(flow); }
};

inline Outcome analyse(PacketSource& source, const Settings& settings = {}) {
  Collector collector;
  Outcome outcome;
  outcome.report = analyze(source, settings, collector);
  outcome.report.input = nullptr;  // the source's, which may be gone before the outcome is
  outcome.flows = std::move(collector.flows);
  std::sort(outcome.flows.begin(), outcome.flows.end(),
            [](const FlowReport& a, const FlowReport& b) { return a.id < b.id; });
  return outcome;
}

inline Outcome analyse_file(const std::string& path, const Settings& settings = {}) {
  const auto source = open_capture(path, {});
  return analyse(*source, settings);
}

}  // namespace httpdiag::test
