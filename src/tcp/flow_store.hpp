// SPDX-License-Identifier: Apache-2.0
// Where flows live: who has which 4-tuple, which incarnation came before, and who
// has been silent for how long. Half-open attempts (SYNs without any answer) are
// kept in a small form of their own, so that a SYN flood costs little. What a
// segment means is not known here.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "tcp/flow.hpp"
#include "tcp/flow_table.hpp"
#include "tcp/hashing.hpp"

namespace httpdiag::tcp {

/// Place in an AgeList.
struct Age {
  Handle newer = kNoHandle;
  Handle older = kNoHandle;
  Timestamp armed{};
};

/// A SYN and its retransmissions while nothing came back.
struct Attempt {
  Endpoint client, server;
  FlowId id{};
  std::uint32_t hash = 0;
  std::uint32_t isn = 0;
  PacketRef first, last;
  Handle previous = kNoHandle;
  Age age;
  std::unique_ptr<std::array<PacketRef, kMaxSynTimes>> times;  // null while there was one SYN
  std::uint32_t clock = 0;                                     // see FlowRecord::syn_clock
  FlowId fallback{};                                           // see FlowTrouble::fallback
  std::uint16_t syns = 0;
  std::uint16_t oddities = 0;
  std::uint16_t window = 0;
  std::uint16_t mss = 0;
  std::int8_t window_scale = -1;
  std::uint8_t ttl = 0;
  Hints hints;
  Tunnel tunnel;
};
static_assert(sizeof(Attempt) <= 192, "a SYN flood is paid in Attempts");

struct Slot {
  Flow flow;
  std::uint32_t hash = 0;
  Handle previous = kNoHandle;  // an earlier incarnation of the tuple that waits for stragglers
  Age age;
  Timestamp last_seen{};
  AgeList list = AgeList::open;
};

class FlowStore {
 public:
  FlowStore() = default;
  /// What is still there goes without a word to anyone.
  ~FlowStore();
  FlowStore(const FlowStore&) = delete;
  FlowStore& operator=(const FlowStore&) = delete;

  // Attempts and flows share one kind of handle; those of attempts carry the top bit.
  static constexpr bool is_attempt(Handle handle) { return (handle & kAttemptBit) != 0; }
  Attempt& attempt(Handle handle) { return attempts_.at(handle & ~kAttemptBit); }
  Slot& slot(Handle handle) { return slots_.at(handle); }
  FlowId id(Handle handle) {
    return is_attempt(handle) ? attempt(handle).id : slot(handle).flow.record.id;
  }

  struct Found {
    Handle handle;  // the newest incarnation of the tuple, or kNoHandle
    Side from;      // whose segments have the tuple in this direction
  };
  Found find(std::uint32_t hash, const Endpoint& source, const Endpoint& destination,
             std::uint32_t network) {
    bool reverse = false;
    const Handle handle = table_.find(hash, [&](Handle candidate) {
      const auto [client, server, in] = ends_of(candidate);
      if (in != network) [[unlikely]]
        return false;
      reverse = !(same(source, client) && same(destination, server));
      return !reverse || (same(source, server) && same(destination, client));
    });
    return {handle, reverse ? Side::server : Side::client};
  }
  /// Has the place in the table fetched where find() will begin.
  void prefetch(std::uint32_t hash) const { table_.prefetch(hash); }
  /// Has the flow fetched that find() will nearly always return.
  void prefetch_flow(std::uint32_t hash);

  /// New ones, with `hash` and their place in a list; in the table only after insert() or stack().
  Handle make_attempt(std::uint32_t hash, Timestamp now);
  Handle make_flow(std::uint32_t hash, Timestamp now);
  void insert(Handle handle) { table_.insert(hash_of(handle), handle); }
  /// `newest` takes the tuple over from `below`, which waits for its stragglers. No more than two
  /// incarnations wait at once: returns the third, to be released, or kNoHandle.
  Handle stack(Handle newest, Handle below);
  /// A new flow takes the place of an attempt in table and chain; the attempt is gone.
  void supersede(Handle attempt_handle, Handle flow_handle);
  /// An earlier incarnation that still waits, or kNoHandle.
  Handle previous(Handle handle) { return previous_of(handle); }
  /// Out of table, chain and list; the object stays until free().
  void take_out(Handle handle);
  void free(Handle handle) {
    is_attempt(handle) ? attempts_.free(handle & ~kAttemptBit) : slots_.free(handle);
  }

  // A packet touches no list: a flow that proves to be younger than its place says is moved to
  // the end when its turn comes. It may live up to twice the stated time.
  void move(Handle flow, AgeList to, Timestamp now);
  Waited waited(Handle handle) {
    const AgeList list = static_cast<AgeList>(&list_of(handle) - lists_.data());
    const bool rests = !is_attempt(handle) && !in_progress(slot(handle).flow.record);
    return {list, age(handle).armed, last_seen(handle), rests};
  }
  /// The next of the list that has been silent for more than `idle`, or kNoHandle.
  Handle overdue(AgeList list, Duration idle, Timestamp now);
  /// Calls `found` with each of the list that has been silent for more than `idle`. Visits all that
  /// came into the list before that.
  template <typename Found>
  void for_silent(AgeList which, Duration idle, Timestamp now, const Found& found) {
    Handle handle = oldest(which);
    for (; handle != kNoHandle && now - age(handle).armed > idle; handle = age(handle).newer) {
      if (now - last_seen(handle) > idle) found(handle);
    }
  }
  /// No member of the list is overdue up to then.
  Timestamp due(AgeList list, Duration idle);
  Handle oldest(AgeList list) const { return lists_[static_cast<std::size_t>(list)].oldest; }
  std::uint32_t size(AgeList list) const { return lists_[static_cast<std::size_t>(list)].size; }
  /// All of them, in order of FlowId.
  std::vector<Handle> all();

 private:
  struct List {
    Handle oldest = kNoHandle;
    Handle newest = kNoHandle;
    std::uint32_t size = 0;
  };
  static constexpr Handle kAttemptBit = 0x80000000;

  Age& age(Handle handle) { return is_attempt(handle) ? attempt(handle).age : slot(handle).age; }
  Handle& previous_of(Handle handle) {
    return is_attempt(handle) ? attempt(handle).previous : slot(handle).previous;
  }
  std::uint32_t hash_of(Handle handle) {
    return is_attempt(handle) ? attempt(handle).hash : slot(handle).hash;
  }
  Timestamp last_seen(Handle handle) {
    return is_attempt(handle) ? attempt(handle).last.time : slot(handle).last_seen;
  }
  struct Ends {
    const Endpoint& client;
    const Endpoint& server;
    std::uint32_t network;
  };
  Ends ends_of(Handle handle) {
    if (is_attempt(handle)) {
      const Attempt& a = attempt(handle);
      return {a.client, a.server, a.tunnel.network};
    }
    const FlowRecord& record = slot(handle).flow.record;
    return {record.client, record.server, record.network};
  }
  /// Without branches: one comparison of the whole instead of three.
  static bool same(const Endpoint& a, const Endpoint& b) {
    const Words x = words_of(a.ip);
    const Words y = words_of(b.ip);
    return ((x.low ^ y.low) | (x.high ^ y.high) | static_cast<std::uint64_t>(a.port ^ b.port)) == 0;
  }
  List& list_of(Handle handle);
  void link(List& list, Handle handle, Timestamp now);
  void unlink(List& list, Handle handle);

  TupleTable table_;
  Slab<Attempt> attempts_;
  Slab<Slot> slots_;
  std::array<List, kAgeLists.size()> lists_;
};

}  // namespace httpdiag::tcp
