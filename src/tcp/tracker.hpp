// SPDX-License-Identifier: Apache-2.0
// Segments in, flows and streams out. See docs/tcp.md.
#pragma once

#include <memory>

#include "httpdiag/report.hpp"
#include "httpdiag/stream.hpp"

namespace httpdiag::tcp {

/// A segment before its turn, with what can be told of it without the segments in front of it.
struct Arrival {
  Segment segment;
  std::uint64_t content = 0;      // sum of the captured payload
  std::uint64_t fingerprint = 0;  // 0: no telling a copy from a repetition
  std::uint32_t copies_at = 0;    // where copies of it would be known
  std::uint32_t tuple_hash = 0;
};

/// Where a segment went.
struct Home {
  FlowId flow{};
  Endpoint source;  // its sender as the flow knows it: another name, where the capturing host
                    // translates addresses
};

class Tracker {
 public:
  Tracker(const Settings& settings, Ledger& ledger, StreamSink& streams, FlowSink& flows);
  ~Tracker();

  /// To be called once for each segment, some segments before its turn: has the memory fetched
  /// that its turn needs, which takes longer than all that is done with it.
  void announce(Arrival& arrival) const;
  /// May be called between announce() and on_segment(); fetches what announce() led to.
  void approach(const Arrival& arrival);
  /// Its turn. Counts the packet as decoded or duplicate in the ledger.
  void on_segment(const Arrival& arrival);
  void on_segment(const Segment& segment);
  /// Of `last`, the one that on_segment() was called with last, if that was no copy.
  Home home_of(const Segment& last) const;
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
