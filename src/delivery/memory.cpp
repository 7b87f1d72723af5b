// SPDX-License-Identifier: Apache-2.0
#include "delivery/memory.hpp"

#include <algorithm>
#include <utility>

namespace httpdiag::delivery {

std::size_t Remembered::set_of(std::uint64_t key) const {
  return static_cast<std::size_t>(key) % (entries_.size() / kWays) * kWays;
}

Remembered::Entry* Remembered::find(std::uint64_t key) {
  if (keys_.empty()) return nullptr;
  const std::size_t set = set_of(key);
  for (std::size_t i = set; i < set + kWays; ++i) {
    if (keys_[i] == key) return &entries_[i];
  }
  return nullptr;
}

std::size_t Remembered::place(std::uint64_t key) {
  const std::size_t set = set_of(key);
  std::size_t oldest = set;
  for (std::size_t i = set; i < set + kWays; ++i) {
    if (keys_[i] == key) return i;
    if (keys_[i] == 0) {
      ++used_;
      return i;
    }
    if (entries_[i].attempt.first.number < entries_[oldest].attempt.first.number) oldest = i;
  }
  return oldest;
}

void Remembered::grow() {
  constexpr std::size_t kFirst = 256;
  const std::size_t size = keys_.empty() ? kFirst : keys_.size() * 2;
  if (size > std::max(limit_, kFirst)) return;
  std::vector<std::uint64_t> old_keys(size);
  std::vector<Entry> old(size);
  old_keys.swap(keys_);
  old.swap(entries_);
  used_ = 0;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (old_keys[i] == 0) continue;
    const std::size_t at = place(old_keys[i]);
    keys_[at] = old_keys[i];
    entries_[at] = old[i];
  }
}

Remembered::Entry& Remembered::add(std::uint64_t key, const Attempt& attempt) {
  if (used_ * 2 >= keys_.size()) grow();
  const std::size_t at = place(key);
  keys_[at] = key;
  entries_[at] = {.attempt = attempt, .repeating = false};
  return entries_[at];
}

std::uint64_t RecentBodies::add(std::uint64_t endpoint, const Attempt& attempt,
                                std::uint64_t before, std::string_view query,
                                std::string_view body) {
  const std::size_t size = query.size() + body.size();
  if (size == 0 || size > limit_ / 8) return 0;
  const auto forget_first = [&] {
    records_.pop_front();
    ++forgotten_;
  };
  if (at_ + size > limit_) {
    // Of the last round behind here; then the first one lies at the beginning.
    while (!records_.empty() && records_.front().begin >= at_) forget_first();
    at_ = 0;
  }
  // Forget those whose bytes are about to go. They lie in the order of their numbers.
  const auto overlaps = [&](const Record& old) {
    return old.begin < at_ + size && at_ < old.begin + old.query + old.body;
  };
  const std::size_t most = limit_ / 128;
  while (!records_.empty() && (overlaps(records_.front()) || records_.size() >= most)) {
    forget_first();
  }
  if (ring_.size() < at_ + size) ring_.resize(at_ + size);
  query.copy(ring_.data() + at_, query.size());
  body.copy(ring_.data() + at_ + query.size(), body.size());
  records_.push_back({.endpoint = endpoint,
                      .attempt = attempt,
                      .before = before,
                      .begin = static_cast<std::uint32_t>(at_),
                      .query = static_cast<std::uint32_t>(query.size()),
                      .body = static_cast<std::uint32_t>(body.size()),
                      .looked_at = false});
  at_ += size;
  return forgotten_ + records_.size();
}

RecentBodies::Record* RecentBodies::find(std::uint64_t number) {
  if (number <= forgotten_ || number > forgotten_ + records_.size()) return nullptr;
  return &records_[static_cast<std::size_t>(number - forgotten_ - 1)];
}

}  // namespace httpdiag::delivery
