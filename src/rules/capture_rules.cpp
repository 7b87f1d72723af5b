// SPDX-License-Identifier: Apache-2.0
// What the capture itself cannot show (taxonomy 4.1). Never primary.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/rule_lists.hpp"

namespace httpdiag::rules {

std::optional<Finding> flow_started_midstream(const FlowFacts& facts, const Thresholds&) {
  if (!facts.flow.has(Oddity::midstream)) return std::nullopt;
  const bool goes_on = facts.flow.trouble().goes_on;
  return FindingBuilder{
      Label::capture_started_midstream,
      goes_on ? "The connection is older than a jump of the capture's clock: in front of it, its "
                "packets count as another connection, for how long it waited is not known."
              : "The connection is older than the capture; what happened before is unknown."}
      .evidence(facts.flow.first, std::nullopt, "first packet captured")
      .fact("roles_guessed", facts.flow.has(Oddity::roles_guessed))
      .build();
}

namespace {

/// "10", of two tags "10.20", outer first. None: there are more, which were folded together
/// (Segment::vlan).
std::optional<std::string> vlan_name(std::uint32_t folded) {
  constexpr std::uint32_t kTag = 0x1000, kId = 0x0fff, kBits = 13;
  const std::uint32_t inner = folded & (kTag | kId), outer = folded >> kBits;
  if ((inner & kTag) == 0) return std::nullopt;
  if (outer == 0) return std::to_string(inner & kId);
  return (outer & ~kId) == kTag ? std::optional{fmt::format("{}.{}", outer & kId, inner & kId)}
                                : std::nullopt;
}

/// "a", "a and b", "a, b and c"
std::string enumerated(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    base::append_item(text, names[i], i + 1 < names.size() ? ", " : " and ");
  }
  return text;
}

/// All that differ of what `of` takes from the places where the packets were recorded, in that
/// order.
template <typename Of>
auto differing(const FlowTrouble& trouble, const Of& of) {
  std::vector<decltype(of(RecordedAt{}))> all;
  const auto add = [&](const RecordedAt& place) {
    const auto value = of(place);
    if (std::find(all.begin(), all.end(), value) == all.end()) all.push_back(value);
  };
  for (const std::size_t i : {0u, 1u}) add({trouble.origin.devices[i], trouble.origin.vlans[i]});
  const std::size_t others =
      std::min<std::size_t>(trouble.other_place_count, trouble.other_places.size());
  for (std::size_t i = 0; i < others; ++i) add(trouble.other_places[i]);
  return all;
}

std::string vlans_text(const FlowTrouble& trouble, std::vector<std::uint32_t> folded) {
  const auto [outer, inner] = trouble.origin.tunnels;
  if (outer != inner && (outer == TunnelKind::none || inner == TunnelKind::none))
    return "inside and outside of a tunnel";
  if (outer != TunnelKind::none) return "under different tags or labels, in a tunnel";
  const bool untagged = std::erase(folded, 0) != 0;
  std::vector<std::string> ids;
  for (const std::uint32_t each : folded) {
    auto name = vlan_name(each);
    if (!name) return "under different VLAN tags";
    ids.push_back(std::move(*name));
  }
  if (!untagged) return "in VLAN " + enumerated(ids);
  return ids.size() == 1 ? "with and without the tag of VLAN " + ids.front()
                         : "untagged and in VLAN " + enumerated(ids);
}

/// Their names, without that of the file where it is the same. Empty: of one there is none.
std::vector<std::string> names_of(std::vector<DeviceId> devices, const CaptureSummary* input) {
  // The beginning of a file, before others overlap it, is of no device by itself.
  if (devices.size() > 2) std::erase(devices, DeviceId{0});
  std::vector<std::string> names;
  bool one_file = true;
  for (const DeviceId device : devices) {
    names.push_back(device_name(input, device));
    if (names.back().empty()) return {};
    one_file = one_file && input->devices[device - 1u].file == input->devices[devices[0] - 1u].file;
  }
  if (!one_file) return names;
  const std::string front = input->files[input->devices[devices[0] - 1u].file].short_name + " ";
  for (std::string& name : names) {
    if (name.starts_with(front)) name.erase(0, front.size());
  }
  return names;
}

std::string ttl_text(const FlowTrouble& trouble) {
  const auto& [first, again] = trouble.origin.ttls;
  const int step = std::abs(int{first} - int{again});
  if (step == 0) return "";
  if (trouble.most_ttl_steps > step)
    return fmt::format("{} to {} steps of TTL apart, before and behind routers", step,
                       trouble.most_ttl_steps);
  if (step == 1) return "one step of TTL apart, before and behind a router";
  return fmt::format("{} steps of TTL apart, before and behind routers", step);
}

/// What the recordings of one packet differ in: that is where it was seen twice.
std::string origin_text(const FlowTrouble& trouble, const CaptureSummary* input) {
  std::string text;
  const auto devices = differing(trouble, [](const RecordedAt& at) { return at.device; });
  const auto names = names_of(devices, input);
  if (devices.size() > 1 && !names.empty()) base::append_item(text, "by " + enumerated(names));
  const auto vlans = differing(trouble, [](const RecordedAt& at) { return at.vlan; });
  if (vlans.size() > 1) base::append_item(text, vlans_text(trouble, vlans));
  if (const std::string ttls = ttl_text(trouble); !ttls.empty()) base::append_item(text, ttls);
  if (trouble.translated_server.port != 0)
    base::append_item(text, "under two names, as addresses are translated here");
  return text.empty() ? "twice in the same way, as by a mirror port or -i any" : text;
}

}  // namespace

