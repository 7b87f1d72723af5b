// SPDX-License-Identifier: Apache-2.0
#include "dns/name_book.hpp"

#include <algorithm>
#include <tuple>

namespace httpdiag::dns {

void NameBook::learn(const IpAddress& address, const std::string& name, const IpAddress& client,
                     Timestamp at) {
  any_ = true;
  if (most_ == 0) return;
  auto found = entries_.find(address);
  if (found == entries_.end()) {
    if (entries_.size() >= most_) {
      entries_.erase(order_.front());
      order_.pop_front();
    }
    found = entries_.emplace(address, Names{}).first;
    order_.push_back(address);
  }
  std::vector<Entry>& known = found->second.list;
  std::erase_if(known, [&](const Entry& e) { return e.name == name && e.client == client; });
  if (known.size() >= kNames) {
    known.erase(known.begin());
    found->second.some_dropped = true;
  }
  known.push_back({name, client, at});
}

std::string_view NameBook::name_of(const Use& use) const {
  const auto found = entries_.find(use.address);
  if (found == entries_.end()) return {};
  const auto& [known, some_dropped] = found->second;
  const Entry* best = nullptr;
  const auto rank = [&](const Entry& e) {
    return std::tuple{e.name == use.asked_for, e.at <= use.at, e.client == use.client, e.at};
  };
  for (const Entry& entry : known) {
    if (best == nullptr || rank(entry) >= rank(*best)) best = &entry;
  }
  const bool sure = std::get<0>(rank(*best)) || best->at <= use.at;
  const bool alone = !some_dropped && std::ranges::all_of(known, [&](const Entry& e) {
    return e.name == best->name;
  });
  return sure || alone ? std::string_view{best->name} : std::string_view{};
}

}  // namespace httpdiag::dns
