// SPDX-License-Identifier: Apache-2.0
#include "capture/timeline.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace httpdiag::capture {

namespace {

// Twice the time after which dumpcap has read an interface (CAP_READ_TIMEOUT 250 ms, its capture
// loop in Wireshark's dumpcap.c).
constexpr Duration kReadTimeouts = std::chrono::milliseconds{500};

}  // namespace

Timeline::Timeline(std::unique_ptr<Feed> feed)
    : feed_{std::move(feed)}, summary_{feed_->summary()}, many_{summary_.files.size() > 1} {
  if (!many_) return;
  auto places = std::make_unique<Places>(summary_.files.size());
  places_ = places.get();
  summary_.places = std::move(places);
}

void Timeline::add_not_read(std::vector<NotRead> files, std::uint64_t more) {
  summary_.not_read = std::move(files);
  summary_.omitted_not_read = more;
}

const Packet* Timeline::next() {
  if (given_ == batch_.size()) {
    given_ = 0;
    batch_ = next_packets();
  }
  return batch_.empty() ? nullptr : &batch_[given_++];
}

std::span<const Packet> Timeline::next_packets() {
  if (sorter_) return sorted();
  const std::span<const Packet> batch = feed_->next();
  if (batch.empty() || (!has_several_interfaces() && in_order(batch))) {
    summary_.holes = feed_->holes();
    const std::span<const Packet> numbered = many_ ? number(batch) : batch;
    measure_pauses(numbered, feed_->begun());
    return numbered;
  }
  begin_sorting(batch.front().ref.number - 1);
  hold(batch);
  return sorted();
}

/// They are read one after the other, each some time of packets at once: what the next one recorded
/// meanwhile comes late, from the first time on.
bool Timeline::has_several_interfaces() const {
  return sorting_.most_packets > 0 && feed_->has_several_interfaces();
}

/// No packet of them is late. One that lies further back than the window shows a clock that was
/// set, and time begins anew there.
bool Timeline::in_order(std::span<const Packet> batch) {
  if (sorting_.most_packets == 0) return true;
  if (!newest_) newest_ = batch.front().ref.time;
  Timestamp newest = *newest_;
  for (const Packet& packet : batch) {
    if (packet.ref.time < newest && newest - packet.ref.time <= sorting_.window) [[unlikely]] {
      return false;
    }
    newest = packet.ref.time;
  }
  newest_ = newest;
  return true;
}

/// With one file `handed_on` packets have left already, under the numbers they have there.
void Timeline::begin_sorting(PacketNumber handed_on) {
  sorter_.emplace(sorting_);
  if (many_) return;
  auto places = std::make_unique<Places>(1);
  places->add_first(handed_on);
  places_ = places.get();
  summary_.places = std::move(places);
}

void Timeline::hold(std::span<const Packet> batch) {
  if (has_several_interfaces()) sorter_->expect_interfaces(kReadTimeouts);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    sorter_->hold(batch[i], feed_->file_of(i), feed_->holes(), feed_->begun());
  }
}

std::span<const Packet> Timeline::sorted() {
  for (std::vector<std::byte>& bytes : bytes_) {
    if (bytes.capacity() > 0) sorter_->reuse(std::exchange(bytes, {}));
  }
  while (!drained_ && !sorter_->due()) {
    const std::span<const Packet> batch = feed_->next();
    drained_ = batch.empty();
    hold(batch);
  }
  std::uint64_t begun = 0;
  std::size_t count = 0;
  while (count < packets_.size() && !sorter_->empty() && (drained_ || sorter_->due())) {
    const std::uint64_t holes = sorter_->front().holes;
    // The batch ends in front of a hole, or of another capture.
    if (count > 0 && (holes != summary_.holes || sorter_->front().begun != begun)) break;
    summary_.holes = holes;
    begun = sorter_->front().begun;
    Sorter::Held held = sorter_->take();
    bytes_[count] = std::move(held.bytes);
    packets_[count] = held.packet;
    packets_[count].bytes = bytes_[count];
    number(packets_[count++], held.file);
  }
  summary_.reordered = sorter_->moved();
  measure_pauses(std::span{packets_}.first(count), begun);
  return std::span{packets_}.first(count);
}

/// `begun`: how many captures begin in front of the batch, or before.
void Timeline::measure_pauses(std::span<const Packet> batch, std::uint64_t begun) {
  if (batch.empty()) return;
  const Packet& front = batch.front();
  if (!summary_.newest) summary_.begins = summary_.newest = front.ref.time;
  Timestamp newest = *summary_.newest;
  if (begun_ != begun) {
    begun_ = begun;
    summary_.add_border({front.ref.number - 1, newest}, front.ref, summary_.longest_pause);
    newest = std::max(newest, front.ref.time);
  }
  for (const Packet& packet : batch) {
    if (packet.ref.time <= newest) continue;
    summary_.longest_pause = std::max(summary_.longest_pause, packet.ref.time - newest);
    newest = packet.ref.time;
  }
  summary_.newest = newest;
}

std::span<const Packet> Timeline::number(std::span<const Packet> batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    packets_[i] = batch[i];
    number(packets_[i], feed_->file_of(i));
  }
  return std::span{packets_}.first(batch.size());
}

void Timeline::number(Packet& packet, std::uint32_t file) {
  const PacketNumber in_file = packet.ref.number;
  packet.ref.number = places_->add(file, in_file);
  if (!many_) return;
  summary_.packets = packet.ref.number;
  for (; notes_ < summary_.notes.size(); ++notes_) open_notes_.push_back(notes_);
  if (open_notes_.empty()) return;
  std::erase_if(open_notes_, [&](std::size_t index) {
    PacketNote& note = summary_.notes[index];
    if (note.packet == in_file && note.file == file) note.order = packet.ref.number;
    return note.packet == 0 || note.order != 0;
  });
}

}  // namespace httpdiag::capture
