// SPDX-License-Identifier: Apache-2.0
// Reads the body of a 2xx as the sender of the callback would (taxonomy 4.7, 5.1).
#pragma once

#include <string>

#include "httpdiag/profile.hpp"

namespace httpdiag::rules {

struct AckReading {
  Ack ack = Ack::unknown;
  std::string body;  // what it is: "the body \"fail\"", "an HTML page of 2.1 kB"; never its content
                     // unless that is a known word
  std::string token;  // the known word, as sent
};

/// `response` is a complete 2xx.
AckReading read_ack(const AckProfile& profile, const Thresholds& settings, const Message& response);

/// The sender is known to read it so, or it is a word that everybody does: not a document to a
/// sender of whom nothing is known.
bool is_agreed(const AckProfile& profile, const AckReading& reading);

/// What the body of a 2xx to a callback says to its sender; unknown where that is not agreed, or
/// there is no whole answer.
Ack agreed_ack(const Exchange& exchange, const Thresholds& settings);

/// The answer is a 2xx to a callback, and its body says no, as was agreed.
bool refuses_in_body(const Exchange& exchange, const Thresholds& settings);

/// The body of this healthy-looking 2xx may mean something else. Cheap: most callbacks say here
/// that it does not.
bool ack_may_matter(const Exchange& exchange, const Thresholds& settings);

}  // namespace httpdiag::rules
