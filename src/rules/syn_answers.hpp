// SPDX-License-Identifier: Apache-2.0
// SYN-ACKs that came from another address than the SYN went to: something on the way there
// translates the address, and the answer comes back around it (asymmetric DNAT, a hairpin), so that
// the client's host does not know it. Bounded; O(log n) for a flow.
#pragma once

#include <map>
#include <optional>

#include "httpdiag/flow.hpp"

namespace httpdiag::rules {

class SynAnswers {
 public:
  /// The other one of the two flows that such a handshake is torn into.
  struct Match {
    FlowId flow{};
    Endpoint server;
    PacketRef packet;  // the SYN-ACK, or the SYN
  };

  /// To be called once for each flow, as OneWayHosts::note().
  void note(const FlowRecord& flow);
  /// What answered these SYNs from elsewhere.
  std::optional<Match> answer_to(const FlowRecord& flow) const;
  /// The SYN, sent elsewhere, that this SYN-ACK answers.
  std::optional<Match> question_of(const FlowRecord& flow) const;

 private:
  struct Entry {
    std::uint32_t isn = 0;  // of the client's SYN
    Match match;
  };
  using Entries = std::map<Endpoint, Entry>;  // by client: the latest
  static constexpr std::size_t kMost = 1024;

  static std::optional<Match> find(const Entries& entries, const FlowRecord& flow);

  Entries answers_, questions_;
};

}  // namespace httpdiag::rules
