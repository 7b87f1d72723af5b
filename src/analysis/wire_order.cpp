// SPDX-License-Identifier: Apache-2.0
#include "analysis/wire_order.hpp"

#include <array>
#include <cstring>

#include "base/hash.hpp"
#include "decode/decoder.hpp"

namespace httpdiag::analysis {
namespace {

/// Unseeded: what meets by chance keeps the order in which it was recorded.
std::uint64_t hash(const Endpoint& end) {
  std::array<std::uint64_t, 3> words{0, 0, end.port};
  std::memcpy(words.data(), end.ip.bytes.data(), end.ip.bytes.size());
  return base::hash64(std::as_bytes(std::span{words})) | 1;
}

void set_ends(WireOrder& order, const Endpoint& from, const Endpoint& to) {
  order.from = hash(from);
  order.to = hash(to);
}

}  // namespace

WireOrder WireOrderReader::operator()(const Packet& packet) {
  if (!decoder_) decoder_ = std::make_shared<decode::Decoder>(limits_);
  const Decoded& decoded = decoder_->on_packet(packet);
  WireOrder order;
  if (const auto* segment = std::get_if<Segment>(&decoded)) {
    const std::uint32_t flags = std::uint32_t{segment->flags.has(TcpFlags::syn)} +
                                std::uint32_t{segment->flags.has(TcpFlags::fin)};
    set_ends(order, segment->source, segment->destination);
    order.end = segment->seq + segment->payload_length + flags;
    order.has_content = segment->payload_length + flags > 0;
    order.acknowledges = segment->ack;
    order.has_ack = segment->flags.has(TcpFlags::ack);
  } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
    set_ends(order, error->source, error->destination);  // it comes behind what it quotes
  } else if (const auto* datagram = std::get_if<DnsDatagram>(&decoded)) {
    // Query and answer keep their order.
    set_ends(order, datagram->source, datagram->destination);
    order.has_content = order.has_ack = true;
  }
  return order;
}

}  // namespace httpdiag::analysis
