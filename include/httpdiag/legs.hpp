// SPDX-License-Identifier: Apache-2.0
// A capture on a proxy holds a request more than once: on the leg from the
// client, and on the leg to the upstream (docs/legs.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "httpdiag/exchange.hpp"
#include "httpdiag/finding.hpp"
#include "httpdiag/flow.hpp"
#include "httpdiag/profile.hpp"

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
  bool gateway = false;  // the error it answered is a gateway's, beyond doubt: not of a server that
                         // lacks what it needs itself
  bool done = false;     // its answer says that the request was done: a whole 2xx
  bool contested =
      false;  // a request behind it, or behind another one of that time, may be its own
  bool by_itself = false;  // a gateway's own error: it had passed nothing on by then
  std::size_t behind = 0;  // index of the leg in front of it; the first one's is its own
};

/// The legs of one request of which at least one had a problem or was slow.
struct Chain {
  std::string method, host, target;
  const AckProfile* profile = nullptr;  // how the request is to be acknowledged
  std::vector<Leg> legs;  // in order of their first packets; the first is the nearest to the client
  std::size_t decisive = 0;  // index of the leg that decided how the others went
  Fault fault;               // of that leg, in the eyes of the first leg's client
  std::string detail;        // where the time went, or where the request died
};

// Packets of one host, seen on two of its devices, may be recorded in the wrong order.
inline constexpr Duration kReordered = std::chrono::microseconds{200};

/// Its client, a proxy, is done with it.
inline Timestamp end_of(const Leg& leg) {
  return leg.gave_up_after ? leg.sent.time + *leg.gave_up_after : leg.last.time;
}

/// Somewhere farther down the chain.
bool is_behind(const std::vector<Leg>& legs, std::size_t leg, std::size_t front);

/// The leg behind `front` whose answer says that the request was done; null: none, or it may be a
/// copy for somebody else.
const Leg* done_behind(const std::vector<Leg>& legs, std::size_t front);

/// The legs on which the request reached a receiver that may have acted on it: several where a
/// proxy sent it again, after it had failed. What is sent while another leg has the request, or
/// after it went well, is a copy for somebody else (a mirror, a subscriber), and not among them.
std::vector<const Leg*> repetitions(const std::vector<Leg>& legs);
/// "twice, to 10.9.0.2:80 (2.1) and 10.9.0.3:80 (3.1), and each answered it with success"
std::string words(const std::vector<const Leg*>& repetitions);

/// Of the legs behind the first one none brought a byte of the request to an application. Only an
/// answer that a gateway gives says that the first leg ends at a proxy: an application that has
/// taken the request may be waiting for a connection of its own. Nor is it known where a request
/// behind may be of this one or of another.
bool reached_nobody(const std::vector<Leg>& legs);

struct Chains {
  std::uint64_t requests = 0;  // seen on two legs or more, healthy ones included
  std::vector<Chain> list;     // by first packet
  std::uint64_t omitted = 0;   // legs beyond Limits::max_legs
};

}  // namespace httpdiag
