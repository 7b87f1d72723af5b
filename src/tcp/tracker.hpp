// SPDX-License-Identifier: Apache-2.0
// Segments in, flows and streams out. See docs/tcp.md.
#pragma once

#include <memory>

#include "httpdiag/report.hpp"
#include "httpdiag/stream.hpp"

namespace httpdiag::tcp {

class Tracker {
 public:
  Tracker(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows);
  ~Tracker();

  /// Counts the packet as decoded or duplicate in the ledger.
  void on_segment(const Segment& segment);
  /// Counts it as decoded or as unrelated_icmp.
  void on_icmp_error(const IcmpError& error);
  /// Any other packet: it only shows that the capture goes on.
  void on_other_packet(PacketRef packet);
  /// Ends every open flow, in order of FlowId.
  void finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::tcp
