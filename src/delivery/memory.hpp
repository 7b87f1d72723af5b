// SPDX-License-Identifier: Apache-2.0
// What is remembered of callbacks with which nothing was wrong: little, and
// bounded. The oldest are forgotten first; the same traffic gives the same memory.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/delivery.hpp"

namespace httpdiag::delivery {

/// Acknowledged attempts by key: a table of small sets, so that finding, adding and forgetting are
/// one step each.
class Remembered {
 public:
  struct Entry {
    Attempt attempt;
    bool repeating = false;  // sent again and again: a heartbeat, no callback
  };

  explicit Remembered(std::size_t limit) : limit_{limit} {}

  Entry* find(std::uint64_t key);  // null if it is not there
  /// Replaces one with the same key, or the oldest of its set when that is full.
  Entry& add(std::uint64_t key, const Attempt& attempt);

 private:
  static constexpr std::size_t kWays = 4;
  std::size_t set_of(std::uint64_t key) const;
  std::size_t place(std::uint64_t key);
  void grow();

  std::size_t limit_;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> keys_;  // 0: free. Beside the entries, of which few are found
  std::vector<Entry> entries_;
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
