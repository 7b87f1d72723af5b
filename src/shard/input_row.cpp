// SPDX-License-Identifier: Apache-2.0
#include "shard/input_row.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "shard/events.hpp"
#include "shard/fields.hpp"
#include "shard/lineup.hpp"

namespace httpdiag::shard {

void ReadPlaces::add(std::uint32_t file, PacketNumber number, std::uint64_t length) {
  constexpr std::uint64_t kMostPackets = std::uint64_t{1} << 60;
  if (file >= last_.size() || length == 0 || length > kMostPackets - packets_) Decoder::damaged();
  runs_.push_back({packets_ + 1, number, length, file});
  packets_ += length;
  last_[file] = packets_;
}

std::pair<PacketPlace, std::uint64_t> ReadPlaces::run_from(PacketNumber number) const {
  const auto after = std::ranges::upper_bound(runs_, number, {}, &Run::first);
  if (after == runs_.begin()) Decoder::damaged();
  const Run& run = *std::prev(after);
  const PacketNumber before = number - run.first;
  if (before >= run.length) Decoder::damaged();
  return {{run.file, run.number + before}, run.length - before};
}

PacketPlace ReadPlaces::place(PacketNumber number) const {
  const auto after = std::ranges::upper_bound(runs_, number, {}, &Run::first);
  if (after == runs_.begin()) return {};
  const Run& run = *std::prev(after);
  return {run.file, run.number + (number - run.first)};
}

std::optional<Timestamp> Input::first() const {
  std::optional<Timestamp> earliest;
  for (const CaptureFile& file : summary.files) {
    if (file.first && (!earliest || *file.first < *earliest)) earliest = file.first;
  }
  return earliest;
}

std::optional<Timestamp> Input::last() const {
  // Where a clock went back, that is no file's last one.
  std::optional<Timestamp> latest = summary.newest;
  for (const CaptureFile& file : summary.files) {
    if (file.last && (!latest || *file.last > *latest)) latest = file.last;
  }
  return latest;
}

namespace {

/// Differences of them are taken.
void check_times(const CaptureSummary& summary) {
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  const auto check = [](Timestamp time) {
    const std::int64_t count = time.time_since_epoch().count();
    if (count > kMost || count < -kMost) Decoder::damaged();
  };
  if (summary.begins.has_value() != summary.newest.has_value()) Decoder::damaged();
  for (const auto& time : {summary.begins, summary.newest}) {
    if (time) check(*time);
  }
  for (const CaptureBorder& border : summary.borders) {
    check(border.last.time);
    check(border.next.time);
  }
}

}  // namespace

Input read_input(const ShardState& state, Interned& interned, std::string& bytes) {
  if (state.input.size() == 0) Decoder::damaged();
  bytes = inflated(state.input.at(0));
  Decoder decoder{bytes, interned};
  std::uint64_t version = 0;
  bool has_places = false;
  decoder(version);
  if (version != kVersion) throw Error{state.name + ": is of another version of httpdiag"};
  Input input;
  decoder(input.summary, input.ledger, has_places);
  if (input.summary.files.empty()) Decoder::damaged();
  for (const CaptureDevice& device : input.summary.devices) {
    if (device.file >= input.summary.files.size()) Decoder::damaged();
  }
  for (const PacketNote& note : input.summary.notes) {
    if (note.file >= input.summary.files.size()) Decoder::damaged();
  }
  check_times(input.summary);
  if (!has_places) return input;
  input.places = std::make_unique<ReadPlaces>(input.summary.files.size());
  for (std::size_t i = 1; i < state.input.size(); ++i) {
    const std::string block = inflated(state.input.at(i));
    for (Decoder runs{block, interned}; !runs.at_end();) {
      std::uint32_t file = 0;
      std::uint64_t number = 0, length = 0;
      runs(file, number, length);
      input.places->add(file, number, length);
    }
  }
  return input;
}

namespace {

/// The place of a note's packet among all packets of its capture.
PacketNumber order_of(const PacketNote& note, const Input& input) {
  if (note.order != 0 || !input.places) return note.order != 0 ? note.order : note.packet;
  for (const ReadPlaces::Run& run : input.places->runs()) {
    const bool inside =
        run.file == note.file && note.packet >= run.number && note.packet - run.number < run.length;
    if (inside) return run.first + (note.packet - run.number);
  }
  return note.packet;
}

void add_not_read(CaptureSummary& summary, Input& input) {
  summary.omitted_not_read += input.summary.omitted_not_read;
  for (NotRead& each : input.summary.not_read) {
    if (summary.not_read.size() == CaptureSummary::kMostNotRead) {
      ++summary.omitted_not_read;
    } else {
      summary.not_read.push_back(std::move(each));
    }
  }
}

/// Puts captures into one row, as capture::Merge and capture::Timeline do with files.
class Row {
 public:
  explicit Row(std::size_t files) : places_{std::make_unique<ReadPlaces>(files)} {}

