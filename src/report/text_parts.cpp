// SPDX-License-Identifier: Apache-2.0
#include "report/text_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/text.hpp"
#include "httpdiag/symptoms.hpp"
#include "report/input_text.hpp"
#include "report/oddity_text.hpp"
#include "report/redact.hpp"
#include "report/tls_json.hpp"
#include "report/views.hpp"

namespace httpdiag::report {
namespace {

constexpr std::size_t kIndent = 3;
constexpr std::size_t kHang = 14;        // where the text of "   Fault      ..." begins
constexpr std::size_t kPacketWidth = 8;  // of the column of packet numbers, at least
constexpr std::size_t kLadderHang = 37;  // where the text of a ladder row begins
constexpr std::size_t kMark = 2;         // that the caller puts before a line of a list
constexpr std::size_t kSymptoms = 4;     // of a rule, where the finding has none of its own

void item(Page& page, std::string_view name, std::string_view text) {
  if (!text.empty()) page.wrapped(kIndent, Ink::bold, name, kHang, text);
}

std::string_view words(Party party) {
  switch (party) {
    case Party::none:
      return "nobody";
    case Party::client_app:
      return "client application";
    case Party::client_host:
      return "client host";
    case Party::network:
      return "network, or a device between the two";
    case Party::server_host:
      return "server host";
    case Party::server_app:
      return "server application";
    case Party::capture:
      return "the capture itself";
    case Party::unknown:
      return "this capture cannot tell";
  }
  return "this capture cannot tell";
}

std::string fault_text(const Fault& fault) {
  std::string text{words(fault.party)};
  if (fault.party != Party::none && fault.party != Party::unknown) {
    text += fmt::format(", {} confidence", name(fault.confidence));
  }
  if (!fault.unless.empty()) text += "; unless " + fault.unless;
  return text;
}

/// Only the filter may go on in another line: in its quotes a line end is a space like any other.
void show_settle(Page& page, const Settle& settle) {
  item(page, "Settle",
       fmt::format("a capture on the {} host ({}): {}",
                   settle.at == Side::client ? "client" : "server", to_string(settle.host),
                   settle.question));
  const std::string_view command = settle.command;
  const std::size_t filter =
      kIndent + columns(command) <= Page::kWidth ? command.size() : command.find('\'') + 1;
  page.line(kIndent, Ink::plain, command.substr(0, filter));
  if (filter < command.size()) page.line(kIndent, Ink::plain, command.substr(filter));
}

/// Repeating is no question of what was delivered: the answer itself, or the lack of trouble,
/// speaks against it.
bool answer_forbids(Label label) {
  switch (label) {
    using enum Label;
    case tls_plaintext_mismatch:
    case request_malformed:
    case http_redirect:
    case http_client_error:
    case early_response:
    case ack_negative:
    case late_response:
      return true;
    default:
      return false;
  }
}

std::string_view retry_text(Retry retry, Label label) {
  switch (retry) {
    case Retry::safe:
      return label == Label::http_client_error
                 ? "safe, but later: the status says that the server has not acted on it"
                 : "safe: the server application cannot have acted on it";
    case Retry::idempotent_only:
      return "only if doing it twice does no harm: it may have been processed";
    case Retry::do_not:
      break;
  }
  // Of the others the capture, or the other end's, has the answer.
  return answer_forbids(label) ? retry_advice(label)
                               : "do not: the server has answered it, so it has been processed";
}

std::string packets(const PacketRef& first, const PacketRef& last, const CaptureSummary* input) {
  const std::string begin = packet_name(input, first.number);
  if (first.number == last.number || !last) return "packet " + begin;
  return fmt::format("packets {} to {}", begin, packet_name(input, last.number));
}

/// The three facts: did we send it, did their TCP acknowledge it, did they answer.
std::string delivery_text(const ExchangeReport& exchange, const CaptureSummary* input) {
  const RequestReport& request = exchange.request;
  std::string text = !exchange.sent ? std::string{"not sent completely"} : std::string{"sent"};
  if (request.first) text += fmt::format(" ({})", packets(request.first, request.last, input));
  switch (exchange.acked) {
    case Acked::none:
      text += "; not acknowledged";
      break;
    case Acked::part:
      text += "; acknowledged in part";
      break;
    case Acked::all:
      text += "; acknowledged";
      if (exchange.acked_by)
        text += fmt::format(" (packet {})", packet_name(input, exchange.acked_by.number));
      break;
  }
  if (!exchange.response) {
    return text + (exchange.answered ? "; answered, but the answer is not in the capture"
                                     : "; not answered");
  }
  text += exchange.answered ? "; answered" : "; not answered completely";
  return text +
         fmt::format(" ({})", packets(exchange.response->first, exchange.response->last, input));
}

/// What the client sent is in the capture, and no payload is among it.
bool carried_nothing(const FlowReport& flow) {
  const SideReport& client = flow.sides[index(Side::client)];
  const bool seen =
      client.packets > 0 && std::none_of(flow.labels.begin(), flow.labels.end(), [](Label label) {
        return label == Label::capture_gap || label == Label::capture_one_way;
      });
  return seen && flow.exchange_count == 0 && client.payload_bytes == 0 &&
         flow.sides[index(Side::server)].payload_bytes == 0;
}

std::string_view arrow(const std::optional<Side>& from) {
  if (!from) return "             ";  // an ICMP error, or either side's
  return *from == Side::client ? "------------>" : "<------------";
}

/// The end of a long name: that is what tells the files of a rotation apart.
std::string ladder_name(const CaptureSummary* input, const PacketRef& packet) {
  constexpr std::size_t kMost = 22;
  const std::string name = packet_name(input, packet.number);
  return name.size() <= kMost ? name : ".." + name.substr(name.size() - (kMost - 2));
}

/// Seconds since the first row, to the microsecond as long as there is room for that. Nothing is
/// idle for more than a week: two captures, of which one has a clock that jumped.
std::string ladder_time(Duration since) {
  constexpr Duration kRoom = std::chrono::hours{24}, kLongest = 7 * kRoom;
  if (since > kLongest || since < -kRoom) return "unknown";
  if (since > kRoom) return "+" + base::duration(since);
  // By integer arithmetic: a double would round large steps.
  const auto us = since.count() / 1000;
  const auto magnitude = static_cast<std::uint64_t>(us < 0 ? -us : us);
  return fmt::format("{}{}.{:06}", us < 0 ? "-" : "", magnitude / 1'000'000, magnitude % 1'000'000);
}

void ladder(Page& page, const std::vector<Evidence>& evidence, const CaptureSummary* input) {
  if (evidence.empty()) return;
  page.blank();
  std::size_t width = kPacketWidth;
  for (const Evidence& row : evidence) {
    width = std::max(width, ladder_name(input, row.packet).size());
  }
  const std::size_t hang = kLadderHang + kIndent + width - kPacketWidth;
  page.line(kIndent, Ink::dim, fmt::format("{:>{}}     seconds  client server", "packet", width));
  // Behind a step of the clock nobody can say how late it was.
  constexpr Duration kStep = std::chrono::seconds{1};
  PacketRef before = evidence.front().packet;
  const Timestamp start = before.time;
  bool set_back = false;
  for (const Evidence& row : evidence) {
    set_back =
        set_back || (row.packet.number > before.number && before.time - row.packet.time > kStep);
    before = row.packet;
    const std::string seconds =
        set_back ? std::string{"unknown"} : ladder_time(row.packet.time - start);
    page.wrapped(kIndent, Ink::plain,
                 fmt::format("{:>{}}  {:>10}  {}", ladder_name(input, row.packet), width, seconds,
                             arrow(row.from)),
                 hang, row.what);
    if (const std::string note = note_on(input, row.packet.number); !note.empty()) {
      page.wrapped(kIndent, Ink::dim, "", hang, "Note: " + note);
    }
  }
  page.blank();
}

std::string symptoms(const Finding& finding) {
  if (!finding.seen_as.empty()) return finding.seen_as;
  const std::string_view all = info(finding.label).symptoms;
  std::size_t end = 0;
  for (std::size_t i = 0; i < kSymptoms && end != std::string_view::npos; ++i) {
    end = all.find("; ", i == 0 ? 0 : end + 2);
  }
  return std::string{all.substr(0, end)};
}

std::string label_list(const std::vector<Label>& labels) {
  std::string text;
  for (const Label label : labels) base::append_item(text, info(label).id);
  return text;
}

void append_timing(std::string& text, std::string_view what,
                   const std::optional<Duration>& duration) {
  if (duration) base::append_item(text, fmt::format("{} {}", what, base::duration(*duration)));
}

std::string timing_text(const ExchangeReport& exchange) {
  std::string text;
  append_timing(text, "idle", exchange.idle);
  append_timing(text, "sending", exchange.send);
  append_timing(text, "waiting", exchange.wait);
  append_timing(text, "receiving", exchange.receive);
  return text;
}

void side_line(Page& page, std::string_view name, const SideReport& side) {
  item(
      page, name,
      fmt::format("{}, {} of payload, {} retransmitted, {}", base::count(side.packets, "packet"),
                  base::bytes(side.payload_bytes), side.retransmitted, httpdiag::name(side.state)));
}

void show_verdict(Page& page, Severity severity, Label label, const std::vector<Label>& labels) {
  item(page, "Verdict",
       fmt::format(
           "{}{}{}", info(label).id,
           label == Label::ok ? "" : fmt::format(" ({}): {}", name(severity), info(label).title),
           labels.empty() ? "" : "; also " + label_list(labels)));
}

}  // namespace

Ink ink_of(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return Ink::green;
    case Severity::info:
      return Ink::cyan;
    case Severity::warning:
      return Ink::yellow;
    case Severity::error:
      return Ink::red;
  }
  return Ink::plain;
}

