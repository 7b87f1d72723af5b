// SPDX-License-Identifier: Apache-2.0
#include "support/scenario_network.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "support/wrap.hpp"

namespace httpdiag::test {

namespace {

constexpr Nanoseconds kThroughTheHost{30'000};

constexpr Nanoseconds kStart = std::chrono::seconds{1'715'673'600};  // 2024-05-14T08:00:00Z

bool has(std::uint8_t flags, std::uint8_t flag) { return (flags & flag) != 0; }

/// Where the first byte of a line goes.
std::int64_t offset_of(const Action& action, const Peer& self, const Cursor& line) {
  if (action.seq) return *action.seq;
  if (has(action.flags, TcpFlags::syn)) return -1;
  if (self.next < 0 && !has(action.flags, TcpFlags::rst)) {
    line.fail("this side has sent no SYN; write \"established\" if it came before the capture");
  }
  if (action.probe) return self.next - 1;
  const bool fin_again = has(action.flags, TcpFlags::fin) && action.payload.empty() && self.fin_at;
  return fin_again ? *self.fin_at : self.next;
}

/// A line as segments of at most `split` bytes.
std::vector<Sent> segments_of(const Action& action, std::int64_t offset) {
  const std::size_t whole = std::max<std::size_t>(action.payload.size(), 1);
  const std::size_t piece = action.split == 0 ? whole : action.split;
  std::vector<Sent> segments;
  std::size_t at = 0;
  do {
    const std::string part = action.payload.substr(at, piece);
    at += part.size();
    const bool more = at < action.payload.size();
    const auto flags = static_cast<std::uint8_t>(
        more ? action.flags & ~(TcpFlags::fin | TcpFlags::psh) : action.flags);
    segments.push_back({offset, part, flags});
    offset += static_cast<std::int64_t>(part.size());
  } while (at < action.payload.size());
  return segments;
}

std::uint32_t sequence(const Speaker& speaker, const Action& action, const Sent& segment) {
  const bool bare_rst = (segment.flags & (TcpFlags::rst | TcpFlags::ack)) == TcpFlags::rst;
  if (action.seq || (segment.flags & TcpFlags::rst) == 0)
    return speaker.self().number(segment.offset);
  // RFC 9293 §3.5.2: the RST of a closed port takes its number from the segment it answers.
  if (bare_rst && speaker.other().last_ack) return *speaker.other().last_ack;
  return speaker.self().next < 0 ? 0 : speaker.self().number(speaker.self().next);
}

/// As a router passes on a SYN that clamps its MSS, the first option of ours.
std::string with_mss(std::string_view syn, std::uint16_t mss) {
  constexpr std::size_t kOptions = 20;  // where they begin
  constexpr char kMss = 2;
  std::string clamped{syn};
  if (clamped.size() < kOptions + 4 || clamped[kOptions] != kMss)
    throw std::runtime_error{"dup-mss: the segment has no MSS"};
  clamped[kOptions + 2] = static_cast<char>(mss >> 8);
  clamped[kOptions + 3] = static_cast<char>(mss & 0xff);
  return clamped;
}

}  // namespace

void Network::perform(const Speaker& speaker, const Action& action, const Cursor& line) {
  constexpr std::size_t kMostInOnePacket = 65535 - 100;
  Peer& self = speaker.self();
  const bool syn = has(action.flags, TcpFlags::syn);
  if (syn && action.split != 0) line.fail("a SYN cannot be split");
  const std::vector<Sent> segments =
      action.again != nullptr ? *action.again : segments_of(action, offset_of(action, self, line));
  const bool lasting = !action.payload.empty() || syn || has(action.flags, TcpFlags::fin);
  if (action.again == nullptr && lasting) self.last = segments;
  if (!action.name.empty()) self.named[action.name] = segments;
  Nanoseconds at = now;
  for (const Sent& segment : segments) {
    if (segment.payload.size() > kMostInOnePacket) line.fail("too much for one packet; use split");
    send(speaker, action, segment, at);
    at += action.gap;
  }
}

void Network::report(const Peer& target, const IpAddress& router, std::uint8_t type,
                     std::uint8_t code, std::uint32_t mtu) {
  const IpAddress& to = target.at.ip;
  const IpHeader ip{.from = router,
                    .to = to,
                    .protocol = to.is_v4() ? kIcmp : kIcmp6,
                    .ttl = 63,
                    .id = ++ids_[router]};
  const std::string error = icmp_error(router, to, type, code, mtu, target.last_packet);
  write({.link = link, .from = router, .to = to, .vlans = target.vlans}, ip_packet(ip, error), {},
        now);
}

void Network::datagram(const Endpoint& from, const Endpoint& to, const std::string& payload) {
  const IpHeader ip{
      .from = from.ip, .to = to.ip, .protocol = kUdp, .ttl = 64, .id = ++ids_[from.ip]};
  write({.link = link, .from = from.ip, .to = to.ip, .vlans = {}},
        ip_packet(ip, udp_datagram(from, to, payload)), {}, now);
}

void Network::refuse(const IpAddress& reporter, const Endpoint& to, const Endpoint& sender,
                     const std::string& payload, std::uint8_t type, std::uint8_t code) {
  const IpHeader sent{.from = sender.ip, .to = to.ip, .protocol = kUdp, .ttl = 64, .id = 1};
  const std::string quote = ip_packet(sent, udp_datagram(sender, to, payload));
  const IpHeader ip{.from = reporter,
                    .to = sender.ip,
                    .protocol = reporter.is_v4() ? kIcmp : kIcmp6,
                    .ttl = 64,
                    .id = ++ids_[reporter]};
  const std::string error = icmp_error(reporter, sender.ip, type, code, 0, quote);
  write({.link = link, .from = reporter, .to = sender.ip, .vlans = {}}, ip_packet(ip, error), {},
        now);
}

void Network::mark_end() {
  const Endpoint from{.ip = IpAddress::v4(0x0affff01), .port = 50000};
  const Endpoint to{.ip = IpAddress::v4(0x0affff02), .port = 9};
  if (link == LinkType::ethernet) {
    const std::string arp = arp_frame();
    const auto length = static_cast<std::uint32_t>(arp.size());
    if (recording) records_.push_back({now, {kStart + now + clock_at(now), arp, length}});
  } else {
    const IpHeader ip{.from = from.ip, .to = to.ip, .protocol = kUdp, .ttl = 64, .id = 1};
    write({.link = link, .from = from.ip, .to = to.ip, .vlans = {}},
          ip_packet(ip, udp_datagram(from, to, "end")), {}, now);
  }
}

std::vector<Recorded> Network::finish() {
  std::stable_sort(records_.begin(), records_.end(),
                   [](const Record& a, const Record& b) { return a.order < b.order; });
  std::vector<Recorded> in_order;
  for (Record& record : records_) in_order.push_back(std::move(record.recorded));
  return in_order;
}

std::string Network::options(const Peer& self, const Peer& other, const Action& action,
                             std::uint8_t flags) const {
  Bytes bytes;
  const bool syn = (flags & TcpFlags::syn) != 0;
  const bool bare_rst = (flags & (TcpFlags::rst | TcpFlags::ack)) == TcpFlags::rst;
  const bool no_socket = (flags & TcpFlags::rst) != 0 && self.next < 0;
  if (bare_rst || no_socket) return {};
  const std::int64_t mss = action.mss.value_or(self.mss);
  const std::int64_t wscale = action.wscale.value_or(self.wscale);
  if (syn && mss > 0) bytes.u8(2).u8(4).u16(static_cast<std::uint64_t>(mss));
  if (syn) bytes.u8(1).u8(1).u8(4).u8(2);  // SACK permitted
  if (self.timestamps && (other.timestamps || syn)) {
    const std::uint32_t echo = (flags & TcpFlags::ack) != 0 ? self.ts_recent : 0;
    bytes.u8(1)
        .u8(1)
        .u8(8)
        .u8(10)
        .u32(static_cast<std::uint64_t>(action.ts_value.value_or(timestamp())))
        .u32(static_cast<std::uint64_t>(action.ts_echo.value_or(echo)));
  }
  if (action.sack_from && action.sack_to) {  // RFC 2018 §3
    bytes.u8(1).u8(1).u8(5).u8(10);
    bytes.u32(other.number(*action.sack_from)).u32(other.number(*action.sack_to));
  }
  if (syn && wscale >= 0) bytes.u8(1).u8(3).u8(3).u8(static_cast<std::uint64_t>(wscale));
  return bytes.take();
}

void Network::send(const Speaker& speaker, const Action& action, const Sent& segment,
                   Nanoseconds at) {
  deliver(at);
  Peer& self = speaker.self();
  Peer& other = speaker.other();
  const bool syn = (segment.flags & TcpFlags::syn) != 0;
  const bool fin = (segment.flags & TcpFlags::fin) != 0;
  const bool rst = (segment.flags & TcpFlags::rst) != 0;
  const bool acks = (segment.flags & TcpFlags::ack) != 0;
  const bool no_socket = rst && (!acks || self.next < 0);

  TcpHeader tcp{.from = self.at,
                .to = other.at,
                .seq = sequence(speaker, action, segment),
                .flags = segment.flags,
                .options = options(self, other, action, segment.flags),
                .checksum = action.bad_checksum ? Checksum::wrong
                            : self.offload      ? Checksum::partial
                                                : Checksum::right};
  if (acks) {
    tcp.ack = other.number(action.ack.value_or(self.received));
    self.last_ack = tcp.ack;
  }
  const bool scaled = !syn && self.wscale >= 0 && other.wscale >= 0;
  const std::int64_t window = action.window.value_or(no_socket ? 0 : self.window);
  tcp.window = static_cast<std::uint16_t>(
      std::min<std::int64_t>(scaled ? window >> self.wscale : window, 65535));

  IpHeader ip{.from = self.at.ip,
              .to = other.at.ip,
              .ttl = static_cast<std::uint8_t>(action.ttl.value_or(self.ttl)),
              .zero_length = action.zero_length};
  // Linux leaves the id at 0 where no socket stands behind the packet (RFC 6864 §4.1).
  if (!no_socket && !(syn && acks))
    ip.id =
        ++ids_.try_emplace(self.at.ip, static_cast<std::uint16_t>(self.isn >> 16)).first->second;
  if (action.id) ip.id = static_cast<std::uint16_t>(*action.id);
  const std::string bytes = tcp_segment(tcp, segment.payload);
  self.last_packet = ip_packet(ip, bytes);

  const std::int64_t first = segment.offset;
  const std::int64_t end =
      first + (syn ? 1 : 0) + static_cast<std::int64_t>(segment.payload.size()) + (fin ? 1 : 0);
  if (!rst && !action.probe) {
    if (fin) self.fin_at = end - 1;
    self.next = std::max(self.next, end);
  }
  if (!action.lost && !action.forged) {
    const Nanoseconds way_there = way + action.arrives;
    arrivals_.push_back({at + way_there, &other, first, rst ? first : end, timestamp()});
    deliver(at);
  }
  if (action.dropped) return;
  if (point) return record_at_point(speaker, action, tcp, ip, segment.payload, at);
  record(speaker, action, ip, bytes, at);
  if (!speaker.flow->translated_client) return;
  translate(speaker, tcp, ip);
  --ip.ttl;
  record(speaker, action, ip, tcp_segment(tcp, segment.payload), at + kThroughTheHost);
}

/// To its other name.
void Network::translate(const Speaker& speaker, TcpHeader& tcp, IpHeader& ip) const {
  const Endpoint& client = *speaker.flow->translated_client;
  const Endpoint& server = *speaker.flow->translated_server;
  tcp.from = speaker.client ? client : server;
  tcp.to = speaker.client ? server : client;
  ip.from = tcp.from.ip;
  ip.to = tcp.to.ip;
}

/// By the host of a point that translates addresses: `tcp` and `ip` are as it knows the outside at
/// the server's point, and the inside at the client's.
void Network::record_translated(const Speaker& speaker, const Action& action, TcpHeader tcp,
                                IpHeader ip, const std::string& payload, Nanoseconds at) {
  const bool sends = speaker.client == (point == Side::client);
  TcpHeader other_tcp = tcp;
  IpHeader other_ip = ip;
  translate(speaker, other_tcp, other_ip);
  if (sends != (point == Side::client)) {  // it passes the other name first
    std::swap(tcp, other_tcp);
    std::swap(ip, other_ip);
  }
  --other_ip.ttl;
  record(speaker, action, ip, tcp_segment(tcp, payload), at);
  record(speaker, action, other_ip, tcp_segment(other_tcp, payload), at + kThroughTheHost);
}

/// What one of two points sees of a segment, if it passes there.
void Network::record_at_point(const Speaker& speaker, const Action& action, TcpHeader tcp,
                              IpHeader ip, const std::string& payload, Nanoseconds at) {
  const Flow& flow = *speaker.flow;
  const bool sends = speaker.client == (point == Side::client);
  const bool passes = sends ? !action.forged : !action.lost;
  if (!recording || !passes || action.unseen == point) return;
  if (flow.only_at && flow.only_at != point) return;
  if (point == Side::server && flow.there_client) {
    tcp.from = speaker.client ? *flow.there_client : *flow.there_server;
    tcp.to = speaker.client ? *flow.there_server : *flow.there_client;
    ip.from = tcp.from.ip;
    ip.to = tcp.to.ip;
  }
  if (point == Side::server) {
    tcp.seq += speaker.client ? flow.client_renumbered : flow.server_renumbered;
    tcp.ack += speaker.client ? flow.server_renumbered : flow.client_renumbered;
  }
  const bool twice = flow.translated_client && flow.translated_at == point;
  const auto note = [&](const std::string& part, Nanoseconds when) {
    if (twice) return record_translated(speaker, action, tcp, ip, part, when);
    record(speaker, action, ip, tcp_segment(tcp, part), when);
  };
  if (sends) return note(payload, at);
  --ip.ttl;
  at += action.forged ? Nanoseconds{0} : way + action.arrives;
  const std::size_t piece = action.cut == 0 ? payload.size() + 1 : action.cut;
  for (std::size_t begin = 0; begin == 0 || begin < payload.size(); begin += piece) {
    note(payload.substr(begin, piece), at);
    tcp.seq += static_cast<std::uint32_t>(piece);
    ++ip.id;
  }
}

void Network::record(const Speaker& speaker, const Action& action, const IpHeader& ip,
                     std::string_view tcp, Nanoseconds at) {
  FrameHeader header{
      .link = link,
      .from = ip.from,
      .to = ip.to,
      .vlans = action.vlans.value_or(speaker.self().vlans),
      .packet_type = static_cast<std::uint8_t>(action.packet_type.value_or(
          speaker.self().packet_type.value_or(speaker.client != at_server ? 4 : 0)))};
  const bool forwarded = speaker.self().forwarded;
  if (forwarded) header.packet_type = 0;
  const auto emit = [&](const IpHeader& of, std::string_view segment, Nanoseconds when) {
    if (action.fragment == 0) return write(header, ip_packet(of, segment), action, when);
    std::size_t recorded = 0;
    for (const std::string& piece : ip_fragments(of, segment, action.fragment)) {
      if (action.pieces != 0 && recorded++ == action.pieces) return;
      write(header, piece, action, when);
    }
  };
  emit(ip, tcp, at + action.delay);
  if (!action.twice && !forwarded) return;
  IpHeader copy = ip;
  copy.ttl = static_cast<std::uint8_t>(action.copy_ttl.value_or(ip.ttl - (forwarded ? 1 : 0)));
  if (forwarded) header.packet_type = 4;
  header.vlans = action.copy_vlans.value_or(header.vlans);
  ++header.interface_index;
  const std::string segment = action.copy_mss
                                  ? with_mss(tcp, static_cast<std::uint16_t>(*action.copy_mss))
                                  : std::string{tcp};
  emit(copy, segment, at + action.delay + action.copy_after);
}

void Network::write(const FrameHeader& header, std::string_view packet, const Action& action,
                    Nanoseconds at) {
  constexpr Nanoseconds kIntoTheTunnel{15'000};
  if (tunnel.kind.empty()) return write_frame(header, packet, action, at);
  if (tunnel.also_outside) {
    write_frame(header, packet, action, at);
    at += kIntoTheTunnel;
  }
  FrameHeader outer = header;
  const bool over_ipv6 = tunnel.kind == "ip-in-ipv6";
  const IpAddress end = over_ipv6 ? IpAddress{} : IpAddress::v4(0xc0a80001);
  outer.from = outer.to = end;
  write_frame(outer, wrap_in_tunnel(tunnel.kind, tunnel.id, packet), action, at);
}

void Network::write_frame(const FrameHeader& header, std::string_view packet, const Action& action,
                          Nanoseconds at) {
  constexpr std::size_t kShortestFrame = 60;
  std::string bytes = frame(header, packet);
  if (action.padded) bytes.resize(std::max(bytes.size(), kShortestFrame));
  const auto wire_length = static_cast<std::uint32_t>(bytes.size());
  const std::size_t kept = action.snap != 0 ? action.snap : snap;
  if (kept != 0) bytes.resize(std::min(bytes.size(), kept));
  records_.push_back(
      {at, {kStart + at + clock_at(at) + action.stamp, std::move(bytes), wire_length}});
}

void Network::deliver(Nanoseconds until) {
  std::erase_if(arrivals_, [&](const Arrival& arrival) {
    if (arrival.at > until) return false;
    arrival.to->receive(arrival.begin, arrival.end);
    arrival.to->ts_recent = std::max(arrival.to->ts_recent, arrival.ts_value);
    return true;
  });
}

}  // namespace httpdiag::test
