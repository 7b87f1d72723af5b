// SPDX-License-Identifier: Apache-2.0
#include "tcp/flow_store.hpp"

#include <algorithm>

namespace httpdiag::tcp {

FlowStore::~FlowStore() {
  for (const List& list : lists_) {
    for (Handle handle = list.oldest; handle != kNoHandle;) {
      const Handle newer = age(handle).newer;
      free(handle);
      handle = newer;
    }
  }
}

// A flow has left the cache since its last packet, as a rule.
void FlowStore::prefetch_flow(std::uint32_t hash) {
  const Handle handle = table_.find(hash, [](Handle) { return true; });
  if (handle == kNoHandle || is_attempt(handle)) return;
  constexpr std::size_t kCacheLine = 64;
  const auto* bytes = reinterpret_cast<const std::byte*>(&slot(handle));
  for (std::size_t at = 0; at < sizeof(Slot); at += kCacheLine) __builtin_prefetch(bytes + at);
}

Handle FlowStore::make_attempt(std::uint32_t hash, Timestamp now) {
  const Handle handle = attempts_.make() | kAttemptBit;
  attempt(handle).hash = hash;
  link(list_of(handle), handle, now);
  return handle;
}

Handle FlowStore::make_flow(std::uint32_t hash, Timestamp now) {
  const Handle handle = slots_.make();
  slot(handle).hash = hash;
  link(list_of(handle), handle, now);
  return handle;
}

Handle FlowStore::stack(Handle newest, Handle below) {
  table_.replace(hash_of(below), below, newest);
  previous_of(newest) = below;
  return std::exchange(previous_of(below), kNoHandle);
}

void FlowStore::supersede(Handle attempt_handle, Handle flow_handle) {
  const Attempt& a = attempt(attempt_handle);
  slot(flow_handle).previous = a.previous;
  table_.replace(a.hash, attempt_handle, flow_handle);
  unlink(list_of(attempt_handle), attempt_handle);
  free(attempt_handle);
}

void FlowStore::take_out(Handle handle) {
  const std::uint32_t hash = hash_of(handle);
  const Handle older = previous_of(handle);
  const auto [client, server, network] = ends_of(handle);
  const Handle newest = find(hash, client, server, network).handle;
  if (newest == handle) {
    if (older != kNoHandle) {
      table_.replace(hash, handle, older);
    } else {
      table_.erase(hash, handle);
    }
  } else if (newest != kNoHandle && previous_of(newest) == handle) {
    previous_of(newest) = older;
  }
  unlink(list_of(handle), handle);
}

FlowStore::List& FlowStore::list_of(Handle handle) {
  const AgeList list = is_attempt(handle) ? AgeList::opening : slot(handle).list;
  return lists_[static_cast<std::size_t>(list)];
}

void FlowStore::link(List& list, Handle handle, Timestamp now) {
  Age& a = age(handle);
  a.armed = now;
  a.older = list.newest;
  a.newer = kNoHandle;
  (list.newest != kNoHandle ? age(list.newest).newer : list.oldest) = handle;
  list.newest = handle;
  ++list.size;
}

void FlowStore::unlink(List& list, Handle handle) {
  const Age a = age(handle);
  (a.older != kNoHandle ? age(a.older).newer : list.oldest) = a.newer;
  (a.newer != kNoHandle ? age(a.newer).older : list.newest) = a.older;
  --list.size;
}

void FlowStore::move(Handle flow, AgeList to, Timestamp now) {
  unlink(list_of(flow), flow);
  slot(flow).list = to;
  link(list_of(flow), flow, now);
}

Handle FlowStore::overdue(AgeList which, Duration idle, Timestamp now) {
  List& list = lists_[static_cast<std::size_t>(which)];
  while (list.oldest != kNoHandle && now - age(list.oldest).armed > idle) {
    const Handle handle = list.oldest;
    if (now - last_seen(handle) > idle) return handle;
    unlink(list, handle);
    link(list, handle, now);
  }
  return kNoHandle;
}

Timestamp FlowStore::due(AgeList list, Duration idle) {
  const Handle first = oldest(list);
  return first == kNoHandle ? Timestamp::max() : age(first).armed + idle;
}

std::vector<Handle> FlowStore::all() {
  std::vector<std::pair<FlowId, Handle>> found;
  std::size_t count = 0;
  for (const List& list : lists_) count += list.size;
  found.reserve(count);
  for (const List& list : lists_) {
    for (Handle handle = list.oldest; handle != kNoHandle; handle = age(handle).newer) {
      found.emplace_back(id(handle), handle);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<Handle> handles;
  handles.reserve(found.size());
  for (const auto& [id, handle] : found) handles.push_back(handle);
  return handles;
}

}  // namespace httpdiag::tcp
