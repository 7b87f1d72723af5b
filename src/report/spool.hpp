// SPDX-License-Identifier: Apache-2.0
// Keeps the rendered text of flows until all are known, and gives it back in
// order of flow: in memory while it is little, then in an unlinked temporary
// file, so that memory grows by a small index entry per flow and no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/flow.hpp"

namespace httpdiag::report {

class Spool {
 public:
  /// Reports up to this size never touch the disk.
  static constexpr std::size_t kMemoryBytes = 4u << 20;

  explicit Spool(std::size_t memory_bytes = kMemoryBytes) : memory_bytes_{memory_bytes} {}
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Throws Error when the temporary file cannot be written.
  void add(FlowId id, std::string_view text);
  std::size_t size() const { return index_.size(); }
  bool on_disk() const { return file_ >= 0; }

  /// Calls `take` with each text, in order of id; at most `limit` of them.
  void for_each(const std::function<void(std::string_view)>& take,
                std::size_t limit = static_cast<std::size_t>(-1));

 private:
  struct Entry {
    std::uint32_t id = 0;
    std::uint32_t length = 0;
    std::uint64_t offset = 0;
  };
  void spill();
  void read(const Entry& entry, std::string& text) const;

  std::size_t memory_bytes_;
  std::string pending_;        // not yet in the file
  std::uint64_t in_file_ = 0;  // bytes already there
  int file_ = -1;
  std::vector<Entry> index_;
};

}  // namespace httpdiag::report
