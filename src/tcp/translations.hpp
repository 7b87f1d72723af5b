// SPDX-License-Identifier: Apache-2.0
// A host that translates addresses (NAT) records each packet twice on its devices,
// once with either addresses. The two tuples are one connection: its SYN, with the
// same sequence number and IP id, is recorded again at once from or to another
// endpoint.
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
  bool operator==(const Tuple&) const = default;
};

/// Remembers the last SYNs, and the tuples that are another name of one. Both are bounded: beyond
/// that the oldest are forgotten, and what follows of them is a flow that began before the capture.
class Translations {
 public:
  explicit Translations(Duration window) : window_{window} {}

  bool any() const { return !names_.empty(); }

  /// The tuple under which the connection of this SYN is known already, at its first SYN or at
  /// one sent again. Otherwise the SYN is remembered, and its tuple is no other name any more.
  std::optional<Tuple> find_original(const Segment& syn);
  /// A SYN of a tuple that is known: it may have been repeated before its copy is seen.
  void remember(const Segment& syn);
  /// The tuple of `syn` is another name of `original`.
  void add(const Segment& syn, const Tuple& original);
  /// Puts the original's addresses into a segment or an ICMP error between other ones. False: it
  /// is between no such.
  bool translate(Endpoint& source, Endpoint& destination) const;

 private:
  static constexpr std::size_t kSyns = 1024;
  static constexpr std::size_t kNames = 1u << 14;

  struct Syn {
    Tuple tuple;
    Timestamp time{};
    std::uint32_t seq = 0;
    std::uint16_t ip_id = 0, window = 0;
    std::int8_t window_scale = -1;
  };
  struct Hash {
    std::size_t operator()(const Tuple& tuple) const {
      return mix(hash_endpoint(tuple.client, 0), hash_endpoint(tuple.server, 1));
    }
  };

  Duration window_;
  std::array<Syn, kSyns> syns_{};  // by sequence number
  struct Name {
    Tuple original;
    std::uint32_t isn = 0;
  };
  std::unordered_map<Tuple, Name, Hash> names_;
  std::deque<Tuple> order_;  // of `names_`, the oldest first
};

}  // namespace httpdiag::tcp
