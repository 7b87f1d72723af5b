// SPDX-License-Identifier: Apache-2.0
// One connection under two names. A host that translates addresses (NAT) records each
// packet twice on its devices, once with either addresses: the SYN, with the same
// sequence number and IP id, is recorded again at once from or to another endpoint.
// A host that puts packets into a tunnel records them inside and outside of it. And
// either direction of a connection may take a tunnel of its own, or none.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <unordered_map>

#include "httpdiag/segment.hpp"
#include "tcp/hashing.hpp"

namespace httpdiag::tcp {

struct Tuple {
  Endpoint client, server;
  std::uint32_t network = 0;  // as Tunnel::network

  Tuple reversed() const { return {server, client, network}; }
  bool same_ends(const Tuple& other) const {
    return client == other.client && server == other.server;
  }
  bool operator==(const Tuple&) const = default;
};

/// Remembers the last SYNs and other beginnings, and the tuples that are another name of one. Both
/// are bounded: beyond that the oldest are forgotten, and what follows of them is a flow that began
/// before the capture.
class Translations {
 public:
  /// Within `window`, a packet with other addresses is a copy; within `tunnel_window`, one in a
  /// tunnel.
  Translations(Duration window, Duration tunnel_window)
      : window_{window}, tunnel_window_{tunnel_window} {}

  bool any() const { return !names_.empty(); }

  /// The tuple under which the connection of this SYN is known already, at its first SYN or at
  /// one sent again. Otherwise the SYN is remembered, and its tuple is no other name any more.
  std::optional<Tuple> find_original(const Segment& syn);
  /// A segment of a tuple that is known: it may come before its copy under another name does.
  void remember(const Segment& segment);
  /// The same for another segment of no known tuple; as `stranger` has it, from client to server.
  std::optional<Tuple> find_twin(const Segment& stranger);
  /// `tuple` is another name of `original`, in the same direction; `isn` tells its SYN from that
  /// of the next one with these ports.
  void add(const Tuple& tuple, std::uint32_t isn, const Tuple& original);
  /// Puts the original's addresses and network into those of a segment or an ICMP error between
  /// other ones. False: it is between no such.
  bool translate(Endpoint& source, Endpoint& destination, std::uint32_t& network) const;

 private:
  static constexpr std::size_t kSyns = 1024;
  static constexpr std::size_t kNames = 1u << 14;

  struct Syn {
    Tuple tuple;
    Timestamp time{};
    std::uint32_t seq = 0, ack = 0;
    std::uint32_t payload_length = 0;
    std::uint32_t end() const { return seq + payload_length; }  // a SYN's own number left out
    std::uint32_t clock = 0;  // the sender's (RFC 7323 §3.2); 0: not there
    std::uint16_t ip_id = 0, window = 0;
    std::int8_t window_scale = -1;
    std::uint8_t flags = 0;
  };
  static Syn described(const Segment& segment);
  /// The last one that ended with this sequence number.
  Syn& ending_at(std::uint32_t end) { return syns_[end % kSyns]; }
  static bool answers(const Syn& answer, const Syn& asked);
  bool same_but_for_tunnel(const Syn& known, const Syn& seen) const;
  bool same_but_for_name(const Syn& known, const Syn& seen) const;

  struct Hash {
    std::size_t operator()(const Tuple& tuple) const {
      return mix(hash_endpoint(tuple.client, tuple.network), hash_endpoint(tuple.server, 1));
    }
  };

  Duration window_, tunnel_window_;
  std::array<Syn, kSyns> syns_{};  // by the sequence number at their end
  struct Name {
    Tuple original;
    std::uint32_t isn = 0;
  };
  std::unordered_map<Tuple, Name, Hash> names_;
  std::deque<Tuple> order_;  // of `names_`, the oldest first
};

}  // namespace httpdiag::tcp
