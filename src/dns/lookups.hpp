// SPDX-License-Identifier: Apache-2.0
// Queries and answers as lookups: what one call of a resolver did to learn the addresses of one
// name, until it had them or nothing more came. The rules are in docs/dns.md.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
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
  /// Nothing that was asked so far is watched any longer.
  void settle_all(Timestamp now);
  /// Tells the sink of every lookup that failed or was slow.
  void finish();

 private:
  /// One id from one port to one server.
  struct Query {
    Endpoint client, server;
    std::uint16_t id = 0, type = 0;
    std::string name;
    PacketRef first, last, answer, last_answer;
    PacketRef error;  // that its last sending met with
    DnsError meaning = DnsError::none;
    IpAddress reporter;
    PacketRef again;  // sent once more when the lookup had an address already
    std::uint32_t sent = 0, answers = 0;
    std::uint8_t rcode = 0;
    bool truncated = false;
    bool cut = false;      // what its answer says of addresses was not recorded
    bool stream = false;   // over TCP, where silence is told of the connection
    bool refused = false;  // its only answer was
    bool guessed = false;  // by time alone it is of this lookup
    std::uint64_t heard_first = 0, heard_last = 0;  // answers of the server when it was sent
    std::vector<IpAddress> addresses;
  };
  struct Lookup {
    std::vector<Query> queries;
    PacketRef first, last;  // query, answer or error
    bool repeats = false;   // asks again with the same id
  };
  using Serial = std::uint64_t;  // lookups in the order of their beginning
  using Queries = std::vector<const Query*>;
  /// Host, type, id and name: of a query and of what repeats it, wherever it goes.
  using Transaction = std::tuple<IpAddress, std::uint16_t, std::uint16_t, std::string>;
  /// The client, and the first label of the name: a search list changes only what follows.
  using Family = std::pair<IpAddress, std::string>;

  /// Decided, and waiting for the connection that follows.
  struct Decided {
    DnsLookup lookup;
    std::vector<IpAddress> addresses;
    Timestamp ready;          // the last query had its answer; failing that, was sent
    bool unanswered = false;  // one of the queries had none: the resolver waited on
    bool connected = false;   // to one of the addresses, at any time since
    bool at_once = false;     // a connection did not wait for what the lookup stalled for
  };
  using DecidedList = std::list<Decided>;

  void on_query(const DnsMessage& query);
  void on_answer(const DnsMessage& answer);
  /// A query did not get through; or the client had closed its port when this answer came: no
  /// resolver waited for it any more.
  void on_error(const DnsMessage& quoted);

  /// The lookup that a query belongs to; 0: one of its own.
  struct Place {
    Serial serial = 0;
    bool guessed = false;
  };
  template <typename Asked>  // DnsMessage, Query
  static Transaction transaction_of(const Endpoint& client, const Asked& asked) {
    return {client.ip, asked.id, asked.type, asked.name};
  }
  static Transaction transaction_of(const Query& query) {
    return transaction_of(query.client, query);
  }
  static Family family_of(const Endpoint& client, const std::string& name) {
    return {client.ip, name.substr(0, name.find('.'))};
  }
  static Family family_of(const DnsMessage& query) { return family_of(query.source, query.name); }
  static Family family_of(const Query& query) { return family_of(query.client, query.name); }

  static Query* find(Lookup& lookup, const DnsMessage& message, const Endpoint& client,
                     const Endpoint& server);
  bool repeats(const DnsMessage& query);
  void split(Serial serial);
  Place place_of(const DnsMessage& query) const;
  static bool is_other_type(const Lookup& lookup, const DnsMessage& query);
  bool is_next_try(const Lookup& lookup, const DnsMessage& query) const;
  static bool is_next_name(const Lookup& lookup, const DnsMessage& query);
  void add(Serial serial, const DnsMessage& query, bool guessed);
  Query* quoted(const DnsMessage& message, const Endpoint& client, const Endpoint& server);
  std::uint64_t heard(const Endpoint& server) const;
  static bool fails(const Query& answered);
  static bool has_address(const Lookup& lookup);
  static bool is_over(const Lookup& lookup, Timestamp now);
  void sweep(Timestamp now);
  void close(std::map<Serial, Lookup>::iterator at, Timestamp now);
  void settle(const Lookup& lookup, Timestamp now);
  std::optional<DnsLookup> judge(const Queries& queries, Timestamp now) const;
  bool stalls(const Queries& queries, const Query& success, Timestamp now, DnsLookup& told) const;
  void decide(const Queries& queries, Timestamp now);
  void forget_oldest();
  static bool follows(const Decided& decided, const FlowRecord& flow);
  void tell(const Decided& decided);
  void note_connection(const FlowRecord& flow);

  const Settings& settings_;
  const NameTable& names_;
  DnsSink& sink_;
  Serial last_ = 0;
  std::map<Serial, Lookup> open_;
  std::map<Transaction, Serial> transactions_;               // of those that are open
  std::map<Family, std::vector<Serial>> families_;           // likewise
  std::map<std::pair<Endpoint, Endpoint>, Serial> by_ends_;  // likewise: who asked whom last
  DecidedList decided_;
  std::multimap<std::pair<IpAddress, Timestamp>, DecidedList::iterator> by_client_;  // and `ready`
  // When clients first connected to servers; bounded.
  std::map<std::pair<IpAddress, Endpoint>, Timestamp> connected_;
  std::map<Endpoint, std::uint64_t> heard_;  // servers, and how many answers they gave
  std::set<IpAddress> repeaters_;            // hosts that ask again with the same id
  Timestamp last_sweep_{};
};

}  // namespace httpdiag::dns
