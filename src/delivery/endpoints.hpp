// SPDX-License-Identifier: Apache-2.0
// How callbacks to each method, host and path fared: counts, since when, from whom.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "delivery/attempt.hpp"
#include "httpdiag/delivery.hpp"

namespace httpdiag::delivery {

class Endpoints {
 public:
  struct Entry {
    CallbackEndpoint endpoint;
    std::uint64_t last_recent = 0;        // in RecentBodies
    PacketRef failure;                    // latest
    const AckProfile* profile = nullptr;  // of a failure whose headers did not tell it
    // Bodies that were acknowledged, and whether some of them name an event or a thing beside
    // fields that change with each attempt: a repetition has other bytes then.
    std::uint32_t acknowledged = 0;
    bool changing = false;
  };

  explicit Endpoints(std::size_t limit) : limit_{limit} {}

  /// Null when there are too many of them already; those share one set of failures.
  Entry* find_or_add(std::uint64_t hash, const JudgedExchange& judged);
  static void count(CallbackEndpoint& endpoint, const Attempt& attempt);

  void note_failure(Entry* entry, const Attempt& attempt);
  /// An attempt of the endpoint failed not long before.
  bool failing(const Entry* entry, Timestamp at, Duration window) const;

  /// Those with a failure, in the order of the first one.
  std::vector<CallbackEndpoint> with_failures() const;

 private:
  std::size_t limit_;
  std::unordered_map<std::uint64_t, Entry> entries_;  // looked up only; never walked for output
  PacketRef other_failure_;                           // of endpoints beyond the limit
};

}  // namespace httpdiag::delivery
