// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

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

/// Two captures of the same traffic, taken at both ends, as one input: the packets of the server's
/// are numbered behind the client's. Borrows both.
class BothEnds {
 public:
  BothEnds(PacketSource& client, PacketSource& server);

  PacketSource& source(Side side) const { return side == Side::client ? client_ : server_; }
  /// Its names and places are there from the beginning, the rest once analyze() has returned.
  const CaptureSummary& summary() const { return summary_; }

 private:
  friend Report analyze(BothEnds&, const Settings&, FlowReportSink&, ProgressSink*, const Query&);
  void complete();

  PacketSource& client_;
  PacketSource& server_;
  CaptureSummary summary_;
};

/// As above, of the client's capture, with what the server's adds to it. Flows are told of in the
/// end. The result borrows the summary of `ends`.
Report analyze(BothEnds& ends, const Settings& settings, FlowReportSink& flows,
               ProgressSink* progress = nullptr, const Query& query = {});

}  // namespace httpdiag
