// SPDX-License-Identifier: Apache-2.0
// What HTTP hands on: flows, or the rest of them, that carry something else.
#pragma once

#include <string_view>

#include "httpdiag/stream.hpp"

namespace httpdiag {

class OpaqueSink {
 public:
  /// `flow` turned out to carry `protocol` (a name of Stray::protocol). True: hand its bytes on,
  /// from the first that was no HTTP; on_end() then comes exactly once, before FlowSink::on_flow.
  virtual bool on_opaque(const FlowRecord& flow, std::string_view protocol) = 0;
  /// As StreamSink's, for flows that were wanted.
  virtual void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) = 0;
  virtual void on_gap(const FlowRecord& flow, const StreamGap& gap) = 0;
  virtual void on_ack(const FlowRecord& flow, Side side) = 0;
  virtual void on_end(const FlowRecord& flow) = 0;

 protected:
  ~OpaqueSink() = default;
};

}  // namespace httpdiag
