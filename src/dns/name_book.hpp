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
  /// Somebody asks.
  void note_query() { any_ = true; }
  std::string_view name_of(const Use& use) const override;
  bool any() const override { return any_; }

 private:
  static constexpr std::size_t kNames = 8;  // of an address: virtual hosts share them
  struct Entry {
    std::string name;
    IpAddress client;
    Timestamp at{};
  };

  std::size_t most_;
  bool any_ = false;
  struct Names {
    std::vector<Entry> list;  // in the order of their lookups
    bool some_dropped = false;
  };
  std::map<IpAddress, Names> entries_;
  std::deque<IpAddress> order_;
};

}  // namespace httpdiag::dns
