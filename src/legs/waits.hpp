// SPDX-License-Identifier: Apache-2.0
// When the hosts of the capture had a request to answer: a connection that a host tries to open
// while none waits there is for something else, such as a health check.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "legs/record.hpp"

namespace httpdiag::legs {

class Waits {
 public:
  void add(std::uint64_t number, const Record& record);
  /// The record with this number is known no more; that its host was waited for still is.
  void forget(std::uint64_t number, const Record& record);

  /// Somebody waited for the host that tried this connection when it did.
  bool any_at(const Record& connect) const;
  /// Calls `see(number)` for the requests that began or were complete up to `before` in front of
  /// `at`; a request may come twice.
  template <typename See>
  void for_each_begun(Timestamp at, Duration before, See see) const {
    const auto end = begun_.upper_bound({at + kReordered, ~std::uint64_t{0}});
    for (auto each = begun_.lower_bound({at - before, 0}); each != end; ++each) see(each->second);
  }

 private:
  static constexpr std::size_t kSpans = 1u << 15;  // of all hosts; some 3 MiB
  // A proxy may go on with a request whose client has left, or was not answered.
  static constexpr Duration kGoesOn = std::chrono::seconds{5};

  using Spans = std::map<Timestamp, Timestamp>;  // beginning and end; none touches another
  void insert(Spans& spans, Timestamp from, Timestamp until);

  Spans here_;  // of the capturing host, whatever its address
  std::map<IpAddress, Spans> hosts_;
  std::size_t span_count_ = 0;
  std::set<std::pair<Timestamp, std::uint64_t>> begun_;
};

}  // namespace httpdiag::legs