  void add(Input input) {
    const auto first_file = static_cast<std::uint32_t>(row_.summary.files.size());
    PlaceInRow place;
    place.begin = input.first();
    place.packets_before = row_.ledger.packets;
    add_notes(input, first_file);
    add_places(input, first_file);
    add_stretches(input);
    CaptureSummary& summary = row_.summary;
    const bool alone = input.summary.files.size() == 1;
    summary.holes += input.summary.holes;
    for (CaptureFile& file : input.summary.files) add_file(std::move(file), alone);
    add_devices(input, first_file, place);
    add_not_read(row_.summary, input);
    place.paused_since = add_borders(input);
    summary.packets += input.summary.packets;
    summary.reordered += input.summary.reordered;
    httpdiag::add(row_.ledger, input.ledger);
    place.holes = summary.holes;
    row_.captures.push_back(std::move(place));
  }

  InputRow finish() {
    CaptureSummary& summary = row_.summary;
    give_short_names(summary.files);
    std::ranges::stable_sort(summary.not_read, {}, &NotRead::name);
    for (const CaptureFile& file : summary.files) {
      if (!file.damage) continue;
      summary.damage = std::make_unique<CaptureDamage>(*file.damage);
      break;
    }
    summary.places = std::move(places_);
    return std::move(row_);
  }

 private:
  void add_file(CaptureFile file, bool alone) {
    if (file.damage) {
      auto damage = std::make_shared<CaptureDamage>(*file.damage);
      damage->hole = alone ? ++row_.summary.holes : damage->hole + holes_before();
      file.damage = std::move(damage);
    }
    row_.summary.files.push_back(std::move(file));
  }
  std::uint64_t holes_before() const {
    return row_.captures.empty() ? 0 : row_.captures.back().holes;
  }

  /// The time since which nobody may have recorded, if so.
  std::optional<Timestamp> add_borders(const Input& input) {
    CaptureSummary& summary = row_.summary;
    const CaptureSummary& own = input.summary;
    if (!own.begins) return std::nullopt;
    const PacketNumber before = row_.ledger.packets;
    const std::size_t known = summary.borders.size();
    if (summary.newest)
      summary.add_border({before, *summary.newest}, {before + 1, *own.begins},
                         summary.longest_pause);
    const bool told = summary.borders.size() > known && !summary.borders.back().ordinary;
    const std::optional<Timestamp> since = told ? summary.newest : std::nullopt;
    for (const CaptureBorder& each : own.borders)
      summary.add_border({before + each.last.number, each.last.time},
                         {before + each.next.number, each.next.time},
                         std::max(summary.longest_pause, each.longest));
    summary.longest_pause = std::max(summary.longest_pause, own.longest_pause);
    if (!summary.begins) summary.begins = own.begins;
    if (!summary.newest || *own.newest > *summary.newest) summary.newest = own.newest;
    return since;
  }

  void add_places(const Input& input, std::uint32_t first_file) {
    if (!input.places) {
      if (input.ledger.packets > 0) places_->add(first_file, 1, input.ledger.packets);
      return;
    }
    for (const ReadPlaces::Run& run : input.places->runs())
      places_->add(first_file + run.file, run.number, run.length);
  }

  void add_notes(Input& input, std::uint32_t first_file) {
    CaptureSummary& summary = row_.summary;
    summary.omitted_notes += input.summary.omitted_notes;
    summary.wrong_times += input.summary.wrong_times;
    for (PacketNote& note : input.summary.notes) {
      if (summary.notes.size() == CaptureSummary::kMostNotes) {
        ++summary.omitted_notes;
        continue;
      }
      if (note.packet != 0) note.order = row_.ledger.packets + order_of(note, input);
      note.file += first_file;
      summary.notes.push_back(std::move(note));
    }
  }
  void add_stretches(Input& input) {
    CaptureSummary& summary = row_.summary;
    summary.skipped_stretches += input.summary.skipped_stretches;
    for (SkippedStretch& stretch : input.summary.skipped) {
      if (summary.skipped.size() == CaptureSummary::kMostStretches) break;
      summary.skipped.push_back(std::move(stretch));
    }
  }

  /// An interface is the same in all captures that have it.
  void add_devices(const Input& input, std::uint32_t first_file, PlaceInRow& place) {
    CaptureSummary& summary = row_.summary;
    for (CaptureDevice device : input.summary.devices) {
      DeviceId ours = same_device(summary, device, input.summary.files[device.file]);
      if (ours == 0 && summary.devices.size() < std::numeric_limits<DeviceId>::max()) {
        device.file += first_file;
        summary.devices.push_back(device);
        ours = static_cast<DeviceId>(summary.devices.size());
      }
      place.devices.push_back(ours);
    }
  }

