// SPDX-License-Identifier: Apache-2.0
// What the names of fields in a callback's body say. The bodies of one sender have
// the same names again and again, so what was found out of a name is remembered.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "httpdiag/profile.hpp"

namespace httpdiag::delivery {

struct FieldClass {
  static constexpr std::uint8_t own_id = 1,  // names an event, says the profile
      event = 2,                             // names one for most senders
      thing = 4,                             // names what events are about
      telling = 8,    // tells events about one thing apart: "trade_status", "refundFee"
      changing = 16,  // differs from one attempt to the next
      part = 32;      // names a part or a party of the thing: "item_id", "sku", "shopId"
  std::uint8_t bits = 0;
  std::uint64_t hash = 0, lower_hash = 0;  // of the name, and of its lower case
  bool is(std::uint8_t bit) const { return (bits & bit) != 0; }
};

class FieldClasses {
 public:
  /// Until the next call.
  const FieldClass& of(std::string_view name, const AckProfile& profile);

 private:
  static constexpr std::size_t kRemembered = 256;
  static constexpr std::size_t kLongest = 48;
  struct Known {
    std::string name;
    const AckProfile* profile = nullptr;
    FieldClass found;
  };
  std::array<Known, kRemembered> known_;
  FieldClass other_;  // of a name that is not worth remembering
};

}  // namespace httpdiag::delivery
