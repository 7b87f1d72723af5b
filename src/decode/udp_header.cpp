// SPDX-License-Identifier: Apache-2.0
#include "decode/udp_header.hpp"

#include <algorithm>

#include "base/byte_reader.hpp"

namespace httpdiag::decode {

namespace {
constexpr std::size_t kUdpHeader = 8;
}  // namespace

std::optional<Skip> read_udp(const Datagram& datagram, DnsDatagram& dns) {
  dns.error = DnsError::none;
  dns.reporter = {};
  if (datagram.payload.size() < kUdpHeader) return Skip::not_tcp;
  base::ByteReader reader{datagram.payload};
  dns.source = {datagram.source, reader.u16()};
  dns.destination = {datagram.destination, reader.u16()};
  if (dns.source.port != kDomain && dns.destination.port != kDomain) return Skip::not_tcp;
  const std::size_t length = reader.u16();
  reader.skip(2);  // checksum
  if (length < kUdpHeader) return Skip::not_tcp;
  const std::span<const std::byte> rest = datagram.payload.subspan(kUdpHeader);
  dns.payload = rest.first(std::min(rest.size(), length - kUdpHeader));
  return std::nullopt;
}

}  // namespace httpdiag::decode
