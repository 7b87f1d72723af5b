// SPDX-License-Identifier: Apache-2.0
// One direction of one flow, as its sender's end and its receiver's end saw it: which packets
// arrived. Packets are cut up and put together on the way (TSO, GRO), so it is the sequence numbers
// that are followed, transmission by transmission, not the packets.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "httpdiag/views.hpp"
#include "views/trail.hpp"

namespace httpdiag::views {

enum class Fate : std::uint8_t {
  arrived,
  lost,
  in_part,       // some of it was lost
  not_recorded,  // acknowledged, but not in the receiver's capture
  unknown,       // the receiver's capture did not run when it should have arrived
};

/// When a capture ran, by its own clock.
struct Span {
  Timestamp begin{}, end{};
  bool has(Timestamp time) const { return time >= begin && time <= end; }
};

/// When a capture ran: what it does not show then was not there.
struct Watch {
  Span span;
  // Inside it: nobody may have recorded, or what was recorded cannot be read any more.
  std::vector<Span> gaps;
  bool lossy = false;  // it says itself that packets are missing, not which

  bool has(Timestamp time) const { return span.has(time) && throughout(time, time); }
  /// No gap is between these times.
  bool throughout(Timestamp from, Timestamp to) const {
    return std::ranges::none_of(gaps,
                                [&](const Span& gap) { return gap.begin < to && from < gap.end; });
  }
};

/// A segment in the numbers of one direction: [begin, end), behind the first number seen of it.
struct Stretch {
  std::size_t seen = 0;  // index into its trail
  std::int64_t begin = 0, end = 0;
};

struct Way {
  Side from{};
  std::uint32_t base = 0;           // the number that positions count from
  std::vector<Stretch> sent;        // in the trail of the sender's end
  std::vector<Fate> fates;          // of each of them
  std::vector<PacketRef> there;     // with what it arrived first; none: it did not
  std::vector<Stretch> got;         // in the trail of the receiver's end
  std::vector<bool> not_sent;       // of each of these: the sender's end never saw it
  std::optional<Duration> transit;  // of the fastest: receiver's clock minus sender's
  // The capture of that end holds nothing of this direction: from what is absent nothing follows.
  bool sender_blind = false, receiver_blind = false;
  Crossing count;

  /// Where a number of this direction lies, such as that of an ACK for it.
  std::int64_t position(std::uint32_t number, std::int64_t near) const;
};

/// Packets that both saw and that cannot be mistaken for one another, as indices into the trails.
struct Pair {
  std::size_t sent = 0, got = 0;
};
std::vector<Pair> pairs_of(const Trail& sender, const Trail& receiver, Side from);

/// `transit`: of the fastest packet of the direction; none: not known. The spans are those of the
/// two captures.
Way cross(const Trail& sender, const Trail& receiver, Side from, std::optional<Duration> transit,
          const Watch& sender_ran, const Watch& receiver_ran);

/// What `way` says without the capture of its sender's end, or that of its receiver's.
void blind_sender(Way& way);
void blind_receiver(Way& way);

}  // namespace httpdiag::views
