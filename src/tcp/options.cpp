// SPDX-License-Identifier: Apache-2.0
#include "tcp/options.hpp"

#include <algorithm>

#include "base/byte_reader.hpp"
#include "tcp/hashing.hpp"
#include "tcp/seq.hpp"

namespace httpdiag::tcp {

namespace {

constexpr std::uint8_t kEndOfOptions = 0, kNoOperation = 1, kMss = 2, kSack = 5, kTimestamps = 8;

/// What stands in the first option of this kind; stops at the first that makes no sense.
std::optional<std::span<const std::byte>> option(const Segment& segment, std::uint8_t wanted) {
  base::ByteReader reader{segment.options};
  while (reader.has(1)) {
    const std::uint8_t kind = reader.u8();
    if (kind == kEndOfOptions) return std::nullopt;
    if (kind == kNoOperation) continue;
    if (!reader.has(1)) return std::nullopt;
    const std::uint8_t length = reader.u8();
    if (length < 2 || !reader.has(length - 2u)) return std::nullopt;
    const auto body = reader.take(length - 2u);
    if (kind == wanted) return body;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> timestamp_of(const Segment& segment) {
  const auto body = option(segment, kTimestamps);
  if (!body || body->size() != 8) return std::nullopt;
  return base::ByteReader{*body}.u32();
}

std::uint64_t hash_without_mss(const Segment& syn) {
  const auto size = option(syn, kMss);
  if (!size) return hash_few(syn.options);
  const auto at = static_cast<std::size_t>(size->data() - syn.options.data());
  const auto before = syn.options.first(at);
  const auto behind = syn.options.subspan(at + size->size());
  return mix(hash_few(before), hash_few(behind));
}

std::uint32_t longest_sacked(const Segment& segment) {
  const auto body = option(segment, kSack);
  if (!body || !segment.flags.has(TcpFlags::ack)) return 0;
  const SequenceSpace acked{segment.ack};
  std::int64_t longest = 0;
  base::ByteReader blocks{*body};
  while (blocks.has(8)) {
    const std::int64_t left = acked.offset(blocks.u32(), 0);
    const std::int64_t right = acked.offset(blocks.u32(), 0);
    if (left > 0 && right < kMaxDistance) longest = std::max(longest, right - left);
  }
  return static_cast<std::uint32_t>(longest);
}

}  // namespace httpdiag::tcp
