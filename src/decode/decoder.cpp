// SPDX-License-Identifier: Apache-2.0
#include "decode/decoder.hpp"

#include "decode/fragments.hpp"
#include "decode/framing.hpp"
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

Decoder::Decoder(const Limits& limits)
    : result_{Skip::not_ip}, fragments_{std::make_unique<Fragments>(limits)} {}

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
};

/// The datagram in the frame, put together from its pieces.
std::optional<Skip> Decoder::read_datagram(const Packet& packet, Inner& inner) {
  const Frame& frame = inner.frame;
  Datagram& datagram = inner.datagram;
  const std::optional<Skip> skip =
      read_ip(frame.datagram, frame.wire_length, frame.version, Lengths::from_header, datagram);
  if (skip || !datagram.is_piece) return skip;
  if (!may_carry_tcp(datagram)) return unread_protocol(datagram);
  if (inner.put_together) {
    // The table may let go of what this piece is borrowed from.
    piece_.assign(datagram.payload.begin(), datagram.payload.end());
    datagram.payload = piece_;
  }
  const auto refused = fragments_->on_piece(datagram, frame.tunnel.network, packet.ref.time);
  if (refused) return refused;
  inner.put_together = true;
  return skip_extensions(datagram);
}

/// Takes off one tunnel after the other.
std::optional<Skip> Decoder::unwrap(const Packet& packet, Inner& inner) {
  for (int depth = 0;; ++depth) {
    if (const auto skip = read_datagram(packet, inner)) return skip;
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
  if (const auto skip = unwrap(packet, inner)) return result_ = *skip;

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
    segment.hints.bits |= frame.hints.bits;
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

}  // namespace httpdiag::decode
