// SPDX-License-Identifier: Apache-2.0
// What tells the attempts of one callback from everybody else's: the key cascade
// of taxonomy 5.3. Cheap keys for all; the body is looked into only where asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/delivery.hpp"
#include "httpdiag/exchange.hpp"

namespace httpdiag::delivery {

/// Method, host and path.
std::uint64_t endpoint_hash(std::string_view method, std::string_view host,
                            std::string_view target);
std::string_view path_of(std::string_view target);
std::string_view query_of(std::string_view target);  // without "?"; empty if there is none

/// The key that costs next to nothing: the sender's id in a header, or the digest of the whole
/// request. 0: neither is there.
std::uint64_t plain_key(std::uint64_t endpoint, std::string_view target, const Message& request);

struct Keys {
  struct Key {
    KeyKind kind{};
    std::uint64_t hash = 0;
  };
  std::vector<Key> cascade;  // strongest first
  bool event = false;        // the strongest names an event, not a thing that events are about
  std::string name, value;   // of the strongest, if it is a header or a field
};

/// A request body as kept.
struct Body {
  std::string_view text;  // the first bytes, as sent
  std::string_view coding;
  bool whole = false;
};

/// All keys. A header alone, where the sender gave an id in one: what has another id is another
/// delivery whatever its body.
Keys all_keys(std::uint64_t endpoint, std::string_view target, const Message& request,
              const AckProfile& profile);
/// Those from inside a body, for one that is looked at again.
Keys body_keys(std::uint64_t endpoint, std::string_view query, const Body& body,
               const AckProfile& profile);

/// A GET that is a callback all the same: everything is in its query, signed.
bool is_callback_query(std::string_view query);

}  // namespace httpdiag::delivery
