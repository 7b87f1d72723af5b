// SPDX-License-Identifier: Apache-2.0
// The interfaces of a pcapng: what the packets of a section need to know of
// theirs, and what is told of all of them. Bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/pcapng_blocks.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

struct Interface {
  TimeUnit unit;
  std::uint64_t packets = 0;
  std::uint32_t snaplen = 0;
  std::uint16_t link = 0;
  LinkType type = LinkType::unsupported;
  std::optional<std::uint16_t> shown;  // its place among CaptureFile::interfaces
};

class Interfaces {
 public:
  /// `file` takes what is told.
  explicit Interfaces(CaptureFile& file)
      : file_{file}, section_{file.interfaces.empty() ? 0 : file.interfaces.back().section} {}

  /// Numbers begin anew. Also to be called at the end.
  void begin_section();
  void add(InterfaceDescription described);
  void add(const Statistics& statistics);
  void add_drops(const Interface& interface, std::uint64_t count);

  /// Null: no such interface was described in this section.
  Interface* find(std::uint32_t id) { return id < known_.size() ? &known_[id] : nullptr; }
  bool any_readable() const { return readable_; }
  std::uint32_t section() const { return section_; }

 private:
  CaptureInterface* shown(const Interface* interface);
  void add_link(const std::string& name);
  void count_unread(const Interface& interface);

  CaptureFile& file_;
  std::vector<Interface> known_;  // of this section
  std::uint32_t section_;
  bool readable_ = false;  // some interface has a link type that is read
};

}  // namespace httpdiag::capture