std::optional<Finding> flow_duplicate_packets(const FlowFacts& facts, const Thresholds&) {
  const FlowTrouble& trouble = facts.flow.trouble();
  if (trouble.duplicates == 0) return std::nullopt;
  const std::string origin = origin_text(trouble, facts.input);
  return FindingBuilder{
      Label::capture_duplicate_packets,
      fmt::format("{} in the capture more than once, recorded {}; the copies were left out.",
                  trouble.duplicates == 1 ? "1 packet is"
                                          : fmt::format("{} packets are", trouble.duplicates),
                  origin)}
      .evidence(trouble.duplicate_of, std::nullopt, "first recording")
      .evidence(trouble.duplicate, std::nullopt, "the same packet again")
      .fact("duplicates", std::int64_t{trouble.duplicates})
      .fact("recorded", origin)
      .build();
}

namespace {

/// Numbers of their own sender tell of the missing bytes: nobody acknowledged them.
bool by_own_number(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  return own.trouble().gap_unacked && !(own.fin_unseen && own.trouble().gap_noticed == own.fin);
}

}  // namespace

std::optional<Finding> flow_gap(const FlowFacts& facts, const Thresholds&) {
  const SideTrouble& client = facts.flow.c().trouble();
  const SideTrouble& server = facts.flow.s().trouble();
  if (client.gap_bytes + server.gap_bytes == 0) return std::nullopt;
  return FindingBuilder{
      Label::capture_gap,
      fmt::format("{} were {} but are not in the capture.",
                  base::bytes(client.gap_bytes + server.gap_bytes),
                  by_own_number(facts.flow, Side::client) || by_own_number(facts.flow, Side::server)
                      ? "sent"
                      : "acknowledged by the receiver")}
      .evidence(client.gap_noticed,
                by_own_number(facts.flow, Side::client) ? Side::client : Side::server,
                "shows bytes of the client that the capture lacks")
      .evidence(server.gap_noticed,
                by_own_number(facts.flow, Side::server) ? Side::server : Side::client,
                "shows bytes of the server that the capture lacks")
      .fact("client_bytes", static_cast<std::int64_t>(client.gap_bytes))
      .fact("server_bytes", static_cast<std::int64_t>(server.gap_bytes))
      .build();
}

