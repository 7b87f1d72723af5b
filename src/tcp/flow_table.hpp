// SPDX-License-Identifier: Apache-2.0
// Storage of flows: a slab that hands out stable 32-bit handles, and an open
// addressing table from 4-tuple hash to handle. Small entries in the table,
// flows elsewhere: measured to be the cheaper layout for many open flows.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "httpdiag/error.hpp"

namespace httpdiag::tcp {

using Handle = std::uint32_t;
inline constexpr Handle kNoHandle = 0xffffffff;

/// Objects at fixed addresses, in blocks that are never given back, so that the
/// peak decides. Handles of freed objects are used again.
template <typename T>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { HTTPDIAG_CHECK(live_ == 0); }

  Handle make() {
    Handle handle;
    if (free_.empty()) {
      if (used_ == blocks_.size() * kBlock) {
        blocks_.push_back(std::make_unique_for_overwrite<Block>());
      }
      handle = used_++;
    } else {
      handle = free_.back();
      free_.pop_back();
    }
    new (&(*blocks_[handle / kBlock])[handle % kBlock]) T;
    ++live_;
    return handle;
  }
  void free(Handle handle) {
    at(handle).~T();
    free_.push_back(handle);
    --live_;
  }
  T& at(Handle handle) {
    return *std::launder(reinterpret_cast<T*>(&(*blocks_[handle / kBlock])[handle % kBlock]));
  }
  std::size_t live() const { return live_; }

 private:
  static constexpr Handle kBlock = 256;
  struct alignas(T) Storage {
    std::byte bytes[sizeof(T)];
  };
  struct Block {
    Storage slots[kBlock];
    Storage& operator[](Handle i) { return slots[i]; }
  };

  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Handle> free_;
  Handle used_ = 0;
  std::size_t live_ = 0;
};

/// Linear probing with backward-shift deletion, at most 5/8 full. Keys live in
/// the flows: `same(handle)` compares the full tuple.
class TupleTable {
 public:
  TupleTable() : slots_(kInitialSlots) {}

  template <typename Same>
  Handle find(std::uint32_t hash, const Same& same) const {
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (slot.hash == hash && slot.handle != kNoHandle && same(slot.handle)) return slot.handle;
      if (slot.handle == kNoHandle) return kNoHandle;
    }
  }
  /// Has the slots fetched where find() will look.
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask()]); }
  /// The first handle under `hash`, which is nearly always the one that find() will return.
  Handle likely(std::uint32_t hash) const {
    return find(hash, [](Handle) { return true; });
  }
  void insert(std::uint32_t hash, Handle handle) {
    if ((used_ + 1) * 8 > slots_.size() * 5) grow();
    place({hash, handle});
    ++used_;
  }
  void replace(std::uint32_t hash, Handle from, Handle to) {
    slots_[index_of(hash, from)].handle = to;
  }
  void erase(std::uint32_t hash, Handle handle) {
    std::size_t hole = index_of(hash, handle);
    for (std::size_t i = (hole + 1) & mask(); slots_[i].handle != kNoHandle; i = (i + 1) & mask()) {
      const std::size_t home = slots_[i].hash & mask();
      // Move back unless its home lies behind the hole (cyclically).
      if (((i - home) & mask()) >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = {};
    --used_;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    Handle handle = kNoHandle;
  };
  static constexpr std::size_t kInitialSlots = 4096;

  std::size_t mask() const { return mask_; }
  void place(Slot entry) {
    std::size_t i = entry.hash & mask();
    while (slots_[i].handle != kNoHandle) i = (i + 1) & mask();
    slots_[i] = entry;
  }
  std::size_t index_of(std::uint32_t hash, Handle handle) const {
    std::size_t i = hash & mask();
    while (slots_[i].handle != handle) {
      HTTPDIAG_CHECK(slots_[i].handle != kNoHandle);
      i = (i + 1) & mask();
    }
    return i;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.handle != kNoHandle) place(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = kInitialSlots - 1;
  std::size_t used_ = 0;
};

}  // namespace httpdiag::tcp
