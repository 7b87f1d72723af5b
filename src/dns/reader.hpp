// SPDX-License-Identifier: Apache-2.0
// DNS over UDP and TCP, port 53 (RFC 1035 §4.2): what was asked, and what came back.
#pragma once

#include <memory>

#include "httpdiag/dns.hpp"
#include "httpdiag/opaque.hpp"

namespace httpdiag::dns {

class Reader final : public OpaqueSink {
 public:
  explicit Reader(DnsMessageSink& sink);
  ~Reader();

  void on_datagram(const DnsDatagram& datagram);

  // DNS over TCP.
  bool on_opaque(const FlowRecord& flow, std::string_view protocol) override;
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override;
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override;
  void on_ack(const FlowRecord&, Side) override {}
  void on_end(const FlowRecord& flow) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::dns
