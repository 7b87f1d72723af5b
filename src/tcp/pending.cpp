// SPDX-License-Identifier: Apache-2.0
#include "tcp/pending.hpp"

#include <algorithm>

namespace httpdiag::tcp {

namespace {

std::span<const std::byte> slice(std::span<const std::byte> bytes, std::uint64_t from,
                                 std::uint64_t length) {
  if (from >= bytes.size()) return {};
  return bytes.subspan(from, std::min<std::uint64_t>(length, bytes.size() - from));
}

bool same_where_both_known(std::span<const std::byte> a, std::span<const std::byte> b) {
  const std::size_t common = std::min(a.size(), b.size());
  return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin());
}

}  // namespace

Pending::Inserted Pending::insert(Offset offset, std::uint64_t length,
                                  std::span<const std::byte> bytes, PacketRef carried_by,
                                  Offset peer_acked) {
  Inserted result;
  const Offset end = offset + length;
  Offset at = offset;
  auto next = pieces_.upper_bound(offset);
  if (next != pieces_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second.length > offset) next = before;
  }
  while (at < end) {
    const Offset held_from = next == pieces_.end() ? end : std::min(end, std::max(at, next->first));
    if (at < held_from) {  // a stretch that nobody holds yet
      const auto part = slice(bytes, at - offset, held_from - at);
      Piece piece{held_from - at, {part.begin(), part.end()}, carried_by, peer_acked};
      cost_ += kPieceCost + piece.bytes.size();
      result.fresh += piece.length;
      pieces_.emplace_hint(next, at, std::move(piece));
      at = held_from;
    }
    if (next == pieces_.end() || at >= end) break;
    const Offset held_end = std::min(end, next->first + next->second.length);
    if (held_end > at) {
      const auto mine = slice(bytes, at - offset, held_end - at);
      const auto held = slice(next->second.bytes, at - next->first, held_end - at);
      if (!result.differs_from && !same_where_both_known(mine, held)) {
        result.differs_from = next->second.carried_by;
      }
      at = held_end;
    }
    ++next;
  }
  return result;
}

std::pair<Offset, Piece> Pending::pop_front() {
  auto node = pieces_.extract(pieces_.begin());
  cost_ -= kPieceCost + node.mapped().bytes.size();
  return {node.key(), std::move(node.mapped())};
}

}  // namespace httpdiag::tcp
