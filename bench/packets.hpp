// SPDX-License-Identifier: Apache-2.0
// Writes a classic pcap file (microseconds, Ethernet, IPv4, TCP) at memory speed.
#pragma once

#include <cstring>
#include <string>

#include "traffic.hpp"

namespace httpdiag::bench {

inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

struct Tuple {
  std::uint32_t client_ip = 0, server_ip = 0;
  std::uint16_t client_port = 0, server_port = 0;
};

/// Everything about one packet but its payload.
struct PacketHead {
  std::uint64_t time_us = 0;
  Tuple tuple;
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = 0;
  bool from_client = false;
};

class PacketWriter {
 public:
  explicit PacketWriter(ByteSink& out) : out_{out} {
    buffer_.reserve(kFlushAt + 4096);
    le32(0xa1b2c3d4);
    le16(2);
    le16(4);
    le32(0);
    le32(0);
    le32(262144);
    le32(1);
  }
  ~PacketWriter() { flush(); }
  PacketWriter(const PacketWriter&) = delete;
  PacketWriter& operator=(const PacketWriter&) = delete;

  void write(const PacketHead& head, std::string_view payload);
  /// An unrelated packet (ARP) that shows how long the capture went on.
  void write_end(std::uint64_t time_us);

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t packets() const { return packets_; }

 private:
  static constexpr std::size_t kFlushAt = 1 << 20;
  static constexpr std::uint64_t kStart = 1'715'673'600;

  void u8(std::uint32_t value) { buffer_ += static_cast<char>(value & 0xff); }
  void u16(std::uint32_t value) {
    u8(value >> 8);
    u8(value);
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value);
  }
  void le16(std::uint32_t value) {
    u8(value);
    u8(value >> 8);
  }
  void le32(std::uint32_t value) {
    le16(value);
    le16(value >> 16);
  }
  void record(std::uint64_t time_us, std::size_t length);
  void options(const PacketHead& head);
  void flush() {
    if (!buffer_.empty()) out_.write(buffer_);
    buffer_.clear();
  }

  ByteSink& out_;
  std::string buffer_;
  std::uint64_t bytes_ = 24, packets_ = 0;
  std::uint16_t ip_id_ = 1;
};

}  // namespace httpdiag::bench
