// SPDX-License-Identifier: Apache-2.0
#include "capture/source.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.hpp"
#include "capture/first_bytes.hpp"
#include "capture/formats.hpp"
#include "capture/text_mode.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

constexpr std::size_t kMostInterfaces = 256;  // that are told of, as in interfaces.cpp
constexpr std::size_t kMostIndexes = 64;      // of a cooked capture's devices, told apart

constexpr std::size_t kMostSpans = 256;  // of captures in one file that are told apart

// What two captures that follow each other may overlap: so much is sorted (limits.sort_window_ms).
constexpr Duration kOverlap = std::chrono::milliseconds{100};

/// Compressed data that make no capture may be damaged ones.
std::string trouble_of_data(Input& input) {
  constexpr std::uint64_t kMost = 16 << 20;
  input.trouble_behind(kMost);
  const std::string trouble = input.trouble();
  return trouble.empty() ? trouble : "; " + trouble;
}

/// Recorded without a time: `time` is that of a clock that nobody had set, and `other`, of the
/// packet beside it, is not.
bool is_no_time(Timestamp time, Timestamp other) {
  constexpr Timestamp kEpoch{};
  return time < kEpoch + std::chrono::days{1} && other > kEpoch + std::chrono::years{1};
}

}  // namespace

Source::Source(std::unique_ptr<Input> input, const std::string& path, const CaptureOptions& options)
    : input_{std::move(input)},
      name_{path == "-" ? "standard input" : path},
      recovers_{options.recover} {
  CaptureFile file;
  file.name = path;
  file.compression = input_->compression();
  summary_.files.push_back(std::move(file));
}

Source::~Source() = default;

void Source::open() {
  reader_ = reader_here();
  reader_->begin();
  refill();
}

std::unique_ptr<Reader> Source::reader_here() {
  const bool pcapng = format_of(input_->ready()) == Format::pcapng;
  return pcapng ? make_pcapng_reader(*this) : make_pcap_reader(*this);
}

void Source::refill() {
  given_ = 0;
  fill();
  if (!batch_.empty() && !file().first) file().first = batch_.front().ref.time;
}

void Source::fill() {
  if (held_) return hand_on_held();
  if (behind_.empty()) {
    read();
  } else {
    batch_ = std::exchange(behind_, {});
  }
  place_ = place_read();
  if (!batch_.empty() && !credible_) {
    if (batch_.size() == 1) return hold_back_last();
    correct_first();
  }
  correct_times();
}

/// No pause, and no file put behind another one.
bool Source::is_far(Timestamp time) const {
  return credible_ && std::chrono::abs(time - *credible_) > std::chrono::hours{1};
}

/// The first packet of all has only the one behind it to be judged by.
void Source::correct_first() {
  const Timestamp next = batch_[1].ref.time;
  Packet& first = packets_[static_cast<std::size_t>(batch_.data() - packets_.data())];
  if (is_no_time(first.ref.time, next)) note_wrong_time(first, next, std::nullopt);
}

/// A time far from those of the packets in front and behind, which agree, is that packet's alone:
/// a record was damaged, or whoever stamped it.
void Source::correct_times() {
  const auto begin = static_cast<std::size_t>(batch_.data() - packets_.data());
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    const Timestamp time = batch_[i].ref.time;
    if (is_far(time)) [[unlikely]] {
      if (i + 1 == batch_.size()) return hold_back_last();
      if (!is_far(batch_[i + 1].ref.time)) {
        note_wrong_time(packets_.at(begin + i), *credible_, batch_[i + 1].ref.time);
        continue;
      }
    }
    // Behind what was recorded a little late is what came behind all.
    const bool late = credible_ && time < *credible_ && *credible_ - time < kOverlap;
    if (!late) credible_ = time;
  }
}

void Source::hold_back_last() {
  const Packet& last = batch_.back();
  held_ = Held{last, std::vector<std::byte>(last.bytes.begin(), last.bytes.end())};
  batch_ = batch_.first(batch_.size() - 1);
  if (batch_.empty()) hand_on_held();
}

