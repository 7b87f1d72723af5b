// SPDX-License-Identifier: Apache-2.0
// What the names in a capture became: messages about them, lookups that failed or took long, and
// which name an address was looked up by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/flow.hpp"
#include "httpdiag/segment.hpp"

namespace httpdiag {

/// A message (RFC 1035 §4.1), as far as it is about the address of a name.
struct DnsMessage {
  PacketRef packet;  // that completed it
  Endpoint source, destination;
  // Of one that an ICMP error quotes. Of an answer: its port is closed by now. Without a type it is
  // known by its ends alone.
  DnsError error = DnsError::none;
  IpAddress reporter{};
  std::uint16_t id = 0;
  bool response = false;
  bool truncated = false;  // TC: the answer comes again over TCP
  bool cut = false;        // the packet holds fewer answers than it counts: some were not recorded
  bool stream = false;     // over TCP
  std::uint8_t rcode = 0;
  std::uint16_t type = 0;  // of the question
  std::string name;        // of the question; lower case, printable, without the dot at the end
  std::vector<IpAddress> addresses;  // of the name, or of what it is an alias of
};

class DnsMessageSink {
 public:
  virtual void on_message(const DnsMessage& message) = 0;
  /// Somebody else says that this is the address's name; lookups in the capture know better.
  virtual void on_name(const IpAddress& address, const std::string& name) = 0;

 protected:
  ~DnsMessageSink() = default;
};

enum class DnsOutcome : std::uint8_t {
  resolved,
  no_such_name,   // NXDOMAIN (RFC 1035 §4.1.1, RFC 2308)
  no_address,     // the name is there, but has no address
  server_failed,  // SERVFAIL
  refused,        // REFUSED
  other_error,
  unanswered,   // asked at least twice
  unreachable,  // ICMP errors said so
};
std::string_view name(DnsOutcome outcome);  // "no-such-name"

/// What one call of a resolver asked to learn the addresses of one name: retries, several servers,
/// IPv4 and IPv6, and the domains of a search list.
struct DnsLookup {
  IpAddress client;
  Endpoint server;                 // the one that decided it, or was asked last
  std::string name;                // as the application will have it: the shortest that was asked
  std::vector<std::string> tried;  // all that were, in order; bounded
  DnsOutcome outcome = DnsOutcome::resolved;
  std::uint8_t rcode = 0;
  std::uint32_t queries = 0, retries = 0, servers = 0;
  bool server_heard = false;  // the capture has an answer of one of the servers, to whomever
  bool server_heard_meanwhile = false;  // between the first query and the last
  PacketRef first_query, last_query;
  PacketRef answer;  // the one that decided it; none: there was none
  // Resolved at once, but the query for the other kind of address got no answer, and the client
  // asked again (`decided`) and connected only then.
  bool stalled = false;
  bool waited_for_v6 = false;
  bool gave_up = false;  // it did not connect at all, though it had asked for both kinds again
  Duration took{0};      // first query to that answer, or to the last query
  PacketRef decided;     // answer, ICMP error, or last query
  DnsError error = DnsError::none;  // of `unreachable`
  IpAddress reporter{};             // who sent it

  // The first connection of the client's within a few seconds that no other name explains.
  FlowId flow{};
  PacketRef flow_first;
  Endpoint flow_server;
  bool flow_by_this_name = false;  // its address was in the answer
  // The client had been connected to that server before it asked: it may have nothing to do with
  // the name.
  bool flow_known_before = false;
  // A request of the client's to this very name, or a TLS session: it had an address all the same.
  bool flow_names_it = false;
  bool flow_names_other = false;  // it is for another host, by its first request or TLS session
};

class DnsSink {
 public:
  /// A lookup that failed or was slow, when no more can come of it.
  virtual void on_lookup(const DnsLookup& lookup) = 0;

 protected:
  ~DnsSink() = default;
};

class NameTable {
 public:
  /// What names this address may have had for `client` at a time.
  struct Use {
    IpAddress address, client;
    Timestamp at{};
    std::string_view asked_for;  // by its requests: in small letters, without a port; may be empty
  };
  /// The name that was asked for, if it led to the address; failing that, the one by which the
  /// client last looked it up, or anybody. One that was looked up only afterwards: if there is no
  /// other. Empty: none. Printable ASCII.
  virtual std::string_view name_of(const Use& use) const = 0;
  /// A name was asked for so far, or is known.
  virtual bool any() const = 0;

 protected:
  ~NameTable() = default;
};

}  // namespace httpdiag
