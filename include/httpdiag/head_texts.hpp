// SPDX-License-Identifier: Apache-2.0
// What is kept of the text of a message's head.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "httpdiag/error.hpp"

namespace httpdiag {

/// The few texts that are kept of a head: in one buffer, since every message has them and few are
/// ever asked for. They are written one after the other, as the head is read.
class HeadTexts {
 public:
  enum Part : std::uint8_t {
    method,
    start,
    host,
    content_encoding,
    delivery_id,
    trace_id,
    forwarded_for,
    location,
  };
  static constexpr std::size_t kParts = location + 1;

  HeadTexts() = default;
  HeadTexts(const HeadTexts&) = default;
  HeadTexts& operator=(const HeadTexts&) = default;
  HeadTexts(HeadTexts&& from) noexcept
      : buffer_{std::move(from.buffer_)},
        used_{std::exchange(from.used_, 0)},
        spans_{std::exchange(from.spans_, {})} {}
  HeadTexts& operator=(HeadTexts&& from) noexcept {
    buffer_ = std::move(from.buffer_);
    used_ = std::exchange(from.used_, 0);
    spans_ = std::exchange(from.spans_, {});
    return *this;
  }

  std::string_view operator[](Part part) const {
    return {buffer_.data() + spans_[part].begin, spans_[part].size};
  }
  /// Adds to `part` as long as it has less than `limit` bytes. Once another part has been begun it
  /// cannot grow any more.
  void append(Part part, std::string_view text, std::size_t limit) {
    Span& span = spans_[part];
    const std::size_t size = std::min(text.size(), limit - std::min<std::size_t>(limit, span.size));
    if (size == 0) return;
    if (span.size == 0) span.begin = used_;
    HTTPDIAG_CHECK(span.begin + span.size == used_);
    if (buffer_.size() - used_ < size) buffer_.resize(std::max(kUsual, 2 * (used_ + size)));
    std::memcpy(buffer_.data() + used_, text.data(), size);
    span.size += static_cast<std::uint32_t>(size);
    used_ += static_cast<std::uint32_t>(size);
  }
  /// Its first `bytes` are no longer part of it.
  void drop_front(Part part, std::size_t bytes) {
    Span& span = spans_[part];
    const auto gone = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, span.size));
    span.begin += gone;
    span.size -= gone;
  }
  /// Another text takes its place; what the old one took stays taken.
  void restart(Part part) { spans_[part] = {}; }
  /// Keeps its memory unless that is large.
  void clear() {
    if (buffer_.size() > kKept) buffer_ = {};
    used_ = 0;
    spans_ = {};
  }
  /// Gives back the memory that the texts do not need.
  void shrink() {
    buffer_.resize(used_);
    buffer_.shrink_to_fit();
  }

 private:
  static constexpr std::size_t kUsual = 256, kKept = 1024;
  struct Span {
    std::uint32_t begin = 0, size = 0;
  };
  std::string buffer_;  // its size is what there is room for
  std::uint32_t used_ = 0;
  std::array<Span, kParts> spans_;
};

}  // namespace httpdiag
