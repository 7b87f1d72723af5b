// SPDX-License-Identifier: Apache-2.0
// A growing array whose elements never move. Unlike std::deque it is found by
// two short steps, of which the first stays in the cache.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace httpdiag::base {

template <typename T>
class StableArray {
 public:
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return chunks_[i / kChunk][i % kChunk]; }

  T& add() {
    if (size_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<T[]>(kChunk));
    return (*this)[size_++];
  }

 private:
  static constexpr std::size_t kChunk = 128;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace httpdiag::base
