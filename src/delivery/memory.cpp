// SPDX-License-Identifier: Apache-2.0
#include "delivery/memory.hpp"

#include <algorithm>
#include <utility>

namespace httpdiag::delivery {

Remembered::Remembered(std::size_t limit) : limit_{std::max<std::size_t>(limit, 1)} {}

Remembered::Entry* Remembered::find(std::uint64_t key) {
  if (sets_.empty()) return nullptr;
  for (Entry& entry : set_of(key).entries) {
    if (entry.key != key) continue;
    const auto age = static_cast<std::uint32_t>(noted_) - entry.number;
    return age <= limit_ || entry.repeating ? &entry : nullptr;
  }
  return nullptr;
}

Remembered::Entry& Remembered::place(std::uint64_t key) {
  Set& set = set_of(key);
  Entry* oldest = nullptr;
  std::uint32_t oldest_age = 0;
  for (Entry& entry : set.entries) {
    if (entry.key == key) return entry;
    if (entry.key == 0) {
      ++used_;
      return entry;
    }
    const auto age = static_cast<std::uint32_t>(noted_) - entry.number;
    if (oldest == nullptr || age > oldest_age) {
      oldest = &entry;
      oldest_age = age;
    }
  }
  return *oldest;
}

void Remembered::grow() {
  constexpr std::size_t kFirst = 64;
  const std::size_t size = sets_.empty() ? kFirst : sets_.size() * 2;
  if (!sets_.empty() && size * Set{}.entries.size() > limit_) return;
  std::vector<Set> old(size);
  old.swap(sets_);
  used_ = 0;
  for (const Set& set : old) {
    for (const Entry& entry : set.entries) {
      if (entry.key != 0) place(entry.key) = entry;
    }
  }
}

Remembered::Entry& Remembered::add(std::uint64_t key, const Attempt& attempt) {
  if (used_ * 2 >= sets_.size() * Set{}.entries.size()) grow();
  const auto same = [&](const Attempt& last) {
    return last.flow == attempt.flow && last.exchange == attempt.exchange;
  };
  // Its other keys come one after the other.
  if (noted_ == 0 || !same(attempts_[(noted_ - 1) % limit_])) {
    if (attempts_.size() < limit_) {
      attempts_.push_back(attempt);
    } else {
      attempts_[noted_ % limit_] = attempt;
    }
    ++noted_;
  }
  Entry& entry = place(key);
  entry = {
      .key = key, .number = static_cast<std::uint32_t>(noted_ - 1), .repeating = false, .words = 0};
  return entry;
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