std::string clock(Timestamp time) {
  const std::string text = base::rfc3339(time);  // 2024-03-01T12:00:01.123456789Z
  return text.substr(0, 10) + ' ' + text.substr(11, 12);
}

namespace {

std::string name_beside(const FlowReport& flow) {
  return flow.server_name.empty() ? "" : fmt::format(" ({})", base::shorten(flow.server_name, 40));
}

}  // namespace

std::string route(const FlowReport& flow) {
  return fmt::format("{} -> {}{}", to_string(flow.client), to_string(flow.server),
                     name_beside(flow));
}

// As long as it is, an address is shown whole; a name gives way.
std::string flow_line(const FlowReport& flow) {
  const std::string line =
      fmt::format("{:>5}  {:<26} {} -> {}", static_cast<std::uint32_t>(flow.id),
                  info(flow.label).id, to_string(flow.client), to_string(flow.server));
  const auto fits = [&](const std::string& more) {
    return columns(line) + columns(more) + kMark <= Page::kWidth;
  };
  const std::string name = name_beside(flow);
  const std::string also = flow.labels.empty() ? "" : " + " + label_list(flow.labels);
  const std::string count = flow.labels.empty() ? "" : fmt::format(" +{}", flow.labels.size());
  for (const std::string& more : {name + also, name + count})
    if (fits(more)) return line + more;
  return line + count;
}

