// SPDX-License-Identifier: Apache-2.0
#include "decode/decoder.hpp"

#include "decode/fragments.hpp"
#include "decode/icmp.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "decode/plain.hpp"
#include "decode/tcp_header.hpp"
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
  if (Segment* segment = std::get_if<Segment>(&result_);
      segment != nullptr && read_plain(packet, *segment)) {
    return result_;
  }
  return on_any_packet(packet);
}

const Decoded& Decoder::on_any_packet(const Packet& packet) {
  Frame frame;
  Datagram datagram;
  std::optional<Skip> skip = read_link(packet, frame);
  if (!skip) {
    skip =
        read_ip(frame.datagram, frame.wire_length, frame.version, Lengths::from_header, datagram);
  }
  if (!skip && datagram.is_piece) {
    skip =
        may_carry_tcp(datagram) ? fragments_->on_piece(datagram, packet.ref.time) : Skip::not_tcp;
    if (!skip && datagram.version == 6) skip = skip_extensions(datagram);
  }
  if (skip) return result_ = *skip;

  if (datagram.protocol == kProtocolTcp) {
    Segment& segment = as<Segment>(result_);
    skip = read_tcp(datagram, segment);
    segment.packet = packet.ref;
    segment.vlan = frame.vlan;
    segment.device = packet.device;
    segment.hints.bits |= frame.hints.bits;
  } else if (datagram.protocol == (datagram.version == 4 ? kProtocolIcmp : kProtocolIcmpv6)) {
    IcmpError& error = as<IcmpError>(result_);
    skip = read_icmp(datagram, error);
    error.packet = packet.ref;
  } else if (datagram.protocol == kProtocolUdp) {
    DnsDatagram& dns = as<DnsDatagram>(result_);
    skip = read_udp(datagram, dns);
    dns.packet = packet.ref;
  } else {
    skip = Skip::not_tcp;
  }
  if (skip) result_ = *skip;
  return result_;
}

}  // namespace httpdiag::decode
