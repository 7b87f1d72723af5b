// SPDX-License-Identifier: Apache-2.0
#include "views/crossing.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "tcp/seq.hpp"
#include "views/clock.hpp"

namespace httpdiag::views {

namespace {

/// Of one direction, in the order of the capture.
std::vector<Stretch> stretches(const Trail& trail, Side from, std::uint32_t base) {
  const tcp::SequenceSpace space{base};
  std::vector<Stretch> all;
  Offset near = 0;
  for (std::size_t i = 0; i < trail.seen.size(); ++i) {
    const Seen& seen = trail.seen[i];
    if (seen.from != from) continue;
    const std::int64_t begin = space.offset(seen.seq, near);
    all.push_back({i, begin, begin + seen.span()});
    if (begin > 0 && tcp::plausible(begin, near)) near = static_cast<Offset>(begin);
  }
  return all;
}

/// How far the receiver has acknowledged a direction, and since when.
class Acknowledged {
 public:
  Acknowledged(const Trail& trail, const Way& way) {
    std::int64_t most = 0;
    for (const Seen& seen : trail.seen) {
      if (seen.from == way.from || seen.is_rst() || !seen.flags.has(TcpFlags::ack)) continue;
      const std::int64_t at = way.position(seen.ack, most);
      if (!steps_.empty() && at <= most) continue;
      most = at;
      steps_.push_back({at, seen.packet.time});
    }
  }
  /// None: it has not.
  std::optional<Timestamp> since(std::int64_t position) const {
    const auto step =
        std::lower_bound(steps_.begin(), steps_.end(), position,
                         [](const Step& each, std::int64_t wanted) { return each.at < wanted; });
    return step == steps_.end() ? std::nullopt : std::optional{step->time};
  }

 private:
  struct Step {
    std::int64_t at = 0;
    Timestamp time{};
  };
  std::vector<Step> steps_;
};

using Indices = std::vector<std::size_t>;

/// Which stretches cover a position, in their own order, for positions that go up.
class Sweep {
 public:
  explicit Sweep(const std::vector<Stretch>& all) : all_{all} {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].begin != all[i].end) waiting_.push_back(i);
    }
    std::stable_sort(waiting_.begin(), waiting_.end(),
                     [&](std::size_t a, std::size_t b) { return all[a].begin < all[b].begin; });
  }
  const Indices& at(std::int64_t position) {
    std::erase_if(here_, [&](std::size_t i) { return all_[i].end <= position; });
    for (; next_ < waiting_.size() && all_[waiting_[next_]].begin <= position; ++next_) {
      const std::size_t i = waiting_[next_];
      here_.insert(std::upper_bound(here_.begin(), here_.end(), i), i);
    }
    return here_;
  }

 private:
  const std::vector<Stretch>& all_;
  Indices waiting_, here_;
  std::size_t next_ = 0;
};

/// Lays the transmissions of one direction beside the receptions.
class Comparison {
 public:
  Comparison(Way& way, const Trail& sender, const Trail& receiver, const Watch& receiver_ran)
      : way_{way},
        sender_{sender},
        receiver_{receiver},
        ran_{receiver_ran},
        acked_there_{receiver, way},
        acked_here_{sender, way},
        lost_(way.sent.size()),
        unseen_(way.sent.size()) {}

  void run() {
    way_.fates.assign(way_.sent.size(), Fate::arrived);
    way_.there.assign(way_.sent.size(), {});
    way_.not_sent.assign(way_.got.size(), false);
    compare_content();
    compare_alike([](const Seen& seen) { return seen.is_rst(); });
    compare_alike([](const Seen& seen) { return !seen.is_rst() && seen.span() == 0; });
    judge();
  }

 private:
  const Seen& sent(std::size_t i) const { return sender_.seen[way_.sent[i].seen]; }
  const Seen& got(std::size_t i) const { return receiver_.seen[way_.got[i].seen]; }
  Timestamp due(std::size_t i) const {
    return shifted(sent(i).packet.time, way_.transit.value_or(Duration{0}));
  }

