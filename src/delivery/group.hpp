// SPDX-License-Identifier: Apache-2.0
// The attempts that share a key, until it is decided what they were.
#pragma once

#include <cstdint>
#include <vector>

#include "httpdiag/delivery.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag::delivery {

struct Group {
  std::uint64_t id = 0;
  Delivery delivery;
  std::uint16_t words = 0;          // Keys::words of the first
  bool alike = false;               // and of all others: but for what changes they say the same
  bool event = false;               // the key names an event
  std::vector<std::uint64_t> keys;  // under which it is found
  std::uint64_t acknowledged = 0;   // of the attempts
};

/// Puts the attempts in time order and cuts the group where one delivery ends and the next begins:
/// the same words sent again long after they were acknowledged are a heartbeat or a second message,
/// no retry, unless something in them names the event.
std::vector<Delivery> deliveries_of(Group&& group, const Thresholds& settings);

/// Verdict, retry gaps, sentence and advice, from attempts in time order. Again after attempts
/// were added.
void judge(Delivery& delivery);

/// An attempt of `delivery` came to something else than was counted for its endpoint.
void count_again(std::vector<CallbackEndpoint>& endpoints, const Delivery& delivery,
                 AttemptClass before, AttemptClass now);

}  // namespace httpdiag::delivery
