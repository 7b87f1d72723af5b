// SPDX-License-Identifier: Apache-2.0
#include "decode/held.hpp"

#include <algorithm>

namespace httpdiag::decode {
namespace {

// Each packet that comes meanwhile is compared with all of them.
constexpr std::size_t kMost = 256;

// A copy that another device recorded whole, before or behind the router that cut it up, is within
// this time; what is sent again is not (Linux: TCP_RTO_MIN, 200 ms).
constexpr Duration kCopy = std::chrono::milliseconds{100};

/// How far `number` is behind `base`, which may lie before it (RFC 9293 §3.4).
std::int32_t beyond(std::uint32_t number, std::uint32_t base) {
  return static_cast<std::int32_t>(number - base);
}

bool same_way(const HeldPiece& held, const Segment& segment) {
  return held.source == segment.source && held.destination == segment.destination &&
         held.network == segment.tunnel.network;
}
bool other_way(const HeldPiece& held, const Segment& segment) {
  return held.source == segment.destination && held.destination == segment.source &&
         held.network == segment.tunnel.network;
}

void note_reach(HeldPiece& held, std::uint32_t end) {
  const std::int32_t reach = beyond(end, held.seq);
  if (reach <= 0) return;
  const auto known = static_cast<std::uint32_t>(reach);
  held.reach = held.reach == 0 ? known : std::min(held.reach, known);
}

bool begins_within(const HeldPiece& held, const Segment& segment) {
  const std::int32_t at = beyond(held.seq, segment.seq);
  return at >= 0 && static_cast<std::uint32_t>(at) < segment.payload_length;
}

}  // namespace

// Half of what is granted to the pieces themselves, which must still be there. That is longer than
// most senders wait before they send the segment again, perhaps whole.
HeldPieces::HeldPieces(const Limits& limits) : patience_{limits.fragment_timeout / 2} {}

void HeldPieces::add(HeldPiece piece) {
  if (held_.size() == kMost) held_.pop_front();
  held_.push_back(std::move(piece));
}

bool HeldPieces::has(const FragmentTable::Ticket& ticket) const {
  return std::ranges::any_of(held_, [&](const HeldPiece& held) { return held.ticket == ticket; });
}

void HeldPieces::drop(const FragmentTable::Ticket& ticket) {
  std::erase_if(held_, [&](const HeldPiece& held) { return held.ticket == ticket; });
}

HeldPieces::Due HeldPieces::take(std::size_t i, bool sent_again) {
  const auto at = held_.begin() + static_cast<std::ptrdiff_t>(i);
  Due due{std::move(*at), sent_again};
  held_.erase(at);
  HeldPiece& taken = due.piece;
  for (const HeldPiece& other : held_) {
    if (other.source != taken.source || other.destination != taken.destination ||
        other.network != taken.network)
      continue;
    due.sent_again |= other.seq == taken.seq;
    note_reach(taken, other.seq);
  }
  return due;
}

void HeldPieces::measure(const Segment& next) {
  const bool sends = next.payload_length != 0 || next.flags.has(TcpFlags::fin);
  for (HeldPiece& held : held_) {
    if (sends && same_way(held, next)) note_reach(held, next.seq);
    if (next.flags.has(TcpFlags::ack) && other_way(held, next)) note_reach(held, next.ack);
  }
}

std::optional<HeldPieces::Due> HeldPieces::next(const Segment& before) {
  constexpr std::uint8_t kEnds = TcpFlags::rst | TcpFlags::syn;
  measure(before);
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const HeldPiece& held = held_[i];
    if (same_way(held, before)) {
      if (before.flags.has(kEnds)) return take(i, false);
      const bool later = before.packet.time - held.packet.time > kCopy;
      if (later && begins_within(held, before)) return take(i, true);
    } else if (other_way(held, before)) {
      // Nobody acknowledges half a datagram: the rest was there, and was not recorded.
      const bool acked = before.flags.has(TcpFlags::ack) && beyond(before.ack, held.seq) > 0;
      if (acked || before.flags.has(kEnds)) return take(i, false);
    }
  }
  return next(before.packet.time);
}

std::optional<HeldPieces::Due> HeldPieces::next(const IcmpError& before) {
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const HeldPiece& held = held_[i];
    if (held.source == before.source && held.destination == before.destination &&
        held.network == before.network && before.has_seq && held.seq == before.seq) {
      return take(i, false);
    }
  }
  return next(before.packet.time);
}

std::optional<HeldPieces::Due> HeldPieces::next(Timestamp now) {
  if (held_.empty()) return std::nullopt;
  const bool old = now > held_.front().packet.time && now - held_.front().packet.time > patience_;
  if (!old && held_.size() < kMost) return std::nullopt;
  return take(0, false);
}

std::optional<HeldPieces::Due> HeldPieces::next() {
  if (held_.empty()) return std::nullopt;
  return take(0, false);
}

}  // namespace httpdiag::decode
