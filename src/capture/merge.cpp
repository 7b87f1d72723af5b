// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "capture/feed.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

// As of one file.
constexpr std::size_t kMostNames = 16384;

}  // namespace

Merge::Merge(std::vector<Member> members, const CaptureOptions& options)
    : options_{options}, members_{std::move(members)} {
  // By name where times are equal: the order in which they were given shall not matter. What holds
  // no packet comes last.
  std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
    if (a.first.has_value() != b.first.has_value()) return a.first.has_value();
    return a.first != b.first ? a.first < b.first : a.path < b.path;
  });
  for (const Member& member : members_) {
    CaptureFile file;
    file.name = member.path;
    summary_.files.push_back(std::move(file));
  }
  give_short_names(summary_.files);
}

std::span<const Packet> Merge::next() {
  if (exhausted_ && refill(*exhausted_)) line_up(std::move(exhausted_));
  exhausted_.reset();
  std::size_t count = 0;
  while (count < packets_.size() && !exhausted_) {
    open_due();
    if (reading_.empty()) break;
    std::pop_heap(reading_.begin(), reading_.end(), later);
    std::unique_ptr<Reading> earliest = std::move(reading_.back());
    reading_.pop_back();
    Packet& packet = packets_[count] = earliest->rest.front();
    packet.device = device(*earliest, packet.device);
    files_[count++] = earliest->file;
    earliest->rest = earliest->rest.subspan(1);
    if (earliest->rest.empty()) {
      exhausted_ = std::move(earliest);  // more of it would end the loan of this batch's packets
    } else {
      line_up(std::move(earliest));
    }
  }
  return std::span{packets_}.first(count);
}

/// Whatever begins in front of the next packet is open then.
void Merge::open_due() {
  while (waiting_ < members_.size()) {
    const std::optional<Timestamp>& first = members_[waiting_].first;
    if (!reading_.empty() && (!first || *first > reading_.front()->rest.front().ref.time)) return;
    open(waiting_++);
  }
}

void Merge::open(std::uint32_t file) {
  if (reading_.size() == kMostOpen) {
    throw Error{"more than " + std::to_string(kMostOpen) +
                " captures overlap in time; join some of them with mergecap first"};
  }
  Member& member = members_[file];
  auto reading = std::make_unique<Reading>();
  reading->file = file;
  reading->source = member.source ? std::move(member.source) : open_file(member.path, options_);
  if (refill(*reading)) line_up(std::move(reading));
}

bool Merge::later(const std::unique_ptr<Reading>& a, const std::unique_ptr<Reading>& b) {
  const Timestamp left = a->rest.front().ref.time, right = b->rest.front().ref.time;
  return left != right ? left > right : a->file > b->file;
}

void Merge::line_up(std::unique_ptr<Reading> reading) {
  reading_.push_back(std::move(reading));
  std::push_heap(reading_.begin(), reading_.end(), later);
}

/// False: it has come to its end.
bool Merge::refill(Reading& reading) {
  reading.rest = reading.source->next_packets();
  pass_on(reading);
  const std::uint64_t before = std::exchange(reading.begun, reading.source->begun());
  if (before != reading.begun && reading_.empty()) ++begun_;
  if (!reading.rest.empty()) return true;
  close(reading);
  return false;
}

/// What its summary has come to know, within the bounds of one.
void Merge::pass_on(Reading& reading) {
  const CaptureSummary& own = reading.source->summary();
  const std::vector<CaptureInterface>& interfaces = own.files.front().interfaces;
  std::vector<CaptureInterface>& known = summary_.files[reading.file].interfaces;
  if (known.size() != interfaces.size()) known = interfaces;
  several_interfaces_ |= known.size() > 1;
  for (; reading.names < own.names.size(); ++reading.names) {
    if (summary_.names.size() < kMostNames) summary_.names.push_back(own.names[reading.names]);
  }
  for (; reading.notes < own.notes.size(); ++reading.notes) {
    if (summary_.notes.size() == CaptureSummary::kMostNotes) {
      ++summary_.omitted_notes;
      continue;
    }
    summary_.notes.push_back(own.notes[reading.notes]);
    summary_.notes.back().file = reading.file;
  }
  const std::uint64_t holes = reading.source->holes();
  holes_ += holes - std::exchange(reading.holes, holes);
  if (own.skipped_stretches == reading.stretches) return;
  summary_.skipped_stretches +=
      own.skipped_stretches - std::exchange(reading.stretches, own.skipped_stretches);
  for (; reading.skipped < own.skipped.size(); ++reading.skipped) {
    if (summary_.skipped.size() < CaptureSummary::kMostStretches) {
      summary_.skipped.push_back(own.skipped[reading.skipped]);
    }
  }
}

void Merge::close(Reading& reading) {
  const CaptureSummary& own = reading.source->summary();
  summary_.omitted_notes += own.omitted_notes;
  CaptureFile& file = summary_.files[reading.file];
  std::string short_name = std::move(file.short_name);
  file = own.files.front();
  file.short_name = std::move(short_name);
  if (!own.damage) return;
  ++holes_;  // nobody knows what it would have held
  auto damage = std::make_shared<CaptureDamage>(*file.damage);
  damage->hole = holes_;
  file.damage = std::move(damage);
  for (const CaptureFile& each : summary_.files) {
    if (!each.damage) continue;
    summary_.damage = std::make_unique<CaptureDamage>(*each.damage);
    return;
  }
}

/// Files that do not overlap are one capture in pieces: an interface is the same in all of them,
/// and a file without any is no place of its own.
DeviceId Merge::device(Reading& reading, DeviceId own) {
  const bool alone = reading_.empty();
  if (own == 0 && alone) return 0;
  if (own >= reading.devices.size()) reading.devices.resize(std::size_t{own} + 1);
  DeviceId& ours = reading.devices[own];
  if (ours != 0) return ours;
  const CaptureSummary& told = reading.source->summary();
  CaptureDevice device;
  if (own != 0) device = told.devices[own - 1u];
  if (alone) ours = same_device(summary_, device, told.files.front());
  if (ours != 0 || summary_.devices.size() == std::numeric_limits<DeviceId>::max()) return ours;
  device.file = reading.file;
  summary_.devices.push_back(device);
  return ours = static_cast<DeviceId>(summary_.devices.size());
}

}  // namespace httpdiag::capture
