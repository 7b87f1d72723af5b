// SPDX-License-Identifier: Apache-2.0
// Captures of SYNs alone (`tcp[tcpflags] & tcp-syn != 0`, `tcp[13] == 2`): what is not in them did
// not fail to come.
#pragma once

#include <cstdint>

#include "httpdiag/flow.hpp"

namespace httpdiag::rules {

class OnlySyns {
 public:
  /// To be called once for each flow, as OneWayHosts::note(). O(1).
  void note(const FlowRecord& flow);
  /// Servers answered, and nothing ever followed that.
  bool and_answers() const { return beyond_ == 0 && answered_ >= kEnough; }
  /// No answer is in the capture, and hardly a SYN was repeated as one is that had none.
  bool without_answers() const {
    return beyond_ == 0 && answered_ == 0 && once_ >= kEnough && once_ > repeated_;
  }

 private:
  static constexpr std::uint64_t kEnough = 3;  // connections; fewer may have failed one by one

  std::uint64_t beyond_ = 0;    // connections of which anything else is in the capture
  std::uint64_t answered_ = 0;  // with a SYN-ACK
  std::uint64_t once_ = 0;      // one SYN and no answer
  std::uint64_t repeated_ = 0;  // more of them
};

inline void OnlySyns::note(const FlowRecord& flow) {
  const auto resets = flow.c().trouble().rsts + flow.s().trouble().rsts;
  if (flow.c().packets + flow.s().packets > flow.c().syns + flow.s().syns + resets) {
    ++beyond_;
  } else if (flow.s().syn) {
    ++answered_;
  } else if (resets > 0) {
    ++beyond_;
  } else {
    ++(flow.c().syns == 1 ? once_ : repeated_);
  }
}

}  // namespace httpdiag::rules
