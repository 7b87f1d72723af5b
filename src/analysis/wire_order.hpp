// SPDX-License-Identifier: Apache-2.0
// A packet's place among others, by what it carries.
#pragma once

#include <memory>

#include "httpdiag/packet.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::decode {
class Decoder;
}

namespace httpdiag::analysis {

/// What a packet tells of its place among others. Asked only of captures in disorder. Copies read
/// with the same decoder; the limits must outlive all.
class WireOrderReader {
 public:
  explicit WireOrderReader(const Limits& limits) : limits_{limits} {}
  WireOrder operator()(const Packet& packet);

 private:
  const Limits& limits_;
  std::shared_ptr<decode::Decoder> decoder_;
};

}  // namespace httpdiag::analysis
