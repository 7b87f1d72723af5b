// SPDX-License-Identifier: Apache-2.0
// Findings about names: lookups that failed or took long, once per client, name, server and
// outcome; and name servers that failed for many names.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "httpdiag/dns.hpp"
#include "httpdiag/finding.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::rules {

/// Of a Host header or a server name, as names are kept: in small letters, without the port.
std::string host_name(std::string_view host);

class LookupFindings {
 public:
  explicit LookupFindings(const Settings& settings) : settings_{settings} {}

  /// A request, or a TLS session, that names its server: comes before the lookups that it may have
  /// followed.
  struct Use {
    PacketRef first;
    FlowId flow{};
    Endpoint server;
  };
  void on_use(const IpAddress& client, const std::string& host, const Use& use);
  void on_lookup(const DnsLookup& lookup);
  /// In the order of their first packets. `deaf`: hosts to which nothing comes in this capture, so
  /// that answers which it lacks need not be missing.
  std::vector<Finding> finish(const std::function<bool(const IpAddress&)>& deaf) const;

 private:
  /// Of one server, when one lookup that failed followed the other.
  struct Spell {
    std::size_t number = 0;
    PacketRef first, last;
    std::uint64_t lookups = 0, queries = 0, connected = 0;
    bool heard_meanwhile = false, more_names = false;
    DnsLookup one;                // of them: the first
    std::set<std::string> names;  // at most kMostNames
    std::set<IpAddress> clients;  // likewise
  };
  struct Key {
    Label label;
    IpAddress client;
    std::string name;
    Endpoint server;
    DnsOutcome outcome;
    std::size_t spell;  // its number; 0: none
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Seen {
    DnsLookup worst;  // the slowest
    std::uint64_t times = 0;
    PacketRef first, last;
  };
  using Server = std::pair<Endpoint, DnsOutcome>;

  using Named = std::pair<IpAddress, std::string>;  // client, and the host that it asked for

  void find_use(DnsLookup& lookup) const;
  bool is_for_other(FlowId flow, std::string_view name) const;
  Spell* spell_of(const DnsLookup& lookup);
  static void add(Seen& seen, const Seen& more);
  static Finding failed(const Server& server, const Spell& spell, bool harmless);
  static Finding finding_of(const Seen& seen);

  const Settings& settings_;
  std::map<Key, Seen> seen_;                     // at most kMostKept
  std::map<Server, std::vector<Spell>> spells_;  // at most kMostSpells
  std::size_t spell_count_ = 0;
  std::map<Named, std::vector<Use>> uses_;
  std::map<FlowId, std::string> hosts_;  // of the same
  std::size_t use_count_ = 0;            // at most kMostUses
};

}  // namespace httpdiag::rules
