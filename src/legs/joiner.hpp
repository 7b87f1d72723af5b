// SPDX-License-Identifier: Apache-2.0
// Joins the legs of a request that passed a proxy within the capture. Stands
// between the rules and what comes after them: a request on two legs is one
// attempt for whoever counts deliveries, and reports wait a while for the leg
// that explains them. Where no host of the capture is a server and a client it
// costs a look at two addresses per exchange.
#pragma once

#include <memory>

#include "httpdiag/report.hpp"

namespace httpdiag::legs {

class Joiner final : public VerdictSink, public FlowReportSink {
 public:
  /// Passes reports on to `reports`, and to `verdicts` all but the legs behind a proxy.
  Joiner(const Settings& settings, FlowReportSink& reports, VerdictSink& verdicts);
  ~Joiner();

  void on_judged(const FlowEnds& flow, const Exchange& exchange,
                 const ExchangeReport* report) override;
  void on_flow_judged(const FlowEnds& flow, const FlowReport& report) override;
  void on_flow_report(const FlowReport& flow) override;

  /// After the last flow: lets go of what was held back, fills in Report::chains and the examples.
  void finish(Report& report);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::legs
