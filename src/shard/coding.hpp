// SPDX-License-Identifier: Apache-2.0
// Values as bytes and back. Numbers take as few bytes as they need, packets are written as their
// distance from the one before. What is read is checked: it comes from a file.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "httpdiag/error.hpp"
#include "httpdiag/flow.hpp"
#include "httpdiag/packet.hpp"
#include "shard/blocks.hpp"

namespace httpdiag::shard {

/// Largest value of an enumeration; specialised for those that are written.
template <typename Enum>
inline constexpr std::uint64_t kLast = 0;

inline constexpr std::size_t kMostText = 1u << 20;  // bytes of one text, elements of one list

constexpr std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

class Encoder {
 public:
  static constexpr bool kWrites = true;

  template <typename... Values>
  void operator()(const Values&... values) {
    (code(values), ...);
  }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  /// The next packet is told by its distance from none again.
  void restart() { last_ = {}; }
  std::size_t size() const { return bytes_.size(); }
  std::string take() { return std::exchange(bytes_, {}); }

 private:
  void code(bool value) { number(value ? 1 : 0); }
  template <typename T>
  requires(std::integral<T> && !std::same_as<T, bool>) void code(T value) {
    if constexpr (std::signed_integral<T>) {
      number(zigzag(value));
    } else {
      number(value);
    }
  }
  template <typename T>
  requires std::is_enum_v<T>
  void code(T value) { number(static_cast<std::uint64_t>(value)); }
  void code(Duration value) { code(value.count()); }
  template <typename Unit>
  void code(const std::chrono::sys_time<Unit>& time) {
    code(std::int64_t{time.time_since_epoch().count()});
  }
  void code(const PacketRef& packet) {
    code(static_cast<std::int64_t>(packet.number - last_.number));
    if (packet.number == last_.number && packet.time == last_.time) return number(0);
    // Wraps around where a capture holds such times.
    number(zigzag(static_cast<std::int64_t>(ticks(packet) - ticks(last_))) + 1);
    last_ = packet;
  }
  void code(std::string_view text) {
    number(text.size());
    bytes_ += text;
  }
  void code(const std::string& text) { code(std::string_view{text}); }
  template <typename T>
  void code(const std::optional<T>& value) {
    code(value.has_value());
    if (value) code(*value);
  }
  template <typename T>
  void code(const std::unique_ptr<T>& value) {
    pointer(value.get());
  }
  template <typename T>
  void code(const std::shared_ptr<T>& value) {
    pointer(value.get());
  }
  template <typename T>
  void pointer(const T* value) {
    code(value != nullptr);
    if (value != nullptr) code(*value);
  }
  template <typename T>
  void code(const std::vector<T>& list) {
    number(list.size());
    for (const T& each : list) code(each);
  }
  template <typename T, std::size_t N>
  void code(const std::array<T, N>& list) {
    for (const T& each : list) code(each);
  }
  template <typename A, typename B>
  void code(const std::pair<A, B>& pair) {
    code(pair.first);
    code(pair.second);
  }
  template <typename T>
  requires(std::is_class_v<T>) void code(const T& record) { fields(*this, record); }

  static std::uint64_t ticks(const PacketRef& packet) {
    return static_cast<std::uint64_t>(packet.time.time_since_epoch().count());
  }

  std::string bytes_;
  PacketRef last_;
};

/// Keeps the few texts that records only point to.
class Interned {
 public:
  std::string_view keep(std::string text) {
    if (texts_.size() >= kMost && !texts_.contains(text)) return {};
    return *texts_.insert(std::move(text)).first;
  }

 private:
  static constexpr std::size_t kMost = 1024;
  std::set<std::string> texts_;
};

/// What becomes of the numbers of a capture among others. Throws Damaged for what it has not.
class Numbering {
 public:
  virtual ~Numbering() = default;
  virtual PacketNumber packet(PacketNumber own) const = 0;
  virtual FlowId flow(FlowId own) const = 0;
};

class Decoder {
 public:
  static constexpr bool kWrites = false;

  /// Borrows all of it; without a numbering, numbers are as they were written.
  Decoder(std::string_view bytes, Interned& interned, const Numbering* numbering = nullptr)
      : left_{bytes}, interned_{interned}, numbering_{numbering} {}

