// SPDX-License-Identifier: Apache-2.0
// Takes the secrets out of a request target: what may be shown to people who
// were not meant to see the traffic.
#pragma once

#include <string>
#include <string_view>

namespace httpdiag::report {

inline constexpr std::string_view kRedacted = "<redacted>";

/// Any of the four request-target forms of RFC 9112 §3.2: user information is
/// removed; of the query and of path parameters (";jsessionid=...") the keys
/// stay and the values go; a query part without "=" may be a token and goes; so
/// does a fragment, which should not be there at all.
std::string redact_target(std::string_view target);

}  // namespace httpdiag::report
