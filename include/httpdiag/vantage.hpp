// SPDX-License-Identifier: Apache-2.0
// Where a capture was taken: what a missing packet proves depends on it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag {

enum class VantagePoint : std::uint8_t {
  unknown,
  client,    // on the client's host, or next to it
  server,    // on the server's host, or next to it
  middle,    // on a router, a bridge or a mirror port between the two
  loopback,  // both ends are on the capturing host
  proxy,     // of a capture: a host that is the server of some connections and the client of others
};
std::string_view name(VantagePoint point);

/// Where one flow was recorded.
struct Sighting {
  VantagePoint point = VantagePoint::unknown;
  Confidence confidence = Confidence::low;
  bool on_host = false;  // the capturing host is that end, not only next to it
  bool given = false;    // by the user
  bool at(VantagePoint where) const { return point == where && confidence >= Confidence::medium; }
};

/// The same of the capture as a whole.
struct Vantage {
  VantagePoint point = VantagePoint::unknown;
  Confidence confidence = Confidence::low;
  std::vector<std::string> because;  // a sentence for each kind of evidence
  bool given = false;                // by the user
  // Nearly all of its connections tell another place than the one given: in the middle.
  bool given_on_the_way = false;
  // Likewise of single hosts: those whose packets the capturing host passes on. Bounded.
  std::set<IpAddress> passed_on;
};

}  // namespace httpdiag
