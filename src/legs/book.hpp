// SPDX-License-Identifier: Apache-2.0
// The last exchanges, so that each finds the other legs of its request,
// whichever of them is judged first; and what was joined, where something in it
// was wrong.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "legs/connects.hpp"
#include "legs/record.hpp"
#include "legs/waits.hpp"

namespace httpdiag::legs {

class Book {
 public:
  explicit Book(std::size_t max_kept) : max_kept_{max_kept} {}

  struct Joined {
    std::uint64_t number = 0;  // of the record
    // It is a leg behind another one, or behind one of several requests that are alike.
    bool has_front = false;
    std::vector<std::uint64_t> behind;  // ids of legs behind it, or behind one like it
  };
  /// `search` false: it cannot have another leg that was judged before it.
  Joined add(Record record, bool search = true);
  /// No request that was under way has the record with this number as a leg. True: it is one of a
  /// request whose client had left, and is joined with it unless there are several such requests.
  bool join_late(std::uint64_t number);
  /// When all are known: legs are passed on in the order of their requests, and what may belong to
  /// several requests that ended alike is shared out among them. `whole`: no packet of the capture
  /// is missing, so that what is not in it was not sent.
  void settle(bool whole);
  /// A connection that carried something else than the requests of this book.
  void add_opaque(Record record);
  /// A connection that failed may have been meant for a request that is yet to be judged.
  void add_failed(Record record) { failed_.add(std::move(record)); }

  /// Requests that were seen on more than one leg.
  std::uint64_t requests() const { return requests_; }
  /// Of the last requests the first one that the capturing host took and passed on, and its leg
  /// behind; where no link header names that host, the first that a host did.
  std::optional<std::pair<Leg, Leg>> passed_on_here() const;
  /// Legs for which there was no room.
  std::uint64_t omitted() const { return omitted_; }
  /// What is known by now of the request with this leg; empty: no other leg is known, or none had
  /// a problem. In order of their first packets.
  std::vector<Record> chain_of(std::uint64_t id) const;
  /// The ids of the legs nearest to the client.
  std::vector<std::uint64_t> fronts() const;

 private:
  static constexpr std::size_t kRecords = 1u << 12;  // some 2 MiB, where a capture has proxies
  static constexpr std::size_t kLonely = 1024;  // the last ones: their legs end about when they do
  static constexpr std::size_t kBuckets = 1u << 10;
  static constexpr std::size_t kSteps =
      256;  // looked at in one bucket, and of those whose client left
  static constexpr std::size_t kToldApart = 8;  // requests alike, by what else their proxy does

  struct Kept {
    Record record;
    std::uint64_t front = 0;            // id; 0: none
    std::vector<std::uint64_t> behind;  // ids
    std::uint64_t number = 0;           // of the record
    std::vector<const Record*> failed;  // connections tried for it, once all are known
  };
  /// A request that a connection that failed may have been tried for.
  struct Waiting {
    Kept* kept;
    std::vector<const Record*> legs;
  };
  static constexpr std::size_t kOpaque = 1024;

  Record* at(std::uint64_t number);
  /// Calls `see(number, record)` for the records with the key of `near`, the latest first: what was
  /// judged late, when its connection ended, looks behind all that began since.
  template <typename See>
  void for_each_like(const Record& near, See see) const;
  std::uint64_t best_front(std::uint64_t number);
  bool is_busy(std::uint64_t front, std::uint64_t behind) const;
  std::vector<std::uint64_t> late_fronts(std::uint64_t number) const;
  bool went_well_before(std::uint64_t number) const;
  bool served(std::uint64_t front, std::uint64_t behind) const;
  bool sent_before(std::uint64_t front, const Record& behind) const;
  std::vector<std::uint64_t> legs_behind(std::uint64_t front) const;
  bool passed_on(std::uint64_t front, std::uint64_t behind) const;
  std::uint64_t innermost(const std::vector<std::uint64_t>& fronts);
  void join_all(std::uint64_t number, Joined& joined);
  void join(std::uint64_t front, std::uint64_t behind);
  bool is_doubtful(std::uint64_t behind, std::uint64_t another) const;
  void part(std::uint64_t behind);
  Kept* keep(std::uint64_t number);
  bool make_room();
  void link(std::uint64_t front, std::uint64_t behind);
  std::vector<const Record*> failed_behind(const Record& front,
                                           const std::vector<const Record*>& legs) const;
  bool answers_by_itself(const Record& front) const;
  /// Another one than those with these ids.
  bool fits_another(const Record& failed, const std::vector<std::uint64_t>& known) const;
  bool is_contested(const Record& front) const;
  void note_contested(std::uint64_t number);
  void reorder();
  void join_alike();
  void share_out_failed();
  std::vector<std::size_t> takers(std::vector<Waiting>& waiting, const Record& failed) const;
  void find_own_answers();
  /// What else went the way of a request at about that time.
  struct Route {
    bool passed_on = false, tried = false;  // a request was; a connection failed for one
    std::size_t went_well = 0, legs = 0;    // requests, and legs that went well

    bool hides_legs() const { return legs < went_well; }
    // Which is whose may not be known.
    bool all_went_on() const { return legs != 0 && adds_up(); }
    bool adds_up() const { return legs == went_well; }
  };
  Route route_of(const Record& front) const;
  template <typename See>
  void for_each_beside(const Record& front, See see) const;
  void find_relays();
  bool passed_nothing_on(const Record& front) const;
  std::vector<const Record*> kept_legs(const Kept& kept) const;
  const Record* at(std::uint64_t number) const;

  std::size_t max_kept_;
  std::deque<Record> records_;
  std::uint64_t forgotten_ = 0;  // records before the first one
  std::array<std::uint64_t, kBuckets> last_{};
  std::deque<std::uint64_t> left_;      // the last ones whose client left unanswered
  std::map<std::uint64_t, Kept> kept_;  // by id
  std::deque<std::uint64_t> lonely_;    // of these: kept before any other leg was known
  Connects failed_;
  std::vector<Record> opaque_;
  bool settled_ = false;
  Waits waits_;
  std::uint64_t requests_ = 0, omitted_ = 0;
};

template <typename See>
void Book::for_each_like(const Record& near, See see) const {
  std::uint64_t number = last_[near.key % kBuckets];
  for (std::size_t step = 0; step < kSteps;) {
    const Record* record = at(number);
    if (record == nullptr) return;
    if (record->key == near.key) see(number, *record);
    if (record->leg.first.time <= near.until) ++step;
    number = record->before;
  }
}

}  // namespace httpdiag::legs
