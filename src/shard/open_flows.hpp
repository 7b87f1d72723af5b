// SPDX-License-Identifier: Apache-2.0
// In a row of captures: the flows that were open when theirs ended. The undivided run would go on
// waiting for them in the captures behind it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "httpdiag/dns.hpp"
#include "httpdiag/exchange.hpp"
#include "httpdiag/settings.hpp"
#include "httpdiag/tls.hpp"

namespace httpdiag::shard {

// What the rules are told, with what they are told.
struct ExchangeTold {
  FlowRecord flow;
  Exchange exchange;
  bool settled = false;
  Timestamp now{};
};
struct StrayTold {
  FlowId flow{};
  Stray stray;
};
struct TlsServerTold {
  Endpoint server;
};
struct TlsTold {
  FlowId flow{};
  std::shared_ptr<const TlsSession> session;
};
struct MessageTold {
  DnsMessage message;
};
struct FlowTold {
  FlowRecord flow;
  EndCause cause{};
  Timestamp now{};
};
using Told = std::variant<ExchangeTold, StrayTold, TlsServerTold, TlsTold, MessageTold, FlowTold>;

/// All that is told when a flow ends; the flow itself comes last.
using Ending = std::vector<Told>;

/// As the tracker keeps them, by capture time and within Limits::max_flows.
class OpenFlows {
 public:
  explicit OpenFlows(const Limits& limits) : limits_{limits} {}

  /// `ending` is that of the capture's end, at `now`.
  void hold(Ending ending, Timestamp now);
  bool empty() const { return by_id_.empty(); }
  /// In order of their first packets.
  template <typename Visit>
  void for_each(const Visit& visit) {
    for (auto& [id, held] : by_id_) visit(std::get<FlowTold>(held.ending.back()).flow);
  }

  // Each gives back an ending as it would have been then, and forgets it.

  /// One that the tracker would have let go of by now, in its order.
  std::optional<Ending> take_due(Timestamp now);
  /// The one between the same ends as `flow`, which takes its place; only of captures in front of
  /// that flow's own, which have `flows_before` flows.
  std::optional<Ending> take_place_of(const FlowRecord& flow, std::uint32_t flows_before);
  /// All that are left, in order of their first packets: nothing comes any more.
  std::vector<Ending> take_all(Timestamp now);

 private:
  using Ends = std::tuple<Endpoint, Endpoint, std::uint32_t>;
  using Due = std::pair<Timestamp, FlowId>;
  // In the order in which the tracker looks for those that are due. It looks at each when its
  // patience has run out, and again as long afterwards where it has spoken in between.
  enum class List : std::uint8_t { asked, closed, open };
  struct Held {
    List list{};
    Due due;
    Ending ending;
  };
  List list_of(const FlowRecord& flow) const;
  Duration patience(List list) const;
  static Ends ends_of(const FlowRecord& flow);
  Ending take(FlowId id, EndCause cause, std::optional<Timestamp> now);

  Limits limits_;
  std::map<FlowId, Held> by_id_;
  std::array<std::set<Due>, 3> by_due_;  // by List
  std::map<Ends, FlowId> by_ends_;       // the newest
};

}  // namespace httpdiag::shard