namespace {

/// What the other legs of the request tell: in full at the one nearest to the client.
void show_chain(Page& page, const FlowReport& flow, const ExchangeReport* exchange) {
  const std::string& chain = exchange != nullptr ? exchange->chain : flow.chain;
  if (chain.empty()) return;
  const bool first = exchange != nullptr && chain == exchange_name(flow.id, exchange->index);
  if (first) return item(page, "Chain", exchange->chain_detail);
  const bool told = exchange != nullptr && !exchange->chain_outcome.empty();
  item(page, "Chain",
       fmt::format("a leg of exchange {}, behind a proxy{}{}", chain, told ? ". " : "",
                   told ? exchange->chain_outcome : ""));
}

}  // namespace

void show_translation(Page& page, const FlowReport& flow) {
  if (!flow.translated) return;
  item(page, "NAT",
       fmt::format("also recorded as {} -> {}", to_string(flow.translated->client),
                   to_string(flow.translated->server)));
}

namespace {

std::string tunnel_text(const Tunnel& tunnel) {
  std::string text{name(tunnel.kind)};
  if (tunnel.has_id) text += fmt::format(" {}", tunnel.id);
  if (tunnel.depth > 1) text += fmt::format(", the innermost of {}", tunnel.depth);
  return text;
}

}  // namespace