  InputRow row_;
  std::unique_ptr<ReadPlaces> places_;
};

/// Puts captures that overlap in time side by side, as capture::Merge does with files.
class Sheaf {
 public:
  Sheaf(const Lineup& lineup, std::size_t files)
      : lineup_{lineup}, places_{std::make_unique<ReadPlaces>(files)} {
    CaptureSummary& summary = row_.summary;
    summary.files.resize(files);
    summary.borders = lineup.summary().borders;
    summary.longest_pause = lineup.summary().longest_pause;
    summary.begins = lineup.summary().begins;
    summary.newest = lineup.summary().newest;
  }

  void add(Input& input) {
    const std::size_t capture = row_.captures.size();
    CaptureSummary& summary = row_.summary;
    for (std::uint32_t i = 0; i < input.summary.files.size(); ++i)
      summary.files[lineup_.file(capture, i)] = std::move(input.summary.files[i]);
    summary.omitted_notes += input.summary.omitted_notes;
    summary.wrong_times += input.summary.wrong_times;
    for (PacketNote& note : input.summary.notes) {
      if (note.packet != 0) note.order = lineup_.packet(capture, order_of(note, input));
      note.file = lineup_.file(capture, note.file);
      summary.notes.push_back(std::move(note));
    }
    add_devices(input, row_.captures.emplace_back());
    add_not_read(summary, input);
    summary.packets += input.summary.packets;
    summary.reordered += input.summary.reordered;
    httpdiag::add(row_.ledger, input.ledger);
  }

  InputRow finish(const std::vector<Input>& inputs) {
    CaptureSummary& summary = row_.summary;
    give_short_names(summary.files);
    std::ranges::stable_sort(summary.not_read, {}, &NotRead::name);
    std::ranges::stable_sort(summary.notes, {}, &PacketNote::order);
    if (summary.notes.size() > CaptureSummary::kMostNotes) {
      summary.omitted_notes += summary.notes.size() - CaptureSummary::kMostNotes;
      summary.notes.resize(CaptureSummary::kMostNotes);
    }
    for (const Lineup::Run& run : lineup_.runs()) add_places(run, inputs[run.capture]);
    summary.places = std::move(places_);
    return std::move(row_);
  }

 private:
  /// A file without interfaces is a place of its own beside others.
  void add_devices(const Input& input, PlaceInRow& place) {
    const std::size_t capture = row_.captures.size() - 1;
    std::vector<CaptureDevice>& devices = row_.summary.devices;
    for (CaptureDevice device : input.summary.devices) {
      device.file = lineup_.file(capture, device.file);
      devices.push_back(device);
      place.devices.push_back(static_cast<DeviceId>(devices.size()));
    }
  }

  void add_places(const Lineup::Run& run, const Input& input) {
    for (std::uint64_t done = 0; done < run.length;) {
      const PacketNumber own = run.number + done;
      const auto [at, length] =
          input.places ? input.places->run_from(own) : std::pair{PacketPlace{0, own}, run.length};
      const std::uint64_t taken = std::min(length, run.length - done);
      places_->add(lineup_.file(run.capture, at.file), at.number, taken);
      done += taken;
    }
  }

  const Lineup& lineup_;
  InputRow row_;
  std::unique_ptr<ReadPlaces> places_;
};

InputRow alone(Input input) {
  InputRow row;
  row.captures.emplace_back().holes = input.summary.holes;
  row.summary = std::move(input.summary);
  row.summary.places = std::move(input.places);
  row.ledger = std::move(input.ledger);
  for (std::size_t i = 1; i <= row.summary.devices.size(); ++i)
    row.captures[0].devices.push_back(static_cast<DeviceId>(i));
  return row;
}

}  // namespace

InputRow row_of(std::vector<Input> inputs) {
  if (inputs.size() == 1) return alone(std::move(inputs.front()));
  std::size_t files = 0;
  for (const Input& input : inputs) files += input.summary.files.size();
  Row row{files};
  for (Input& input : inputs) row.add(std::move(input));
  return row.finish();
}

InputRow lined_up(std::vector<Input> inputs, const Lineup& lineup) {
  std::size_t files = 0;
  for (const Input& input : inputs) files += input.summary.files.size();
  Sheaf sheaf{lineup, files};
  for (Input& input : inputs) sheaf.add(input);
  return sheaf.finish(inputs);
}

}  // namespace httpdiag::shard
