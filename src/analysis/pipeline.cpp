// SPDX-License-Identifier: Apache-2.0
#include "analysis/pipeline.hpp"

#include <algorithm>
#include <utility>

#include "base/byte_reader.hpp"
#include "decode/plain.hpp"
#include "rules/headline.hpp"

namespace httpdiag::analysis {

Pipeline::Pipeline(const Settings& settings, FlowReportSink& flows, Ledger& ledger,
                   const Query& query, const Beside& beside)
    : ledger_{ledger},
      query_{query},
      trail_{beside.trail},
      selects_{trail_ != nullptr || query.selects_ends() || query.from || query.to ||
               !query.bpf.empty()},
      bpf_{query.bpf},
      decoder_{settings.limits},
      deliveries_{settings},
      legs_{settings, flows, deliveries_},
      rules_{settings, legs_, legs_},
      names_{settings, rules_},
      recorder_{recorder_of(beside, settings, rules_, names_)},
      tls_{settings.limits, judge<TlsSink>()},
      dns_{messages()},
      opaque_{tls_, dns_},
      search_{judge<ExchangeSink>(), query},
      http_{settings.limits, search_, settings.digest_bodies, &opaque_},
      gate_{beside.shard, http_},
      ended_{names_, judge<FlowSink>()},
      tap_{trail_, ended_},
      tcp_{settings, ledger, streams(), tap_} {
  rules_.use(names_.table());
}

void Pipeline::on_packets(std::span<const Packet> packets) {
  if (selects_) return select(packets);
  last_ = packets.back().ref.time;
  // How many packets before its turn a flow is fetched: long enough for main memory.
  constexpr std::size_t kAhead = 4;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    plain_[i] = decode::read_plain(packets[i], arrivals_[i].segment);
    if (plain_[i]) tcp_.announce(arrivals_[i]);
  }
  for (std::size_t i = 0; i < std::min(kAhead, packets.size()); ++i) approach(i);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + kAhead < packets.size()) approach(i + kAhead);
    ++ledger_.packets;
    tell_time(packets[i].ref);
    if (plain_[i]) {
      if (decoder_.holds_pieces()) [[unlikely]]
        put_held(arrivals_[i].segment);
      tcp_.on_segment(arrivals_[i]);
    } else {
      on_packet(packets[i]);
    }
  }
}

void Pipeline::on_holes(std::uint64_t count) {
  put_held();
  names_.settle(last_);
  if (recorder_) recorder_->on_all_end(shard::Event::hole, last_);
  tcp_.finish();
  for (std::uint64_t i = 0; i < count; ++i) {
    rules_.forget_open();
    if (recorder_) recorder_->forget_open();
  }
}

void Pipeline::on_name(const HostName& host) {
  IpAddress address;
  if (host.v4) {
    address = IpAddress::v4(base::ByteReader{host.address}.u32());
  } else {
    std::copy(host.address.begin(), host.address.end(),
              std::as_writable_bytes(std::span{address.bytes}).begin());
  }
  messages().on_name(address, host.name);
}

Report Pipeline::finish(const CaptureSummary& input) {
  ledger_.bpf_unfit = bpf_.finish();
  if (ledger_.passed_bpf == 0) ledger_.filtered_wrapped += in_tunnels_;
  put_held();
  // Nothing completes these any more.
  std::uint64_t& pieces = ledger_.skipped[static_cast<std::size_t>(Skip::ip_fragment)];
  const std::uint64_t incomplete = std::min(pieces, decoder_.incomplete_pieces());
  pieces -= incomplete;
  ledger_.skipped[static_cast<std::size_t>(Skip::fragment_incomplete)] += incomplete;
  names_.settle(last_);
  if (recorder_) recorder_->on_all_end(shard::Event::capture_end, last_);
  tcp_.finish();  // ends every open stream, which flushes http, which feeds rules
  names_.finish();
  if (recorder_) recorder_->finish(input, ledger_);
  Report report = rules_.finish(input, ledger_);
  legs_.finish(report);
  deliveries_.finish(report);
  report.headline = rules::headline(report);
  return report;
}

