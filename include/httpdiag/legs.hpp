// SPDX-License-Identifier: Apache-2.0
// A capture on a proxy holds a request more than once: on the leg from the
// client, and on the leg to the upstream (docs/legs.md).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/flow.hpp"

namespace httpdiag {

/// One connection on a request's way.
struct Leg {
  FlowId flow{};
  std::uint32_t exchange = 0;  // 0: a connection that failed before it carried anything
  Endpoint client, server;
  Label label = Label::ok;
  Severity severity = Severity::ok;
  Fault fault;  // of the label's finding
  std::uint16_t status = 0;
  PacketRef first;     // of the request, or of the connection
  PacketRef sent;      // last of the request
  PacketRef answered;  // first of the response; none: there was none
  PacketRef last;
  std::optional<Duration> gave_up_after;  // as in ExchangeReport
  bool untouched = false;                 // no application had a byte of the request
  std::size_t behind = 0;  // index of the leg in front of it; the first one's is its own
};

/// The legs of one request of which at least one had a problem or was slow.
struct Chain {
  std::string method, host, target;
  std::vector<Leg> legs;  // in order of their first packets; the first is the nearest to the client
  std::size_t decisive = 0;  // index of the leg that decided how the others went
  Fault fault;               // of that leg, in the eyes of the first leg's client
  std::string detail;        // where the time went, or where the request died
};

/// How often the proxy behind the first leg sent the request, and somebody may have acted on it.
inline std::size_t times_passed_on(const Chain& chain) {
  return static_cast<std::size_t>(
      std::count_if(chain.legs.begin() + 1, chain.legs.end(),
                    [](const Leg& leg) { return leg.behind == 0 && !leg.untouched; }));
}

/// Of the legs behind the first one none brought a byte of the request to an application. Only an
/// answer that a gateway gives says that the first leg ends at a proxy: an application that has
/// taken the request may be waiting for a connection of its own.
inline bool reached_nobody(const Chain& chain) {
  const std::uint16_t status = chain.legs.front().status;
  const bool gateway = status == 502 || status == 503 || status == 504;
  return gateway && chain.legs.size() > 1 &&
         std::all_of(chain.legs.begin() + 1, chain.legs.end(),
                     [](const Leg& leg) { return leg.untouched; });
}

struct Chains {
  std::uint64_t requests = 0;  // seen on two legs or more, healthy ones included
  std::vector<Chain> list;     // by first packet
  std::uint64_t omitted = 0;   // legs beyond Limits::max_legs
};

}  // namespace httpdiag
