// SPDX-License-Identifier: Apache-2.0
#include "delivery/group.hpp"

#include <algorithm>
#include <utility>

#include "delivery/attempt.hpp"

namespace httpdiag::delivery {

namespace {

bool acknowledged(const Attempt& attempt) { return attempt.outcome == AttemptClass::acknowledged; }

/// The longest gap is not much longer than the shortest: a timer, not a person.
bool regular(const std::vector<Attempt>& attempts) {
  if (attempts.size() < 3) return false;
  Duration shortest = Duration::max(), longest{0};
  for (std::size_t i = 1; i < attempts.size(); ++i) {
    const Duration gap = attempts[i].first.time - attempts[i - 1].first.time;
    shortest = std::min(shortest, gap);
    longest = std::max(longest, gap);
  }
  return longest <= shortest + shortest / 2;
}

/// Short and all the same: answers to callbacks. Polling brings results.
bool answered_alike(const std::vector<Attempt>& attempts) {
  const Attempt* first = nullptr;
  for (const Attempt& attempt : attempts) {
    if (!acknowledged(attempt)) continue;
    if (!attempt.short_answer) return false;
    if (first == nullptr) first = &attempt;
    if (attempt.answer_digest != first->answer_digest) return false;
  }
  return true;
}

/// Each on a connection of its own, the last within a moment of the first, and none of them sent in
/// the knowledge of another's success: what is sent regularly waits for that.
bool sent_at_once(const std::vector<Attempt>& attempts, Duration moment) {
  constexpr std::size_t kMost = 3;  // more of them are no callback, but a load
  if (attempts.size() < 3 || attempts.size() > kMost) return false;
  const bool apart = std::all_of(attempts.begin(), attempts.end(), [&](const Attempt& attempt) {
    return std::count_if(attempts.begin(), attempts.end(),
                         [&](const Attempt& each) { return each.flow == attempt.flow; }) == 1;
  });
  return apart && attempts.back().first.number < attempts.front().last.number &&
         attempts.back().first.time - attempts.front().first.time <= moment;
}

enum class Cut : std::uint8_t { nowhere, after_success, everywhere };

Cut where_to_cut(const Group& group, const Thresholds& settings) {
  const std::vector<Attempt>& attempts = group.delivery.attempts;
  if (group.delivery.key.kind == KeyKind::header) return Cut::nowhere;
  const auto first = std::find_if(attempts.begin(), attempts.end(), acknowledged);
  if (first == attempts.end() || std::next(first) == attempts.end()) return Cut::nowhere;
  const auto after = static_cast<std::size_t>(attempts.end() - first) - 1;
  if (group.event) return answered_alike(attempts) ? Cut::nowhere : Cut::after_success;
  const bool at_once = group.delivery.key.kind != KeyKind::field &&
                       sent_at_once(attempts, settings.quick_repeat) && answered_alike(attempts);
  if (at_once) return Cut::nowhere;
  const bool of_thing = group.delivery.key.kind == KeyKind::field && group.alike;
  if (after >= 2 && regular(attempts) && !of_thing) return Cut::everywhere;
  if (group.delivery.key.kind == KeyKind::field) {
    return answered_alike(attempts) ? Cut::nowhere : Cut::after_success;
  }
  // Nothing in it names the event. Twice within a moment, over two connections: no second message.
  const Attempt& next = *std::next(first);
  const bool quick = after == 1 && next.flow != first->flow &&
                     next.first.time - first->first.time <= settings.quick_repeat &&
                     answered_alike(attempts);
  return quick ? Cut::nowhere : Cut::after_success;
}

Delivery part_of(const Delivery& whole, std::vector<Attempt> attempts) {
  Delivery part = whole;
  part.attempts = std::move(attempts);
  part.attempt_count = part.attempts.size();
  return part;
}

void mark_auto_retries(std::vector<Attempt>& attempts, const Thresholds& settings) {
  for (std::size_t i = 1; i < attempts.size(); ++i) {
    const Attempt& before = attempts[i - 1];
    Attempt& attempt = attempts[i];
    const Duration wait = attempt.first.time - before.last.time;
    attempt.auto_retry = invites_auto_retry(before.label) && before.flow != attempt.flow &&
                         before.client == attempt.client && wait <= settings.auto_retry;
  }
}

/// Nothing but its words says that two attempts are of one delivery.
bool known_by_body(const Delivery& delivery) {
  return delivery.key.kind == KeyKind::body || delivery.key.kind == KeyKind::canonical;
}

/// So much silence ends a delivery that is known by its body alone.
bool too_late(const Attempt& before, const Attempt& next, const Thresholds& settings) {
  return next.first.time - before.first.time > settings.delivery_window;
}

/// Another host, which cannot have known how the attempt before would end: with an answer for which
/// its sender waited.
bool by_another_sender(const Attempt& before, const Attempt& next) {
  const bool waited = before.status != 0 && before.label != Label::late_response &&
                      before.label != Label::response_not_acked;
  return waited && !next.weak && before.client != next.client &&
         next.first.number < before.last.number;
}

/// Behind it on the same connection, before it was answered: another message, since a retry follows
/// a failure.
bool pipelined_behind(const Attempt& before, const Attempt& next) {
  constexpr Duration kMoment = std::chrono::seconds{1};
  const bool answered = before.status != 0 && next.first.number > before.last.number;
  return before.flow == next.flow && !answered && before.outcome != AttemptClass::unseen &&
         next.first.time - before.first.time < kMoment;
}

}  // namespace

std::vector<Delivery> deliveries_of(Group&& group, const Thresholds& settings) {
  Delivery& whole = group.delivery;
  std::sort(whole.attempts.begin(), whole.attempts.end(),
            [](const Attempt& a, const Attempt& b) { return a.first.number < b.first.number; });
  const Cut cut = where_to_cut(group, settings);
  std::vector<std::vector<Attempt>> parts(1);
  for (const Attempt& attempt : whole.attempts) {
    if (!parts.back().empty()) {
      const Attempt& before = parts.back().back();
      const bool ends = cut == Cut::everywhere ||
                        (cut == Cut::after_success && acknowledged(before)) ||
                        (known_by_body(whole) &&
                         (too_late(before, attempt, settings) ||
                          by_another_sender(before, attempt) || pipelined_behind(before, attempt)));
      if (ends) parts.emplace_back();
    }
    parts.back().push_back(attempt);
  }
  const std::uint64_t unkept = whole.attempt_count - whole.attempts.size();
  std::vector<Delivery> out;
  for (std::vector<Attempt>& attempts : parts) {
    mark_auto_retries(attempts, settings);
    out.push_back(part_of(whole, std::move(attempts)));
  }
  out.back().attempt_count += unkept;
  for (Delivery& delivery : out) judge(delivery);
  return out;
}

}  // namespace httpdiag::delivery
