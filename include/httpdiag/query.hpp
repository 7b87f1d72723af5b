// SPDX-License-Identifier: Apache-2.0
// What a user wants to see of a capture. Packets that are not asked for are counted as filtered and
// go no further; exchanges are all analysed, and those asked for are marked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/segment.hpp"

namespace httpdiag {

/// The addresses that begin with the same bits. IPv4 ones are held as in IpAddress.
struct IpNetwork {
  IpAddress address;
  unsigned bits = 128;

  bool contains(const IpAddress& ip) const;
};
/// "10.0.0.0/8", "2001:db8::/32", or one address.
std::optional<IpNetwork> read_network(std::string_view text);

/// A point of a capture's time, as it can be known before its first packet is.
struct TimeBound {
  enum class From : std::uint8_t { epoch, first_day, first_packet };
  From from = From::epoch;
  Duration offset{0};

  Timestamp at(Timestamp first) const;
};
/// RFC 3339, HH:MM:SS[.fraction] of the first day (UTC), or +DURATION behind the first packet.
std::optional<TimeBound> read_time_bound(std::string_view text);

struct Query {
  // Of the innermost packet. Either end may be in one of the networks, either have one of the
  // ports. Empty: any.
  std::vector<IpNetwork> networks;
  std::vector<std::uint16_t> ports;
  std::optional<TimeBound> from, to;
  std::string bpf;  // libpcap's filter language, of the packet as recorded

  // Of exchanges: see Exchange::found_in.
  std::string text;       // in what is kept of start line, header fields or body
  std::string header_id;  // the value of the header field that names a delivery or a trace

  bool selects_ends() const { return !networks.empty() || !ports.empty(); }
  bool selects_packets() const { return selects_ends() || from || to || !bpf.empty(); }
  /// Without what chooses among packets.
  Query of_exchanges() const {
    Query query;
    query.text = text;
    query.header_id = header_id;
    return query;
  }
  bool selects_exchanges() const { return !text.empty() || !header_id.empty(); }
  bool matches(const Endpoint& a, const Endpoint& b) const;
};

}  // namespace httpdiag
