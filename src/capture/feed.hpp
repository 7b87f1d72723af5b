// SPDX-License-Identifier: Apache-2.0
// Where a timeline's packets come from: one file, or several that are merged.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/source.hpp"

namespace httpdiag::capture {

class Feed {
 public:
  virtual ~Feed() = default;
  /// The next packets, numbered as in their files; none only at the end. Borrowed until the next
  /// call.
  virtual std::span<const Packet> next() = 0;
  /// The file of a packet of the last batch.
  virtual std::uint32_t file_of(std::size_t index) const = 0;
  /// How many places where packets are missing lie in front of the last batch.
  virtual std::uint64_t holes() const = 0;
  /// How many captures were begun by themselves, in front of the last batch: a batch holds packets
  /// of one only. Where files overlap, none begins.
  virtual std::uint64_t begun() const = 0;
  /// Whether one of the files that were begun has several interfaces.
  virtual bool has_several_interfaces() const = 0;
  /// Of everything that was read. Stays where it is.
  virtual CaptureSummary& summary() = 0;
};

class OneFile final : public Feed {
 public:
  explicit OneFile(std::unique_ptr<Source> source) : source_{std::move(source)} {}
  std::span<const Packet> next() override { return source_->next_packets(); }
  std::uint32_t file_of(std::size_t) const override { return 0; }
  std::uint64_t holes() const override { return source_->holes(); }
  std::uint64_t begun() const override { return source_->begun(); }
  bool has_several_interfaces() const override {
    return source_->summary().files.front().interfaces.size() > 1;
  }
  CaptureSummary& summary() override { return source_->told(); }

 private:
  std::unique_ptr<Source> source_;
};

/// A file that was looked into.
struct Member {
  std::string path;
  std::optional<Timestamp> first{};  // time of its first packet
  std::unique_ptr<Source> source{};  // null: to be opened when its turn comes
};

/// Merges files by time. Files that do not overlap are open one after the other.
class Merge final : public Feed {
 public:
  static constexpr std::size_t kMostOpen = 64;
  Merge(std::vector<Member> members, const CaptureOptions& options);

  std::span<const Packet> next() override;
  std::uint32_t file_of(std::size_t index) const override { return files_[index]; }
  std::uint64_t holes() const override { return holes_; }
  std::uint64_t begun() const override { return begun_; }
  bool has_several_interfaces() const override { return several_interfaces_; }
  CaptureSummary& summary() override { return summary_; }

 private:
  /// A file that is being read.
  struct Reading {
    std::uint32_t file = 0;
    std::unique_ptr<Source> source;
    std::span<const Packet> rest;
    std::size_t notes = 0, names = 0, skipped = 0;  // of its summary that were passed on
    std::uint64_t stretches = 0, holes = 0;
    std::uint64_t begun = 0;        // captures in it
    std::vector<DeviceId> devices;  // ours by its own
  };

  static bool later(const std::unique_ptr<Reading>& a, const std::unique_ptr<Reading>& b);
  void line_up(std::unique_ptr<Reading> reading);
  void open_due();
  void open(std::uint32_t file);
  bool refill(Reading& reading);
  void pass_on(Reading& reading);
  void close(Reading& reading);
  DeviceId device(Reading& reading, DeviceId own);

  CaptureOptions options_;
  std::vector<Member> members_;                    // in order of their first packets
  std::uint32_t waiting_ = 0;                      // the next of them to be opened
  std::vector<std::unique_ptr<Reading>> reading_;  // a heap: the one with the earliest packet first
  std::unique_ptr<Reading> exhausted_;             // none of its packets is left over
  std::array<Packet, PacketSource::kMostPackets> packets_;
  std::array<std::uint32_t, PacketSource::kMostPackets> files_{};
  std::uint64_t holes_ = 0;
  std::uint64_t begun_ = 0;
  bool several_interfaces_ = false;
  CaptureSummary summary_;
};

}  // namespace httpdiag::capture
