// SPDX-License-Identifier: Apache-2.0
#include "packets.hpp"

namespace httpdiag::bench {

namespace {

constexpr std::size_t kEthernet = 14, kIp = 20, kTcp = 20;

std::size_t option_bytes(std::uint8_t flags) {
  if ((flags & kRst) != 0) return 0;
  return (flags & kSyn) != 0 ? 20 : 12;
}

}  // namespace

void PacketWriter::record(std::uint64_t time_us, std::size_t length) {
  le32(static_cast<std::uint32_t>(kStart + time_us / 1'000'000));
  le32(static_cast<std::uint32_t>(time_us % 1'000'000));
  le32(static_cast<std::uint32_t>(length));
  le32(static_cast<std::uint32_t>(length));
  bytes_ += 16 + length;
  ++packets_;
}

void PacketWriter::options(const PacketHead& head) {
  if ((head.flags & kRst) != 0) return;
  const bool syn = (head.flags & kSyn) != 0;
  if (syn) {
    u32(0x020405b4);  // MSS 1460
    u16(0x0402);      // SACK permitted
  } else {
    u16(0x0101);
  }
  u16(0x080a);  // timestamps
  u32(static_cast<std::uint32_t>(head.time_us / 1000) + 1);
  u32((head.flags & kAck) != 0 ? static_cast<std::uint32_t>(head.time_us / 1000) : 0);
  if (syn) u32(0x01030307);  // window scale 7
}

void PacketWriter::write(const PacketHead& head, std::string_view payload) {
  const Tuple& t = head.tuple;
  const std::uint32_t from = head.from_client ? t.client_ip : t.server_ip;
  const std::uint32_t to = head.from_client ? t.server_ip : t.client_ip;
  const std::size_t options_length = option_bytes(head.flags);
  const std::size_t ip_length = kIp + kTcp + options_length + payload.size();
  record(head.time_us, kEthernet + ip_length);

  u16(0x0200);
  u32(to);
  u16(0x0200);
  u32(from);
  u16(0x0800);

  const std::uint32_t id = (head.flags & (kRst | kAck)) == kRst ? 0 : ip_id_++;
  const std::uint32_t length = static_cast<std::uint32_t>(ip_length);
  std::uint32_t sum = 0x4500 + length + id + 0x4000 + 0x4006 + (from >> 16) + (from & 0xffff) +
                      (to >> 16) + (to & 0xffff);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  u16(0x4500);
  u16(length);
  u16(id);
  u16(0x4000);
  u16(0x4006);
  u16(~sum);
  u32(from);
  u32(to);

  u16(head.from_client ? t.client_port : t.server_port);
  u16(head.from_client ? t.server_port : t.client_port);
  u32(head.seq);
  u32((head.flags & kAck) != 0 ? head.ack : 0);
  u8(static_cast<std::uint32_t>((kTcp + options_length) / 4) << 4);
  u8(head.flags);
  u16((head.flags & kSyn) != 0 ? 64240 : (head.flags & (kRst | kAck)) == kRst ? 0 : 501);
  u16(0);  // left to the network card, as in most captures at a sender
  u16(0);
  options(head);
  buffer_ += payload;
  if (buffer_.size() >= kFlushAt) flush();
}

void PacketWriter::write_end(std::uint64_t time_us) {
  record(time_us, 42);
  u16(0xffff);
  u32(0xffffffff);
  u16(0x0200);
  u32(0x0affff01);
  u16(0x0806);
  u32(0x00010800);
  u32(0x06040001);
  u16(0x0200);
  u32(0x0affff01);
  u32(0x0affff01);
  u16(0);
  u32(0);
  u32(0x0affff02);
}

}  // namespace httpdiag::bench
