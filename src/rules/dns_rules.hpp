// SPDX-License-Identifier: Apache-2.0
// Findings about names: each lookup that failed or took long, once per client, name and outcome.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "httpdiag/dns.hpp"
#include "httpdiag/finding.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::rules {

class LookupFindings {
 public:
  explicit LookupFindings(const Settings& settings) : settings_{settings} {}

  void on_lookup(const DnsLookup& lookup);
  /// In the order of their first packets.
  std::vector<Finding> finish() const;

 private:
  struct Key {
    Label label;
    IpAddress client;
    std::string name;
    DnsOutcome outcome;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Seen {
    DnsLookup worst;  // the slowest
    std::uint64_t times = 0;
    PacketRef first;
  };

  const Settings& settings_;
  std::map<Key, Seen> seen_;  // at most kMostFindings
};

}  // namespace httpdiag::rules
