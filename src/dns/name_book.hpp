// SPDX-License-Identifier: Apache-2.0
// Which names led to an address. Bounded: the addresses learnt first go first.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "httpdiag/dns.hpp"

namespace httpdiag::dns {

class NameBook final : public NameTable {
 public:
  explicit NameBook(std::size_t most) : most_{most} {}

  void learn(const IpAddress& address, const std::string& name, const IpAddress& client,
             Timestamp at);
  std::string_view name_of(const IpAddress& address, const IpAddress& client,
                           Timestamp at) const override;

 private:
  static constexpr std::size_t kNames = 4;  // of an address: virtual hosts share them
  struct Entry {
    std::string name;
    IpAddress client;
    Timestamp at{};
  };

  std::size_t most_;
  std::map<IpAddress, std::vector<Entry>> entries_;
  std::deque<IpAddress> order_;
};

}  // namespace httpdiag::dns
