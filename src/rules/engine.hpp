// SPDX-License-Identifier: Apache-2.0
// Collects what the stages before it report about each flow, has it judged when
// it is decided, and keeps the totals. The only part of rules with state.
#pragma once

#include <memory>

#include "httpdiag/dns.hpp"
#include "httpdiag/exchange.hpp"
#include "httpdiag/report.hpp"
#include "httpdiag/tls.hpp"

namespace httpdiag::rules {

class Engine final : public ExchangeSink, public FlowSink, public TlsSink, public DnsSink {
 public:
  Engine(const Settings& settings, FlowReportSink& reports, VerdictSink& verdicts);
  ~Engine();

  /// Every packet of the capture, TCP or not: first, last, and what its clock did.
  void on_packet(PacketRef packet);
  void on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                   Timestamp now) override;
  void on_stray(const FlowRecord& flow, const Stray& stray) override;
  void on_tls_server(const Endpoint& server) override;
  void on_tls(const FlowRecord& flow, std::shared_ptr<const TlsSession> session) override;
  void on_lookup(const DnsLookup& lookup) override;
  void on_open(const FlowRecord& flow) override;
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override;
  /// The flows that ended so far did not end with the capture.
  void forget_open();
  /// Whose names reports show beside addresses; borrowed.
  void use(const NameTable& names);
  /// Whose devices may have recorded a packet twice; as far as it is known by then.
  void use(const CaptureSummary& input);

  /// After the last flow. `input` may carry damage, which becomes a finding.
  Report finish(const CaptureSummary& input, const Ledger& ledger);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace httpdiag::rules
