// SPDX-License-Identifier: Apache-2.0
#include "delivery/endpoints.hpp"

#include <algorithm>

#include "delivery/attempt.hpp"
#include "delivery/keys.hpp"

namespace httpdiag::delivery {

namespace {

constexpr std::size_t kMaxSources = 8;
constexpr std::size_t kMaxPath = 256;

CallbackEndpoint::Source* source_of(CallbackEndpoint& endpoint, const IpAddress& client) {
  for (CallbackEndpoint::Source& source : endpoint.sources) {
    if (source.client == client) return &source;
  }
  if (endpoint.sources.size() == kMaxSources) {
    endpoint.more_sources = true;
    return nullptr;
  }
  endpoint.sources.push_back({.client = client});
  return &endpoint.sources.back();
}

void widen(PacketRef& first, PacketRef& last, const PacketRef& packet) {
  if (!first || packet.number < first.number) first = packet;
  if (!last || packet.number > last.number) last = packet;
}

}  // namespace

Endpoints::Entry* Endpoints::find_or_add(std::uint64_t hash, const JudgedExchange& judged) {
  const auto found = entries_.find(hash);
  if (found != entries_.end()) return &found->second;
  if (entries_.size() >= limit_) return nullptr;
  Entry& entry = entries_[hash];
  entry.endpoint.method = judged.method;
  entry.endpoint.host = judged.host;
  entry.endpoint.path = path_of(judged.target).substr(0, kMaxPath);
  entry.endpoint.server = judged.flow.server;
  return &entry;
}

void Endpoints::count(CallbackEndpoint& endpoint, const Attempt& attempt) {
  ++endpoint.outcomes[static_cast<std::size_t>(attempt.outcome)];
  if (attempt.outcome == AttemptClass::acknowledged) {
    widen(endpoint.first_success, endpoint.last_success, attempt.first);
  } else if (is_failure(attempt.outcome)) {
    widen(endpoint.first_failure, endpoint.last_failure, attempt.first);
  }
  CallbackEndpoint::Source* source = source_of(endpoint, attempt.client);
  if (source == nullptr) return;
  if (attempt.outcome == AttemptClass::acknowledged) {
    ++source->acknowledged;
  } else if (attempt.outcome == AttemptClass::not_delivered) {
    ++source->not_delivered;
  } else {
    ++source->other;
  }
}

void Endpoints::note_failure(Entry* entry, const Attempt& attempt) {
  PacketRef& failure = entry != nullptr ? entry->failure : other_failure_;
  if (!failure || attempt.first.number > failure.number) failure = attempt.first;
}

bool Endpoints::failing(const Entry* entry, Timestamp at, Duration window) const {
  const PacketRef& failure = entry != nullptr ? entry->failure : other_failure_;
  return failure && at - failure.time <= window;
}

std::vector<CallbackEndpoint> Endpoints::with_failures() const {
  std::vector<CallbackEndpoint> out;
  for (const auto& [hash, entry] : entries_) {
    if (entry.endpoint.first_failure) out.push_back(entry.endpoint);
  }
  std::sort(out.begin(), out.end(), [](const CallbackEndpoint& a, const CallbackEndpoint& b) {
    return a.first_failure.number < b.first_failure.number;
  });
  return out;
}

}  // namespace httpdiag::delivery
