// SPDX-License-Identifier: Apache-2.0
#include "capture/sorter.hpp"

#include <algorithm>
#include <utility>

namespace httpdiag::capture {

void Sorter::hold(const Packet& packet, std::uint32_t file, std::uint64_t holes,
                  std::uint64_t begun) {
  Held held{.packet = packet,
            .file = file,
            .holes = holes,
            .begun = begun,
            .order = sorting_.order(packet),
            .bytes = {}};
  if (!buffers_.empty()) {
    held.bytes = std::move(buffers_.back());
    buffers_.pop_back();
  }
  held.bytes.assign(packet.bytes.begin(), packet.bytes.end());
  held.packet.bytes = held.bytes;
  bytes_ += held.bytes.size();
  if (!held_.empty() && held_.back().holes != holes) settled_ = held_.size();
  const std::size_t place = place_for(held);
  if (place < held_.size()) ++moved_;
  if (place == settled_ && place == held_.size()) newest_ = packet.ref.time;
  newest_ = std::max(newest_, packet.ref.time);
  held_.insert(held_.begin() + static_cast<std::ptrdiff_t>(place), std::move(held));
}

bool Sorter::contradicts(const Held& late, const Held& before) const {
  const bool apart =
      by_interface_ && (late.file != before.file || late.packet.device != before.packet.device);
  return !apart && late.order.comes_behind(before.order);
}

/// In front of all that is younger. A time that contradicts the conversation, or lies further back
/// than the window, is no late record but a clock that was set: then what was recorded before stays
/// in front, and the clock begins anew.
std::size_t Sorter::place_for(const Held& late) {
  const Timestamp time = late.packet.ref.time;
  std::size_t place = held_.size();
  while (place > settled_) {
    const Held& before = held_[place - 1];
    if (before.packet.ref.time <= time) return place;
    if (newest_ - time > sorting_.window || contradicts(late, before)) {
      return settled_ = held_.size();
    }
    --place;
  }
  return place;
}

Sorter::Held Sorter::take() {
  Held first = std::move(held_.front());
  held_.pop_front();
  bytes_ -= first.bytes.size();
  if (settled_ > 0) --settled_;
  return first;
}

}  // namespace httpdiag::capture
