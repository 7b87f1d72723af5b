// SPDX-License-Identifier: Apache-2.0
#include "dns/name_book.hpp"

#include <algorithm>

namespace httpdiag::dns {

void NameBook::learn(const IpAddress& address, const std::string& name, const IpAddress& client,
                     Timestamp at) {
  if (most_ == 0) return;
  auto found = entries_.find(address);
  if (found == entries_.end()) {
    if (entries_.size() >= most_) {
      entries_.erase(order_.front());
      order_.pop_front();
    }
    found = entries_.emplace(address, std::vector<Entry>{}).first;
    order_.push_back(address);
  }
  std::vector<Entry>& known = found->second;
  std::erase_if(known, [&](const Entry& e) { return e.name == name && e.client == client; });
  if (known.size() >= kNames) known.erase(known.begin());
  known.push_back({name, client, at});
}

std::string_view NameBook::name_of(const IpAddress& address, const IpAddress& client,
                                   Timestamp at) const {
  const auto found = entries_.find(address);
  if (found == entries_.end()) return {};
  const Entry* best = nullptr;
  const auto rank = [&](const Entry& e) {
    return std::tuple{e.client == client, e.at <= at, e.at};
  };
  for (const Entry& entry : found->second) {
    if (best == nullptr || rank(entry) >= rank(*best)) best = &entry;
  }
  return best->name;
}

}  // namespace httpdiag::dns
