// SPDX-License-Identifier: Apache-2.0
// Queries and answers as lookups: what one host did to learn the addresses of one
// name, until it had them or nothing more came. The rules are in docs/dns.md.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "httpdiag/dns.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::dns {

class Lookups {
 public:
  Lookups(const Settings& settings, const NameTable& names, DnsSink& sink)
      : settings_{settings}, names_{names}, sink_{sink} {}

  void on_message(const DnsMessage& message);
  /// A connection that may follow a lookup. `now`: the capture clock.
  void on_flow(const FlowRecord& flow, Timestamp now);
  /// No more messages.
  void settle_all(Timestamp now);
  /// Tells the sink of every lookup that failed or was slow.
  void finish();

 private:
  void on_query(const DnsMessage& query);
  void on_answer(const DnsMessage& answer);
  /// The client had closed its port when this answer came: no resolver waited for it any more.
  void on_refused(const DnsMessage& answer);

  struct Query {
    Endpoint client, server;
    std::uint16_t id = 0, type = 0;
    std::string name;
    PacketRef first, last, answer;
    std::uint32_t sent = 0, answers = 0;
    std::uint8_t rcode = 0;
    bool truncated = false, addresses = false;
    bool cut = false;      // what its answer says of addresses was not recorded
    bool stream = false;   // over TCP, where silence is told of the connection
    bool refused = false;  // its only answer was
  };
  struct Lookup {
    std::vector<Query> queries;
    std::vector<IpAddress> addresses;
    PacketRef last;       // query or answer
    bool beyond = false;  // more queries than are kept
  };
  /// The client, and the first label of the name: a search list changes only what follows.
  using Key = std::pair<IpAddress, std::string>;
  /// Decided, and waiting for the connection that follows.
  struct Decided {
    DnsLookup lookup;
    std::vector<IpAddress> addresses;
    Timestamp ready;          // the last query had its answer; failing that, was sent
    bool unanswered = false;  // one of the queries had none: the resolver waited on
  };

  static Query* find(Lookup& lookup, const DnsMessage& message, const Endpoint& client,
                     const Endpoint& server);
  void sweep(Timestamp now);
  void settle(const Key& key, Lookup& lookup, Timestamp now);
  bool is_over(const Lookup& lookup, Timestamp now) const;
  std::optional<DnsLookup> judge(const Lookup& lookup, Timestamp now) const;
  bool follows(const Decided& decided, const FlowRecord& flow) const;
  void tell(Decided& decided);

  const Settings& settings_;
  const NameTable& names_;
  DnsSink& sink_;
  std::map<Key, Lookup> open_;
  std::deque<Decided> decided_;
  std::set<Endpoint> heard_;  // servers that have answered anybody
  Timestamp last_sweep_{};
};

}  // namespace httpdiag::dns