std::optional<shard::Recorder> Pipeline::recorder_of(const Beside& beside, const Settings& settings,
                                                     rules::Engine& rules, dns::Names& names) {
  if (beside.state == nullptr) return std::nullopt;
  return std::optional<shard::Recorder>{std::in_place, beside.shard, settings,
                                        shard::Sinks{rules, rules, rules, names}, *beside.state};
}

void Pipeline::select(std::span<const Packet> packets) {
  for (const Packet& packet : packets) {
    ++ledger_.packets;
    if (!first_) first_ = packet.ref.time;
    if (!in_time(packet.ref.time)) {
      ++ledger_.filtered;
      continue;
    }
    last_ = packet.ref.time;
    passes_bpf(packet) ? on_selected(packet) : leave_out(packet.ref);
  }
}

bool Pipeline::in_time(Timestamp time) const {
  return (!query_.from || time >= query_.from->at(*first_)) &&
         (!query_.to || time <= query_.to->at(*first_));
}

namespace {

/// 0: not there.
std::uint16_t type_at(const Packet& packet, std::size_t at) {
  if (packet.bytes.size() < at + 2) return 0;
  return base::ByteReader{packet.bytes.subspan(at)}.u16();
}

/// IEEE 802.1Q and 802.1ad.
bool is_tag(std::uint16_t type) { return type == 0x8100 || type == 0x88a8; }

/// An Ethernet frame with TCP somewhere inside, which its type does not say.
bool names_no_ip(const Packet& packet) {
  const std::uint16_t type = type_at(packet, 12);
  return packet.link == LinkType::ethernet && type != 0x0800 && type != 0x86dd;
}

}  // namespace

bool Pipeline::passes_bpf(const Packet& packet) {
  if (query_.bpf.empty()) return true;
  if (bpf_.matches(packet)) {
    ++ledger_.passed_bpf;
    return true;
  }
  // Without its tags it would have passed: of some connections one direction may be missing now,
  // unless the filter says itself which tags it wants.
  const auto untagged = bpf_.applies(packet) ? without_tags(packet) : std::nullopt;
  if (untagged && bpf_.matches(*untagged)) {
    if (!bpf_.names_tags()) ++ledger_.filtered_wrapped;
    return false;
  }
  // As long as nothing passed, the reason may be what the packets are wrapped up in.
  if (ledger_.passed_bpf != 0) return false;
  const auto* segment = std::get_if<Segment>(&decoder_.on_packet(packet));
  if (segment == nullptr) return false;
  const bool tagged = !untagged && segment->vlan != 0;
  const bool wrapped = names_no_ip(untagged ? *untagged : packet);
  if (segment->tunnel.kind != TunnelKind::none || tagged || wrapped) ++in_tunnels_;
  return false;
}

/// An Ethernet frame, or one of a cooked capture, with VLAN tags as it was before it had them.
std::optional<Packet> Pipeline::without_tags(const Packet& packet) {
  constexpr std::size_t kTag = 4;
  const bool cooked = packet.link == LinkType::linux_sll;
  if (!cooked && packet.link != LinkType::ethernet) return std::nullopt;
  const std::size_t type = cooked ? 14 : 12;
  std::size_t tags = 0;
  while (is_tag(type_at(packet, type + tags))) tags += kTag;
  if (tags == 0) return std::nullopt;
  const auto behind_tags = packet.bytes.subspan(type + tags);
  untagged_.assign(packet.bytes.begin(), packet.bytes.begin() + static_cast<std::ptrdiff_t>(type));
  untagged_.insert(untagged_.end(), behind_tags.begin(), behind_tags.end());
  Packet untagged = packet;
  untagged.bytes = untagged_;
  untagged.wire_length -=
      static_cast<std::uint32_t>(std::min<std::size_t>(tags, packet.wire_length));
  return untagged;
}