  // No path cuts packets up so small; who means harm might.
  static constexpr std::uint64_t kMostOverlaps = 1u << 22;
  std::uint64_t overlaps(const std::vector<std::int64_t>& bounds) const;
  void compare_content();
  template <typename Kind>
  void compare_alike(Kind is_of_kind);
  void settle(const Indices& sent_ones, const Indices& got_ones, std::int64_t begin,
              std::int64_t end);
  std::vector<bool> match(const Indices& sent_ones, const Indices& got_ones);
  bool same(const Seen& a, const Seen& b) const {
    return a.length == b.length && a.ack == b.ack && a.ip_id == b.ip_id && a.options == b.options;
  }
  bool recorded_elsewhere(std::size_t sent_one, const Indices& got_ones, std::int64_t end) const;
  Span receiver_heard() const;
  void judge();

  Way& way_;
  const Trail& sender_;
  const Trail& receiver_;
  const Watch& ran_;
  Acknowledged acked_there_, acked_here_;
  std::vector<std::int64_t> lost_, unseen_;  // of each sent one: how much of it
  bool comparable_ = true;
};

/// How many pieces all segments have together.
std::uint64_t Comparison::overlaps(const std::vector<std::int64_t>& bounds) const {
  std::uint64_t count = 0;
  const auto place = [&](std::int64_t at) {
    return std::lower_bound(bounds.begin(), bounds.end(), at) - bounds.begin();
  };
  for (const auto* all : {&way_.sent, &way_.got}) {
    for (const Stretch& each : *all)
      count += static_cast<std::uint64_t>(place(each.end) - place(each.begin));
  }
  return count;
}

/// Between two neighbouring boundaries of segments all that overlaps covers all of it.
void Comparison::compare_content() {
  std::vector<std::int64_t> bounds;
  const auto add = [&](const std::vector<Stretch>& all) {
    for (const Stretch& each : all) {
      if (each.begin == each.end) continue;
      bounds.push_back(each.begin);
      bounds.push_back(each.end);
    }
  };
  add(way_.sent);
  add(way_.got);
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  if (bounds.empty()) return;
  if (overlaps(bounds) > kMostOverlaps) {
    comparable_ = false;
    return;
  }
  Sweep sent_ones{way_.sent}, got_ones{way_.got};
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    const Indices& left = sent_ones.at(bounds[i]);
    const Indices& came = got_ones.at(bounds[i]);
    if (!left.empty() || !came.empty()) settle(left, came, bounds[i], bounds[i + 1]);
  }
}

/// What takes no numbers: the same numbers and flags are one packet, or its repetitions.
template <typename Kind>
void Comparison::compare_alike(Kind is_of_kind) {
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint8_t>, std::array<Indices, 2>> alike;
  constexpr std::uint8_t kTelling = TcpFlags::rst | TcpFlags::ack;
  for (std::size_t i = 0; i < way_.sent.size(); ++i) {
    const Seen& seen = sent(i);
    if (is_of_kind(seen)) alike[{seen.seq, seen.ack, seen.flags.bits & kTelling}][0].push_back(i);
  }
  for (std::size_t i = 0; i < way_.got.size(); ++i) {
    const Seen& seen = got(i);
    if (is_of_kind(seen)) alike[{seen.seq, seen.ack, seen.flags.bits & kTelling}][1].push_back(i);
  }
  for (const auto& [numbers, both] : alike) settle(both[0], both[1], 0, 0);
}

/// One piece, or several packets without content that are alike.
void Comparison::settle(const Indices& sent_ones, const Indices& got_ones, std::int64_t begin,
                        std::int64_t end) {
  if (sent_ones.empty()) {
    for (const std::size_t i : got_ones) way_.not_sent[i] = true;
    return;
  }
  const std::vector<bool> arrived = match(sent_ones, got_ones);
  // Without content there is but the packet itself to count.
  const std::int64_t size = std::max<std::int64_t>(end - begin, 1);
  for (std::size_t i = 0; i < sent_ones.size(); ++i) {
    if (arrived[i]) continue;
    const bool acked = end > begin && recorded_elsewhere(sent_ones[i], got_ones, end);
    (acked ? unseen_ : lost_)[sent_ones[i]] += size;
  }
}

