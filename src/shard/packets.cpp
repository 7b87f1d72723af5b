// SPDX-License-Identifier: Apache-2.0
#include "shard/packets.hpp"

#include <span>

#include "base/hash.hpp"
#include "shard/fields.hpp"

namespace httpdiag::shard {
namespace {

// Wraps around where a capture holds such times.
std::uint64_t ticks(Timestamp time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

std::uint64_t hash_of(const Endpoint& end) {
  const std::uint64_t ip = base::hash64(std::as_bytes(std::span{end.ip.bytes}));
  return (ip ^ end.port) * 0x9e3779b97f4a7c15;
}

}  // namespace

std::uint64_t hash_of(const Endpoint& one, const Endpoint& other) {
  return hash_of(one) + hash_of(other);
}

void PacketWriter::add(PacketRef packet, const Occasions& occasions) {
  const std::uint64_t passed_over = packet.number - last_.number - 1;
  const bool plain = passed_over == 0 && occasions.none();
  encoder_.number(plain ? 0 : 1);
  encoder_.number(zigzag(static_cast<std::int64_t>(ticks(packet.time) - ticks(last_.time))));
  if (!plain) encoder_(passed_over, occasions.begins, occasions.unrelated, occasions.refusals);
  last_ = packet;
  if (encoder_.size() >= kBlockBytes) flush();
}

void PacketWriter::flush() {
  if (encoder_.size() != 0) out_.add(deflated(encoder_.take()));
  encoder_.restart();
}

bool PacketReader::next() {
  while (!decoder_ || decoder_->at_end()) {
    if (block_ == blocks_.size()) return false;
    bytes_ = inflated(blocks_.at(block_++));
    decoder_.emplace(bytes_, interned_, numbering_);
  }
  const std::uint64_t more = decoder_->number();
  const auto step = static_cast<std::uint64_t>(unzigzag(decoder_->number()));
  occasions_ = {};
  std::uint64_t passed_over = 0;
  if (more != 0)
    (*decoder_)(passed_over, occasions_.begins, occasions_.unrelated, occasions_.refusals);
  constexpr std::uint64_t kMostPackets = std::uint64_t{1} << 60;
  if (passed_over > kMostPackets || packet_.number > kMostPackets) Decoder::damaged();
  packet_ = {packet_.number + passed_over + 1,
             Timestamp{Duration{static_cast<std::int64_t>(ticks(packet_.time) + step)}}};
  return true;
}

}  // namespace httpdiag::shard
