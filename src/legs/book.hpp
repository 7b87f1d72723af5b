// SPDX-License-Identifier: Apache-2.0
// The last exchanges, so that each finds the other legs of its request,
// whichever of them is judged first; and what was joined, where something in it
// was wrong.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
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
  /// When all are known: legs are passed on in the order of their requests.
  void reorder();
  /// A connection that failed may have been meant for a request that is yet to be judged.
  void add_failed(Record record) { failed_.add(std::move(record)); }

  /// Requests that were seen on more than one leg.
  std::uint64_t requests() const { return requests_; }
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
  };

  Record* at(std::uint64_t number);
  /// Calls `see(number, record)` for the records of a key, the latest first.
  template <typename See>
  void for_each_like(std::uint64_t key, See see) const;
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
  Kept* keep(std::uint64_t number);
  bool make_room();
  void link(std::uint64_t front, std::uint64_t behind);
  std::vector<const Record*> failed_behind(const Record& front,
                                           const std::vector<const Record*>& legs) const;
  bool answers_by_itself(const Record& front) const;
  bool fits_another(const Record& front, const Record& failed) const;
  const Record* at(std::uint64_t number) const;

  std::size_t max_kept_;
  std::deque<Record> records_;
  std::uint64_t forgotten_ = 0;  // records before the first one
  std::array<std::uint64_t, kBuckets> last_{};
  std::deque<std::uint64_t> left_;      // the last ones whose client left unanswered
  std::map<std::uint64_t, Kept> kept_;  // by id
  std::deque<std::uint64_t> lonely_;    // of these: kept before any other leg was known
  Connects failed_;
  Waits waits_;
  std::uint64_t requests_ = 0, omitted_ = 0;
};

}  // namespace httpdiag::legs
