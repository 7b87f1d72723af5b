// SPDX-License-Identifier: Apache-2.0
// Chunks in, exchanges out: one llhttp parser per side while a message is open,
// and a queue of requests that wait for their responses.
#pragma once

#include <memory>

#include "httpdiag/exchange.hpp"
#include "httpdiag/opaque.hpp"
#include "httpdiag/settings.hpp"
#include "httpdiag/stream.hpp"

namespace httpdiag::http {

class Pairer final : public StreamSink {
 public:
  /// `digest_bodies` false: no report will show Message::digest. What is no HTTP is handed on to
  /// `opaque`, if there is one.
  Pairer(const Limits& limits, ExchangeSink& exchanges, bool digest_bodies = true,
         OpaqueSink* opaque = nullptr);
  ~Pairer();

  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override;
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override;
  void on_ack(const FlowRecord& flow, Side side) override;
  void on_fin(const FlowRecord& flow, Side side) override;
  void on_rst(const FlowRecord& flow, Side side) override;
  void on_end(const FlowRecord& flow, EndCause cause, Timestamp now) override;
  void on_waiting(const FlowRecord& flow) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::http
