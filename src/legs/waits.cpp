// SPDX-License-Identifier: Apache-2.0
#include "legs/waits.hpp"

#include <algorithm>

namespace httpdiag::legs {

namespace {

bool covers(const std::map<Timestamp, Timestamp>& spans, Timestamp at) {
  auto after = spans.upper_bound(at + kReordered);
  return after != spans.begin() && std::prev(after)->second + kReordered >= at;
}

}  // namespace

std::size_t Waits::insert(Spans& spans, Timestamp from, Timestamp until) {
  auto at = spans.upper_bound(from);
  if (at != spans.begin() && std::prev(at)->second >= from) {
    --at;
    from = at->first;
  }
  std::size_t merged = 0;
  while (at != spans.end() && at->first <= until) {
    until = std::max(until, at->second);
    at = spans.erase(at);
    ++merged;
  }
  spans.emplace_hint(at, from, until);
  return merged;
}

void Waits::add(std::uint64_t number, const Record& record) {
  begun_.emplace(record.leg.first.time, number);
  begun_.emplace(record.leg.sent.time, number);
  // Without room for more spans connections of that time look like health checks, and are not told.
  if (span_count_ >= kSpans) return;
  const Timestamp from = record.leg.first.time;
  const Timestamp until =
      std::max(from, record.leg.answered ? record.until : record.until + kGoesOn);
  span_count_ += 1 - insert(hosts_[record.leg.server.ip], from, until);
  if (record.server_here) span_count_ += 1 - insert(here_, from, until);
}

void Waits::forget(std::uint64_t number, const Record& record) {
  begun_.erase({record.leg.first.time, number});
  begun_.erase({record.leg.sent.time, number});
}

bool Waits::any_at(const Record& connect) const {
  const Timestamp at = connect.leg.first.time;
  if (connect.client_here && covers(here_, at)) return true;
  const auto host = hosts_.find(connect.leg.client.ip);
  return host != hosts_.end() && covers(host->second, at);
}

}  // namespace httpdiag::legs