void Source::hand_on_held() {
  read();
  behind_ = std::exchange(batch_, {});
  handed_on_ = std::move(*held_);
  held_.reset();
  Packet& packet = handed_on_.packet;
  packet.bytes = handed_on_.bytes;
  const bool next_is_of_it = !behind_.empty() && place_read() == place_;
  const Timestamp time = packet.ref.time;
  if (!credible_) {
    const Timestamp next = next_is_of_it ? behind_.front().ref.time : time;
    if (is_no_time(time, next)) note_wrong_time(packet, next, std::nullopt);
    credible_ = packet.ref.time;
  } else if (next_is_of_it && !is_far(behind_.front().ref.time)) {
    note_wrong_time(packet, *credible_, behind_.front().ref.time);
  } else if (behind_.empty() && is_no_time(time, *credible_)) {
    note_wrong_time(packet, *credible_, std::nullopt);
    file().last = last_ = *credible_;
  } else {
    credible_ = time;
  }
  batch_ = {&packet, 1};
}

/// `instead`: the time of the packet in front of it, or, where it is the first, behind it. `next`:
/// where that is known too.
void Source::note_wrong_time(Packet& packet, Timestamp instead, std::optional<Timestamp> next) {
  constexpr Duration kNear = std::chrono::seconds{1};
  const Duration off = packet.ref.time - instead;
  ++summary_.wrong_times;
  add_note(packet.ref.number, "The time that it was recorded with is " +
                                  base::duration(std::chrono::abs(off)) +
                                  (off > Duration{0} ? " ahead of" : " behind") +
                                  " those around it: it counts as having come with the packet " +
                                  (credible_ ? "in front of it." : "behind it."));
  if (!summary_.notes.empty() && summary_.notes.back().packet == packet.ref.number)
    summary_.notes.back().corrected = instead;
  packet.ref.time = instead;
  packet.time_guessed = guessed_ = !next || *next - instead > kNear;
}

void Source::read() {
  if (std::exchange(guessed_, false)) {
    for (Packet& packet : packets_) packet.time_guessed = false;
  }
  std::uint64_t offset = input_->offset();
  batch_ = finished_ ? std::span<const Packet>{} : reader_->read_batch();
  while (batch_.empty() && next_reader_) {
    reader_->complete_file(false);
    reader_ = std::move(next_reader_);
    ++begun_;
    reader_->begin();
    offset = input_->offset();
    batch_ = reader_->read_batch();
  }
  if (before_ && !recovers_ && !batch_.empty() && batch_.back().ref.time > *before_ + kOverlap)
    end_before_overlap(offset);
  if (batch_.empty()) return;
  if (batch_.front().link == LinkType::linux_sll2) find_devices();
  last_ = batch_.back().ref.time;
  if (spans_.size() < begun_ && spans_.size() < kMostSpans)
    spans_.push_back({batch_.front().ref.time, last_});
  spans_.back().last = last_;  // not the latest: a single wrong time is no reason
  if (next_wanted_) {
    next_wanted_ = false;
    summary_.skipped.back().next = batch_.front().ref.time;
  }
}

void Source::add_note(PacketNumber packet, std::string text) {
  if (text.empty()) return;
  if (summary_.notes.size() >= CaptureSummary::kMostNotes) {
    ++summary_.omitted_notes;
    return;
  }
  summary_.notes.push_back({packet, std::move(text)});
}

void Source::tell_device(std::size_t count) {
  if (count == 0 || count > kMostInterfaces) return;
  if (summary_.devices.size() < count) summary_.devices.resize(count);
  summary_.devices[count - 1].described = static_cast<std::uint32_t>(count - 1);
}

/// LINKTYPE_LINUX_SLL2 has the number of the interface in bytes 4 to 7, in network byte order: that
/// is what tells a bridge from what is plugged into it.
void Source::find_devices() {
  constexpr std::size_t kIndexAt = 4;
  for (Packet& packet : std::span{packets_}.first(batch_.size())) {
    if (packet.link != LinkType::linux_sll2) continue;
    packet.device = 0;
    if (packet.bytes.size() < kIndexAt + 4) continue;
    const std::uint32_t index = Order{false}.u32(packet.bytes.data() + kIndexAt);
    const auto known = std::find_if(indexes_.begin(), indexes_.end(),
                                    [&](const auto& each) { return each.first == index; });
    if (known != indexes_.end()) {
      packet.device = known->second;
    } else if (indexes_.size() < kMostIndexes) {
      summary_.devices.resize(std::max(summary_.devices.size(), kMostInterfaces));
      summary_.devices.push_back({.index = index});
      packet.device = static_cast<DeviceId>(summary_.devices.size());
      indexes_.emplace_back(index, packet.device);
    }
  }
}

