// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "httpdiag/query.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag {

/// Called now and then while reading, with the number of packets so far.
class ProgressSink {
 public:
  virtual void on_progress(std::uint64_t packets) = 0;

 protected:
  ~ProgressSink() = default;
};

/// The one deep function: reads `source` to its end. Each flow goes to `flows`
/// when it ends; the rest is returned. Linear time; memory as in Limits.
/// The result borrows the source's summary. Throws Error where the query's expression is wrong.
Report analyze(PacketSource& source, const Settings& settings, FlowReportSink& flows,
               ProgressSink* progress = nullptr, const Query& query = {});

}  // namespace httpdiag
