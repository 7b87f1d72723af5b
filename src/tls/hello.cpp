// SPDX-License-Identifier: Apache-2.0
#include "tls/hello.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/byte_reader.hpp"

namespace httpdiag::tls {

namespace {

using base::ByteReader;
using Bytes = std::span<const std::byte>;

constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kSupportedVersions = 43;

constexpr std::size_t kLongestName = 255;  // RFC 1035 §2.3.4
constexpr std::size_t kMostProtocols = 8;

// RFC 8446 §4.1.3: the random of a ServerHello that is a HelloRetryRequest.
constexpr std::array<std::uint8_t, 32> kRetryRandom = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/// A vector with a length in front; nothing if it does not fit.
std::optional<Bytes> vector8(ByteReader& reader) {
  if (!reader.has(1)) return std::nullopt;
  const std::size_t length = reader.u8();
  if (!reader.has(length)) return std::nullopt;
  return reader.take(length);
}

std::optional<Bytes> vector16(ByteReader& reader) {
  if (!reader.has(2)) return std::nullopt;
  const std::size_t length = reader.u16();
  if (!reader.has(length)) return std::nullopt;
  return reader.take(length);
}

/// Text that may stand in a report: a hostile name has other bytes in it.
std::string printable(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes.first(std::min(bytes.size(), kLongestName))) {
    const auto c = std::to_integer<char>(byte);
    text += c > ' ' && c <= '~' ? c : '?';
  }
  return text;
}

/// RFC 6066 §3.
std::string server_name(Bytes extension) {
  ByteReader reader{extension};
  const auto list = vector16(reader);
  if (!list) return {};
  ByteReader names{*list};
  while (names.has(1)) {
    const bool host_name = names.u8() == 0;
    const auto name = vector16(names);
    if (!name) return {};
    if (host_name) return printable(*name);
  }
  return {};
}

/// RFC 7301 §3.1.
std::vector<std::string> protocols(Bytes extension) {
  std::vector<std::string> all;
  ByteReader reader{extension};
  const auto list = vector16(reader);
  if (!list) return all;
  ByteReader names{*list};
  while (names.has(1) && all.size() < kMostProtocols) {
    const auto name = vector8(names);
    if (!name) break;
    all.push_back(printable(*name));
  }
  return all;
}

/// GREASE values (RFC 8701) are no versions.
bool is_version(std::uint16_t value) { return value >= 0x0300 && value <= kTls13; }

std::uint16_t newest_of(Bytes extension) {
  std::uint16_t newest = 0;
  ByteReader reader{extension};
  const auto list = vector8(reader);
  if (!list) return newest;
  ByteReader versions{*list};
  while (versions.has(2)) {
    const std::uint16_t version = versions.u16();
    if (is_version(version)) newest = std::max(newest, version);
  }
  return newest;
}

/// Calls `each` with the type and the content of every extension that is whole.
template <typename Each>
void for_each_extension(ByteReader& reader, Each each) {
  const auto list = vector16(reader);
  ByteReader extensions{list ? *list : reader.rest()};
  while (extensions.has(2)) {
    const std::uint16_t type = extensions.u16();
    const auto content = vector16(extensions);
    if (!content) return;
    each(type, *content);
  }
}

}  // namespace

bool read_client_hello(Bytes body, ClientHello& hello) {
  ByteReader reader{body};
  if (!reader.has(2 + 32)) return false;
  hello.newest_version = reader.u16();
  if (hello.newest_version >> 8 != 3) return false;
  reader.skip(32);
  if (!vector8(reader) || !vector16(reader) || !vector8(reader))
    return true;  // cut behind the head
  for_each_extension(reader, [&](std::uint16_t type, Bytes content) {
    if (type == kServerName) hello.sni = server_name(content);
    if (type == kAlpn) hello.alpn = protocols(content);
    if (type == kSupportedVersions) {
      hello.newest_version = std::max(hello.newest_version, newest_of(content));
    }
  });
  return true;
}

bool read_server_hello(Bytes body, ServerHello& hello) {
  ByteReader reader{body};
  if (!reader.has(2 + 32)) return false;
  hello.version = reader.u16();
  if (hello.version >> 8 != 3) return false;
  const Bytes random = reader.take(32);
  hello.retry_request =
      std::equal(random.begin(), random.end(), kRetryRandom.begin(),
                 [](std::byte a, std::uint8_t b) { return std::to_integer<std::uint8_t>(a) == b; });
  if (!vector8(reader) || !reader.has(3)) return true;
  hello.cipher = reader.u16();
  reader.skip(1);  // compression
  for_each_extension(reader, [&](std::uint16_t type, Bytes content) {
    if (type == kSupportedVersions && content.size() == 2) {
      const std::uint16_t version = ByteReader{content}.u16();
      if (is_version(version)) hello.version = version;
    }
    if (type == kAlpn) {
      const auto chosen = protocols(content);
      if (!chosen.empty()) hello.alpn = chosen.front();
    }
  });
  return true;
}

Bytes leaf_of(Bytes body) {
  ByteReader reader{body};
  if (!reader.has(6)) return {};
  reader.skip(3);  // of the whole list
  const std::size_t high = reader.u8();
  const std::size_t length = high << 16 | reader.u16();
  return reader.has(length) ? reader.take(length) : Bytes{};
}

}  // namespace httpdiag::tls
