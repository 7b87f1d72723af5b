// SPDX-License-Identifier: Apache-2.0
// Told of every verdict, groups attempts of one callback into deliveries. What
// was acknowledged at once costs a hash and a look into a table.
#pragma once

#include <memory>
#include <span>

#include "httpdiag/report.hpp"

namespace httpdiag::delivery {

class Collector final : public VerdictSink {
 public:
  explicit Collector(const Settings& settings);
  ~Collector();

  void on_judged(const FlowEnds& flow, const Exchange& exchange,
                 const ExchangeReport* report) override;
  void on_flow_judged(const FlowEnds& flow, const FlowReport& report) override;

  /// After the last flow: fills in Report::deliveries.
  void finish(Report& report);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Judges again the deliveries whose attempts another capture tells more of.
void revise(Deliveries& deliveries, std::span<const Revision> revisions);

}  // namespace httpdiag::delivery
