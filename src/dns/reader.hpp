// SPDX-License-Identifier: Apache-2.0
// DNS over UDP and TCP, port 53 (RFC 1035 §4.2): what was asked, what came back, and the names
// that addresses were looked up by. Bounded by Limits::max_dns_lookups and max_names.
#pragma once

#include <memory>

#include "httpdiag/dns.hpp"
#include "httpdiag/opaque.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::dns {

class Reader final : public OpaqueSink, public FlowSink {
 public:
  Reader(const Settings& settings, DnsSink& sink);
  ~Reader();

  /// Somebody else says that this is the address's name; lookups in the capture know better.
  void learn(const IpAddress& address, const std::string& name);
  void on_datagram(const DnsDatagram& datagram);

  // DNS over TCP.
  bool on_opaque(const FlowRecord& flow, std::string_view protocol) override;
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override;
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override;
  void on_ack(const FlowRecord&, Side) override {}
  void on_end(const FlowRecord& flow) override;

  /// A connection that may follow a lookup.
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override;

  /// No more packets; the flows that are still open come to on_flow() after this.
  void settle(Timestamp now);
  /// After the last flow: tells the sink.
  void finish();

  const NameTable& names() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::dns
