// SPDX-License-Identifier: Apache-2.0
// What is remembered of callbacks with which nothing was wrong: little, and
// bounded. The oldest are forgotten first; the same traffic gives the same memory.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/delivery.hpp"

namespace httpdiag::delivery {

/// Acknowledged attempts by key: a table of small sets, so that finding, adding and forgetting are
/// one step each, in one line of the cache. An attempt has several keys, and is kept once.
class Remembered {
 public:
  struct Entry {
    std::uint64_t key = 0;     // 0: free
    std::uint32_t number = 0;  // of the attempt
    bool repeating = false;    // sent again and again: a heartbeat, no callback
    std::uint16_t words = 0;   // Keys::words
  };

  explicit Remembered(std::size_t limit);

  /// find() is going to ask for it: main memory takes its time.
  void prefetch(std::uint64_t key) {
    if (!sets_.empty()) __builtin_prefetch(&set_of(key));
  }
  /// Null if it is not there, or its attempt has been forgotten.
  Entry* find(std::uint64_t key);
  /// Replaces one with the same key, or the oldest of its set when that is full.
  Entry& add(std::uint64_t key, const Attempt& attempt);
  /// Of an entry just found that is not repeating: those stay beyond their attempt.
  const Attempt& attempt(const Entry& entry) const { return attempts_[entry.number % limit_]; }
  /// All that have not been forgotten, in no order.
  std::span<const Attempt> attempts() const { return attempts_; }

 private:
  struct alignas(64) Set {
    std::array<Entry, 4> entries;
  };
  Set& set_of(std::uint64_t key) {
    return sets_[static_cast<std::size_t>(key) & (sets_.size() - 1)];
  }
  Entry& place(std::uint64_t key);
  void grow();

  std::size_t limit_;  // of attempts, and of entries
  std::size_t used_ = 0;
  std::vector<Set> sets_;          // a power of two of them
  std::vector<Attempt> attempts_;  // a ring once it is full
  std::uint64_t noted_ = 0;        // attempts so far
};

/// The last bodies, so that a failure that is noticed late finds the attempts around it.
class RecentBodies {
 public:
  struct Record {
    std::uint64_t endpoint = 0;
    Attempt attempt;
    std::uint64_t before = 0;  // number of the last one of the same endpoint, from 1; 0: none
    std::uint32_t begin = 0, query = 0, body = 0;  // in the ring: the query, then the body
    bool looked_at = false;
  };

  explicit RecentBodies(std::size_t limit) : limit_{limit} {}

  /// Number of the new record, or 0 if it is too large to be kept.
  std::uint64_t add(std::uint64_t endpoint, const Attempt& attempt, std::uint64_t before,
                    std::string_view query, std::string_view body);
  Record* find(std::uint64_t number);  // null: forgotten
  std::string_view query(const Record& record) const {
    return std::string_view{ring_}.substr(record.begin, record.query);
  }
  std::string_view body(const Record& record) const {
    return std::string_view{ring_}.substr(record.begin + record.query, record.body);
  }

 private:
  std::size_t limit_;
  std::string ring_;
  std::size_t at_ = 0;
  std::deque<Record> records_;
  std::uint64_t forgotten_ = 0;  // records before the first one
};

}  // namespace httpdiag::delivery
