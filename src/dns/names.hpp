// SPDX-License-Identifier: Apache-2.0
// What becomes of names: messages in, lookups and the names of addresses out. Bounded by
// Limits::max_dns_lookups and max_names.
#pragma once

#include "dns/lookups.hpp"
#include "dns/name_book.hpp"
#include "httpdiag/dns.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::dns {

class Names final : public DnsMessageSink, public FlowSink {
 public:
  Names(const Settings& settings, DnsSink& sink)
      : book_{settings.limits.max_names},
        lookups_{settings, book_, sink},
        clock_gap_{settings.thresholds.clock_gap} {}

  void on_message(const DnsMessage& message) override;
  /// Across a jump of the clock nobody watched anything.
  void on_packet(PacketRef packet) {
    if (packet.time - last_ > clock_gap_ && last_ != Timestamp{}) lookups_.settle_all(last_);
    last_ = packet.time;
  }
  void on_name(const IpAddress& address, const std::string& name) override {
    book_.learn(address, name, IpAddress{}, Timestamp::min());
  }
  /// A connection that may follow a lookup.
  void on_flow(const FlowRecord& flow, EndCause, Timestamp now) override {
    lookups_.on_flow(flow, now);
  }

  /// No more packets; the flows that are still open come to on_flow() after this.
  void settle(Timestamp now) { lookups_.settle_all(now); }
  /// After the last flow: tells the sink.
  void finish() { lookups_.finish(); }

  const NameTable& table() const { return book_; }

 private:
  NameBook book_;
  Lookups lookups_;
  Duration clock_gap_;
  Timestamp last_{};
};

}  // namespace httpdiag::dns
