// SPDX-License-Identifier: Apache-2.0
#include "views/matcher.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "tcp/seq.hpp"

namespace httpdiag::views {

namespace {

constexpr std::size_t kProbes = 8;  // packets with payload by which a flow is looked for

class Matcher {
 public:
  Matcher(const std::vector<Trail>& client, const std::vector<Trail>& server)
      : client_{client},
        server_{server},
        client_taken_(client.size()),
        server_taken_(server.size()) {}

  Matches run() {
    by_beginning();
    by_syn();
    by_numbers(server_, client_, server_taken_, client_taken_, false);
    by_numbers(client_, server_, client_taken_, server_taken_, true);
    by_ends();
    by_new_name();
    by_bytes();
    return std::move(matches_);
  }

 private:
  void join(std::size_t client, std::size_t server, bool by_payload) {
    client_taken_[client] = server_taken_[server] = true;
    matches_.joined.push_back({client, server, by_payload});
  }
  void by_beginning();
  void by_syn();
  void by_numbers(const std::vector<Trail>& known, const std::vector<Trail>& asked,
                  std::vector<bool>& known_taken, std::vector<bool>& asked_taken,
                  bool client_known);
  void by_ends();
  void by_new_name();
  void by_bytes();

  const std::vector<Trail>& client_;
  const std::vector<Trail>& server_;
  std::vector<bool> client_taken_, server_taken_;
  Matches matches_;
};

using Ends = std::pair<Endpoint, Endpoint>;

/// Where the capturing host translates addresses, either name may be the one on the wire.
std::vector<Ends> names_of(const Trail& trail) {
  std::vector<Ends> names{{trail.client, trail.server}};
  if (trail.has_two_names()) names.emplace_back(trail.other_client, trail.other_server);
  return names;
}

bool same_ends(const Trail& a, const Trail& b) {
  if (a.client == b.client && a.server == b.server) return true;
  if (!a.has_two_names() && !b.has_two_names()) return false;
  const std::vector<Ends> ours = names_of(a), theirs = names_of(b);
  return std::find_first_of(ours.begin(), ours.end(), theirs.begin(), theirs.end()) != ours.end();
}

bool same_port(const Trail& a, const Trail& b) {
  const std::vector<Ends> ours = names_of(a), theirs = names_of(b);
  return std::any_of(ours.begin(), ours.end(), [&](const Ends& one) {
    return std::any_of(theirs.begin(), theirs.end(),
                       [&](const Ends& two) { return one.second.port == two.second.port; });
  });
}

const Seen* syn_of(const Trail& trail) {
  const auto syn = std::find_if(trail.seen.begin(), trail.seen.end(), [](const Seen& seen) {
    return seen.from == Side::client && seen.flags.has(TcpFlags::syn);
  });
  return syn == trail.seen.end() ? nullptr : &*syn;
}

/// One SYN, behind a translation of addresses too: a single number may be the same by chance.
bool same_syn(const Trail& a, const Trail& b) {
  const Seen* one = syn_of(a);
  const Seen* two = syn_of(b);
  if (one == nullptr || two == nullptr) return false;
  if (one->ip_id != 0 && one->ip_id == two->ip_id) return true;
  return one->options == two->options && same_port(a, b);
}

/// How many of the two ends both saw begin with the same number; none where one began otherwise.
std::optional<int> same_numbers(const Trail& a, const Trail& b) {
  int common = 0;
  for (const Side side : {Side::client, Side::server}) {
    const std::size_t i = index(side);
    if (!a.began[i] || !b.began[i]) continue;
    if (a.isn[i] != b.isn[i]) return std::nullopt;
    ++common;
  }
  return common;
}

/// Both saw it begin, as far as either did, and with the same numbers.
bool same_beginning(const Trail& a, const Trail& b) {
  const int common = same_numbers(a, b).value_or(0);
  return common == 2 || (common == 1 && (same_ends(a, b) || same_syn(a, b)));
}

std::uint64_t beginning_key(const Trail& trail, Side side) {
  return std::uint64_t{trail.isn[index(side)]} << 1 | index(side);
}

void Matcher::by_beginning() {
  std::unordered_multimap<std::uint64_t, std::size_t> known;
  for (std::size_t i = 0; i < server_.size(); ++i) {
    for (const Side side : {Side::client, Side::server}) {
      if (server_[i].began[index(side)]) known.emplace(beginning_key(server_[i], side), i);
    }
  }
  // The same ends first: two connections may have begun with one number by chance.
  for (const bool same_names : {true, false}) {
    for (std::size_t i = 0; i < client_.size(); ++i) {
      for (const Side side : {Side::client, Side::server}) {
        if (client_taken_[i] || !client_[i].began[index(side)]) continue;
        const auto [first, last] = known.equal_range(beginning_key(client_[i], side));
        // Of several the earliest, in the order of their capture.
        std::optional<std::size_t> found;
        for (auto each = first; each != last; ++each) {
          const std::size_t other = each->second;
          if (server_taken_[other] || !same_beginning(client_[i], server_[other])) continue;
          if (same_names != same_ends(client_[i], server_[other])) continue;
          if (!found || other < *found) found = other;
        }
        if (found) join(i, *found, false);
      }
    }
  }
}

/// Firewalls that make initial sequence numbers random for the hosts behind them leave the rest of
/// a SYN as it is. Such a number may be anything, so the ends have to be the same.
void Matcher::by_syn() {
  constexpr std::size_t kMostTried = 16;
  std::map<Ends, std::vector<std::size_t>> known;
  for (std::size_t i = 0; i < server_.size(); ++i) {
    if (!server_taken_[i] && server_[i].began[0])
      known[{server_[i].client, server_[i].server}].push_back(i);
  }
  if (known.empty()) return;
  for (std::size_t i = 0; i < client_.size(); ++i) {
    const Seen* ours = client_taken_[i] ? nullptr : syn_of(client_[i]);
    if (ours == nullptr || (ours->ip_id == 0 && ours->options == 0)) continue;
    const auto candidates = known.find({client_[i].client, client_[i].server});
    if (candidates == known.end()) continue;
    std::size_t tried = 0;
    for (const std::size_t k : candidates->second) {
      if (server_taken_[k]) continue;
      if (++tried > kMostTried) break;
      const Seen* theirs = syn_of(server_[k]);
      if (theirs == nullptr || theirs->ip_id != ours->ip_id || theirs->length != ours->length)
        continue;
      if (ours->ip_id == 0 && theirs->options != ours->options) continue;
      join(i, k, false);
      break;
    }
  }
}

std::uint64_t bytes_key(const Seen& seen) {
  return std::uint64_t{seen.seq} << 32 ^ seen.head ^ (std::uint64_t{index(seen.from)} << 63);
}

/// The first packets with payload of one, among all of the other.
void Matcher::by_numbers(const std::vector<Trail>& known, const std::vector<Trail>& asked,
                         std::vector<bool>& known_taken, std::vector<bool>& asked_taken,
                         bool client_known) {
  std::unordered_multimap<std::uint64_t, std::size_t> probes;
  for (std::size_t i = 0; i < known.size(); ++i) {
    std::size_t count = 0;
    if (known_taken[i]) continue;
    for (const Seen& seen : known[i].seen) {
      if (seen.head == 0) continue;
      probes.emplace(bytes_key(seen), i);
      if (++count == kProbes) break;
    }
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked_taken[i]) continue;
    std::optional<std::size_t> found;
    for (const Seen& seen : asked[i].seen) {
      if (seen.head == 0) continue;
      const auto [first, last] = probes.equal_range(bytes_key(seen));
      for (auto each = first; each != last; ++each) {
        const Trail& other = known[each->second];
        if (known_taken[each->second] || !same_numbers(other, asked[i])) continue;
        if (!found || (same_ends(other, asked[i]) && !same_ends(known[*found], asked[i])))
          found = each->second;
      }
    }
    if (!found) continue;
    client_known ? join(*found, i, true) : join(i, *found, true);
  }
}

bool meets(const Seen& seen, const Trail& trail) {
  constexpr std::int64_t kNear = 1 << 16;
  return std::any_of(trail.seen.begin(), trail.seen.end(), [&](const Seen& other) {
    const std::int64_t distance = tcp::SequenceSpace{other.seq}.offset(seen.seq, 0);
    return seen.from == other.from && distance > -kNear && distance < kNear;
  });
}

/// Without payload that both saw: the same ends, and numbers that meet.
void Matcher::by_ends() {
  constexpr std::size_t kMostTried = 16;
  std::map<Ends, std::vector<std::size_t>> known;
  for (std::size_t i = 0; i < server_.size(); ++i) {
    if (server_taken_[i] || server_[i].seen.empty()) continue;
    for (const Ends& ends : names_of(server_[i])) known[ends].push_back(i);
  }
  const auto find = [&](const Trail& ours, const Ends& ends) -> std::optional<std::size_t> {
    const auto candidates = known.find(ends);
    if (candidates == known.end()) return std::nullopt;
    std::size_t tried = 0;
    for (const std::size_t k : candidates->second) {
      const Trail& theirs = server_[k];
      if (server_taken_[k] || (ours.starts() && theirs.starts())) continue;
      if (++tried > kMostTried) break;
      if (meets(ours.seen.front(), theirs) || meets(ours.seen.back(), theirs)) return k;
    }
    return std::nullopt;
  };
  for (std::size_t i = 0; i < client_.size(); ++i) {
    const Trail& ours = client_[i];
    if (client_taken_[i] || ours.seen.empty()) continue;
    for (const Ends& ends : names_of(ours)) {
      const auto found = find(ours, ends);
      if (!found) continue;
      join(i, *found, true);
      break;
    }
  }
}

/// Pieces in the server's capture without a beginning that carry on what has been joined.
void Matcher::by_new_name() {
  std::unordered_multimap<std::uint64_t, std::size_t> probes;
  for (std::size_t i = 0; i < server_.size(); ++i) {
    if (server_taken_[i] || server_[i].starts()) continue;
    const auto first = std::find_if(server_[i].seen.begin(), server_[i].seen.end(),
                                    [](const Seen& seen) { return seen.head != 0; });
    if (first != server_[i].seen.end()) probes.emplace(bytes_key(*first), i);
  }
  if (probes.empty()) return;
  for (std::size_t i = 0; i < client_.size(); ++i) {
    if (!client_taken_[i]) continue;
    for (const Seen& seen : client_[i].seen) {
      if (seen.head == 0) continue;
      const auto [first, last] = probes.equal_range(bytes_key(seen));
      for (auto each = first; each != last; ++each) {
        if (server_taken_[each->second]) continue;
        server_taken_[each->second] = true;
        matches_.renamed.push_back({i, each->second, true});
      }
    }
  }
}

/// A request in one piece that comes word for word under other numbers. Only what comes once in
/// either capture: requests that are always the same tell nothing apart.
void Matcher::by_bytes() {
  constexpr std::uint32_t kTelling = 32;  // bytes
  const auto firsts = [](const std::vector<Trail>& trails) {
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> found;
    for (std::size_t i = 0; i < trails.size(); ++i) {
      const auto first =
          std::find_if(trails[i].seen.begin(), trails[i].seen.end(), [](const Seen& seen) {
            return seen.from == Side::client && seen.content != 0 && seen.length >= kTelling;
          });
      if (first == trails[i].seen.end()) continue;
      found[std::uint64_t{first->content} << 32 | first->length].push_back(i);
    }
    return found;
  };
  const auto known = firsts(server_);
  for (const auto& [bytes, ours] : firsts(client_)) {
    const auto theirs = known.find(bytes);
    if (ours.size() != 1 || theirs == known.end() || theirs->second.size() != 1) continue;
    if (client_taken_[ours.front()] || server_taken_[theirs->second.front()]) continue;
    matches_.replaced.push_back({ours.front(), theirs->second.front(), true});
  }
}

}  // namespace

bool renumber(const Trail& client, Trail& server) {
  std::array<std::uint32_t, 2> more{};  // by side
  for (const Side side : {Side::client, Side::server}) {
    const std::size_t i = index(side);
    if (client.began[i] && server.began[i]) more[i] = server.isn[i] - client.isn[i];
  }
  if (more[0] == 0 && more[1] == 0) return false;
  for (const Side side : {Side::client, Side::server}) server.isn[index(side)] -= more[index(side)];
  for (Seen& seen : server.seen) {
    seen.seq -= more[index(seen.from)];
    if (seen.flags.has(TcpFlags::ack)) seen.ack -= more[index(other(seen.from))];
  }
  return true;
}

Matches match(const std::vector<Trail>& client, const std::vector<Trail>& server) {
  return Matcher{client, server}.run();
}

}  // namespace httpdiag::views
