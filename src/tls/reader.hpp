// SPDX-License-Identifier: Apache-2.0
// Flows that HTTP handed on as TLS, each with a session while it lives.
#pragma once

#include <memory>
#include <unordered_map>

#include "httpdiag/opaque.hpp"
#include "httpdiag/settings.hpp"
#include "httpdiag/tls.hpp"

namespace httpdiag::tls {

class Reader final : public OpaqueSink {
 public:
  Reader(const Limits& limits, TlsSink& sink);
  ~Reader();

  bool on_opaque(const FlowRecord& flow, std::string_view protocol) override;
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override;
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override;
  void on_ack(const FlowRecord& flow, Side side) override;
  void on_end(const FlowRecord& flow) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::tls