namespace {

/// What TCP shows of the end of a flow whose payload nobody can read.
struct UnreadEnd {
  PacketRef packet;
  Side from = Side::client;
  std::string_view words;
};
UnreadEnd unread_end(const FlowRecord& flow) {
  const SideRecord& client = flow.c();
  const SideRecord& server = flow.s();
  if (client.last_payload.number <= server.last_payload.number) return {};
  if (server.trouble().rst)
    return {server.trouble().rst, Side::server, "the server reset the connection"};
  if (client.trouble().rst)
    return {client.trouble().rst, Side::client, "the client reset the connection"};
  if (client.fin && (!server.fin || client.fin.number < server.fin.number))
    return {client.fin, Side::client, "the client closed the connection"};
  if (server.fin) return {server.fin, Side::server, "the server closed the connection"};
  return {client.last_payload, Side::client, "nobody closed the connection"};
}

constexpr std::string_view kRecordPieces =
    "A filter for a port lets only the first piece of a fragmented IP datagram pass: put \"or "
    "ip[6:2] & 0x1fff != 0\" behind it, for IPv6 \"or ip6 proto 44\". Where no filter was set, "
    "compare with a capture at the sender: something on the way may drop fragments.";

}  // namespace

std::optional<Finding> flow_snaplen_cut(const FlowFacts& facts, const Thresholds&) {
  const SideTrouble& client = facts.flow.c().trouble();
  const SideTrouble& server = facts.flow.s().trouble();
  if (client.snaplen_bytes + server.snaplen_bytes == 0) return std::nullopt;
  const bool pieces = client.lacks_pieces || server.lacks_pieces;
  std::string detail =
      fmt::format("{} of payload {}.", base::bytes(client.snaplen_bytes + server.snaplen_bytes),
                  pieces ? "are not in the capture, as later pieces of their IP datagrams were not "
                           "recorded or did not come"
                         : "were cut off when the packets were recorded");
  UnreadEnd end;
  const bool unread = facts.exchanges == 0 && facts.tls == nullptr && !facts.opaque;
  if (unread) {
    detail +=
        " Too little was kept to tell whether there were requests, and nothing is known of how "
        "they went.";
    end = unread_end(facts.flow);
    if (end.packet) {
      detail +=
          fmt::format(" TCP shows that what the client sent last, {} in all, was not answered: {}.",
                      base::bytes(facts.flow.c().payload_bytes), end.words);
    }
  }
  const std::string_view cut = pieces ? "a first piece without the others" : "cut short";
  FindingBuilder finding{Label::capture_snaplen_cut, std::move(detail)};
  finding.evidence(client.snaplen_cut, Side::client, std::string{cut})
      .evidence(server.snaplen_cut, Side::server, std::string{cut})
      .evidence(end.packet, end.from, std::string{end.words})
      .fact("cut_bytes", static_cast<std::int64_t>(client.snaplen_bytes + server.snaplen_bytes));
  if (pieces) finding.remedy(std::string{kRecordPieces});
  return finding.build();
}

namespace {

/// The side that was not heard, where its silence is the capture's.
std::optional<Side> hidden_side(const FlowFacts& facts, const Thresholds& limits) {
  if (!facts.client_unheard && !facts.server_unheard) return std::nullopt;
  const Side hidden = facts.client_unheard ? Side::client : Side::server;
  const Side seen = other(hidden);
  if (facts.server_heard_elsewhere) return std::nullopt;  // it may be silent here
  const bool enough = facts.flow.side(seen).packets >= limits.one_way_min_packets;
  if (!enough && !facts.one_way_elsewhere && !facts.ack_unrecorded(seen)) return std::nullopt;
  return hidden;
}

}  // namespace

std::optional<Finding> flow_one_way(const FlowFacts& facts, const Thresholds& limits) {
  const std::optional<Side> hidden = hidden_side(facts, limits);
  if (!hidden) return std::nullopt;
  const Side seen = other(*hidden);
  const bool too_short = facts.flow.side(seen).packets < limits.one_way_min_packets;
  return FindingBuilder{
      Label::capture_one_way,
      fmt::format(
          "Only what the {} sent is in the capture{}; nothing can be concluded from the "
          "other side's silence.",
          words(seen),
          too_short && facts.one_way_elsewhere ? ", as on other connections of its host" : "")}
      .evidence(facts.flow.first, seen, "first packet")
      .evidence(facts.flow.last, seen, "last packet")
      .fact("packets", std::int64_t{facts.flow.side(seen).packets})
      .build();
}

