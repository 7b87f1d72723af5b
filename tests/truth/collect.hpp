// SPDX-License-Identifier: Apache-2.0
// Runs the whole analysis over a file and keeps every flow.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "httpdiag/analysis.hpp"

namespace httpdiag::test {

class Collector final : public FlowReportSink {
 public:
  std::vector<FlowReport> flows;
  void on_flow_report(const FlowReport& flow) override { flows.push_back(flow); }
};

struct Analysed {
  std::unique_ptr<PacketSource> source;  // the report borrows its summary
  std::vector<FlowReport> flows;         // by id
  Report report;
};

inline Analysed analyse_file(const std::string& path, const Settings& settings = {}) {
  Analysed result;
  result.source = open_capture(path, {});
  Collector collector;
  result.report = analyze(*result.source, settings, collector);
  result.flows = std::move(collector.flows);
  std::sort(result.flows.begin(), result.flows.end(),
            [](const FlowReport& a, const FlowReport& b) { return a.id < b.id; });
  return result;
}

}  // namespace httpdiag::test
