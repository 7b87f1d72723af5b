// SPDX-License-Identifier: Apache-2.0
// A file, whatever its formats: batches, where and why reading ended, and how it goes on behind
// damage if that was asked for. A reader knows one format, and stands on what all have in common.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/formats.hpp"
#include "capture/input.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

class Reader;

class Source final : public PacketSource {
 public:
  Source(std::unique_ptr<Input> input, const std::string& path, const CaptureOptions& options);
  ~Source() override;

  const Packet* next() override {
    if (given_ == batch_.size()) refill();
    return batch_.empty() ? nullptr : &batch_[given_++];
  }
  std::span<const Packet> next_packets() override {
    if (given_ == batch_.size()) refill();
    const auto rest = batch_.subspan(given_);
    given_ = batch_.size();
    return rest;
  }
  const CaptureSummary& summary() const override { return summary_; }

  /// Reads as far as the first packets: a file that cannot be read at all is found out now.
  void open();
  /// Its first packet, after open(). Null: there is none.
  const Packet* first() const { return batch_.empty() ? nullptr : &batch_.front(); }
  /// For whoever hands its packets on.
  CaptureSummary& told() { return summary_; }
  /// How many captures, or sections of a pcapng, were begun in front of the last batch, which holds
  /// packets of one only.
  std::uint64_t begun() const { return place_.begun; }
  /// In front of it connections do not go on.
  std::uint64_t holes() const { return place_.holes; }

 private:
  friend class Reader;

  bool corrupt(std::string reason, std::optional<std::uint64_t> expected);
  bool cut(std::uint64_t expected);
  void cut_behind(std::uint64_t begin, std::uint64_t expected);
  bool next_capture_here();
  void pass_over(std::size_t length, std::string reason);
  void add_note(PacketNumber packet, std::string text);
  void tell_device(std::size_t count);
  void finish();
  [[noreturn]] void refuse(const std::string& why) const;
  CaptureFile& file() { return summary_.files.front(); }
  bool anything_read() const { return summary_.packets > 0; }

  void refill();
  void fill();
  void read();
  void correct_times();
  void correct_first();
  void hold_back_last();
  void hand_on_held();
  void note_wrong_time(Packet& packet, Timestamp instead, std::optional<Timestamp> next);
  /// What a batch that is handed on has in front of it.
  struct Place {
    std::uint64_t begun = 0, holes = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  Place place_read() const { return {begun_, summary_.skipped_stretches + went_back_}; }
  bool is_far(Timestamp time) const;
  std::unique_ptr<Reader> reader_here();
  void find_devices();
  CaptureDamage damage_at(std::uint64_t offset, std::string reason) const;
  void end_with(CaptureDamage damage);
  bool resync(CaptureDamage damage);
  void note_stretch(CaptureDamage damage);
  std::string place_in_time(Timestamp first);
  void end_before_overlap(std::uint64_t offset);
  std::string cut_reason(std::uint64_t expected, std::uint64_t present) const;

  CaptureSummary summary_;
  std::array<Packet, kMostPackets> packets_;
  std::uint64_t record_ = 0;  // of a pcap, or block of a pcapng, that was read last
  Timestamp last_{};          // of the last packet
  std::unique_ptr<Input> input_;
  std::uint64_t begun_ = 1;
  std::unique_ptr<Reader> reader_, next_reader_;  // the second: of the capture that begins here
  std::string name_;                              // for messages
  std::span<const Packet> batch_;
  std::size_t given_ = 0;              // of batch_
  Place place_;                        // of batch_
  std::optional<Timestamp> credible_;  // of the last packet that was handed on
  // A packet that was the last to be read, with a time of which only the next one can say whether
  // the clock was set; what was read behind it waits.
  struct Held {
    Packet packet;
    std::vector<std::byte> bytes;
  };
  std::optional<Held> held_;
  Held handed_on_;
  std::span<const Packet> behind_;
  bool guessed_ = false;  // a packet of packets_ has a time that is
  bool recovers_;
  bool finished_ = false;
  std::vector<std::pair<std::uint32_t, DeviceId>> indexes_;  // of devices that have no other name
  struct Span {
    Timestamp first, last;
  };
  std::vector<Span> spans_;          // of the captures in front, one behind the other in the file
  std::optional<Timestamp> before_;  // one of them begins here: nothing may be told twice
  std::uint64_t went_back_ = 0;      // captures that are older than one in front
  bool next_wanted_ = false;         // the last stretch does not know yet when it ended
};

/// Reads one capture, from its header on to where the next one begins in the same file.
class Reader {
 public:
  virtual ~Reader() = default;
  /// As many packets as lie ready; none: the end was reached, by finish(), or another capture.
  virtual std::span<const Packet> read_batch() = 0;
  /// Whether several plausible records in a row, or all that there are, begin `position` bytes
  /// behind the beginning of ready(). May have more of the input made ready.
  virtual bool chain_at(std::size_t position) = 0;
  /// The time of the first packet, if it is near, before anything of the capture was read.
  virtual std::optional<Timestamp> first_time() = 0;
  /// It is its turn.
  virtual void begin() = 0;
  /// Its turn is over: what only the end tells goes into file(). `last`: and no other's comes.
  virtual void complete_file(bool /*last*/) {}

