// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "httpdiag/legs.hpp"

namespace httpdiag {

namespace {

bool refused(const Leg& leg) {
  if (leg.label == Label::ack_negative) return true;
  return leg.answered && leg.status >= 300 && !is_gateway_error(leg.status);
}

/// Its proxy may still have been waiting for it when `next` began.
bool under_way(const Leg& leg, const Leg& next) {
  return leg.label == Label::no_response || end_of(leg) > next.first.time + kReordered;
}

/// `next` was sent because `before` had failed.
bool sent_again(const Leg& before, const Leg& next) {
  const bool went_well = before.done && !before.gave_up_after;
  return !went_well && !under_way(before, next);
}

/// Another leg had the request at the same time and did not say that it was done: one of the two is
/// for somebody else.
bool beside_another(const std::vector<Leg>& legs, std::size_t leg) {
  const Leg& self = legs[leg];
  for (std::size_t i = 1; i < legs.size(); ++i) {
    const Leg& other = legs[i];
    if (i == leg || other.behind != self.behind || other.exchange == 0) continue;
    if (other.done || other.untouched) continue;
    if (i < leg ? under_way(other, self) : under_way(self, other)) return true;
  }
  return false;
}

void add_repetitions(const std::vector<Leg>& legs, std::size_t front,
                     std::vector<const Leg*>& found) {
  const Leg* before = nullptr;
  for (std::size_t i = 1; i < legs.size(); ++i) {
    const Leg& leg = legs[i];
    if (leg.behind != front || leg.exchange == 0) continue;
    if (before != nullptr && !sent_again(*before, leg)) continue;
    before = &leg;
    if (leg.untouched || refused(leg)) continue;
    const std::size_t so_far = found.size();
    add_repetitions(legs, i, found);
    if (found.size() == so_far) found.push_back(&leg);
  }
}

std::string times(std::size_t n) { return n == 2 ? "twice" : fmt::format("{} times", n); }

}  // namespace

bool is_behind(const std::vector<Leg>& legs, std::size_t leg, std::size_t front) {
  for (std::size_t at = leg; at != 0;) {
    at = legs[at].behind;
    if (at == front) return true;
  }
  return false;
}

const Leg* done_behind(const std::vector<Leg>& legs, std::size_t front) {
  const auto proves = [&](std::size_t leg) {
    for (std::size_t at = leg; at != front; at = legs[at].behind) {
      if (beside_another(legs, at)) return false;
    }
    return true;
  };
  for (std::size_t i = 1; i < legs.size(); ++i) {
    if (legs[i].done && is_behind(legs, i, front) && proves(i)) return &legs[i];
  }
  return nullptr;
}

std::vector<const Leg*> repetitions(const std::vector<Leg>& legs) {
  std::vector<const Leg*> found;
  add_repetitions(legs, 0, found);
  return found;
}

std::string words(const std::vector<const Leg*>& repetitions) {
  struct Receiver {
    Endpoint server;
    std::vector<std::string> legs;
  };
  std::vector<Receiver> receivers;
  for (const Leg* leg : repetitions) {
    auto at = std::find_if(receivers.begin(), receivers.end(),
                           [&](const Receiver& each) { return each.server == leg->server; });
    if (at == receivers.end()) at = receivers.insert(at, {leg->server, {}});
    at->legs.push_back(exchange_name(leg->flow, leg->exchange));
  }
  std::vector<std::string> places;
  for (const Receiver& each : receivers)
    places.push_back(fmt::format("{} ({})", to_string(each.server), fmt::join(each.legs, ", ")));
  const bool same = receivers.size() == 1;
  const bool sure =
      std::all_of(repetitions.begin(), repetitions.end(), [](const Leg* leg) { return leg->done; });
  std::string text = fmt::format("{}{} to {}", times(repetitions.size()), same ? "" : ",",
                                 fmt::join(places.begin(), places.end() - (same ? 0 : 1), ", "));
  if (!same) text += " and " + places.back();
  if (sure)
    return text +
           (same ? ", which answered each with success" : ", and each answered it with success");
  return text + (same ? ", which may have acted on each"
                      : ", and more than one receiver may have acted on it");
}

bool reached_nobody(const std::vector<Leg>& legs) {
  const Leg& front = legs.front();
  if (front.by_itself) return true;
  return front.gateway && !front.contested && legs.size() > 1 &&
         std::all_of(legs.begin() + 1, legs.end(), [](const Leg& leg) { return leg.untouched; });
}

}  // namespace httpdiag