/// Which of the transmissions arrived. As many receptions as transmissions: each of them. Else one
/// that came in is the last transmission that it can have been.
std::vector<bool> Comparison::match(const Indices& sent_ones, const Indices& got_ones) {
  std::vector<bool> arrived(sent_ones.size(), false);
  const auto take = [&](std::size_t which, std::size_t reception) {
    arrived[which] = true;
    PacketRef& there = way_.there[sent_ones[which]];
    const PacketRef& packet = got(reception).packet;
    if (!there || packet.number < there.number) there = packet;
  };
  if (got_ones.size() >= sent_ones.size()) {
    for (std::size_t i = 0; i < sent_ones.size(); ++i) take(i, got_ones[i]);
    return arrived;
  }
  Indices left;
  for (const std::size_t reception : got_ones) {
    std::size_t which = 0;
    while (which < sent_ones.size() &&
           (arrived[which] || !same(sent(sent_ones[which]), got(reception)))) {
      ++which;
    }
    which < sent_ones.size() ? take(which, reception) : left.push_back(reception);
  }
  for (const std::size_t reception : left) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < sent_ones.size(); ++i) {
      if (arrived[i]) continue;
      const bool possible = due(sent_ones[i]) <= got(reception).packet.time;
      if (!best || (way_.transit && possible)) best = i;
    }
    take(*best, reception);
  }
  return arrived;
}

/// The receiver has acknowledged it before it saw any other transmission of it: what it saw is not
/// in its capture.
bool Comparison::recorded_elsewhere(std::size_t sent_one, const Indices& got_ones,
                                    std::int64_t end) const {
  const auto there = acked_there_.since(end);
  if (got_ones.empty()) {
    const auto here = acked_here_.since(end);
    // Of the transmissions it is one that was sent by then.
    return (there && (!way_.transit || due(sent_one) <= *there)) ||
           (here && sent(sent_one).packet.time <= *here);
  }
  return way_.transit && there && *there < got(got_ones.front()).packet.time &&
         due(sent_one) <= *there;
}

/// For where nothing of this direction arrived, so that how long the way takes is not known: what
/// the receiver sent came to the sender's end before, and well behind, every time in it. The
/// receiver's capture ran meanwhile.
Span Comparison::receiver_heard() const {
  constexpr Duration kLongestWay = std::chrono::milliseconds{500};
  Span heard{Timestamp::max(), Timestamp::min()};
  for (const Pair& pair : pairs_of(receiver_, sender_, other(way_.from))) {
    const Timestamp came = sender_.seen[pair.got].packet.time;
    heard.begin = std::min(heard.begin, came);
    heard.end = std::max(heard.end, shifted(came, -kLongestWay));
  }
  return heard;
}

void Comparison::judge() {
  Crossing& count = way_.count;
  count.sent = way_.sent.size();
  if (!comparable_) {
    way_.fates.assign(way_.sent.size(), Fate::unknown);
    count.unknown = count.sent;
    return;
  }
  const Span heard = way_.transit ? Span{} : receiver_heard();
  for (std::size_t i = 0; i < way_.sent.size(); ++i) {
    if (lost_[i] == 0 && unseen_[i] == 0) continue;
    Fate& fate = way_.fates[i];
    const std::int64_t size = std::max<std::int64_t>(way_.sent[i].end - way_.sent[i].begin, 1);
    const bool ran =
        receiver_.whole && (way_.transit ? ran_.has(due(i)) : heard.has(sent(i).packet.time));
    if (lost_[i] == 0) {
      fate = Fate::not_recorded;
      ++count.not_recorded;
    } else if (!ran) {
      fate = Fate::unknown;
      ++count.unknown;
    } else {
      fate = lost_[i] == size ? Fate::lost : Fate::in_part;
      if (sent(i).is_bare_ack()) continue;
      ++count.lost;
      count.lost_bytes += static_cast<std::uint64_t>(
          std::min<std::int64_t>(lost_[i], std::int64_t{sent(i).length}));
    }
  }
}

void note_delays(Way& way, const std::vector<Pair>& pairs, const Trail& sender,
                 const Trail& receiver) {
  for (const Pair& pair : pairs) {
    const Seen& from = sender.seen[pair.sent];
    const Seen& to = receiver.seen[pair.got];
    const Duration delay = between(from.packet.time, to.packet.time);
    if (!way.count.least_delay || delay < *way.count.least_delay) way.count.least_delay = delay;
    if (!way.count.most_delay || delay > *way.count.most_delay) way.count.most_delay = delay;
    if (from.content != 0 && to.content != 0 && from.content != to.content) ++way.count.altered;
  }
}

