// SPDX-License-Identifier: Apache-2.0
// Connections that failed before any request. They have no content, so they are
// attached to a delivery only where just one can be meant (taxonomy 5.3).
#pragma once

#include <span>
#include <vector>

#include "httpdiag/report.hpp"

namespace httpdiag::delivery {

class FailedConnectionList {
 public:
  void note(const FlowReport& flow);

  /// Adds attempts to `deliveries` and judges those again; returns the rest by server. `others` are
  /// attempts of callbacks that are in none of them.
  std::vector<FailedConnections> attach(std::vector<Delivery>& deliveries,
                                        std::span<const Attempt> others,
                                        const Thresholds& settings);

 private:
  std::vector<Attempt> list_;                 // the first of them, in full
  std::vector<FailedConnections> by_server_;  // those beyond
};

}  // namespace httpdiag::delivery
