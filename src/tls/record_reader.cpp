// SPDX-License-Identifier: Apache-2.0
#include "tls/record_reader.hpp"

#include <algorithm>

namespace httpdiag::tls {

namespace {

// RFC 5246 §6.2.3: 2^14 + 2048; RFC 8446 §5.2 allows less.
constexpr std::uint32_t kLongestBody = 16384 + 2048;

std::uint8_t u8(std::byte byte) { return std::to_integer<std::uint8_t>(byte); }

bool plausible(std::span<const std::byte> header) {
  const unsigned type = u8(header[0]);
  const unsigned length = u8(header[3]) * 256u + u8(header[4]);
  return type >= 20 && type <= 24 && u8(header[1]) == 3 && u8(header[2]) <= 4 &&
         length <= kLongestBody && (length > 0 || type == 23);
}

}  // namespace

bool begins_record(std::span<const std::byte> bytes) {
  return bytes.size() >= kRecordHeader && plausible(bytes.first(kRecordHeader));
}

bool RecordReader::begin_record(Offset at, const StreamChunk& chunk) {
  if (!plausible(header_)) return false;
  record_.type = static_cast<RecordType>(u8(header_[0]));
  record_.version = static_cast<std::uint16_t>(u8(header_[1]) << 8 | u8(header_[2]));
  record_.length = left_ = u8(header_[3]) * 256u + u8(header_[4]);
  record_.end = at + left_;
  record_.last = chunk.carried_by;
  record_.hidden = false;
  header_bytes_ = 0;
  return true;
}

Framing RecordReader::feed(const FlowRecord& flow, const StreamChunk& chunk, RecordSink& sink) {
  std::span<const std::byte> bytes = chunk.bytes;
  Offset at = chunk.offset;
  while (!bytes.empty()) {
    if (left_ == 0) {
      if (header_bytes_ == 0) {
        record_.begin = at;
        record_.first = chunk.carried_by;
        record_.peer_acked = chunk.peer_acked;
      }
      const std::size_t count = std::min(kRecordHeader - header_bytes_, bytes.size());
      std::copy_n(bytes.begin(), count,
                  header_.begin() + static_cast<std::ptrdiff_t>(header_bytes_));
      header_bytes_ += count;
      bytes = bytes.subspan(count);
      at += count;
      if (header_bytes_ < kRecordHeader) return Framing::good;
      if (!begin_record(at, chunk)) return Framing::lost;
      sink.on_record_begin(flow, chunk.from, record_);
      if (left_ == 0) sink.on_record_end(flow, chunk.from, record_);
      continue;
    }
    const std::size_t count = std::min<std::size_t>(left_, bytes.size());
    record_.last = chunk.carried_by;
    sink.on_record_bytes(chunk.from, record_, bytes.first(count));
    bytes = bytes.subspan(count);
    at += count;
    left_ -= static_cast<std::uint32_t>(count);
    if (left_ == 0) sink.on_record_end(flow, chunk.from, record_);
  }
  return Framing::good;
}

std::optional<Record> RecordReader::unfinished() const {
  if (left_ == 0) return std::nullopt;
  Record record = record_;
  record.end -= left_;
  return record;
}

Framing RecordReader::skip(const FlowRecord& flow, const StreamGap& gap, RecordSink& sink) {
  if (gap.length > left_) return Framing::lost;
  left_ -= static_cast<std::uint32_t>(gap.length);
  record_.hidden = true;
  record_.last = gap.noticed_in;
  if (left_ == 0) sink.on_record_end(flow, gap.from, record_);
  return Framing::good;
}

}  // namespace httpdiag::tls
