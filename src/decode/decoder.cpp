// SPDX-License-Identifier: Apache-2.0
#include "decode/decoder.hpp"

#include <algorithm>

#include "decode/fragments.hpp"
#include "decode/framing.hpp"
#include "decode/held.hpp"
#include "decode/icmp.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "decode/plain.hpp"
#include "decode/tcp_header.hpp"
#include "decode/tunnel.hpp"
#include "decode/udp_header.hpp"

namespace httpdiag::decode {
namespace {

/// The alternative T of `result`, kept in place if it is the present one.
template <typename T>
T& as(Decoded& result) {
  T* present = std::get_if<T>(&result);
  return present != nullptr ? *present : result.emplace<T>();
}

}  // namespace

class Decoder::Fragments : public FragmentTable {
  using FragmentTable::FragmentTable;
};

class Decoder::Held : public HeldPieces {
  using HeldPieces::HeldPieces;
};

Decoder::Decoder(const Limits& limits)
    : result_{Skip::not_ip},
      fragments_{std::make_unique<Fragments>(limits)},
      held_{std::make_unique<Held>(limits)} {}

Decoder::~Decoder() = default;

const Decoded& Decoder::on_packet(const Packet& packet) {
  behind_.behind = {};
  if (Segment* segment = std::get_if<Segment>(&result_);
      segment != nullptr && read_plain(packet, *segment)) {
    return result_;
  }
  return on_any_packet(packet);
}

std::uint64_t Decoder::incomplete_pieces() const { return fragments_->incomplete(); }

struct Decoder::Inner {
  Frame frame;
  Datagram datagram;
  bool put_together = false;  // the datagram is borrowed from the table of fragments
  bool in_part = false;       // so it is, without its end
};

/// The datagram in the frame, put together from its pieces.
std::optional<Skip> Decoder::read_datagram(Timestamp now, Inner& inner) {
  const Frame& frame = inner.frame;
  Datagram& datagram = inner.datagram;
  const std::optional<Skip> skip =
      read_ip(frame.datagram, frame.wire_length, frame.version, Lengths::from_header, datagram);
  if (skip || !datagram.is_piece) return skip;
  if (!may_carry_tcp(datagram)) return unread_protocol(datagram);
  if (inner.in_part) return Skip::ip_fragment;
  if (inner.put_together) {
    // The table may let go of what this piece is borrowed from.
    piece_.assign(datagram.payload.begin(), datagram.payload.end());
    datagram.payload = piece_;
  }
  const auto refused = fragments_->on_piece(datagram, frame.tunnel.network, now);
  if (refused) return refused;
  if (!held_->empty()) held_->drop(fragments_->last());
  inner.put_together = true;
  return skip_extensions(datagram);
}

std::optional<Skip> Decoder::unwrap(Timestamp now, Inner& inner) {
  if (const auto skip = read_datagram(now, inner)) return skip;
  return open_tunnels(now, inner);
}

/// Takes off one tunnel after the other.
std::optional<Skip> Decoder::open_tunnels(Timestamp now, Inner& inner) {
  for (int depth = 0;; ++depth) {
    if (!may_be_tunnel(inner.datagram)) return std::nullopt;
    const Frame outer = inner.frame;
    const Opening opening = open_tunnel(inner.datagram, inner.frame);
    switch (opening.what) {
      case Opened::no_tunnel:
        inner.frame = outer;
        return std::nullopt;
      case Opened::unread:
        return opening.skip;
      case Opened::inside:
        if (depth == kMaxNesting) return Skip::nested_too_deep;
        break;
    }
    if (const auto skip = read_datagram(now, inner)) return skip;
  }
}

const Decoded& Decoder::on_any_packet(const Packet& packet) {
  Inner inner;
  const auto skip = read_link(packet, inner.frame);
  if (!inner.frame.behind.empty()) behind_ = inner.frame;
  return skip ? result_ = *skip : on_frame(packet, inner);
}

const Decoded& Decoder::next(const Packet& packet) {
  Inner inner;
  inner.frame.hints.bits = direction_hint(packet.direction);
  inner.frame.behind = behind_.behind;
  inner.frame.behind_length = behind_.behind_length;
  const auto skip = read_behind(inner.frame);
  behind_ = inner.frame;
  return skip ? result_ = *skip : on_frame(packet, inner);
}

const Decoded& Decoder::on_frame(const Packet& packet, Inner& inner) {
  if (const auto skip = unwrap(packet.ref.time, inner)) {
    if (skip == Skip::ip_fragment) hold(packet, inner);
    return result_ = *skip;
  }

  const Frame& frame = inner.frame;
  const Datagram& datagram = inner.datagram;
  std::optional<Skip> skip;
  if (datagram.protocol == kProtocolTcp) {
    Segment& segment = as<Segment>(result_);
    skip = read_tcp(datagram, segment);
    segment.packet = packet.ref;
    segment.vlan = frame.vlan;
    segment.tunnel = frame.tunnel;
    segment.device = packet.device;
    segment.time_guessed = packet.time_guessed;
    segment.hints.bits |= frame.hints.bits;
    if (segment.destination.port == kSttPort && !skip && is_stt(segment)) skip = Skip::stt;
  } else if (datagram.protocol == (datagram.version == 4 ? kProtocolIcmp : kProtocolIcmpv6)) {
    IcmpError& error = as<IcmpError>(result_);
    skip = read_icmp(datagram, frame.tunnel, error);
    error.packet = packet.ref;
    if (DnsDatagram dns; skip == Skip::icmp_other && read_dns_error(datagram, dns)) {
      dns.packet = packet.ref;
      return result_ = dns;
    }
  } else if (datagram.protocol == kProtocolUdp) {
    DnsDatagram& dns = as<DnsDatagram>(result_);
    skip = read_udp(datagram, dns);
    dns.packet = packet.ref;
  } else {
    skip = Skip::not_tcp;
  }
  if (skip == Skip::not_tcp) skip = unread_protocol(datagram);
  if (skip) result_ = *skip;
  return result_;
}

bool Decoder::is_stt(const Segment& segment) {
  constexpr std::size_t kMost = 64;
  const std::array<IpAddress, 2> ends{segment.source.ip, segment.destination.ip};
  const bool known = std::ranges::find(stt_, ends) != stt_.end();
  if (known) return may_be_stt(segment);
  if (!begins_stt(segment)) return false;
  if (stt_.size() < kMost) stt_.push_back(ends);
  return true;
}

/// `first` was no whole datagram: if it is the first piece of one, and a segment begins in it, that
/// may have to do.
void Decoder::hold(const Packet& packet, const Inner& first) {
  const bool is_first = first.datagram.piece_offset == 0 && !first.put_together;
  if (!is_first || held_->has(fragments_->last())) return;
  Inner inner = first;
  Segment segment;
  if (read_part(inner, segment)) return;
  held_->add({.ticket = fragments_->last(),
              .packet = packet.ref,
              .device = packet.device,
              .frame = first.frame,
              .datagram = first.datagram,
              .source = segment.source,
              .destination = segment.destination,
              .network = segment.tunnel.network,
              .seq = segment.seq});
}

/// The datagram is the beginning of one that was never put together.
std::optional<Skip> Decoder::read_part(Inner& inner, Segment& segment) {
  inner.in_part = true;
  inner.datagram.is_piece = false;
  if (const auto skip = skip_extensions(inner.datagram)) return skip;
  if (const auto skip = open_tunnels({}, inner)) return skip;
  if (inner.datagram.protocol != kProtocolTcp) return Skip::not_tcp;
  if (const auto skip = read_tcp(inner.datagram, segment)) return skip;
  segment.vlan = inner.frame.vlan;
  segment.tunnel = inner.frame.tunnel;
  segment.hints.bits |= inner.frame.hints.bits | Hints::piece;
  return std::nullopt;
}

bool Decoder::holds_pieces() const { return !held_->empty(); }

template <typename... Next>
const Segment* Decoder::take_held(const Next&... next) {
  constexpr std::uint32_t kMostPayload = 65535 - 40;
  while (const auto due = held_->next(next...)) {
    const HeldPiece& piece = due->piece;
    const auto part = fragments_->part_of(piece.ticket);
    if (!part) continue;
    Inner inner{.frame = piece.frame, .datagram = piece.datagram};
    inner.datagram.payload = part->bytes;
    inner.datagram.payload_length = part->length;
    if (read_part(inner, part_)) continue;
    const bool alone = part_.tunnel.depth == piece.frame.tunnel.depth;  // no other header tells
    if (due->sent_again) {  // what comes behind these bytes has then been seen
      part_.payload_length = static_cast<std::uint32_t>(part_.payload.size());
    } else if (alone && !part->has_end && !part_.flags.has(TcpFlags::fin) &&
               piece.reach <= kMostPayload) {
      part_.payload_length = std::max(part_.payload_length, piece.reach);
    }
    part_.packet = piece.packet;
    part_.device = piece.device;
    fragments_->close(piece.ticket);
    return &part_;
  }
  return nullptr;
}

const Segment* Decoder::next_held(const Segment& before) { return take_held(before); }
const Segment* Decoder::next_held(const IcmpError& before) { return take_held(before); }
const Segment* Decoder::next_held(Timestamp now) { return take_held(now); }
const Segment* Decoder::next_held() { return take_held(); }

}  // namespace httpdiag::decode
