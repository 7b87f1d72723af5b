// SPDX-License-Identifier: Apache-2.0
// What the readers of all formats have in common: batches, where and why reading
// ended, and how it goes on behind damage if that was asked for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/input.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

class Source : public PacketSource {
 public:
  Source(std::unique_ptr<Input> input, const std::string& path, const CaptureOptions& options);

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
  void open() { refill(); }
  /// Its first packet, after open(). Null: there is none.
  const Packet* first() const { return batch_.empty() ? nullptr : &batch_.front(); }
  /// For whoever hands its packets on.
  CaptureSummary& told() { return summary_; }

 protected:
  /// As many packets as lie ready; none: the end was reached, by finish().
  virtual std::span<const Packet> read_batch() = 0;
  /// Whether several plausible records in a row, or all that there are, begin `position` bytes
  /// behind the beginning of ready(). May have more of the input made ready.
  virtual bool chain_at(std::size_t position) = 0;
  /// What only the end tells goes into file().
  virtual void complete_file() {}

  /// The record at the beginning of ready() is no record: true if reading goes on behind it.
  [[nodiscard]] bool corrupt(std::string reason, std::optional<std::uint64_t> expected = {});
  /// The input ends where a record of `expected` bytes begins, or has only part of it. With 0 not
  /// even its header is whole. True as above.
  [[nodiscard]] bool cut(std::uint64_t expected);
  /// The same, where the part that is there has been passed over: it began at `begin`.
  void cut_behind(std::uint64_t begin, std::uint64_t expected);
  /// A capture of another format begins here: it is not read. True as above.
  [[nodiscard]] bool other_format_here(std::string_view name);
  /// What begins here is no record, and `reason` says what it is: reading is over.
  void end_here(std::string reason) { end_with(damage_at(input_->offset(), std::move(reason))); }
  /// `length` bytes at the beginning of ready() were misread as a record: what is behind is good.
  void pass_over(std::size_t length, std::string reason);
  /// A comment of the capture's, or with 0 one on all of it.
  void add_note(PacketNumber packet, std::string text);
  /// `count` interfaces of the file are known.
  void tell_device(std::size_t count);
  void finish();
  bool finished() const { return finished_; }

  /// Thrown where the file as a whole is refused.
  [[noreturn]] void refuse(const std::string& why) const;

  Input& input() { return *input_; }
  CaptureFile& file() { return summary_.files.front(); }
  bool recovers() const { return recovers_; }
  bool anything_read() const { return summary_.packets > 0; }

  CaptureSummary summary_;
  std::array<Packet, kMostPackets> packets_;
  std::uint64_t record_ = 0;  // of the pcap, or block of the pcapng, that was read last
  Timestamp last_{};          // of the last packet

 private:
  void refill();
  void find_devices();
  CaptureDamage damage_at(std::uint64_t offset, std::string reason) const;
  void end_with(CaptureDamage damage);
  bool resync(CaptureDamage damage);
  void note_stretch(CaptureDamage damage);
  std::string cut_reason(std::uint64_t expected, std::uint64_t present) const;

  std::unique_ptr<Input> input_;
  std::string name_;  // for messages
  std::span<const Packet> batch_;
  std::size_t given_ = 0;  // of batch_
  bool recovers_;
  bool finished_ = false;
  std::vector<std::pair<std::uint32_t, DeviceId>> indexes_;  // of devices that have no other name
  bool next_wanted_ = false;  // the last stretch does not know yet when it ended
};

/// Throws Error when `path` cannot be opened or is no capture.
std::unique_ptr<Source> open_file(const std::string& path, const CaptureOptions& options);

std::unique_ptr<Source> make_pcap_source(std::unique_ptr<Input> input, const std::string& path,
                                         const CaptureOptions& options);
std::unique_ptr<Source> make_pcapng_source(std::unique_ptr<Input> input, const std::string& path,
                                           const CaptureOptions& options);

}  // namespace httpdiag::capture
