// SPDX-License-Identifier: Apache-2.0
#include "rules/facts.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.hpp"
#include "rules/one_way.hpp"
#include "rules/rst_origin.hpp"
#include "rules/syn_schedules.hpp"

namespace httpdiag::rules {

Closing fin_of(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  return {.closer = side == Side::client ? Closer::client_fin : Closer::server_fin,
          .packet = own.fin,
          .unseen = own.fin_unseen,
          .followed = own.fin_unseen && own.fin == own.trouble().told_of};
}

std::optional<Duration> between(PacketRef from, PacketRef to, const FlowRecord& flow) {
  if (!from || !to || time_unknown(flow, from, to)) return std::nullopt;
  return std::max(to.time - from.time, Duration{0});  // records may have changed places
}

std::string time_words(std::optional<Duration> time) {
  return time ? base::duration(*time) : "an unknown time";
}

namespace {

std::array<Closing, 4> closings(const FlowRecord& flow) {
  return {{fin_of(flow, Side::client),
           {Closer::client_rst, flow.c().trouble().rst},
           fin_of(flow, Side::server),
           {Closer::server_rst, flow.s().trouble().rst}}};
}

/// The earliest FIN or effective RST behind packet `after`. One of the server that acknowledges
/// the client's tape up to `knows` counts wherever it was recorded: its sender had seen the
/// request. So does a FIN of the server where the server's tape holds a response: it ends that
/// tape, though it may be recorded before bytes that had to be sent again.
Closing first_close_after(const FlowRecord& flow, PacketNumber after, Offset knows = ~Offset{0},
                          bool responded = false) {
  const SideRecord& server = flow.s();
  const bool fin_knows = responded || (server.fin && !server.fin_unseen && server.fin_ack >= knows);
  const bool rst_knows = server.trouble().rst_has_ack && server.trouble().rst_ack >= knows;
  // Of two FINs the one that acknowledges the other came behind it, however they were recorded.
  const SideRecord& client = flow.c();
  const bool both = client.fin && server.fin && !client.fin_unseen && !server.fin_unseen;
  const bool client_first = both && server.fin_ack > client.fin_offset;
  const bool server_first = both && client.fin_ack > server.fin_offset;
  Closing first;
  for (const Closing& closing : closings(flow)) {
    if (!closing.packet) continue;
    const bool later = closing.packet.number > after ||
                       (closing.closer == Closer::server_fin && fin_knows) ||
                       (closing.closer == Closer::server_rst && rst_knows);
    if (!later) continue;
    // A FIN that the capture lacks came before the packet that acknowledges it.
    bool before = closing.packet.number < first.packet.number ||
                  (closing.unseen && closing.packet.number == first.packet.number);
    if (first.closer == Closer::client_fin && closing.closer == Closer::server_fin)
      before = server_first || (before && !client_first);
    if (!first.packet || before) first = closing;
  }
  return first;
}

/// A wait inside a connection. Not measured where the clock rather than the network has made it:
/// longer than any connection waits, or just as long as the clock has then stepped back.
std::optional<Duration> wait_between(PacketRef from, PacketRef to, const FlowRecord& flow,
                                     const Thresholds& limits) {
  const auto wait = between(from, to, flow);
  if (!wait || *wait > limits.clock_gap) return std::nullopt;
  const Duration step = flow.trouble().clock_step;
  if (step < std::chrono::seconds{1}) return wait;
  const Duration slack = step / 10 + std::chrono::seconds{1};
  const bool made_by_step = *wait >= step - slack && *wait <= step + slack;
  return made_by_step ? std::nullopt : wait;
}

void measure_connect(FlowFacts& facts, const Thresholds& limits) {
  const FlowRecord& flow = facts.flow;
  facts.syn_count = flow.c().syns;
  if (!flow.c().syn) return;
  const SideTrouble& trouble = flow.c().trouble();
  PacketRef last = flow.c().syn;
  if (facts.syn_count >= 2) {
    const std::size_t kept = std::min<std::size_t>(facts.syn_count, kMaxSynTimes);
    const std::span<const PacketRef> times{trouble.syn_times.data(), kept};
    last = times.back();
    // Between the last two may have been more.
    const bool all = facts.syn_count <= kMaxSynTimes;
    facts.schedule = match_schedule(all ? times : times.first(kept - 1), flow.c().ttl, limits);
  }
  facts.syn_span = between(flow.c().syn, last, flow);
  facts.silence_after_syn = facts.until - last.time;
  facts.next_syn = facts.schedule ? facts.schedule->next_gap
                                  : std::clamp<Duration>(facts.syn_span.value_or(Duration{0}),
                                                         kInitialRto, kLongestRto);
  const Duration tolerance{static_cast<std::int64_t>(static_cast<double>(facts.next_syn->count()) *
                                                     limits.connect_backoff_tolerance)};
  facts.next_syn_overdue =
      *facts.silence_after_syn >= *facts.next_syn + tolerance + limits.connect_backoff_slack;
  facts.synack_delay = wait_between(flow.c().syn, flow.s().syn, flow, limits);
  if (flow.has(Oddity::synack_before_syn)) facts.synack_delay.reset();
  facts.handshake_time = wait_between(flow.c().syn, flow.handshake_ack, flow, limits);
}

}  // namespace

Duration FlowFacts::elapsed(PacketRef from, PacketRef to) const {
  if (time_unknown(flow, from, to)) return Duration{0};
  if (!to && time_unknown(flow, from, flow.last)) from = flow.last;
  return std::max((to ? to.time : until) - from.time, Duration{0});
}

bool FlowFacts::knows_server() const {
  const SideTrouble& trouble = flow.s().trouble();
  return flow.s().packets > trouble.rsts || (server_ttl && *server_ttl == trouble.rst_ttl);
}

bool FlowFacts::closed_window(Side side) const {
  const SideTrouble& trouble = flow.side(side).trouble();
  return trouble.zero_window_since && trouble.window_probes > 0;
}

bool FlowFacts::ack_unrecorded(Side side) const {
  constexpr Duration kSlack = std::chrono::seconds{3};
  constexpr std::uint32_t kGoesOn = 2;  // after more some kernels give up without a word
  const SideRecord& own = flow.side(side);
  const SideTrouble& trouble = own.trouble();
  // What was lost on its way to here may have been sent again in vain as well.
  if (!own.last_payload || own.acked >= own.delivered || closed_window(other(side))) return false;
  // A kernel probes a connection only where nothing is outstanding (RFC 9293 §3.8.4).
  if (trouble.first_keepalive.number > own.last_payload.number) return true;
  Timestamp end = until;  // a reset ends all sending
  for (const PacketRef rst : {trouble.rst, flow.side(other(side)).trouble().rst}) {
    if (rst) end = std::min(end, rst.time);
  }
  const auto quiet_after = [&](PacketRef packet) { return end - packet.time; };
  if (trouble.head_retransmits == 0) return quiet_after(own.last_payload) >= kRetransmissionOverdue;
  // Where the clock was set back meanwhile, nobody knows for how long.
  const Duration tried = std::max(trouble.head_retransmit.time - own.head_sent.time, Duration{0});
  return trouble.head_retransmits <= kGoesOn &&
         (quiet_after(trouble.head_retransmit) - kSlack) / 4 >= tried;
}

bool FlowFacts::recording_broke_off(Side side) const {
  const SideRecord& own = flow.side(side);
  const SideRecord& peer = flow.side(other(side));
  // Where nothing without payload is recorded, no ACK is to be expected.
  const std::uint32_t opening = peer.syns + (flow.handshake_ack ? 1U : 0U);
  const bool acks_recorded = peer.packets > peer.payload_packets + opening;
  return acks_recorded && own.delivered > own.acked && ack_unrecorded(side);
}

bool FlowFacts::doubtful(const PacketRef& packet) const {
  if (input == nullptr || !packet) return false;
  const PacketPlace place = place_of(input, packet.number);
  if (place.file >= input->files.size()) return false;
  const CaptureFile& file = input->files[place.file];
  // The header of the next record may still look plausible, from a few bytes further on.
  constexpr PacketNumber kNoticedWithin = 2;
  const auto behind_it = [&](const CaptureDamage& damage) {
    return damage.file == file.name && damage.after_packet >= place.number &&
           damage.after_packet - place.number <= kNoticedWithin;
  };
  return (file.damage && behind_it(*file.damage)) ||
         std::any_of(input->skipped.begin(), input->skipped.end(),
                     [&](const SkippedStretch& skipped) { return behind_it(skipped.damage); });
}

FlowFacts measure(const FlowRecord& flow, EndCause cause, Timestamp until,
                  const Thresholds& limits) {
  // Where the clock has stepped back, so much of the time that passed is the clock's.
  const Duration step = flow.trouble().clock_step;
  FlowFacts facts{.flow = flow, .until = std::max(until - step, flow.last.time)};
  facts.capture_over = cause == EndCause::capture_over;
  facts.let_go = cause == EndCause::evicted;
  facts.handshake = handshake(flow);
  facts.client_unheard = unheard(flow, Side::client);
  facts.server_unheard = unheard(flow, Side::server);
  facts.first_close = first_close_after(flow, 0);
  measure_connect(facts, limits);
  const bool unasked = flow.c().next == 0 && !facts.client_unheard && !facts.server_unheard &&
                       facts.handshake == Handshake::complete;
  facts.unused = unasked && flow.s().next == 0;
  if (unasked && flow.handshake_ack) {
    const Timestamp end = facts.first_close.packet ? facts.first_close.packet.time : facts.until;
    facts.unused_for = std::max(end - flow.handshake_ack.time, Duration{0});
  }
  return facts;
}

bool harmless_error(const Message& message) {
  if (message.fatal) return false;
  if (message.error == kBareLineFeed) return true;
  return message.error == "HPE_UNEXPECTED_CONTENT_LENGTH" && !message.chunked &&
         message.content_length;
}

std::optional<std::string_view> body_text(const Message& response) {
  if (response.state != MessageState::complete || response.has_gap) return std::nullopt;
  const bool whole = response.body_bytes > 0 && response.body_bytes <= response.body_head.size() &&
                     response.content_encoding().empty();
  if (!whole && !response.body_decoded) return std::nullopt;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view text = response.body_head;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return base::trim(text);
}

std::optional<Duration> match_timeout(Duration value, const Thresholds& limits,
                                      const std::vector<Duration>& known) {
  std::optional<Duration> best;
  for (const Duration candidate : known) {
    const Duration share{static_cast<std::int64_t>(static_cast<double>(candidate.count()) *
                                                   limits.timeout_tolerance_share)};
    const Duration tolerance = std::max(limits.timeout_tolerance, share);
    const Duration off = value > candidate ? value - candidate : candidate - value;
    if (off > tolerance) continue;
    if (!best || off < (value > *best ? value - *best : *best - value)) best = candidate;
  }
  return best;
}

std::optional<ClientLimit> client_limit(const ExchangeFacts& facts, Duration waited,
                                        PacketRef left) {
  const Exchange& x = facts.exchange;
  const auto matching = [&](Duration time, std::string_view since) {
    const auto limit = match_timeout(time, facts.limits, facts.limits.known_timeouts);
    return limit ? std::optional{ClientLimit{*limit, since}} : std::nullopt;
  };
  auto limit = matching(waited, "");
  const FlowRecord& flow = facts.flow.flow;
  const auto since = [&](PacketRef begin, std::string_view name) {
    const auto time = between(begin, left, flow);
    if (!limit && time) limit = matching(*time, name);
  };
  since(x.request.first, "its first byte");
  if (x.index == 1) since(flow.c().syn, "the start of connecting");
  return limit;
}

namespace {

/// The first close behind the response's first byte.
Closing close_of_response(const FlowRecord& flow, const Message& response) {
  constexpr Offset kAnywhere = ~Offset{0};
  const PacketNumber first = response.first.number;
  const Closing close = first_close_after(flow, first - 1, kAnywhere, true);
  // A FIN that rides on the response's last segment comes after its bytes.
  const bool with_it = close.packet.number == first && !by_server(close.closer);
  return with_it ? first_close_after(flow, first, kAnywhere, true) : close;
}

/// What ended the wait for the response, and what the response.
void measure_closes(ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  if (x.response) facts.close_after_response = close_of_response(flow, *x.response);
  facts.close =
      first_close_after(flow, x.request.last.number == 0 ? 0 : x.request.last.number - 1, facts.q1);
  const PacketRef server_rst = flow.s().trouble().rst;
  // What was acknowledged met no RST on its way; nor did one that refused a SYN before this one.
  const bool may_cross = flow.c().acked < facts.q1 && flow.s().syn.number < server_rst.number;
  // One recorded a moment before the request may as well have been drawn by it.
  const bool first_of_all =
      !facts.close.packet || x.request.first.time - server_rst.time <= kReordering;
  if (server_rst && server_rst.number < x.request.first.number && first_of_all && may_cross) {
    // Sent when the server knew nothing of the request, recorded before it: they crossed.
    facts.close = {Closer::server_rst, server_rst};
    facts.crossed_rst = true;
  }
  const bool broken_off = server_rst.number > x.request.first.number &&
                          server_rst.number < x.request.last.number &&
                          (!facts.close.packet || facts.close.packet.number > server_rst.number);
  // Seen near the server: what follows the RST was on its way when it was sent.
  if (server_rst && broken_off) facts.close = {Closer::server_rst, server_rst};
  // By its sequence number, too, the RST was sent before the first byte of the answer.
  facts.reset_first = server_rst && x.response && server_rst.number < x.response->first.number &&
                      flow.s().trouble().rst_seq <= x.response->begin &&
                      facts.close.closer == Closer::server_rst;
}

void measure_times(ExchangeFacts& facts) {
  const Exchange& x = facts.exchange;
  const FlowRecord& flow = facts.flow.flow;
  // Idleness before the first byte of a connection that the capture did not see begin is unknown.
  if (x.active_before) facts.idle = between(x.active_before, x.request.first, flow);
  facts.send = between(x.request.first, x.request.last, flow);
  if (x.response) {
    facts.wait = wait_between(x.request.last, x.response->first, flow, facts.limits);
    facts.receive = wait_between(x.response->first, x.response->last, flow, facts.limits);
  }
  facts.after_request = facts.flow.elapsed(x.request.last, facts.close.packet);
  facts.close_time_unknown = time_unknown(flow, x.request.last, facts.close.packet);
  const Closing& close = x.response ? facts.close_after_response : facts.close;
  facts.silence = facts.flow.elapsed(
      x.response && x.response->last ? x.response->last : x.request.last, close.packet);
}

void measure_delivery(ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& client = flow.c();
  const SideRecord& server = flow.s();
  const SideTrouble& server_trouble = server.trouble();
  const Offset plain = client.acked;
  const Offset by_fin = server.fin ? server.fin_ack : 0;
  const Offset by_rst =
      server_trouble.rst && server_trouble.rst_has_ack ? server_trouble.rst_ack : 0;
  const Offset best = std::max({plain, by_fin, by_rst});
  facts.rst_from_elsewhere = reset_from_elsewhere(flow, Side::server, facts.limits);
  const PacketRef last_sent =
      std::max(facts.exchange.request.last, client.trouble().head_retransmit,
               [](const PacketRef& a, const PacketRef& b) { return a.number < b.number; });
  constexpr Duration kLeastRto = std::chrono::seconds{1};
  facts.rst_in_answer =
      server_trouble.rst && server_trouble.rst.time - last_sent.time <= kLeastRto + 3 * flow.rtt;
  // A request inside the SYN (RFC 7413) is counted by the RST that refuses it; nobody took it.
  if (facts.flow.handshake == Handshake::refused) return;
  facts.request_acked = best >= facts.q1 || static_cast<bool>(facts.exchange.acked_by);
  facts.request_part_acked = best > facts.q0;
  facts.acked_by_rst = by_rst >= facts.q1 && plain < facts.q1 && by_rst > 0;
  // The head is the first unacknowledged byte, this request's or one in front of it that holds it
  // up.
  if (client.acked < facts.q1) {
    facts.head_retransmits = client.trouble().head_retransmits;
  }
  const std::uint32_t resends =
      facts.exchange.retransmits_after - facts.exchange.retransmits_before;
  // Never its first byte, but what is behind it: the ACK of that was not recorded.
  facts.head_ack_unrecorded = !facts.request_part_acked && facts.head_retransmits == 0 &&
                              server_trouble.retransmitted == 0 &&
                              resends >= facts.limits.unacked_min_retransmits;
  facts.request_part_acked = facts.request_part_acked || facts.head_ack_unrecorded;
  facts.resent = facts.head_retransmits > 0 ||
                 facts.exchange.retransmits_after > facts.exchange.retransmits_before;
}

void measure_receipt(ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& client = flow.c();
  const SideTrouble& trouble = client.trouble();
  facts.client_received = flow.s().acked;
  const bool fin_tells = client.fin && !client.fin_unseen;
  if (fin_tells) facts.client_received = std::max(facts.client_received, client.fin_ack);
  if (trouble.rst && trouble.rst_has_ack) {
    facts.client_received = std::max(facts.client_received, trouble.rst_ack);
  }
  if (!facts.exchange.response) return;
  const Offset begin = facts.exchange.response->begin;
  if (fin_tells && client.fin_ack <= begin &&
      client.fin.number >= facts.exchange.request.last.number) {
    facts.client_left = {Closer::client_fin, client.fin};
  } else if (trouble.rst && trouble.rst.number > facts.exchange.request.last.number &&
             (!trouble.rst_has_ack || trouble.rst_ack <= begin)) {
    facts.client_left = {Closer::client_rst, trouble.rst};
  }
}

void measure_reuse(ExchangeFacts& facts) {
  const FlowRecord& flow = facts.flow.flow;
  const SideRecord& server = flow.s();
  if (!server.fin) return;
  // What it says to nobody, as a 408 in front of its FIN, is no answer: it had waited for longer.
  const PacketRef stray = facts.exchange.unsolicited;
  const bool behind_stray = stray && server.last_payload.number >= stray.number;
  facts.server_idle =
      between(behind_stray ? facts.flow.last_response_end : server.last_payload, server.fin, flow);
  const Offset ack_in_request = facts.exchange.request.peer_acked;
  facts.fin_seen_by_client = ack_in_request > server.fin_offset;
  if (facts.fin_seen_by_client) {
    // A FIN recorded behind the request (or not at all) has no age here.
    if (!server.fin_unseen && server.fin.number < facts.exchange.request.first.number) {
      facts.half_closed_age = between(server.fin, facts.exchange.request.first, flow);
    }
    return;
  }
  const bool fin_before_request = server.fin_ack <= facts.q0;
  // A FIN sent long after a request that was retransmitted in vain has crossed nothing.
  const Duration late = server.fin.time - facts.exchange.request.first.time;
  const bool long_after = late > std::max<Duration>(std::chrono::seconds{1}, 3 * flow.rtt) &&
                          flow.c().trouble().most_head_retransmits >= 2;
  // Whose socket sends a FIN has not answered with RST for having none: that was somebody else.
  const bool behind_rst = server.fin.number > server.trouble().rst.number &&
                          static_cast<bool>(server.trouble().after_rst);
  facts.crossed = fin_before_request && !long_after && !server.fin_unseen && !behind_rst;
}

void measure_window(ExchangeFacts& facts) {
  const SideTrouble& server = facts.flow.flow.s().trouble();
  facts.server_window_closed =
      server.zero_window_total - facts.exchange.server_window_closed_before;
  if (server.zero_window_since) {
    const PacketRef request = facts.exchange.request.first;
    const bool before = server.zero_window_since.number < request.number;
    facts.server_window_closed +=
        facts.flow.elapsed(before ? request : server.zero_window_since, facts.close.packet);
  }
  // A clock that is set in between makes its parts longer than the whole.
  const Duration whole = facts.flow.until - facts.flow.flow.first.time;
  facts.server_window_closed = std::min(facts.server_window_closed, std::max(whole, Duration{0}));
  facts.client_window_closed =
      facts.flow.flow.c().trouble().zero_window_total - facts.exchange.client_window_closed_before;
}

/// RFC 9110 §10.1.1: a client keeps its body back until the server has said 100.
bool awaits_continue(const Exchange& x, const FlowRecord& flow) {
  const Message& request = x.request;
  // Of a body in chunks a part may be there without a byte of its content.
  const bool asks = request.expect_continue && request.head_complete && request.content_length &&
                    request.body_bytes == 0 && !request.has_gap && !request.snaplen_cut &&
                    request.state == MessageState::incomplete;
  // An answer to the FIN with which the client gave up came too late to be one.
  const PacketRef fin = flow.c().fin;
  const bool in_time = x.response && (!fin || x.response->first.number < fin.number);
  return asks && flow.c().next <= request.end && x.interim_status != 100 && !in_time;
}

}  // namespace

bool has_whole_response(const Exchange& x) {
  if (!x.response) return false;
  return x.response->state == MessageState::complete ||
         (x.response->state == MessageState::unknown && x.went_on);
}

ExchangeFacts measure(const Exchange& x, const FlowFacts& flow, const Thresholds& limits) {
  ExchangeFacts facts{.exchange = x, .flow = flow, .limits = limits};
  const Message& request = x.request;
  // Where the end is hidden by a gap, what was seen has to stand for the whole.
  facts.answered = x.response.has_value();
  facts.awaits_continue = awaits_continue(x, flow.flow);
  facts.request_complete = request.state != MessageState::incomplete || facts.awaits_continue;
  facts.response_complete = has_whole_response(x);
  facts.callback = is_callback(request.method());
  facts.q0 = request.begin;
  facts.q1 = request.end;
  measure_closes(facts);
  measure_times(facts);
  measure_delivery(facts);
  measure_receipt(facts);
  measure_reuse(facts);
  measure_window(facts);
  facts.limit = client_limit(facts, facts.after_request, facts.close.packet);
  return facts;
}

}  // namespace httpdiag::rules