/// Of a direction that has nothing but repetitions, such as SYNs that nobody answers: what tells
/// two of them apart is the IP id and, in the options, the timestamp.
std::vector<Pair> repeated_pairs(const Trail& sender, const Trail& receiver, Side from) {
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint16_t, std::uint32_t>;
  const auto by_key = [&](const Trail& trail) {
    std::map<Key, Indices> all;
    for (std::size_t i = 0; i < trail.seen.size(); ++i) {
      const Seen& seen = trail.seen[i];
      if (seen.from == from && seen.span() > 0)
        all[{seen.seq, seen.length, seen.ip_id, seen.options}].push_back(i);
    }
    return all;
  };
  const auto sent = by_key(sender), got = by_key(receiver);
  std::vector<Pair> pairs;
  for (const auto& [key, ones] : sent) {
    const auto there = got.find(key);
    if (ones.size() == 1 && there != got.end() && there->second.size() == 1)
      pairs.push_back({ones.front(), there->second.front()});
  }
  return pairs;
}

}  // namespace

std::int64_t Way::position(std::uint32_t number, std::int64_t near) const {
  return tcp::SequenceSpace{base}.offset(number,
                                         static_cast<Offset>(std::max<std::int64_t>(near, 0)));
}

std::vector<Pair> pairs_of(const Trail& sender, const Trail& receiver, Side from) {
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint8_t>;
  struct Ones {
    std::size_t sent = 0, got = 0, sent_at = 0, got_at = 0;
  };
  constexpr std::uint8_t kTelling = TcpFlags::syn | TcpFlags::fin | TcpFlags::rst | TcpFlags::ack;
  std::map<Key, Ones> ones;
  const auto key_of = [](const Seen& seen) {
    return Key{seen.seq, seen.ack, seen.length,
               static_cast<std::uint8_t>(seen.flags.bits & kTelling)};
  };
  for (std::size_t i = 0; i < sender.seen.size(); ++i) {
    if (sender.seen[i].from != from) continue;
    Ones& one = ones[key_of(sender.seen[i])];
    ++one.sent;
    one.sent_at = i;
  }
  for (std::size_t i = 0; i < receiver.seen.size(); ++i) {
    if (receiver.seen[i].from != from) continue;
    Ones& one = ones[key_of(receiver.seen[i])];
    ++one.got;
    one.got_at = i;
  }
  std::vector<Pair> pairs;
  for (const auto& [key, one] : ones) {
    if (one.sent == 1 && one.got == 1) pairs.push_back({one.sent_at, one.got_at});
  }
  if (pairs.empty()) pairs = repeated_pairs(sender, receiver, from);
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& a, const Pair& b) { return a.sent < b.sent; });
  return pairs;
}

void blind_sender(Way& way) {
  way.sender_blind = true;
  way.not_sent.assign(way.got.size(), false);
  way.count.not_sent = 0;
}

void blind_receiver(Way& way) {
  way.receiver_blind = true;
  way.fates.assign(way.sent.size(), Fate::unknown);
  way.count.lost = way.count.lost_bytes = way.count.not_recorded = 0;
  way.count.unknown = way.sent.size();
}

Way cross(const Trail& sender, const Trail& receiver, Side from, std::optional<Duration> transit,
          const Watch& sender_ran, const Watch& receiver_ran) {
  Way way;
  way.from = from;
  const auto first = std::find_if(sender.seen.begin(), sender.seen.end(),
                                  [&](const Seen& seen) { return seen.from == from; });
  const auto other_first = std::find_if(receiver.seen.begin(), receiver.seen.end(),
                                        [&](const Seen& seen) { return seen.from == from; });
  if (first == sender.seen.end() && other_first == receiver.seen.end()) return way;
  way.base = first != sender.seen.end() ? first->seq : other_first->seq;
  way.sent = stretches(sender, from, way.base);
  way.got = stretches(receiver, from, way.base);
  way.transit = transit;
  Comparison{way, sender, receiver, receiver_ran}.run();
  note_delays(way, pairs_of(sender, receiver, from), sender, receiver);
  for (std::size_t i = 0; i < way.got.size(); ++i) {
    if (!way.not_sent[i]) continue;
    const Timestamp left =
        shifted(receiver.seen[way.got[i].seen].packet.time, -transit.value_or(Duration{0}));
    // A flow that was there already when its sender's capture began says nothing.
    if ((transit && !sender_ran.has(left)) || !sender.whole) way.not_sent[i] = false;
    if (way.not_sent[i]) ++way.count.not_sent;
  }
  return way;
}

}  // namespace httpdiag::views
