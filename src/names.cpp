// SPDX-License-Identifier: Apache-2.0
// The words of the report for every enum of the vocabulary, and addresses as
// text. They are part of the report contract: adding is allowed, renaming is not.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "httpdiag/report.hpp"

namespace httpdiag {

void add(Ledger& ledger, const Ledger& more) {
  ledger.packets += more.packets;
  ledger.decoded += more.decoded;
  ledger.duplicates += more.duplicates;
  ledger.filtered += more.filtered;
  ledger.filtered_wrapped += more.filtered_wrapped;
  ledger.passed_bpf += more.passed_bpf;
  for (const Ledger::Unfit& unfit : more.bpf_unfit) {
    const auto same = std::ranges::find_if(ledger.bpf_unfit, [&](const Ledger::Unfit& known) {
      return known.link_type == unfit.link_type && known.reason == unfit.reason;
    });
    if (same == ledger.bpf_unfit.end()) {
      ledger.bpf_unfit.push_back(unfit);
    } else {
      same->packets += unfit.packets;
    }
  }
  for (std::size_t i = 0; i < kSkipCount; ++i) ledger.skipped[i] += more.skipped[i];
}

// No default in any switch: a forgotten value does not compile under -Werror.

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  std::abort();
}

std::string_view name(Scope scope) {
  switch (scope) {
    case Scope::capture:
      return "capture";
    case Scope::flow:
      return "flow";
    case Scope::exchange:
      return "exchange";
    case Scope::aggregate:
      return "aggregate";
    case Scope::lookup:
      return "lookup";
  }
  std::abort();
}

std::string_view name(Role role) {
  switch (role) {
    case Role::primary:
      return "primary";
    case Role::annotation:
      return "annotation";
    case Role::either:
      return "primary|annotation";
  }
  std::abort();
}

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::capture:
      return "capture";
    case Phase::dns:
      return "dns";
    case Phase::connect:
      return "connect";
    case Phase::tls:
      return "tls";
    case Phase::payload:
      return "payload";
    case Phase::request:
      return "request";
    case Phase::wait:
      return "wait";
    case Phase::response:
      return "response";
    case Phase::http:
      return "http";
    case Phase::reuse:
      return "reuse";
    case Phase::teardown:
      return "teardown";
    case Phase::transport:
      return "transport";
    case Phase::own:
      return "own";
    case Phase::none:
      return "none";
  }
  std::abort();
}

std::string_view name(Party party) {
  switch (party) {
    case Party::none:
      return "none";
    case Party::client_app:
      return "client-app";
    case Party::client_host:
      return "client-host";
    case Party::network:
      return "network";
    case Party::server_host:
      return "server-host";
    case Party::server_app:
      return "server-app";
    case Party::capture:
      return "capture";
    case Party::unknown:
      return "unknown";
  }
  std::abort();
}

std::string_view name(VantagePoint point) {
  switch (point) {
    case VantagePoint::unknown:
      return "unknown";
    case VantagePoint::client:
      return "client";
    case VantagePoint::server:
      return "server";
    case VantagePoint::middle:
      return "middle";
    case VantagePoint::loopback:
      return "loopback";
    case VantagePoint::proxy:
      return "proxy";
  }
  std::abort();
}

std::string_view name(Confidence confidence) {
  switch (confidence) {
    case Confidence::low:
      return "low";
    case Confidence::medium:
      return "medium";
    case Confidence::high:
      return "high";
  }
  std::abort();
}

std::string_view name(Presence presence) {
  switch (presence) {
    case Presence::both:
      return "both";
    case Presence::lost:
      return "lost";
    case Presence::absent:
      return "absent";
    case Presence::replaced:
      return "replaced";
  }
  std::abort();
}

std::string_view name(Retry retry) {
  switch (retry) {
    case Retry::safe:
      return "safe";
    case Retry::idempotent_only:
      return "idempotent-only";
    case Retry::do_not:
      return "do-not";
  }
  std::abort();
}

std::string_view name(Acked acked) {
  switch (acked) {
    case Acked::none:
      return "none";
    case Acked::part:
      return "part";
    case Acked::all:
      return "all";
  }
  std::abort();
}

std::string_view name(TcpState state) {
  switch (state) {
    case TcpState::unknown:
      return "UNKNOWN";
    case TcpState::closed:
      return "CLOSED";
    case TcpState::listen:
      return "LISTEN";
    case TcpState::syn_sent:
      return "SYN_SENT";
    case TcpState::syn_rcvd:
      return "SYN_RCVD";
    case TcpState::established:
      return "ESTABLISHED";
    case TcpState::fin_wait_1:
      return "FIN_WAIT_1";
    case TcpState::fin_wait_2:
      return "FIN_WAIT_2";
    case TcpState::close_wait:
      return "CLOSE_WAIT";
    case TcpState::closing:
      return "CLOSING";
    case TcpState::last_ack:
      return "LAST_ACK";
    case TcpState::time_wait:
      return "TIME_WAIT";
  }
  std::abort();
}