std::optional<Finding> exchange_one_way(const ExchangeFacts& facts, const Thresholds& limits) {
  if (facts.answered || facts.exchange.response_missing || no_response(facts, limits))
    return std::nullopt;
  if (hidden_side(facts.flow, limits) != Side::server) return std::nullopt;
  return FindingBuilder{Label::capture_one_way,
                        "What the server sent on this connection is not in the capture: whether "
                        "it answered, and how, is not known."}
      .evidence(facts.exchange.request.first, Side::client, words(facts.exchange.request))
      .evidence(facts.flow.flow.last, Side::client, "last packet of the connection")
      .build();
}

std::optional<Finding> flow_clock_anomaly(const FlowFacts& facts, const Thresholds& limits) {
  const FlowTrouble& rare = facts.flow.trouble();
  if (rare.cut_off) {
    return FindingBuilder{
        Label::capture_clock_anomaly,
        "The capture's clock jumps behind the last packet, by more than anybody waits: what comes "
        "then counts as another connection, and this one as watched up to here."}
        .evidence(facts.flow.last, std::nullopt, "the last packet before the jump")
        .build();
  }
  const Duration own = rare.clock_step;  // between two packets of the flow
  if (own <= limits.clock_step_back) {
    if (!rare.ahead_to) return std::nullopt;
    const Duration ahead = rare.ahead_to.time - rare.ahead_from.time;
    return FindingBuilder{
        Label::capture_clock_anomaly,
        fmt::format("The capture's clock jumps ahead by {} within this connection, of which the "
                    "sender's own clock (TCP timestamps) knows {} at most; its durations are "
                    "unreliable.",
                    base::duration(ahead), base::duration(rare.ahead_really))}
        .evidence(rare.ahead_from, std::nullopt, "before the jump")
        .evidence(rare.ahead_to, std::nullopt, "recorded after it")
        .fact("step_us", std::optional{ahead})
        .build();
  }
  const Duration step = facts.clock_step ? facts.clock_step->size() : own;
  FindingBuilder finding{
      Label::capture_clock_anomaly,
      fmt::format(
          "The clock steps back by {} within this connection; its durations are unreliable.",
          base::duration(step))};
  if (facts.clock_step) {
    finding.evidence(facts.clock_step->from, std::nullopt, "before the step")
        .evidence(facts.clock_step->to, std::nullopt, "recorded after it, with an earlier time");
  } else {
    finding.evidence(facts.flow.first, std::nullopt, "first packet")
        .evidence(facts.flow.last, std::nullopt, "last packet");
  }
  return finding.fact("step_us", std::optional{step}).build();
}

// Only where something was undecided: an idle connection at the end of a capture is normal.
std::optional<Finding> flow_ended_early(const FlowFacts& facts, const Thresholds&) {
  if (!facts.capture_over || facts.first_close.packet) return std::nullopt;
  const bool opening =
      facts.handshake == Handshake::unanswered || facts.handshake == Handshake::incomplete;
  if (!opening || facts.client_unheard || facts.server_unheard) return std::nullopt;
  if (facts.flow.trouble().fallback != FlowId{}) return std::nullopt;  // its client had gone on
  const Duration seen = facts.watched_after(facts.flow.last);
  // Retries back off exponentially: the next one would have come in the time that the attempt took.
  const bool over =
      facts.handshake == Handshake::unanswered
          ? facts.next_syn_overdue
          : seen > std::max<Duration>(std::chrono::seconds{1},
                                      2 * (facts.flow.last.time - facts.flow.first.time));
  if (over) return std::nullopt;
  return FindingBuilder{Label::capture_ended_early,
                        fmt::format("The capture ended {} after the last packet of this attempt.",
                                    base::duration(seen))}
      .evidence(facts.flow.last, std::nullopt, "last packet")
      .fact("observed_wait_us", std::optional{seen})
      .build();
}

