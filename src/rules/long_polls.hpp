// SPDX-License-Identifier: Apache-2.0
// Requests that are answered when there is news (RFC 6202 §2, §3): what they say of it themselves.
#pragma once

#include <optional>
#include <string_view>

#include "httpdiag/exchange.hpp"

namespace httpdiag::rules {

/// Of a resource that has news, by its name: "/updates", "/pods?watch=true".
bool is_named_for_news(std::string_view target);

/// For how long a long poll asks to be held: "/updates?timeout=30", "?wait=5m", and in the body of
/// a POST {"WaitTimeSeconds": 20}.
std::optional<Duration> asks_to_be_held(const Message& request);

/// Without a time: "?transport=polling", "?feed=longpoll".
bool says_it_polls(const Message& request);

}  // namespace httpdiag::rules
