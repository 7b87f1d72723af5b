// SPDX-License-Identifier: Apache-2.0
// What a packet is wrapped up in says nothing about the connection: every capture, in any link type
// and any tunnel that is read, has the flows and verdicts of its bare IP datagrams.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "decode/link.hpp"
#include "properties/recording.hpp"
#include "support/wire.hpp"
#include "support/wrap.hpp"

namespace httpdiag::test {
namespace {

constexpr std::uint32_t kId = 0x2345;

/// The IP datagrams of a capture at their full length, zeros for what was not captured.
struct Bare {
  RecordedPacket packet;  // the datagram alone
  std::size_t uncaptured = 0;
};

/// Padding is gone; a packet of anything else is a UDP datagram, which keeps the clock going.
Bare bare(const Recording& recording, const RecordedPacket& packet) {
  const Packet view{.ref = {1, packet.at},
                    .link = recording.link,
                    .wire_length = packet.wire_length,
                    .bytes = std::as_bytes(std::span{packet.bytes})};
  const Endpoint nobody{.ip = IpAddress::v4(0x0affff01), .port = 9};
  const std::string other = ip_packet({.from = nobody.ip, .to = nobody.ip, .protocol = kUdp},
                                      udp_datagram(nobody, nobody, "x"));
  decode::Frame frame;
  if (decode::read_link(view, frame) || frame.datagram.size() < 40)
    return {{packet.at, other, static_cast<std::uint32_t>(other.size())}, 0};
  std::string bytes = packet.bytes.substr(packet.bytes.size() - frame.datagram.size());
  const bool v4 = get(bytes, 0, 1) >> 4 == 4;
  const std::size_t length = v4 ? get(bytes, 2, 2) : 40 + get(bytes, 4, 2);
  const std::size_t captured = std::min(bytes.size(), length);
  bytes.resize(length);
  return {{packet.at, bytes, static_cast<std::uint32_t>(length)}, length - captured};
}

/// Nothing that an outer header of 16 bits of length could not hold, and no length left to a
/// network card.
bool fits(const Bare& packet) {
  const std::size_t length = packet.packet.bytes.size();
  return length >= 20 && length < 65000;
}

template <typename Wrap>
std::optional<Recording> rewrapped(const Recording& recording, LinkType link, const Wrap& wrap) {
  Recording changed{.name = recording.name, .link = link, .packets = {}};
  for (const RecordedPacket& packet : recording.packets) {
    Bare inner = bare(recording, packet);
    if (!fits(inner)) return std::nullopt;
    std::string bytes = wrap(inner.packet.bytes);
    if (bytes.empty()) return std::nullopt;
    const auto wire_length = static_cast<std::uint32_t>(bytes.size());
    bytes.resize(bytes.size() - inner.uncaptured);
    changed.packets.push_back({packet.at, std::move(bytes), wire_length});
  }
  return changed;
}

bool is_v6(const std::string& ip) { return (ip[0] & 0xf0) == 0x60; }

std::string identity(const std::string& ip) { return ip; }

class Encapsulation : public testing::Test {
 protected:
  /// Each way for every `kStep`th capture, another one each time.
  static constexpr std::size_t kStep = 6;

  template <typename Wrap>
  void compare(std::size_t turn, LinkType link, std::string_view what, const Wrap& wrap) {
    for (std::size_t i = turn % kStep; i < recordings().size(); i += kStep) {
      const Recording& recording = recordings()[i];
      const auto plain = rewrapped(recording, LinkType::raw_ip, identity);
      const auto wrapped = rewrapped(recording, link, wrap);
      // In another network, what is inside and outside of it is in two.
      if (!plain || !wrapped || has_tunnels(*plain)) continue;
      const Outcome outcome = analyse(*wrapped);
      EXPECT_EQ(faults_of(outcome), "") << recording.name << " in " << what;
      EXPECT_EQ(joined(verdicts(outcome)), joined(verdicts(analyse(*plain))))
          << recording.name << " in " << what;
      ++compared_;
    }
  }

  std::size_t compared_ = 0;
};

TEST_F(Encapsulation, InAnyLinkKeepsEveryVerdict) {
  using enum LinkType;
  std::size_t turn = 0;
  for (const LinkType link : {ethernet, ppp, pppoe, cisco_hdlc, frame_relay, ieee802_11, radiotap,
                              ppi, pktap, nflog, pflog, ipnet, mpls}) {
    compare(turn++, link, fmt::format("link type {}", link_number(link)),
            [&](const std::string& ip) { return wrap_in_link(link, ip); });
  }
  EXPECT_GT(compared_, 100u);
}

TEST_F(Encapsulation, InAnyTunnelKeepsEveryVerdict) {
  std::size_t turn = 0;
  for (const std::string_view kind : tunnel_kinds()) {
    compare(turn++, LinkType::raw_ip, kind, [&](const std::string& ip) {
      return tunnel_carries(kind, is_v6(ip)) ? wrap_in_tunnel(kind, kId, ip) : std::string{};
    });
  }
  EXPECT_GT(compared_, 200u);
}

TEST_F(Encapsulation, InATunnelInATunnelKeepsEveryVerdict) {
  std::size_t turn = 0;
  for (const std::string_view inner : tunnel_kinds()) {
    compare(turn++, LinkType::ethernet, inner, [&](const std::string& ip) {
      if (!tunnel_carries(inner, is_v6(ip))) return std::string{};
      const std::string once = wrap_in_tunnel(inner, kId, ip);
      return wrap_in_link(LinkType::ethernet, wrap_in_tunnel("vxlan", 7, once));
    });
  }
  EXPECT_GT(compared_, 200u);
}

}  // namespace
}  // namespace httpdiag::test
