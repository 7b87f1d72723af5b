// SPDX-License-Identifier: Apache-2.0
#include "tcp/segmented.hpp"

#include <algorithm>

namespace httpdiag::tcp {

namespace {

// What the last piece alone has of a super-segment's flags, and CWR, the first alone (RFC 3168
// §6.1.2).
constexpr std::uint8_t kCwr = 0x80;
constexpr std::uint8_t kLast = TcpFlags::psh | TcpFlags::fin;

/// Recorded at another place, as all that has no IP id must show.
bool elsewhere(const CopyOrigin& origin) {
  return origin.devices[0] != origin.devices[1] || origin.vlans[0] != origin.vlans[1] ||
         origin.ttls[0] != origin.ttls[1];
}

/// A capture of all devices of a host that does not name them (LINUX_SLL).
bool on_all_devices(const Segment& segment) {
  return segment.device == 0 &&
         (segment.hints.has(Hints::from_here) || segment.hints.has(Hints::to_here));
}

}  // namespace

void SegmentedCopies::remember(const Segment& whole) {
  Entry& entry = entries_[remembered_++ % kEntries];
  entry.segment = whole;
  entry.segment.options = entry.segment.payload = {};
  entry.options = hash_few(whole.options);
  entry.begun = false;
  entry.covered = 0;
  last_ = whole.packet.time;
}

std::optional<SegmentedCopies::Copy> SegmentedCopies::find_whole(const Segment& piece) {
  if (remembered_ == 0 || piece.packet.time - last_ > filter_.longest_window()) return std::nullopt;
  for (std::size_t back = 1; back <= std::min(remembered_, kEntries); ++back) {
    Entry& entry = entries_[(remembered_ - back) % kEntries];
    if (is_piece(entry, piece)) {
      const Segment& whole = entry.segment;
      if (piece.seq == whole.seq) entry.begun = true;
      if (!entry.begun) continue;
      entry.covered = piece.seq - whole.seq + piece.payload_length;
      return Copy{whole.packet,
                  {.devices = {whole.device, piece.device},
                   .vlans = {whole.vlan, piece.vlan},
                   .tunnels = {},
                   .ttls = {whole.ttl, piece.ttl}}};
    }
  }
  return std::nullopt;
}

bool SegmentedCopies::is_piece(const Entry& entry, const Segment& piece) const {
  const Segment& whole = entry.segment;
  const std::uint32_t before = piece.seq - whole.seq;
  const bool inside = before < whole.payload_length && before >= entry.covered &&
                      piece.payload_length <= whole.payload_length - before &&
                      piece.payload_length < whole.payload_length;
  if (!inside || whole.source != piece.source || whole.destination != piece.destination)
    return false;
  const bool last = before + piece.payload_length == whole.payload_length;
  const auto flags = static_cast<std::uint8_t>(whole.flags.bits ^ piece.flags.bits);
  const std::uint8_t may_differ = last ? kCwr : kLast | kCwr;
  const std::uint8_t gained = flags & piece.flags.bits;
  if ((flags & ~may_differ) != 0 || gained != 0 || whole.ack != piece.ack ||
      whole.window != piece.window || whole.tunnel.network != piece.tunnel.network ||
      !filter_.within_window(piece, whole.vlan, whole.device, whole.packet.time))
    return false;
  const CopyOrigin origin{.devices = {whole.device, piece.device},
                          .vlans = {whole.vlan, piece.vlan},
                          .tunnels = {},
                          .ttls = {whole.ttl, piece.ttl}};
  if (whole.ip_id == 0 || piece.ip_id == 0) {
    return whole.ip_id == piece.ip_id && entry.options == hash_few(piece.options) &&
           elsewhere(origin);
  }
  if (!elsewhere(origin) && !on_all_devices(piece)) return false;  // sent again
  const auto step = static_cast<std::uint16_t>(piece.ip_id - whole.ip_id);
  if (step == 0) return true;
  // The next but so many: each before it is as long as the others.
  const std::uint32_t each = before / step;
  return each != 0 && before % step == 0 &&
         (last ? piece.payload_length <= each : piece.payload_length % each == 0);
}

std::optional<SegmentedCopies::Copy> SegmentedCopies::find_pieces(
    const Segment& whole, std::span<const std::uint32_t> lengths, std::uint64_t seed) {
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const std::uint32_t length = lengths[i];
    constexpr std::uint32_t kShortest = 88;  // Linux's TCP_MIN_SND_MSS, less its options: no more
                                             // pieces than that of whatever the length
    if (length < kShortest || length >= whole.payload_length) continue;
    if (std::find(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(i), length) !=
        lengths.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    Copy copy;
    if (all_there(whole, length, false, seed, copy)) return copy;
    if (whole.ip_id != 0 && all_there(whole, length, true, seed, copy)) return copy;
  }
  return std::nullopt;
}

bool SegmentedCopies::all_there(const Segment& whole, std::uint32_t length, bool one_id,
                                std::uint64_t seed, Copy& copy) {
  Segment piece = whole;
  piece.payload = {};  // whatever was captured of it
  const std::uint64_t from = hash_endpoint(whole.source, seed ^ whole.tunnel.network);
  const std::uint64_t to = hash_endpoint(whole.destination, seed ^ whole.tunnel.network);
  for (std::uint32_t at = 0; at < whole.payload_length; at += length) {
    const bool first = at == 0;
    const bool last = whole.payload_length - at <= length;
    piece.seq = whole.seq + at;
    piece.payload_length = last ? whole.payload_length - at : length;
    piece.flags.bits =
        static_cast<std::uint8_t>(whole.flags.bits & ~(last ? 0 : kLast) & ~(first ? 0 : kCwr));
    const PacketRef found =
        filter_.find(piece, filter_.fingerprint(piece, from, to, 0), filter_.place(piece));
    if (!found) return false;
    if (!elsewhere(filter_.origin()) && (whole.ip_id == 0 || !on_all_devices(whole))) return false;
    if (first) copy = {found, filter_.origin()};
    if (whole.ip_id != 0 && !one_id) ++piece.ip_id;
  }
  return true;
}

}  // namespace httpdiag::tcp
