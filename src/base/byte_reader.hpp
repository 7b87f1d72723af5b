// SPDX-License-Identifier: Apache-2.0
// A checked cursor over bytes, big-endian unless it says otherwise. One `has()`
// per fixed header; reading past the end is our bug and stops the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "httpdiag/error.hpp"

namespace httpdiag::base {

class ByteReader {
 public:
  explicit constexpr ByteReader(std::span<const std::byte> bytes) : bytes_{bytes} {}

  constexpr bool has(std::size_t count) const { return bytes_.size() - at_ >= count; }
  constexpr std::size_t left() const { return bytes_.size() - at_; }
  constexpr std::size_t position() const { return at_; }
  constexpr std::span<const std::byte> rest() const { return bytes_.subspan(at_); }

  constexpr std::uint8_t u8() { return std::to_integer<std::uint8_t>(take(1)[0]); }
  constexpr std::uint16_t u16() {
    const auto b = take(2);
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(b[0]) << 8 |
                                      std::to_integer<unsigned>(b[1]));
  }
  constexpr std::uint32_t u32() {
    const auto b = take(4);
    return std::to_integer<std::uint32_t>(b[0]) << 24 | std::to_integer<std::uint32_t>(b[1]) << 16 |
           std::to_integer<std::uint32_t>(b[2]) << 8 | std::to_integer<std::uint32_t>(b[3]);
  }
  constexpr std::span<const std::byte> take(std::size_t count) {
    HTTPDIAG_CHECK(has(count));
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  constexpr void skip(std::size_t count) { take(count); }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace httpdiag::base
