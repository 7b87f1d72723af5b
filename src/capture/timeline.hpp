// SPDX-License-Identifier: Apache-2.0
// The packets of one or several files in the order of analysis. A file whose times
// never go back is handed through as it is.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "capture/feed.hpp"
#include "capture/places.hpp"
#include "capture/sorter.hpp"

namespace httpdiag::capture {

class Timeline final : public PacketSource {
 public:
  explicit Timeline(std::unique_ptr<Feed> feed);

  void sort_by(const Sorting& sorting) override { sorting_ = sorting; }
  const Packet* next() override;
  std::span<const Packet> next_packets() override;
  const CaptureSummary& summary() const override { return summary_; }
  /// Of open_captures(): what was passed over.
  void add_not_read(std::vector<NotRead> files, std::uint64_t more);

 private:
  bool has_several_interfaces() const;
  bool in_order(std::span<const Packet> batch);
  std::span<const Packet> number(std::span<const Packet> batch);
  void begin_sorting(PacketNumber handed_on);
  void hold(std::span<const Packet> batch);
  std::span<const Packet> sorted();
  void number(Packet& packet, std::uint32_t file);
  void measure_pauses(std::span<const Packet> batch, std::uint64_t begun);

  std::unique_ptr<Feed> feed_;
  CaptureSummary& summary_;              // of the feed
  Places* places_ = nullptr;             // of the summary, if it needs some
  bool many_;                            // files
  std::size_t notes_ = 0;                // that were looked at
  std::vector<std::size_t> open_notes_;  // on packets that have not had their turn
  std::optional<Timestamp> newest_;
  std::uint64_t begun_ = 0;  // captures
  Sorting sorting_;
  std::optional<Sorter> sorter_;  // since the first packet that was recorded late
  bool drained_ = false;          // the feed has come to its end
  std::array<Packet, kMostPackets> packets_;
  std::array<std::vector<std::byte>, kMostPackets> bytes_;  // of sorted packets_
  std::span<const Packet> batch_;                           // for next()
  std::size_t given_ = 0;                                   // of it
};

}  // namespace httpdiag::capture
