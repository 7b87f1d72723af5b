// SPDX-License-Identifier: Apache-2.0
// What the program has to say in the end. FlowReports leave as each flow ends,
// so that memory does not grow with the capture; Report is the rest.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "httpdiag/delivery.hpp"
#include "httpdiag/exchange.hpp"
#include "httpdiag/finding.hpp"
#include "httpdiag/legs.hpp"
#include "httpdiag/packet.hpp"
#include "httpdiag/patterns.hpp"
#include "httpdiag/settings.hpp"
#include "httpdiag/tls.hpp"
#include "httpdiag/views.hpp"

namespace httpdiag {

/// Every packet ends in exactly one account:
/// decoded + duplicates + filtered + the sum of skipped == packets.
struct Ledger {
  /// A link type for which the filter of libpcap's makes no sense: none of its packets passes.
  struct Unfit {
    std::string link_type, reason;
    std::uint64_t packets = 0;
  };

  std::uint64_t packets = 0;
  std::uint64_t decoded = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t filtered = 0;  // left out because the user asked for others
  // Of those, TCP behind a VLAN tag or in a tunnel, where a filter for the packet as recorded does
  // not look; and what such a filter let pass.
  std::uint64_t filtered_wrapped = 0;
  std::uint64_t passed_bpf = 0;
  std::vector<Unfit> bpf_unfit;
  std::array<std::uint64_t, kSkipCount> skipped{};  // by Skip
};
void add(Ledger& ledger, const Ledger& more);
std::string_view name(Skip skip);  // "not-tcp"

struct RequestReport {
  std::string method, target, host;
  std::uint8_t major = 1, minor = 1;
  std::uint64_t head_bytes = 0;  // up to the body; 0: not known
  std::uint64_t body_bytes = 0;
  std::uint64_t digest = 0;
  PacketRef first, last;
  MessageState state{};
};

struct ResponseReport {
  std::uint16_t status = 0;
  std::string reason;
  std::string location;  // of a redirect, as sent, bounded; empty: it has none
  std::uint8_t major = 1, minor = 1;
  std::uint64_t body_bytes = 0;
  std::uint64_t digest = 0;
  PacketRef first, last;
  MessageState state{};
};

enum class Acked : std::uint8_t { none, part, all };
std::string_view name(Acked acked);

/// What became of the request, in the words of a final answer, whether the client heard them or
/// not.
enum class Said : std::uint8_t {
  nothing,  // no answer, or one that only the client's leaving has drawn
  done,     // 2xx, and nothing in its body, as far as it was sent, that would take it back
  refused,  // a status that says no, or the body of a 2xx
  unheard,  // a gateway's own, with no answer of the server's behind it; a 2xx whose body is not
            // what the sender waits for
};

struct ExchangeReport {
  std::uint32_t index = 0;
  RequestReport request;
  std::optional<ResponseReport> response;
  bool sent = true;
  Acked acked = Acked::none;
  PacketRef
      acked_by;  // first segment whose ACK covers the whole request; none: no such segment was seen
  bool answered = false;
  Said said{};
  std::optional<Duration> idle, send, wait, receive;  // what could not be measured is absent
  std::optional<Duration> gave_up_after;  // end of the request to the client's close, where it did
                                          // not wait for the (whole) response
  Retry retry{};
  Label label = Label::ok;
  Severity severity = Severity::ok;
  std::vector<Label> labels;      // annotations, in catalogue order
  std::vector<Finding> findings;  // primary first, then annotations
  std::string chain;          // "3.1": that leg of the same request which is nearest to the client;
                              // empty: no other leg is in the capture, or none had a problem
  std::string chain_detail;   // Chain::detail
  std::string chain_outcome;  // of a leg that failed behind one that went well: what its client got
  std::string done_behind;    // "200 on 4.1": the leg behind a proxy that proves that it was done
  std::string_view found_in;  // as Exchange::found_in
};

struct SideReport {
  std::uint64_t packets = 0, payload_bytes = 0, retransmitted = 0;
  TcpState state{};
};

/// Something about a flow that did not go by the book and changes no verdict.
struct OddityReport {
  Oddity oddity{};
  std::optional<Side> from;
  std::vector<PacketRef> packets;  // empty where none was noted
};

/// The two ends of a flow, and which of them the capturing host is, where the packets say so
/// (both on a loopback device, neither where it only passes them on).
struct FlowEnds {
  FlowId id{};
  Endpoint client, server;
  // The server's address behind the capturing host's address translation; without one, the same.
  IpAddress server_inside;
  bool client_here = false, server_here = false;
};

struct FlowReport {
  FlowId id{};
  Endpoint client, server;
  // Its other name where the capturing host translates addresses; else not there.
  std::optional<FlowEnds> translated;
  std::array<Tunnel, 2> tunnels;  // what either side's packets are wrapped up in, by side
  PacketRef first, last;
  std::string history;
  Handshake handshake{};
  EndedBy ended_by{};
  std::array<SideReport, 2> sides;
  std::uint64_t duplicates = 0;
  std::optional<Duration> rtt;
  std::string server_name;  // by which the client, or anybody, looked it up; empty: not known
  std::shared_ptr<const TlsSession> tls;  // null: no TLS was seen
  Label label = Label::ok;
  Severity severity = Severity::ok;
  std::vector<Label> labels;
  std::vector<Finding> findings;           // about the flow as a whole
  std::string chain, chain_detail;         // as of an exchange, where it failed as part of one
  std::vector<OddityReport> oddities;      // in order of their bits
  std::vector<ExchangeReport> exchanges;   // in order; see omitted_exchanges
  std::uint64_t exchange_count = 0;        // all of them
  std::uint64_t omitted_exchanges = 0;     // healthy ones beyond the cap
  Severity worst = Severity::ok;           // of all findings, annotations included
  std::shared_ptr<const FlowViews> views;  // null: there is but one capture
};

/// Told of every flow once, in no particular order. Healthy exchanges beyond
/// Limits::max_healthy_exchanges are counted, not listed.
class FlowReportSink {
 public:
  virtual void on_flow_report(const FlowReport& flow) = 0;