std::optional<Finding> exchange_ended_early(const ExchangeFacts& facts, const Thresholds& limits) {
  if (!facts.flow.capture_over || facts.exchange.response_missing) return std::nullopt;
  if (facts.flow.client_unheard || hidden_side(facts.flow, limits)) return std::nullopt;
  const bool open = !facts.request_complete || !facts.answered ||
                    facts.exchange.response->state == MessageState::incomplete;
  const Closing& close = facts.answered ? facts.close_after_response : facts.close;
  // A client that has half-closed waits like any other.
  const bool half_closed = facts.request_complete && !facts.answered &&
                           close.closer == Closer::client_fin && !facts.close_time_unknown &&
                           facts.after_request < limits.client_timeout_min_wait &&
                           !facts.flow.flow.c().trouble().rst;
  if (!open || (close.closer != Closer::none && !half_closed)) return std::nullopt;
  if (facts.flow.flow.s().fin || facts.flow.flow.s().trouble().rst) return std::nullopt;
  const PacketRef last =
      facts.answered ? facts.exchange.response->last : facts.exchange.request.last;
  const Duration seen = facts.flow.watched_after(last);
  return FindingBuilder{Label::capture_ended_early,
                        fmt::format("The capture ended {} later, with this exchange under way.",
                                    base::duration(seen))}
      .evidence(last, std::nullopt, "last packet of the exchange")
      .fact("observed_wait_us", std::optional{seen})
      .build();
}

std::optional<Finding> exchange_gap(const ExchangeFacts& facts, const Thresholds&) {
  const Exchange& x = facts.exchange;
  const bool request = x.request.has_gap && !x.request.snaplen_cut;
  const bool response = x.response && x.response->has_gap && !x.response->snaplen_cut;
  if (x.response_cut && !request && !response) return std::nullopt;  // the snaplen's
  if (!request && !response && !x.response_missing && !x.uncertain) return std::nullopt;
  const FlowRecord& flow = facts.flow.flow;
  const bool told =
      by_own_number(flow, Side::server) && x.response_gap == flow.s().trouble().gap_noticed;
  const bool unacked = (request && by_own_number(flow, Side::client)) ||
                       (response && by_own_number(flow, Side::server));
  std::string detail =
      x.response_missing
          ? fmt::format("A response of about {} was sent{}, but it is not in the capture.",
                        base::bytes(x.response_gap_bytes), told ? "" : " and acknowledged")
      : x.uncertain
          ? "Packets are missing from the capture here; request and response are paired by "
            "their ACK numbers."
          : fmt::format("Parts of this exchange are missing from the capture, though {}.",
                        unacked ? "what came behind them was recorded" : "they were acknowledged");
  return FindingBuilder{Label::capture_gap, std::move(detail)}
      .evidence(x.request.first, Side::client, words(x.request))
      .evidence(x.response_gap, told ? Side::server : Side::client,
                told ? "its number tells of bytes that the capture lacks"
                     : "acknowledges bytes that the capture lacks")
      .evidence(x.response ? x.response->first : PacketRef{}, Side::server, "response")
      .fact("response_missing", x.response_missing)
      .fact("uncertain", x.uncertain)
      .build();
}

std::optional<Finding> exchange_snaplen_cut(const ExchangeFacts& facts, const Thresholds&) {
  const Exchange& x = facts.exchange;
  const bool response = x.response && x.response->snaplen_cut;
  if (!x.request.snaplen_cut && !response && !x.response_cut) return std::nullopt;
  return FindingBuilder{
      Label::capture_snaplen_cut,
      x.response_cut ? "The response, if there was one, is in what was cut off when the packets "
                       "were recorded."
                     : "The packets of this exchange were recorded in part; what was cut off is "
                       "unknown."}
      .evidence(x.response_cut ? x.response_gap : PacketRef{}, Side::server, "cut short")
      .evidence(x.request.snaplen_cut ? x.request.last : PacketRef{}, Side::client,
                "request cut short")
      .evidence(response ? x.response->first : PacketRef{}, Side::server, "response cut short")
      .build();
}

}  // namespace httpdiag::rules