/// The capture went on all the same: whatever was asked for could have come.
void Pipeline::leave_out(PacketRef packet) {
  ++ledger_.filtered;
  tell_time(packet);
  if (decoder_.holds_pieces()) put_held(packet.time);
  tcp_.on_other_packet(packet);
}

void Pipeline::on_selected(const Packet& packet) {
  if (!query_.selects_ends()) {
    tell_time(packet.ref);
    return on_packet(packet);
  }
  const bool wanted = matches(decoder_.on_packet(packet));
  if (!wanted && !decoder_.more()) return leave_out(packet.ref);
  tell_time(packet.ref);
  decoder_.more() ? take_each(packet) : take(decoder_.last(), packet.ref);
}

/// Of several frames that were sent as one those that were asked for. The packet is accounted for
/// once: by what was of most use in it.
void Pipeline::take_each(const Packet& packet) {
  const std::uint64_t decoded = ledger_.decoded, duplicates = ledger_.duplicates;
  const auto skipped = ledger_.skipped;
  for (const Decoded* frame = &decoder_.last();; frame = &decoder_.next(packet)) {
    if (matches(*frame)) put(*frame, packet.ref);
    if (!decoder_.more()) break;
  }
  const bool any_decoded = ledger_.decoded != decoded, any_copy = ledger_.duplicates != duplicates;
  const bool any_skipped = ledger_.skipped != skipped;
  ledger_.decoded = decoded + (any_decoded ? 1 : 0);
  ledger_.duplicates = duplicates + (!any_decoded && any_copy ? 1 : 0);
  const auto now = std::exchange(ledger_.skipped, skipped);
  if (any_decoded || any_copy) return;
  if (!any_skipped) {
    ++ledger_.filtered;
    return;
  }
  for (std::size_t i = 0; i < kSkipCount; ++i) {
    if (now[i] == skipped[i]) continue;
    ++ledger_.skipped[i];
    return;
  }
}

bool Pipeline::matches(const Decoded& decoded) const {
  if (const auto* segment = std::get_if<Segment>(&decoded))
    return query_.matches(segment->source, segment->destination);
  if (const auto* error = std::get_if<IcmpError>(&decoded))
    return query_.matches(error->source, error->destination);
  if (const auto* dns = std::get_if<DnsDatagram>(&decoded))
    return query_.matches(dns->source, dns->destination);
  return true;
}

void Pipeline::take(const Decoded& decoded, PacketRef packet) {
  if (decoder_.holds_pieces()) {
    if (const auto* segment = std::get_if<Segment>(&decoded)) {
      put_held(*segment);
    } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
      put_held(*error);
    } else {
      put_held(packet.time);
    }
  }
  put(decoded, packet);
}

template <typename... Next>
void Pipeline::put_held(const Next&... next) {
  while (const Segment* segment = decoder_.next_held(next...)) {
    --ledger_.skipped[static_cast<std::size_t>(Skip::ip_fragment)];
    if (query_.matches(segment->source, segment->destination)) {
      put(*segment);
    } else {
      ++ledger_.filtered;
    }
  }
}

void Pipeline::put(const Segment& segment) {
  const std::uint64_t copies = ledger_.duplicates;
  tcp_.on_segment(segment);
  if (trail_ == nullptr || copies != ledger_.duplicates) return;
  const tcp::Home home = tcp_.home_of(segment);
  trail_->on_segment(segment, home.flow, home.source);
}

void Pipeline::put(const Decoded& decoded, PacketRef packet) {
  if (const auto* segment = std::get_if<Segment>(&decoded)) {
    put(*segment);
  } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
    tcp_.on_icmp_error(*error);
  } else if (const auto* datagram = std::get_if<DnsDatagram>(&decoded)) {
    ++ledger_.decoded;
    dns_.on_datagram(*datagram);
    tcp_.on_other_packet(packet);
  } else {
    ++ledger_.skipped[static_cast<std::size_t>(std::get<Skip>(decoded))];
    tcp_.on_other_packet(packet);
  }
}

}  // namespace httpdiag::analysis