void Source::refuse(const std::string& why) const {
  const std::string_view recoding = find_recoding(input_->head());
  throw Error{name_ + ": " + why + (recoding.empty() ? "" : "; " + std::string{recoding}) +
              (reader_ == nullptr ? trouble_of_data(*input_) : std::string{})};
}

void Reader::refuse_header() const {
  const std::string trouble = source_.reader_ != nullptr ? source_.input_->trouble()
                                                         : std::string{};  // or refuse() tells it
  refuse("cut off inside the file header: " + std::to_string(source_.input_->ready().size()) +
         " bytes in all" + (trouble.empty() ? "" : "; " + trouble));
}

std::string Source::cut_reason(std::uint64_t expected, std::uint64_t present) const {
  const std::string trouble = input_->trouble();
  if (present == 0) return trouble;
  std::string reason = expected == 0
                           ? "the file ends inside a record header, after " +
                                 std::to_string(present) + " bytes of it"
                           : "the file ends inside a record: " + std::to_string(present) +
                                 " of its " + std::to_string(expected) + " bytes are there";
  if (!trouble.empty()) reason += "; " + trouble;
  return reason;
}

CaptureDamage Source::damage_at(std::uint64_t offset, std::string reason) const {
  CaptureDamage damage;
  damage.file = summary_.files.front().name;
  damage.after_packet = summary_.packets;
  damage.byte_offset = offset;
  damage.reason = std::move(reason);
  damage.record = record_ + 1;
  if (anything_read()) damage.last_good = last_;
  return damage;
}

bool Source::corrupt(std::string reason, std::optional<std::uint64_t> expected) {
  CaptureDamage damage = damage_at(input_->offset(), "corrupt record: " + std::move(reason));
  damage.expected_bytes = expected;
  if (recovers_ && resync(damage)) return true;
  if (const std::string trouble = input_->trouble_behind(); !trouble.empty()) {
    damage.reason += "; " + trouble + "; what was read of them may be wrong, too";
  } else if (const auto recoding = find_recoding(input_->head()); !recoding.empty()) {
    damage.reason += "; " + std::string{recoding};
  }
  end_with(std::move(damage));
  return false;
}

/// Where a capture that begins then has its place among those in front: empty, or why it has none.
/// Of two of the same time all would be told twice.
std::string Source::place_in_time(Timestamp first) {
  before_.reset();
  for (const Span& span : spans_) {
    if (first < span.first) {
      before_ = before_ ? std::min(*before_, span.first) : span.first;
    } else if (span.last - first > kOverlap) {
      return "it is of the same time as one in front of it";
    }
  }
  return {};
}

/// A capture that is older than one in front has come to where that one begins.
void Source::end_before_overlap(std::uint64_t offset) {
  summary_.packets -= batch_.size();
  record_ -= batch_.size();
  batch_ = {};
  CaptureDamage damage = damage_at(
      offset,
      "what follows is of the same time as another capture in front of it; give the captures one "
      "by one");
  end_with(std::move(damage));
}

/// Several captures one behind the other, as cat makes of them: nothing is missing between them.
/// Where they overlap they would have to be merged.
bool Source::next_capture_here() {
  const std::string format = format_of(input_->ready()) == Format::pcapng ? "pcapng" : "pcap";
  std::string fault;
  std::optional<Timestamp> first;
  try {
    next_reader_ = reader_here();
    first = next_reader_->first_time();
    if (first && anything_read()) fault = place_in_time(*first);
  } catch (const Error& refused) {
    fault = std::string{refused.what()}.substr(name_.size() + 2);
  }
  if (fault.empty()) {
    const bool older = first && anything_read() && last_ - *first > kOverlap;
    if (older) ++went_back_;
    add_note(0, "Another capture, a " + format + ", begins behind packet " +
                    std::to_string(summary_.packets) + ", at byte " +
                    std::to_string(input_->offset()) + " of the file." +
                    (older ? " It is older than one in front of it: what was open there was "
                             "judged as it was, and a connection that is in both counts as two. "
                             "Captures that are given one by one are put in order."
                           : ""));
    return false;
  }
  CaptureDamage damage =
      damage_at(input_->offset(), "another capture begins here, a " + format + ": " + fault +
                                      "; give the captures one by one");
  if (recovers_ && next_reader_) {
    note_stretch(std::move(damage));  // of no bytes
    return false;
  }
  next_reader_.reset();
  // A header that was not read as one may be damage; behind one that was, all is of its capture.
  if (recovers_ && format == "pcapng" && resync(damage)) return true;
  end_with(std::move(damage));
  return false;
}