void show_tunnel(Page& page, const FlowReport& flow) {
  const auto& [client, server] = flow.tunnels;
  const bool forth = client.kind != TunnelKind::none;
  const bool back = server.kind != TunnelKind::none;
  if (!forth && !back) return;
  std::string text = tunnel_text(forth ? client : server);
  if (forth && back && tunnel_text(client) != tunnel_text(server)) {
    text += fmt::format("; from the server {}", tunnel_text(server));
  } else if (forth != back) {
    text += forth ? "; packets of the client only" : "; packets of the server only";
  }
  item(page, "Tunnel", text);
}

void show_other_end(Page& page, const FlowReport& flow, const CaptureSummary* input) {
  if (flow.views) item(page, "Both ends", views_text(*flow.views, input));
}

void explain_finding(Page& page, const Finding& finding, const FlowReport& flow,
                     const ExchangeReport* exchange, const CaptureSummary* input) {
  ladder(page, finding.evidence, input);
  item(page, "Meaning", finding.detail);
  show_chain(page, flow, exchange);
  item(page, "Fault", fault_text(finding.fault));
  if (finding.settle) show_settle(page, *finding.settle);
  if (exchange != nullptr) {
    item(page, "Delivery", delivery_text(*exchange, input));
    item(page, "Retry",
         exchange->done_behind.empty()
             ? std::string{retry_text(exchange->retry, exchange->label)}
             : fmt::format("do not: behind the proxy it was answered {}, so it has been processed",
                           exchange->done_behind));
  } else if (carried_nothing(flow) && flow.handshake != Handshake::not_captured) {
    // An attempt that was under way may have come about, and carried a request.
    const bool open = flow.label == Label::connect_abandoned &&
                      std::ranges::count(flow.labels, Label::capture_ended_early) > 0;
    item(page, "Delivery",
         open ? "nothing sent as far as the capture goes; the attempt was under way at its end"
              : "nothing sent; no request was on this connection");
    if (!open) item(page, "Retry", retry_text(Retry::safe, flow.label));
  }
  item(page, "Seen as", symptoms(finding));
  item(page, "Remedy",
       finding.remedy.empty() ? info(finding.label).remedy : std::string_view{finding.remedy});
}

void show_exchange(Page& page, const ExchangeReport& exchange, bool show_payload) {
  const RequestReport& request = exchange.request;
  const std::string target = show_payload ? request.target : redact_target(request.target);
  item(page, "Request",
       fmt::format("{} {}{}, {} of body",
                   request.method.empty() ? "(method not seen)" : request.method, target,
                   request.host.empty() ? "" : " at " + request.host,
                   base::bytes(request.body_bytes)));
  if (exchange.response) {
    const ResponseReport& response = *exchange.response;
    std::string line = fmt::format("{}", response.status);
    if (!response.reason.empty()) line += " " + response.reason;
    if (!response.location.empty())
      line += " to " + (show_payload ? response.location : redact_target(response.location));
    item(page, "Response",
         fmt::format("{}{} {} of body{}", line, line.find(' ') == std::string::npos ? " with" : ",",
                     base::bytes(response.body_bytes),
                     response.state == MessageState::complete ? "" : " seen, not complete"));
  } else {
    item(page, "Response", "none");
  }
}

std::string listed(const FlowReport& flow, const ExchangeReport& exchange, bool show_payload,
                   bool colour) {
  const RequestReport& request = exchange.request;
  const std::string target =
      base::shorten(show_payload ? request.target : redact_target(request.target), 120);
  Page line{colour};
  line.line(
      0, ink_of(exchange.severity), exchange_name(flow.id, exchange.index),
      fmt::format(
          "{} {}, {}, {}", request.method.empty() ? "(method not seen)" : request.method, target,
          exchange.response ? std::to_string(exchange.response->status) : std::string{"no answer"},
          info(exchange.label).id));
  const PacketNumber last = std::max(
      request.last.number, exchange.response ? exchange.response->last.number : PacketNumber{0});
  std::string text = line.take();
  text.pop_back();
  return fmt::format("{} {} {}\n{}\n", request.first.number, last, exchange.found_in, text);
}

