// SPDX-License-Identifier: Apache-2.0
#include "shard/capture_states.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "httpdiag/error.hpp"
#include "shard/fingerprint.hpp"

namespace httpdiag::shard {
namespace {

/// "--host 10.0.0.1 and --port 80", in one order; "no filter".
std::string filters_text(const ShardState& state) {
  std::vector<std::string> filters = state.filters;
  std::ranges::sort(filters);
  std::string text;
  for (const std::string& each : filters)
    text += (text.empty() ? "" : " and ") + base::escape_for_terminal(base::shorten(each, 80));
  return text.empty() ? "no filter" : text;
}

bool same_filters(const ShardState& a, const ShardState& b) {
  const auto sorted = [](std::vector<std::string> filters) {
    std::ranges::sort(filters);
    return filters;
  };
  return sorted(a.filters) == sorted(b.filters);
}

bool same_capture(const ShardState& a, const ShardState& b) {
  return capture_part(a.fingerprint) == capture_part(b.fingerprint);
}

void check_made_alike(const ShardState& each, const ShardState& first) {
  if (!same_filters(each, first))
    refuse(each,
           fmt::format("was made of other packets than {}: with {}, that one with {}; give every "
                       "shard the same --host, --net, --port, --time and --bpf",
                       first.name, filters_text(each), filters_text(first)));
  if (settings_part(each.fingerprint) != settings_part(first.fingerprint))
    refuse(each, fmt::format("was made with other options than {}", first.name));
}

/// `other`: a state of another capture; null: there is none.
void check_whole(const std::vector<ShardState>& states, const ShardState* other) {
  const ShardState& first = states.front();
  const auto missing = [&](std::size_t index) {
    throw Error{fmt::format(
        "shard {} of {} is missing{}", index, first.shard.count,
        other == nullptr ? std::string{}
                         : fmt::format(" of the capture that {} is of; {} is of another capture",
                                       first.name, other->name))};
  };
  for (std::size_t i = 0; i < states.size(); ++i) {
    const ShardState& each = states[i];
    if (each.shard.count != first.shard.count)
      refuse(each, fmt::format("is a shard of {}, {} is one of {}", each.shard.count, first.name,
                               first.shard.count));
    if (i > 0 && each.shard.index == states[i - 1].shard.index)
      refuse(each, fmt::format("is the same shard as {}", states[i - 1].name));
    if (each.shard.index != i) missing(i);
  }
  if (states.size() < first.shard.count) missing(states.size());
}

}  // namespace

void refuse(const ShardState& state, std::string_view what) {
  throw Error{fmt::format("{}: {}", state.name, what)};
}

std::vector<std::vector<ShardState>> by_capture(std::vector<ShardState> states) {
  std::ranges::stable_sort(states, {}, [](const ShardState& each) { return each.shard.index; });
  for (const ShardState& each : states) check_made_alike(each, states.front());
  std::vector<std::vector<ShardState>> captures;
  for (ShardState& each : states) {
    const auto known = std::ranges::find_if(captures, [&](const std::vector<ShardState>& capture) {
      return same_capture(capture.front(), each);
    });
    if (known == captures.end()) {
      captures.emplace_back().push_back(std::move(each));
    } else {
      known->push_back(std::move(each));
    }
  }
  for (const std::vector<ShardState>& capture : captures) {
    const std::vector<ShardState>& other =
        captures[&capture == &captures.front() ? 1 % captures.size() : 0];
    check_whole(capture, captures.size() > 1 ? &other.front() : nullptr);
  }
  return captures;
}

}  // namespace httpdiag::shard
