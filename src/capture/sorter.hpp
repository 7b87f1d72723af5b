// SPDX-License-Identifier: Apache-2.0
// Holds packets back for a moment, so that those whose records were written late
// (several queues or interfaces) take the place that their times say. Bounded in
// time, packets and bytes.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

class Sorter {
 public:
  explicit Sorter(Sorting sorting) : sorting_{std::move(sorting)} {}
  /// From here on each interface is written down for itself, some time of packets at once: their
  /// times alone tell how they belong together, and those of files.
  void expect_interfaces(Duration window) {
    by_interface_ = true;
    sorting_.window = std::max(sorting_.window, window);
  }

  struct Held {
    Packet packet;  // its number is that in the file; its bytes are our own
    std::uint32_t file = 0;
    std::uint64_t holes = 0, begun = 0;
    WireOrder order;
    std::vector<std::byte> bytes;
  };

  /// `holes`: how many places where packets are missing lie in front of it. None is passed.
  /// `begun`: how many captures begin there.
  void hold(const Packet& packet, std::uint32_t file, std::uint64_t holes, std::uint64_t begun = 0);
  bool empty() const { return held_.empty(); }
  /// Nothing can come in front of the first one any more, or there is no more room.
  bool due() const {
    return !held_.empty() &&
           (settled_ > 0 || newest_ - held_.front().packet.ref.time > sorting_.window ||
            held_.size() > sorting_.most_packets || bytes_ > kMostBytes);
  }
  const Held& front() const { return held_.front(); }
  Held take();
  /// Gives the buffer of a packet back that was taken.
  void reuse(std::vector<std::byte> buffer) { buffers_.push_back(std::move(buffer)); }
  std::uint64_t moved() const { return moved_; }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;

  std::size_t place_for(const Held& late);

  bool contradicts(const Held& late, const Held& before) const;

  Sorting sorting_;
  bool by_interface_ = false;
  std::deque<Held> held_;
  std::vector<std::vector<std::byte>> buffers_;
  std::size_t settled_ = 0;  // how many of held_ nothing may be put in front of
  std::size_t bytes_ = 0;
  Timestamp newest_{};
  std::uint64_t moved_ = 0;
};

}  // namespace httpdiag::capture
