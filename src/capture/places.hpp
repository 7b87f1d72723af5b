// SPDX-License-Identifier: Apache-2.0
// Where the packets of an analysis lie: the runs of packets that follow each other
// in one file. Where files interleave there may be as many runs as packets, so the
// older ones move to a temporary file.
#pragma once

#include <cstdio>
#include <memory>
#include <vector>

#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

class Places final : public PacketPlaces {
 public:
  static constexpr std::size_t kInMemory = std::size_t{1} << 18;
  /// `in_memory`: how many runs are kept there.
  explicit Places(std::size_t files, std::size_t in_memory = kInMemory)
      : in_memory_{in_memory}, last_(files, 0), ends_(files, 0) {}

  /// The next packet of the analysis is number `number` of that file. Returns its place in the
  /// order. Throws Error where there is no room for a temporary file.
  PacketNumber add(std::uint32_t file, PacketNumber number) {
    const bool continues = file == file_ && number == ends_[file] + 1 && count_ > 0;
    ++count_;
    file_ = file;
    ends_[file] = number;
    last_[file] = count_;
    if (!continues) begin_run({count_, number, file});
    return count_;
  }
  /// The first `count` packets are those of file 0, in order.
  void add_first(PacketNumber count);

  PacketPlace place(PacketNumber number) const override;
  PacketNumber last_of(std::uint32_t file) const override { return last_[file]; }

 private:
  struct Run {
    PacketNumber first = 0;   // in the order of analysis
    PacketNumber number = 0;  // of that packet in its file
    std::uint64_t file = 0;
  };
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void begin_run(const Run& run);
  void spill();
  Run spilled(std::uint64_t index) const;
  Run find_spilled(PacketNumber number) const;

  std::size_t in_memory_;
  PacketNumber count_ = 0;
  std::uint32_t file_ = 0;          // of the last packet
  std::vector<PacketNumber> last_;  // packet of each file, in the order of analysis
  std::vector<PacketNumber> ends_;  // the same, in the file
  std::vector<Run> runs_;           // the newest
  std::unique_ptr<std::FILE, Close> older_;
  std::uint64_t older_count_ = 0;
};

}  // namespace httpdiag::capture