  bool at_end() const { return left_.empty(); }
  template <typename... Values>
  void operator()(Values&... values) {
    (code(values), ...);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) damaged();
      const auto byte = static_cast<std::uint8_t>(left_.front());
      left_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    damaged();
  }
  [[noreturn]] static void damaged() { throw Damaged{}; }

 private:
  void code(bool& value) { value = limited(1) != 0; }
  template <typename T>
  requires(std::integral<T> && !std::same_as<T, bool>) void code(T& value) {
    if constexpr (std::signed_integral<T>) {
      const std::int64_t wide = unzigzag(number());
      if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) damaged();
      value = static_cast<T>(wide);
    } else {
      value = static_cast<T>(limited(std::numeric_limits<T>::max()));
    }
  }
  template <typename T>
  requires std::is_enum_v<T>
  void code(T& value) {
    static_assert(kLast<T> != 0, "say what the largest value is");
    const std::uint64_t number = limited(kLast<T>);
    if constexpr (std::same_as<T, FlowId>) {
      value = static_cast<T>(number);
      if (value != T{} && numbering_ != nullptr) value = numbering_->flow(value);
    } else {
      value = static_cast<T>(number);
    }
  }
  void code(Duration& value) { value = Duration{unzigzag(number())}; }
  template <typename Unit>
  void code(std::chrono::sys_time<Unit>& time) {
    time = std::chrono::sys_time<Unit>{Unit{unzigzag(number())}};
  }
  void code(PacketRef& packet) {
    packet.number = last_.number + static_cast<std::uint64_t>(unzigzag(number()));
    packet.time = last_.time;
    if (const std::uint64_t step = number(); step != 0) {
      const auto ticks = static_cast<std::uint64_t>(last_.time.time_since_epoch().count()) +
                         static_cast<std::uint64_t>(unzigzag(step - 1));
      packet.time = Timestamp{Duration{static_cast<std::int64_t>(ticks)}};
      last_ = packet;
    }
    if (packet && numbering_ != nullptr) packet.number = numbering_->packet(packet.number);
  }
  void code(std::string& text) {
    const std::size_t size = size_left();
    text = left_.substr(0, size);
    left_.remove_prefix(size);
  }
  /// Into static storage, as far as the reader of the record can tell.
  void code(std::string_view& text) {
    std::string own;
    code(own);
    text = interned_.keep(std::move(own));
  }
  template <typename T>
  void code(std::optional<T>& value) {
    if (limited(1) == 0) return value.reset();
    code(value.emplace());
  }
  template <typename T>
  void code(std::unique_ptr<T>& value) {
    value = limited(1) == 0 ? nullptr : std::make_unique<T>();
    if (value) code(*value);
  }
  template <typename T>
  void code(std::shared_ptr<T>& value) {
    using Plain = std::remove_const_t<T>;
    auto own = limited(1) == 0 ? nullptr : std::make_shared<Plain>();
    if (own) code(*own);
    value = std::move(own);
  }
  template <typename T>
  void code(std::vector<T>& list) {
    list.clear();
    for (std::size_t left = size_left(); left > 0; --left) code(list.emplace_back());
  }
  template <typename T, std::size_t N>
  void code(std::array<T, N>& list) {
    for (T& each : list) code(each);
  }
  template <typename A, typename B>
  void code(std::pair<A, B>& pair) {
    code(pair.first);
    code(pair.second);
  }
  template <typename T>
  requires(std::is_class_v<T>) void code(T& record) { fields(*this, record); }

  /// A number of bytes that must be there behind it.
  std::size_t size_left() {
    const std::uint64_t size = number();
    if (size > left_.size() || size > kMostText) damaged();
    return static_cast<std::size_t>(size);
  }
  std::uint64_t limited(std::uint64_t most) {
    const std::uint64_t value = number();
    if (value > most) damaged();
    return value;
  }

  std::string_view left_;
  Interned& interned_;
  const Numbering* numbering_;
  PacketRef last_;  // as it was written
};

}  // namespace httpdiag::shard
