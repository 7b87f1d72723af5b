// SPDX-License-Identifier: Apache-2.0
#include "decode/fragments.hpp"

#include <algorithm>

namespace httpdiag::decode {
namespace {

// 64 KiB over the smallest MTU in use, 576, are 119 pieces.
constexpr std::size_t kMaxPieces = 128;

// Bounds the bookkeeping, which the byte limit charges only roughly.
constexpr std::size_t kMaxDatagrams = 4096;

// Pieces of one datagram leave back to back, and a datagram is never sent
// again under its old id. What does not fit after this long is the next use of
// the id (RFC 6864 §1: ids may come round in less than a second).
constexpr Duration kSameDatagram = std::chrono::seconds{1};

/// Captures go backwards; far away is far away in either direction. Timestamps
/// may be anywhere in 64 bits, so no plain subtraction.
bool within(Timestamp a, Timestamp b, Duration span) {
  const auto low = static_cast<std::uint64_t>(std::min(a, b).time_since_epoch().count());
  const auto high = static_cast<std::uint64_t>(std::max(a, b).time_since_epoch().count());
  return high - low <= static_cast<std::uint64_t>(std::max(span, Duration{0}).count());
}

}  // namespace

FragmentTable::FragmentTable(const Limits& limits)
    : max_bytes_{static_cast<std::size_t>(limits.fragment_bytes)},
      timeout_{limits.fragment_timeout} {}

std::optional<Skip> FragmentTable::on_piece(Datagram& datagram, std::uint32_t network,
                                            Timestamp now) {
  const std::size_t length = datagram.payload_length;
  if (length == 0 || datagram.piece_offset + length > datagram.piece_room) {
    return Skip::fragment_refused;
  }
  // All pieces but the last are multiples of 8 bytes (RFC 791 §2.3).
  if (datagram.more_pieces && length % 8 != 0) return Skip::fragment_refused;

  const std::uint8_t protocol = datagram.version == 4 ? datagram.protocol : std::uint8_t{0};
  Partial& partial = find({datagram.source, datagram.destination, datagram.piece_id, network,
                           datagram.version, protocol},
                          now);
  held_bytes_ -= partial.cost();
  if (partial.state != State::filling && !within(partial.last, now, kSameDatagram)) {
    restart(partial, now);
  }
  Fit fit = Fit::conflict;
  if (partial.state != State::refused) {
    fit = partial.add(datagram);
    const bool id_reused =
        partial.state == State::complete || !within(partial.last, now, kSameDatagram);
    if (fit == Fit::conflict && id_reused) {
      restart(partial, now);
      fit = partial.add(datagram);
    }
  }
  if (fit == Fit::conflict && partial.state != State::refused) {
    restart(partial, now);
    partial.state = State::refused;
  }
  if (fit == Fit::added) partial.last = now;
  last_ = {partial.key, partial.serial};
  held_bytes_ += partial.cost();
  make_room(partial);
  if (held_bytes_ > max_bytes_) {  // it alone is too much
    drop_oldest();
    return Skip::fragment_refused;
  }
  if (fit == Fit::conflict) return Skip::fragment_refused;
  if (fit == Fit::copy || partial.received != partial.total) return Skip::ip_fragment;
  if (partial.state == State::closed) return Skip::ip_fragment;

  partial.state = State::complete;
  datagram.payload_length = partial.total;
  datagram.payload = std::span{partial.bytes}.first(partial.captured_prefix());
  datagram.protocol = partial.protocol;
  return std::nullopt;
}

std::uint64_t FragmentTable::incomplete() const {
  std::uint64_t pieces = given_up_;
  for (const Partial& partial : order_) {
    pieces += partial.useless();
  }
  return pieces;
}

std::optional<FragmentTable::Part> FragmentTable::part_of(const Ticket& ticket) {
  const auto found = by_key_.find(ticket.key);
  if (found == by_key_.end() || found->second->serial != ticket.serial) return std::nullopt;
  Partial& partial = *found->second;
  if (partial.state != State::filling) return std::nullopt;
  const std::size_t known = partial.captured_prefix();
  // The last piece, if it is not there, has a byte at least.
  const std::size_t length = partial.total != 0 ? partial.total : partial.pieces.back().end + 1u;
  return Part{std::span{partial.bytes}.first(known), length, partial.total != 0};
}

void FragmentTable::close(const Ticket& ticket) {
  const auto found = by_key_.find(ticket.key);
  if (found == by_key_.end() || found->second->serial != ticket.serial) return;
  found->second->state = State::closed;
}

std::uint64_t FragmentTable::Partial::useless() const {
  switch (state) {
    case State::filling:
      return pieces.size();
    case State::closed:
      return pieces.size() - 1;
    case State::complete:
    case State::refused:
      break;
  }
  return 0;
}

FragmentTable::Fit FragmentTable::Partial::add(const Datagram& piece) {
  const auto begin = static_cast<std::uint32_t>(piece.piece_offset);
  const auto end = static_cast<std::uint32_t>(piece.piece_offset + piece.payload_length);
  for (const Piece& other : pieces) {
    if (end <= other.begin || other.end <= begin) continue;
    const bool same_place =
        begin == other.begin && end == other.end && piece.more_pieces == (other.end != total);
    if (!same_place) return Fit::conflict;
    const std::size_t known =
        std::min<std::size_t>(piece.payload.size(), other.captured_end - begin);
    const auto stored = std::span{bytes}.subspan(begin, known);
    return std::ranges::equal(stored, piece.payload.first(known)) ? Fit::copy : Fit::conflict;
  }
  const bool beyond_end = total != 0 && (end > total || !piece.more_pieces);
  const bool ends_before = !piece.more_pieces && std::ranges::any_of(pieces, [end](const Piece& p) {
    return p.end > end;
  });
  if (beyond_end || ends_before || pieces.size() == kMaxPieces) return Fit::conflict;

  const std::size_t captured_end = begin + piece.payload.size();
  if (bytes.size() < captured_end) bytes.resize(captured_end);
  std::ranges::copy(piece.payload, bytes.begin() + begin);
  pieces.push_back({begin, end, static_cast<std::uint32_t>(captured_end)});
  received += piece.payload_length;
  if (!piece.more_pieces) total = end;
  if (begin == 0) protocol = piece.protocol;
  return Fit::added;
}

std::size_t FragmentTable::Partial::cost() const {
  return bytes.capacity() + pieces.capacity() * sizeof(Piece) + sizeof(Partial);
}

std::size_t FragmentTable::Partial::captured_prefix() {
  std::ranges::sort(pieces, {}, &Piece::begin);
  std::size_t known = 0;
  for (const Piece& piece : pieces) {
    if (piece.begin != known) break;
    if (piece.captured_end != piece.end) return piece.captured_end;
    known = piece.end;
  }
  return known;
}

FragmentTable::Partial& FragmentTable::find(const Key& key, Timestamp now) {
  while (!order_.empty() && !within(order_.front().first, now, timeout_)) drop_oldest();
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    Partial& partial = *found->second;
    if (!within(partial.first, now, timeout_)) {
      held_bytes_ -= partial.cost();
      restart(partial, now);
      held_bytes_ += partial.cost();
    }
    return partial;
  }
  Partial& partial = order_.emplace_back();
  partial.key = key;
  partial.serial = ++serials_;
  partial.first = partial.last = now;
  by_key_.emplace(key, std::prev(order_.end()));
  held_bytes_ += partial.cost();
  return partial;
}

void FragmentTable::restart(Partial& partial, Timestamp now) {
  given_up_ += partial.useless();
  const Key key = partial.key;
  partial = Partial{};
  partial.key = key;
  partial.serial = ++serials_;
  partial.first = partial.last = now;
}

void FragmentTable::make_room(const Partial& keep) {
  while ((held_bytes_ > max_bytes_ || order_.size() > kMaxDatagrams) && order_.size() > 1) {
    if (&order_.front() == &keep) order_.splice(order_.end(), order_, order_.begin());
    drop_oldest();
  }
}

void FragmentTable::drop_oldest() {
  given_up_ += order_.front().useless();
  held_bytes_ -= order_.front().cost();
  by_key_.erase(order_.front().key);
  order_.pop_front();
}

}  // namespace httpdiag::decode