std::string with_packet_names(std::string_view lines, const CaptureSummary* input) {
  std::string text;
  const auto until = [&](char end) {
    const std::size_t length = lines.find(end);
    const std::string_view part = lines.substr(0, length);
    lines.remove_prefix(length + 1);
    return part;
  };
  const auto packet = [&] {
    PacketNumber number = 0;
    const std::string_view digits = until(' ');
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return packet_name(input, number);
  };
  while (!lines.empty()) {
    const std::string first = packet(), last = packet();
    const std::string_view found_in = until('\n');
    text += until('\n');
    text += first == last ? fmt::format(", packet {}", first)
                          : fmt::format(", packets {} to {}", first, last);
    if (!found_in.empty()) text += fmt::format(", found in {}", found_in);
    text += '\n';
  }
  return text;
}

void show_flow_in_full(Page& page, const FlowReport& flow, const Options& options,
                       const CaptureSummary* input) {
  page.line(0, Ink::bold, fmt::format("Flow {}", static_cast<std::uint32_t>(flow.id)), route(flow));
  show_verdict(page, flow.severity, flow.label, flow.labels);
  item(page, "Packets",
       fmt::format(
           "{} to {}, {} to {} UTC, {}", packet_name(input, flow.first.number),
           packet_name(input, flow.last.number), clock(flow.first.time), clock(flow.last.time),
           flow.last.time < flow.first.time ? std::string{"the clock stepped back between them"}
                                            : base::duration(flow.last.time - flow.first.time)));
  item(page, "TCP",
       fmt::format("handshake {}, {}, history {}{}", name(flow.handshake),
                   flow.ended_by == EndedBy::none ? "not closed"
                                                  : fmt::format("ended by {}", name(flow.ended_by)),
                   flow.history, flow.rtt ? ", round trip " + base::duration(*flow.rtt) : ""));
  side_line(page, "Client", flow.sides[index(Side::client)]);
  side_line(page, "Server", flow.sides[index(Side::server)]);
  item(page, "TLS", tls_text(flow));
  show_translation(page, flow);
  show_tunnel(page, flow);
  show_other_end(page, flow, input);
  if (flow.duplicates != 0)
    item(page, "Copies", base::count(flow.duplicates, "packet") + " captured twice");
  for (const OddityReport& odd : flow.oddities) item(page, "Odd", words(odd, input));
  for (const Finding& finding : flow.findings) {
    page.blank();
    page.line(0, ink_of(finding.severity), info(finding.label).id, info(finding.label).title);
    explain_finding(page, finding, flow, nullptr, input);
  }
  for (const ExchangeReport* exchange : options.selection.exchanges(flow)) {
    page.blank();
    page.line(0, Ink::bold, "Exchange " + exchange_name(flow.id, exchange->index));
    show_verdict(page, exchange->severity, exchange->label, exchange->labels);
    show_exchange(page, *exchange, options.show_payload);
    item(page, "Timing", timing_text(*exchange));
    if (exchange->findings.empty()) item(page, "Delivery", delivery_text(*exchange, input));
    for (const Finding& finding : exchange->findings) {
      page.blank();
      page.line(kIndent, ink_of(finding.severity), info(finding.label).id,
                info(finding.label).title);
      // Delivery and retry advice are the exchange's; once is enough.
      explain_finding(page, finding, flow, finding.label == exchange->label ? exchange : nullptr,
                      input);
    }
  }
  if (flow.omitted_exchanges != 0) {
    page.blank();
    page.line(0, Ink::plain,
              fmt::format("{} without a problem not kept",
                          base::count(flow.omitted_exchanges, "exchange")));
  }
}

}  // namespace httpdiag::report