std::string_view name(Handshake handshake) {
  switch (handshake) {
    case Handshake::complete:
      return "complete";
    case Handshake::refused:
      return "refused";
    case Handshake::unanswered:
      return "unanswered";
    case Handshake::unreachable:
      return "unreachable";
    case Handshake::incomplete:
      return "incomplete";
    case Handshake::not_captured:
      return "not-captured";
  }
  std::abort();
}

std::string_view name(EndedBy ended_by) {
  switch (ended_by) {
    case EndedBy::none:
      return "none";
    case EndedBy::client_fin:
      return "client-fin";
    case EndedBy::server_fin:
      return "server-fin";
    case EndedBy::client_rst:
      return "client-rst";
    case EndedBy::server_rst:
      return "server-rst";
  }
  std::abort();
}

std::string_view name(Oddity oddity) {
  switch (oddity) {
    case Oddity::midstream:
      return "midstream";
    case Oddity::synack_before_syn:
      return "synack-before-syn";
    case Oddity::simultaneous_open:
      return "simultaneous-open";
    case Oddity::syn_with_data:
      return "syn-with-data";
    case Oddity::rst_ignored:
      return "rst-ignored";
    case Oddity::data_after_fin:
      return "data-after-fin";
    case Oddity::data_after_rst:
      return "data-after-rst";
    case Oddity::differing_copy:
      return "differing-copy";
    case Oddity::out_of_window:
      return "out-of-window";
    case Oddity::buffer_limit:
      return "buffer-limit";
    case Oddity::roles_guessed:
      return "roles-guessed";
    case Oddity::synack_missing:
      return "synack-missing";
    case Oddity::challenged:
      return "challenged";
    case Oddity::reused_tuple:
      return "reused-tuple";
    case Oddity::window_unknown:
      return "window-unknown";
    case Oddity::icmp_soft_error:
      return "icmp-soft-error";
  }
  std::abort();
}

std::string_view name(Skip skip) {
  switch (skip) {
    case Skip::not_ip:
      return "not-ip";
    case Skip::not_tcp:
      return "not-tcp";
    case Skip::icmp_other:
      return "icmp-other";
    case Skip::ip_fragment:
      return "ip-fragment";
    case Skip::fragment_refused:
      return "fragment-refused";
    case Skip::truncated_header:
      return "truncated-header";
    case Skip::malformed_link:
      return "malformed-link";
    case Skip::malformed_ip:
      return "malformed-ip";
    case Skip::malformed_tcp:
      return "malformed-tcp";
    case Skip::unsupported_link:
      return "unsupported-link";
    case Skip::unrelated_icmp:
      return "unrelated-icmp";
    case Skip::protected_frame:
      return "protected-frame";
    case Skip::nested_too_deep:
      return "nested-too-deep";
    case Skip::esp:
      return "esp";
    case Skip::l2tp_v3:
      return "l2tpv3";
    case Skip::mpls_in_udp:
      return "mpls-in-udp";
    case Skip::vn_tag:
      return "vn-tag";
    case Skip::macsec:
      return "macsec";
    case Skip::nsh:
      return "nsh";
    case Skip::trill:
      return "trill";
    case Skip::pbb:
      return "pbb";
    case Skip::fabric_path:
      return "fabricpath";
    case Skip::cisco_metadata:
      return "cisco-metadata";
    case Skip::arista_time:
      return "arista-time";
    case Skip::edsa:
      return "edsa";
    case Skip::wccp:
      return "wccp";
    case Skip::tzsp:
      return "tzsp";
    case Skip::vxlan_gpe:
      return "vxlan-gpe";
    case Skip::ivxlan:
      return "ivxlan";
    case Skip::capwap:
      return "capwap";
    case Skip::lisp:
      return "lisp";
    case Skip::gre_in_udp:
      return "gre-in-udp";
    case Skip::fragment_incomplete:
      return "fragment-incomplete";
    case Skip::stt:
      return "stt";
  }
  std::abort();
}

std::string_view name(TunnelKind kind) {
  switch (kind) {
    case TunnelKind::none:
      return "none";
    case TunnelKind::mpls:
      return "mpls";
    case TunnelKind::gre:
      return "gre";
    case TunnelKind::pptp:
      return "pptp";
    case TunnelKind::erspan:
      return "erspan";
    case TunnelKind::vxlan:
      return "vxlan";
    case TunnelKind::geneve:
      return "geneve";
    case TunnelKind::gtp_u:
      return "gtp-u";
    case TunnelKind::ip_in_ip:
      return "ip-in-ip";
    case TunnelKind::ipv6_in_ip:
      return "6in4";
    case TunnelKind::ipv4_in_ipv6:
      return "4in6";
    case TunnelKind::teredo:
      return "teredo";
    case TunnelKind::l2tp:
      return "l2tp";
    case TunnelKind::ether_ip:
      return "etherip";
    case TunnelKind::fou:
      return "fou";
    case TunnelKind::gue:
      return "gue";
  }
  std::abort();
}

