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

void Waits::insert(Spans& spans, Timestamp from, Timestamp until) {
  auto at = spans.upper_bound(from);
  if (at != spans.begin() && std::prev(at)->second >= from) {
    --at;
    from = at->first;
  }
  while (at != spans.end() && at->first <= until) {
    until = std::max(until, at->second);
    at = spans.erase(at);
    --span_count_;
  }
  if (span_count_ >= kSpans) {
    // Connections of the time that goes will look like health checks, and are not told.
    if (spans.empty()) return;
    spans.erase(spans.begin());
    --span_count_;
  }
  spans.emplace(from, until);
  ++span_count_;
}

void Waits::add(std::uint64_t number, const Record& record) {
  begun_.emplace(record.leg.first.time, number);
  begun_.emplace(record.leg.sent.time, number);
  const Timestamp from = record.leg.first.time;
  const Timestamp until =
      std::max(from, record.leg.answered ? record.until : record.until + kGoesOn);
  if (record.server_here) insert(here_, from, until);
  const auto insert_at = [&](const IpAddress& server) {
    const auto host = hosts_.find(server);
    if (host != hosts_.end()) {
      insert(host->second, from, until);
    } else if (span_count_ < kSpans) {
      insert(hosts_[server], from, until);
    }
  };
  insert_at(record.leg.server.ip);
  if (record.server_inside != record.leg.server.ip) insert_at(record.server_inside);
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
