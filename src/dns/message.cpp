// SPDX-License-Identifier: Apache-2.0
#include "dns/message.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/byte_reader.hpp"

namespace httpdiag::dns {

namespace {

using base::ByteReader;
using Bytes = std::span<const std::byte>;

constexpr std::size_t kHeader = 12;
constexpr std::size_t kLongestName = 255;   // RFC 1035 §2.3.4
constexpr int kMostJumps = 32;              // of compression; a loop has more
constexpr std::size_t kMostAddresses = 32;  // read of an answer
constexpr std::size_t kMostAliases = 16;
constexpr std::uint16_t kClassIn = 1;

/// As RFC 4343 §2.1 writes it: other bytes, and dots inside a label, as \DDD.
void append_label(std::string& name, Bytes label) {
  if (!name.empty()) name += '.';
  for (const std::byte byte : label) {
    auto c = std::to_integer<unsigned char>(byte);
    if (c >= 'A' && c <= 'Z') c = static_cast<unsigned char>(c + ('a' - 'A'));
    if (c > ' ' && c <= '~' && c != '.' && c != '\\') {
      name += static_cast<char>(c);
      continue;
    }
    name += '\\';
    for (const int digit : {c / 100, c / 10 % 10, c % 10}) name += static_cast<char>('0' + digit);
  }
}

/// Reads a name at the reader's place, compressed or not (RFC 1035 §4.1.4).
std::optional<std::string> read_name(Bytes message, ByteReader& reader) {
  std::string name;
  std::size_t length = 0;
  ByteReader at = reader;
  bool jumped = false;
  for (int jumps = 0;;) {
    if (!at.has(1)) return std::nullopt;
    const std::uint8_t size = at.u8();
    if ((size & 0xc0) == 0xc0) {
      if (!at.has(1) || ++jumps > kMostJumps) return std::nullopt;
      const std::size_t target = std::size_t{size & 0x3fu} << 8 | at.u8();
      if (!jumped) reader = at;
      jumped = true;
      if (target < kHeader || target >= message.size()) return std::nullopt;
      at = ByteReader{message};
      at.skip(target);
      continue;
    }
    if ((size & 0xc0) != 0 || !at.has(size)) return std::nullopt;
    if (size == 0) break;
    length += size + 1u;
    if (length > kLongestName) return std::nullopt;
    append_label(name, at.take(size));
  }
  if (!jumped) reader = at;
  return name;
}

std::optional<IpAddress> address_of(std::uint16_t type, Bytes data) {
  if (type == kTypeA && data.size() == 4) return IpAddress::v4(ByteReader{data}.u32());
  if (type != kTypeAaaa || data.size() != 16) return std::nullopt;
  IpAddress ip;
  for (std::size_t i = 0; i < 16; ++i) ip.bytes[i] = std::to_integer<std::uint8_t>(data[i]);
  return ip;
}

struct Records {
  std::vector<std::pair<std::string, std::string>> aliases;  // owner, target
  std::vector<std::pair<std::string, IpAddress>> addresses;  // owner, address
};

/// Those of class IN that name an address of `type`, or another name. False: fewer than `count`.
bool read_records(Bytes bytes, ByteReader& reader, std::uint16_t count, std::uint16_t wanted,
                  Records& records) {
  for (std::uint16_t i = 0; i < count; ++i) {
    auto owner = read_name(bytes, reader);
    if (!owner || !reader.has(10)) return false;
    const std::uint16_t type = reader.u16();
    const bool in = reader.u16() == kClassIn;
    reader.skip(4);  // TTL
    const std::size_t length = reader.u16();
    if (!reader.has(length)) return false;
    ByteReader data = reader;
    const Bytes rdata = reader.take(length);
    if (!in) continue;
    if (type == kTypeCname && records.aliases.size() < kMostAliases) {
      if (auto alias = read_name(bytes, data))
        records.aliases.emplace_back(std::move(*owner), std::move(*alias));
    } else if (type == wanted && records.addresses.size() < kMostAddresses) {
      if (const auto ip = address_of(type, rdata))
        records.addresses.emplace_back(std::move(*owner), *ip);
    }
  }
  return true;
}

/// Addresses whose owner is the name asked for, or what it is an alias of (RFC 1034 §3.6.2), in
/// whatever order the records are.
void read_answers(Bytes bytes, ByteReader& reader, std::uint16_t count, DnsMessage& message) {
  Records records;
  message.cut = !read_records(bytes, reader, count, message.type, records);
  std::vector<std::string_view> owners{message.name};
  const auto is_ours = [&](std::string_view name) {
    return std::find(owners.begin(), owners.end(), name) != owners.end();
  };
  for (std::size_t known = 0; known != owners.size();) {
    known = owners.size();
    for (const auto& [owner, target] : records.aliases) {
      if (is_ours(owner) && !is_ours(target)) owners.push_back(target);
    }
  }
  for (const auto& [owner, address] : records.addresses) {
    if (is_ours(owner)) message.addresses.push_back(address);
  }
}

}  // namespace

std::optional<DnsMessage> read_message(Bytes bytes) {
  if (bytes.size() < kHeader) return std::nullopt;
  ByteReader reader{bytes};
  DnsMessage message;
  message.id = reader.u16();
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  const std::uint16_t answers = reader.u16();
  reader.skip(4);
  message.response = (flags & 0x8000u) != 0;
  message.truncated = (flags & 0x0200u) != 0;
  message.rcode = flags & 0x0fu;
  const bool plain_query = (flags & 0x7800u) == 0;  // not UPDATE, NOTIFY
  if (!plain_query || questions != 1) return std::nullopt;
  auto name = read_name(bytes, reader);
  if (!name || !reader.has(4)) return std::nullopt;
  message.name = std::move(*name);
  message.type = reader.u16();
  if (reader.u16() != kClassIn) return std::nullopt;
  if (message.response) read_answers(bytes, reader, answers, message);
  return message;
}

}  // namespace httpdiag::dns