 protected:
  ~FlowReportSink() = default;
};

/// Told of every exchange once it has been judged, healthy ones included, in the order of the
/// verdicts; and of every flow when it has ended.
class VerdictSink {
 public:
  /// `report` is null where the exchange is plainly ok, and only counted.
  virtual void on_judged(const FlowEnds& flow, const Exchange& exchange,
                         const ExchangeReport* report) = 0;
  virtual void on_flow_judged(const FlowEnds& flow, const FlowReport& report) = 0;

 protected:
  ~VerdictSink() = default;
};

/// One row of the table of causes: a primary label towards one server.
struct Cause {
  Label label{};
  Severity severity{};
  Endpoint server;
  std::uint64_t count = 0;    // exchanges, or flows where the flow itself failed
  std::uint64_t clients = 0;  // distinct client addresses, counted up to a small bound
  // Of connections that all failed at one distance, as those of a health check do; it stands behind
  // what failed with a request.
  bool regular = false;
  PacketRef first, last;
  FlowId example_flow{};               // worked example: the first flow with this cause
  std::uint32_t example_exchange = 0;  // 0: the flow itself
  FlowReport example;                  // that flow, with only that exchange
};

/// A fact with its value, or without where it could not be measured.
struct WhyFact {
  std::string_view name;  // static storage
  std::optional<std::string> value;
  std::string_view meaning;
  std::array<PacketRef, 2> packets{};  // between which it was measured; may be empty
};

/// How a label was found; asked for with Settings::why.
struct Why {
  FlowId flow{};
  std::uint32_t exchange = 0;  // 0: the flow as a whole
  std::vector<WhyFact> facts;
  // Of a flow: the exchange that names it where no rule about the flow itself matched.
  std::uint32_t worst_exchange = 0;  // 0: none
  Label worst = Label::ok;
  std::vector<Finding> matched;  // in order of precedence: the first is the label
  std::vector<Finding> noted;    // annotations
  std::vector<std::string>
      changes;  // "with response.slow_ms at 1.5 s instead of 3 s: slow-response"
};

/// How many flows have an oddity, and the first of them.
struct OddityTotal {
  std::uint64_t flows = 0;
  FlowId example_flow{};
  OddityReport example;
};

/// Of a label, what it is a warning or an error for: complete, whatever the caps on what is listed.
struct LabelProblems {
  struct Count {
    std::uint64_t count = 0;  // flows or exchanges
    Severity severity{};      // the worst of them
  };
  Count primary, annotation;
};

/// Flows that nobody had closed at some place of the capture.
struct OpenFlows {
  std::uint64_t count = 0;
  std::vector<FlowId> first;  // the first of them
};

struct Report {
  const CaptureSummary* input = nullptr;  // borrowed from the source
  std::optional<PacketRef> first, last;   // earliest and latest by time
  Ledger ledger;
  Settings settings;
  std::uint64_t flows = 0, exchanges = 0;
  std::array<std::uint64_t, kMaxLabels> flow_labels{}, exchange_labels{};  // primary
  std::array<std::uint64_t, kMaxLabels> annotations{};  // flows or exchanges that carry it
  std::array<LabelProblems, kMaxLabels> flow_problems, exchange_problems;
  std::array<OddityTotal, kOddityCount> oddities;  // by bit
  Severity worst = Severity::ok;
  std::string headline;
  Vantage vantage;
  std::uint64_t open_at_end = 0;   // flows that nobody had closed when the capture ended
  std::vector<FlowId> open_flows;  // the first of them
  // By file, where one broke off; none: it did not, or nobody knows.
  std::vector<std::optional<OpenFlows>> open_at_damage;
  std::vector<Finding> findings;  // about the capture as a whole, and about many flows together
  Patterns patterns;
  std::optional<Why> why;
  std::vector<Cause> causes;  // worst and most frequent first
  std::uint64_t omitted_causes = 0;
  std::uint64_t omitted_exchanges = 0;  // healthy exchanges beyond the cap
  Deliveries deliveries;
  Chains chains;
  std::optional<Views> views;  // none: there is but one capture
};

}  // namespace httpdiag
