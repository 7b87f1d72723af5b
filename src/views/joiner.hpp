// SPDX-License-Identifier: Apache-2.0
// The face of this stage: keeps what either of two captures saw, lays the one beside the other when
// both have been read, and passes on the flows of the client's capture with what both prove.
#pragma once

#include <array>
#include <memory>

#include "httpdiag/report.hpp"
#include "views/trail.hpp"

namespace httpdiag::views {

class Joiner {
 public:
  Joiner(const Settings& settings, FlowReportSink& flows);
  ~Joiner();

  /// To be told of each packet and flow of one capture, the client's first. `before`: how many
  /// packets the common order has in front of it.
  Recorder& record(Side side, PacketNumber before);
  /// Takes the reports on its flows.
  FlowReportSink& reports(Side side);

  /// The client's report with what the server's adds to it. `input` is both captures, `own` each of
  /// them, the client's first.
  Report join(Report client, const Report& server, const CaptureSummary& input,
              const std::array<const CaptureSummary*, 2>& own);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::views
