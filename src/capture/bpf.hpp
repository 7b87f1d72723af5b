// SPDX-License-Identifier: Apache-2.0
// libpcap's filter language, of packets as they were recorded: it does not look behind VLAN tags
// and into tunnels unless told to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "httpdiag/packet.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::capture {

class Bpf {
 public:
  /// An empty expression is none and must not be asked.
  explicit Bpf(std::string expression);
  ~Bpf();
  Bpf(const Bpf&) = delete;
  Bpf& operator=(const Bpf&) = delete;

  /// Compiles the expression at the first packet of each link type. No packet matches of those for
  /// which it makes no sense. Throws Error with libpcap's message where it makes none for any.
  bool matches(const Packet& packet);
  /// Whether the expression makes sense for packets like this one.
  bool applies(const Packet& packet) { return compiled(packet.link); }
  /// Whether it says itself what it wants of VLAN tags.
  bool names_tags() const { return names_tags_; }
  /// After the last packet: why, and to how many, it could not be applied. Throws Error as above
  /// where that is all of them.
  std::vector<Ledger::Unfit> finish() const;

 private:
  class Program;
  Program& program(LinkType link);
  bool compiled(LinkType link);

  std::string expression_;
  bool names_tags_ = false;
  std::map<LinkType, std::unique_ptr<Program>> programs_;
};

}  // namespace httpdiag::capture
