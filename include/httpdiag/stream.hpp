// SPDX-License-Identifier: Apache-2.0
// What TCP hands to HTTP: each direction of a flow as a numbered tape of bytes.
// Nobody above this line meets sequence-number wraparound, retransmission or
// reordering. Each call also shows the flow's TCP state at that moment.
#pragma once

#include "httpdiag/flow.hpp"

namespace httpdiag {

struct StreamChunk {
  Side from;
  Offset offset;
  std::span<const std::byte> bytes;  // dies when on_chunk() returns
  PacketRef carried_by;              // packet whose bytes these are: when were they on the wire
  PacketRef released_by;  // packet that made them contiguous: when could the receiver read them
  Offset peer_acked;      // ACK number of carried_by, as offset on the peer's tape
};

enum class GapCause : std::uint8_t {
  not_captured,  // the peer acknowledged the bytes, the capture does not have them
  snaplen,       // the capture has their length only
  lost,          // never acknowledged: nothing behind it is delivered
  buffer_limit,  // given up because of a limit of ours
};

struct StreamGap {
  Side from;
  Offset offset;
  std::uint64_t length;  // > 0
  GapCause cause;
  PacketRef noticed_in;
};

/// Per flow and side: chunks and gaps tile [0, n) in order without overlap; a
/// `lost` gap is the last. Then exactly one on_end for the flow, after which
/// FlowSink::on_flow follows. Properties tests hold the tracker to it.
/// The FlowRecord is borrowed for the call; its `active` still excludes the current segment.
class StreamSink {
 public:
  virtual void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) = 0;
  virtual void on_gap(const FlowRecord& flow, const StreamGap& gap) = 0;
  /// `acked` of the tape of `side` advanced; flow.side(side).acked_by is the segment that did it.
  virtual void on_ack(const FlowRecord& flow, Side side) = 0;
  /// First FIN of `side`, after all bytes before it, or first effective RST.
  virtual void on_fin(const FlowRecord& flow, Side side) = 0;
  virtual void on_rst(const FlowRecord& flow, Side side) = 0;
  virtual void on_end(const FlowRecord& flow, EndCause cause, Timestamp now) = 0;
  /// The client spoke last, has been silent for long, and is one of many: time to give back memory
  /// that only speed is for.
  virtual void on_waiting(const FlowRecord&) {}

 protected:
  ~StreamSink() = default;  // sinks are borrowed, never owned through this
};

}  // namespace httpdiag