bool Source::cut(std::uint64_t expected) {
  const std::uint64_t present = input_->ready().size();
  if (present == 0 && input_->trouble().empty()) {
    finish();
    return false;
  }
  CaptureDamage damage = damage_at(input_->offset(), cut_reason(expected, present));
  if (expected != 0) damage.expected_bytes = expected;
  damage.present_bytes = present;
  // A length that reaches behind the end may be a damaged one.
  if (recovers_ && present > 0 && resync(damage)) return true;
  end_with(std::move(damage));
  return false;
}

void Source::cut_behind(std::uint64_t begin, std::uint64_t expected) {
  const std::uint64_t present = input_->offset() - begin;
  CaptureDamage damage = damage_at(begin, cut_reason(expected, present));
  damage.expected_bytes = expected;
  damage.present_bytes = present;
  end_with(std::move(damage));
}

void Source::end_with(CaptureDamage damage) {
  file().damage = std::make_shared<const CaptureDamage>(damage);
  summary_.damage = std::make_unique<CaptureDamage>(std::move(damage));
  finish();
}

void Source::pass_over(std::size_t length, std::string reason) {
  CaptureDamage damage = damage_at(input_->offset(), "corrupt record: " + std::move(reason));
  input_->pass(length);
  note_stretch(std::move(damage));
}

/// Looks for the next plausible record, from the byte behind the beginning of ready() on.
bool Source::resync(CaptureDamage damage) {
  constexpr std::size_t kKept = 1 << 16;  // of what was looked at in vain
  // No header is zeros for that long, and what was never written is zeros for gigabytes.
  constexpr std::size_t kZeros = 64;
  std::size_t position = 1;
  while (position < input_->ready().size() || input_->want(position + 1)) {
    const auto rest = input_->ready().subspan(position);
    const auto first =
        std::find_if(rest.begin(), rest.end(), [](std::byte byte) { return byte != std::byte{0}; });
    const auto zeros = static_cast<std::size_t>(first - rest.begin());
    if (zeros > kZeros) {
      position += zeros - kZeros;
      if (position <= kKept) continue;
      input_->pass(position);
      position = 0;
      continue;
    }
    if (reader_->chain_at(position)) {
      input_->pass(position);
      note_stretch(std::move(damage));
      return true;
    }
    if (++position > kKept) {
      input_->pass(position);
      position = 0;
    }
  }
  return false;
}

void Source::note_stretch(CaptureDamage damage) {
  ++summary_.skipped_stretches;
  ++record_;  // what was passed over counts as one
  if (summary_.skipped.size() == CaptureSummary::kMostStretches) return;
  summary_.skipped.push_back(
      {.damage = std::move(damage), .end_offset = input_->offset(), .next = {}});
  next_wanted_ = true;
}

void Source::finish() {
  finished_ = true;
  reader_->complete_file(true);
  input_->drain();
  file().bytes = input_->bytes();
  file().sha256 = input_->sha256();
  file().packets = summary_.packets;
  if (anything_read()) file().last = last_;
}

std::unique_ptr<Source> open_file(const std::string& path, const CaptureOptions& options) {
  auto input = std::make_unique<Input>(path, options.digest);
  const Format format = format_of(input->head());
  if (format == Format::unknown) {
    const std::string name = path == "-" ? "standard input" : path;
    if (input->head().empty()) {
      const std::string trouble = input->trouble();
      throw Error{name + ": nothing could be decompressed" +
                  (trouble.empty() ? ": it is empty" : ": " + trouble)};
    }
    throw NotACapture{
        name + ": not a capture file: " + (input->compression().empty() ? "" : "decompressed, ") +
        describe_first_bytes(input->head()) + trouble_of_data(*input)};
  }
  auto source = std::make_unique<Source>(std::move(input), path, options);
  source->open();
  return source;
}

}  // namespace httpdiag::capture