std::string to_string(const IpAddress& address) {
  const auto& b = address.bytes;
  if (address.is_v4()) return fmt::format("{}.{}.{}.{}", b[12], b[13], b[14], b[15]);

  const auto group = [&](std::size_t i) {
    return static_cast<unsigned>(b[2 * i]) << 8 | static_cast<unsigned>(b[2 * i + 1]);
  };
  // RFC 5952 §4.2: the longest run of at least two zero groups, the first of equals.
  std::size_t run_begin = 8;
  std::size_t run_length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && group(end) == 0) ++end;
    if (end - i > run_length) run_begin = i, run_length = end - i;
  }

  std::string text;
  for (std::size_t i = 0; i < 8;) {
    if (i == run_begin) {
      text += "::";
      i += run_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    fmt::format_to(std::back_inserter(text), "{:x}", group(i));
    ++i;
  }
  return text;
}

std::string exchange_name(FlowId flow, std::uint32_t exchange) {
  const auto id = static_cast<std::uint32_t>(flow);
  return exchange == 0 ? fmt::format("{}", id) : fmt::format("{}.{}", id, exchange);
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string terminated{text};
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  in_addr v4{};
  if (inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return IpAddress::v4(ntohl(v4.s_addr));
  IpAddress v6;
  if (inet_pton(AF_INET6, terminated.c_str(), v6.bytes.data()) == 1) return v6;
  return std::nullopt;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string address = to_string(endpoint.ip);
  return endpoint.ip.is_v4() ? fmt::format("{}:{}", address, endpoint.port)
                             : fmt::format("[{}]:{}", address, endpoint.port);
}

std::string_view name(AttemptClass attempt) {
  switch (attempt) {
    case AttemptClass::not_delivered:
      return "N";
    case AttemptClass::unknown:
      return "U";
    case AttemptClass::late:
      return "L";
    case AttemptClass::refused:
      return "F";
    case AttemptClass::unrecognized:
      return "?";
    case AttemptClass::acknowledged:
      return "A";
    case AttemptClass::open:
      return "open";
    case AttemptClass::unseen:
      return "unseen";
  }
  std::abort();
}

std::string_view words(AttemptClass attempt) {
  switch (attempt) {
    case AttemptClass::not_delivered:
      return "not delivered";
    case AttemptClass::unknown:
      return "delivered, outcome unknown";
    case AttemptClass::late:
      return "answered too late";
    case AttemptClass::refused:
      return "refused";
    case AttemptClass::unrecognized:
      return "2xx without the agreed word";
    case AttemptClass::acknowledged:
      return "acknowledged";
    case AttemptClass::open:
      return "still open when the capture ended";
    case AttemptClass::unseen:
      return "outcome not in the capture";
  }
  std::abort();
}

std::string_view name(DeliveryVerdict verdict) {
  switch (verdict) {
    case DeliveryVerdict::acknowledged:
      return "delivery-acknowledged";
    case DeliveryVerdict::recovered:
      return "delivery-recovered";
    case DeliveryVerdict::never_delivered:
      return "delivery-never-delivered";
    case DeliveryVerdict::unacknowledged:
      return "delivery-unacknowledged";
    case DeliveryVerdict::ack_late:
      return "delivery-ack-late";
    case DeliveryVerdict::rejected:
      return "delivery-rejected";
    case DeliveryVerdict::ack_unrecognized:
      return "delivery-ack-unrecognized";
    case DeliveryVerdict::duplicated:
      return "delivery-duplicated";
    case DeliveryVerdict::in_progress:
      return "delivery-in-progress";
    case DeliveryVerdict::unseen:
      return "delivery-outcome-unseen";
  }
  std::abort();
}

std::string_view words(DeliveryVerdict verdict) {
  switch (verdict) {
    case DeliveryVerdict::acknowledged:
      return "acknowledged";
    case DeliveryVerdict::recovered:
      return "failed first, then acknowledged";
    case DeliveryVerdict::never_delivered:
      return "never delivered: no byte is known to have reached the receiver";
    case DeliveryVerdict::unacknowledged:
      return "delivered, never acknowledged: the receiver may have acted";
    case DeliveryVerdict::ack_late:
      return "acknowledged too late: done for the receiver, failed for the sender";
    case DeliveryVerdict::rejected:
      return "refused by the receiver";
    case DeliveryVerdict::ack_unrecognized:
      return "answered 2xx without the word that the sender waits for";
    case DeliveryVerdict::duplicated:
      return "acknowledged more than once";
    case DeliveryVerdict::in_progress:
      return "still under way when the capture ended";
    case DeliveryVerdict::unseen:
      return "outcome not in the capture";
  }
  std::abort();
}

std::string_view name(KeyKind kind) {
  switch (kind) {
    case KeyKind::header:
      return "header";
    case KeyKind::field:
      return "field";
    case KeyKind::body:
      return "body";
    case KeyKind::canonical:
      return "canonical-body";
    case KeyKind::none:
      return "none";
  }
  std::abort();
}

}  // namespace httpdiag