 protected:
  explicit Reader(Source& source) : source_{source} {}

  /// The record at the beginning of ready() is no record: true if reading goes on behind it.
  [[nodiscard]] bool corrupt(std::string reason, std::optional<std::uint64_t> expected = {}) {
    return source_.corrupt(std::move(reason), expected);
  }
  /// The input ends where a record of `expected` bytes begins, or has only part of it. With 0 not
  /// even its header is whole. True as above.
  [[nodiscard]] bool cut(std::uint64_t expected) { return source_.cut(expected); }
  /// The same, where the part that is there has been passed over: it began at `begin`.
  void cut_behind(std::uint64_t begin, std::uint64_t expected) {
    source_.cut_behind(begin, expected);
  }
  /// Another capture, with a header of its own, begins at the beginning of ready(): this reader has
  /// done its work, unless that capture cannot be read and this one goes on behind it (true).
  [[nodiscard]] bool next_capture_here() { return source_.next_capture_here(); }
  /// `length` bytes at the beginning of ready() were misread as a record: what is behind is good.
  void pass_over(std::size_t length, std::string reason) {
    source_.pass_over(length, std::move(reason));
  }
  /// A comment of the capture's, or with 0 one on all of it.
  void add_note(PacketNumber packet, std::string text) {
    source_.add_note(packet, std::move(text));
  }
  /// `count` interfaces of the file are known.
  void tell_device(std::size_t count) { source_.tell_device(count); }
  /// A section begins, which may be a capture of its own; no packet of the batch lies in front.
  void note_section() { ++source_.begun_; }
  bool finished() const { return source_.finished_; }
  /// Thrown where the capture as a whole is refused.
  [[noreturn]] void refuse(const std::string& why) const { source_.refuse(why); }
  /// The same, where ready() has all that there is of the file header.
  [[noreturn]] void refuse_header() const;

  Input& input() { return *source_.input_; }
  CaptureFile& file() { return source_.file(); }
  CaptureSummary& summary() { return source_.summary_; }
  std::array<Packet, PacketSource::kMostPackets>& packets() { return source_.packets_; }
  std::uint64_t& record() { return source_.record_; }
  Timestamp last() const { return source_.last_; }
  bool recovers() const { return source_.recovers_; }
  /// Records are to be handed on one by one.
  bool one_by_one() const { return source_.recovers_ || source_.before_.has_value(); }
  bool anything_read() const { return source_.anything_read(); }

 private:
  Source& source_;
};

/// Something else, by its first bytes.
class NotACapture final : public Error {
 public:
  using Error::Error;
};

/// Throws Error when `path` cannot be opened or is empty, NotACapture.
std::unique_ptr<Source> open_file(const std::string& path, const CaptureOptions& options);

// Of the capture that begins at the beginning of ready(). Throw Error where it cannot be read.
std::unique_ptr<Reader> make_pcap_reader(Source& source);
std::unique_ptr<Reader> make_pcapng_reader(Source& source);

}  // namespace httpdiag::capture
