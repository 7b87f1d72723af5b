// SPDX-License-Identifier: Apache-2.0
// One direction of a TLS connection as records (RFC 8446 §5.1, RFC 5246 §6.2.1).
// Records are announced when their header is there and told again at their end;
// their bytes pass by in pieces and are not kept here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "httpdiag/stream.hpp"

namespace httpdiag::tls {

constexpr std::uint32_t kRecordHeader = 5;  // bytes: type, version, length

enum class RecordType : std::uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
  heartbeat = 24,
};

struct Record {
  RecordType type{};
  std::uint16_t version = 0;
  std::uint32_t length = 0;   // of the body
  Offset begin = 0, end = 0;  // with the header
  PacketRef first, last;      // `last` so far
  Offset peer_acked = 0;      // in `first`
  bool hidden = false;        // bytes of the body are missing
};

/// What follows a header cannot be one, or a header is missing: this direction is not read on.
enum class Framing : std::uint8_t { good, lost };

class RecordSink {
 public:
  virtual void on_record_begin(const FlowRecord& flow, Side from, const Record& record) = 0;
  virtual void on_record_bytes(Side from, const Record& record,
                               std::span<const std::byte> bytes) = 0;
  virtual void on_record_end(const FlowRecord& flow, Side from, const Record& record) = 0;

 protected:
  ~RecordSink() = default;
};

class RecordReader {
 public:
  Framing feed(const FlowRecord& flow, const StreamChunk& chunk, RecordSink& sink);
  /// Bytes that the capture lacks. Inside a record its end is still known.
  Framing skip(const FlowRecord& flow, const StreamGap& gap, RecordSink& sink);
  /// The record whose body has not ended, as far as it came.
  std::optional<Record> unfinished() const;
  bool inside_record() const { return left_ > 0 || header_bytes_ > 0; }

 private:
  bool begin_record(Offset at, const StreamChunk& chunk);

  std::array<std::byte, kRecordHeader> header_{};
  std::size_t header_bytes_ = 0;
  std::uint32_t left_ = 0;  // of the body
  Record record_;
};

/// The first bytes of a direction are those of a record.
bool begins_record(std::span<const std::byte> bytes);

}  // namespace httpdiag::tls
