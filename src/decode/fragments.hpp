// SPDX-License-Identifier: Apache-2.0
// Puts fragmented IP datagrams together (RFC 791 §3.2, RFC 8200 §4.5), within
// bounds of bytes, datagrams, pieces and capture time. Like today's kernels it
// refuses overlaps (RFC 5722); a piece recorded twice is none.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "decode/ip.hpp"
#include "httpdiag/packet.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::decode {

class FragmentTable {
 private:
  struct Key {
    IpAddress source, destination;
    std::uint32_t id = 0;
    std::uint32_t network = 0;  // as Tunnel::network
    std::uint8_t version = 0;
    std::uint8_t protocol = 0;  // IPv4 only (RFC 791); IPv6 pieces may differ in it
    friend auto operator<=>(const Key&, const Key&) = default;
  };

 public:
  explicit FragmentTable(const Limits& limits);

  /// A datagram that pieces were taken of.
  struct Ticket {
    Key key;
    std::uint64_t serial = 0;  // ids come round
    friend bool operator==(const Ticket&, const Ticket&) = default;
  };

  /// Takes a piece (datagram.is_piece). If that completes the datagram, makes
  /// `datagram` the whole of it, borrowed until the next call; otherwise says
  /// what became of the piece. `network` as in Tunnel.
  [[nodiscard]] std::optional<Skip> on_piece(Datagram& datagram, std::uint32_t network,
                                             Timestamp now);

  /// The one that the last piece belongs to.
  const Ticket& last() const { return last_; }

  /// What is there of a datagram that is not whole.
  struct Part {
    std::span<const std::byte> bytes;  // from its beginning; borrowed until the next call
    std::size_t length = 0;            // of the whole, or as many as it has at least
    bool has_end = false;              // it is that of the whole
  };
  /// None: it has become whole, or was given up.
  std::optional<Part> part_of(const Ticket& ticket);
  /// What is there of it is read as it is: pieces that come now are too late, and the first one
  /// counts no longer.
  void close(const Ticket& ticket);

  /// How many pieces were taken in whose datagram has not become whole.
  std::uint64_t incomplete() const;

  /// Memory in use for pieces, for tests of the bound.
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  struct Piece {
    std::uint32_t begin = 0, end = 0;
    std::uint32_t captured_end = 0;  // < end if the snaplen cut it
  };

  enum class State : std::uint8_t { filling, closed, complete, refused };
  enum class Fit : std::uint8_t { added, copy, conflict };

  /// A datagram on its way. Kept for a moment when complete or refused, so that
  /// late copies of its pieces are known for what they are.
  struct Partial {
    Key key;
    std::uint64_t serial = 0;
    Timestamp first, last;  // pieces; copies do not count
    std::vector<std::byte> bytes;
    std::vector<Piece> pieces;
    std::size_t received = 0;
    std::size_t total = 0;  // 0 until the last piece is there
    std::uint8_t protocol = 0;
    State state = State::filling;

    Fit add(const Datagram& piece);
    std::size_t cost() const;
    /// Bytes from the start up to the first that is not there.
    std::size_t captured_prefix();
    /// How many of its pieces nothing was made of.
    std::uint64_t useless() const;
  };
  using Order = std::list<Partial>;  // oldest first

  Partial& find(const Key& key, Timestamp now);
  void restart(Partial& partial, Timestamp now);
  /// Drops the oldest while too much is held; never `keep`.
  void make_room(const Partial& keep);
  void drop_oldest();

  const std::size_t max_bytes_;
  const Duration timeout_;
  Order order_;
  std::map<Key, Order::iterator> by_key_;  // ordered: nothing to flood, unlike a hash
  std::size_t held_bytes_ = 0;
  std::uint64_t given_up_ = 0;  // pieces
  std::uint64_t serials_ = 0;
  Ticket last_;
};

}  // namespace httpdiag::decode
