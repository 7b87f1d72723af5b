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
#include "shard/events.hpp"

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
  Waited waited;
};
using Told = std::variant<ExchangeTold, StrayTold, TlsServerTold, TlsTold, MessageTold, FlowTold>;

/// All that is told when a flow ends; the flow itself comes last.
using Ending = std::vector<Told>;

/// When it was refused, or rejected by ICMP.
std::optional<Timestamp> refused_at(const FlowRecord& flow);

/// As the tracker keeps them, by capture time and within Limits::max_flows.
class OpenFlows {
 public:
  explicit OpenFlows(const Settings& settings)
      : limits_{settings.limits}, happy_eyeballs_{settings.thresholds.happy_eyeballs} {}

  /// `ending` is that of the capture's end.
  void hold(Ending ending);
  bool empty() const { return by_id_.empty(); }
  /// In order of their first packets.
  template <typename Visit>
  void for_each(const Visit& visit) {
    for (auto& [id, held] : by_id_) visit(flow_of(held.ending));
  }

  // What the next capture tells of them.

  /// It begins at `begin`, where the clock is at `now`.
  void begin(Timestamp begin, Timestamp now);
  // `attempts`: to connect, in that capture so far.
  /// An ICMP error that quotes no flow of its own. False: nor does it quote one of these.
  bool on_icmp_error(const IcmpError& error, Timestamp now, std::uint64_t attempts);
  /// Somebody connects, perhaps instead of one that was refused over the other IP version.
  void on_attempt(FlowId flow, const Endpoint& server, Timestamp now, std::uint64_t attempts);
  void on_connected(FlowId flow);
  /// What one of these, that is waited for, is to a flow that begins in a capture behind
  /// `flows_before` flows.
  enum class Tie : std::uint8_t { none, same_connection, same_ends };
  Tie tie_to(const Begin& begin, Timestamp first, std::uint32_t flows_before) const;

  // Each gives back an ending as it would have been then, and forgets it.

  /// One that the tracker would have let go of by now, in its order.
  std::optional<Ending> take_due(Timestamp now);
  /// The one that `flow` goes on from, if it was not closed.
  std::optional<Ending> take_begin_of(const Begin& begin, std::uint32_t flows_before);
  /// One that the tracker lets go of because it keeps no more than two between the same ends.
  std::optional<Ending> take_displaced(const Begin& begin, std::uint32_t flows_before,
                                       Timestamp now);
  /// All that are left, in order of their first packets: nothing comes any more.
  std::vector<Ending> take_all(Timestamp now);

 private:
  using Ends = std::tuple<Endpoint, Endpoint, std::uint32_t>;
  using Due = std::pair<Timestamp, FlowId>;
  // The tracker looks at each when its patience has run out, and again as long afterwards where it
  // has spoken in between.
  struct Held {
    AgeList list{};
    Due due;
    Timestamp last_seen{};
    Ending ending;
  };
  // As the tracker's Fallbacks.
  struct Attempt {
    FlowId flow{};
    Endpoint server;
    Timestamp at{};
    std::uint64_t number = 0;
    bool connected = false;
  };
  struct Refused {
    FlowId flow{};
    Endpoint server;
    Timestamp first{}, at{};
    FlowId candidate{};  // tried instead; counts once it is connected
  };
  /// That the capture which is being told of may still know it by.
  struct Gone {
    Timestamp until{};  // it was waited for
    std::optional<std::uint32_t> isn;
  };
  static const FlowRecord& flow_of(const Ending& ending) {
    return std::get<FlowTold>(ending.back()).flow;
  }
  static FlowRecord& flow_of(Ending& ending) { return std::get<FlowTold>(ending.back()).flow; }
  static Ends ends_of(const Endpoint& one, const Endpoint& other, std::uint32_t network);
  static Ends ends_of(const Begin& begin) {
    return ends_of(begin.source, begin.destination, begin.network);
  }
  static Ends ends_of(const FlowRecord& flow) {
    return ends_of(flow.client, flow.server, flow.network);
  }
  using Places = std::set<std::pair<Ends, FlowId>>;
  /// Those between these ends: the newest of a capture in front of the present one comes first.
  Places::const_iterator behind(const Ends& ends, std::uint32_t flows_before) const {
    return by_ends_.upper_bound({ends, FlowId{flows_before}});
  }
  const Held* newest(const Ends& ends, std::uint32_t flows_before) const;
  void on_unreachable(FlowId id, const FlowRecord& flow, Timestamp now, std::uint64_t attempts);
  void replace(FlowId refused, FlowId by);
  void wait_until(FlowId id, Held& held, Timestamp due);
  Timestamp last_due(const Held& held) const;
  Ending take(FlowId id, EndCause cause, std::optional<Timestamp> now);

  Limits limits_;
  Duration happy_eyeballs_;
  std::map<FlowId, Held> by_id_;
  std::array<std::set<Due>, kAgeLists.size()> by_due_;  // by AgeList
  Places by_ends_;
  std::map<Ends, Gone> gone_;
  std::optional<Timestamp> leap_;    // to the first packet, which nothing has confirmed yet
  std::vector<Attempt> attempts_;    // of the capture that is being told of
  std::vector<Refused> refused_;     // not long ago
  std::vector<Refused> unanswered_;  // SYNs of the captures before
};

}  // namespace httpdiag::shard
