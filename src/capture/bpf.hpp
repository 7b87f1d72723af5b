// SPDX-License-Identifier: Apache-2.0
// libpcap's filter language, of packets as they were recorded: it does not look behind VLAN tags
// and into tunnels unless told to.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "httpdiag/packet.hpp"

namespace httpdiag::capture {

class Bpf {
 public:
  /// An empty expression is none and must not be asked.
  explicit Bpf(std::string expression);
  ~Bpf();
  Bpf(const Bpf&) = delete;
  Bpf& operator=(const Bpf&) = delete;

  /// Compiles the expression at the first packet of each link type. Throws Error with libpcap's
  /// message where it is wrong.
  bool matches(const Packet& packet);

 private:
  class Program;
  const Program& program(LinkType link);

  std::string expression_;
  std::map<LinkType, std::unique_ptr<Program>> programs_;
};

}  // namespace httpdiag::capture
