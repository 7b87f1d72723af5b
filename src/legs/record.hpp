// SPDX-License-Identifier: Apache-2.0
// What is kept of an exchange to find the other legs of its request.
#pragma once

#include <cstdint>
#include <string>

#include "httpdiag/legs.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::legs {

/// An exchange, or a connection that failed.
struct Record {
  Leg leg;
  bool client_here = false, server_here = false;
  Timestamp until;  // the client has its answer or has left: no leg behind this one begins later
  std::string method, host, target;  // texts of the request, bounded
  std::string forwarded_for;
  std::uint64_t key = 0;    // of the method and the last segment of the target
  std::uint64_t trace = 0;  // of the trace id; 0: none
  std::uint64_t digest = 0, body_bytes = 0;
  bool body_known = false;   // the two above are those of the whole body
  std::uint64_t before = 0;  // number of the record before this one in its bucket
  std::uint64_t front = 0;   // number of the record of the leg in front of it; 0: none
  std::uint32_t legs_behind = 0;
};

/// Unique among the exchanges and the failed connections of a capture.
constexpr std::uint64_t id_of(FlowId flow, std::uint32_t exchange) {
  return static_cast<std::uint64_t>(flow) << 32 | exchange;
}
inline std::uint64_t id_of(const Leg& leg) { return id_of(leg.flow, leg.exchange); }

/// `report` as in VerdictSink.
Record record_of(const FlowEnds& flow, const Exchange& exchange, const ExchangeReport* report);
Record record_of(const FlowEnds& flow, const FlowReport& failed);

inline bool is_problem(const Leg& leg) { return leg.label != Label::ok; }

/// The client of `behind` is the server of `front`: by address, by what the link headers say of the
/// capturing host, or because the request names the client that it was forwarded for.
bool same_host(const Record& front, const Record& behind);
/// `behind` began while `front` was under way.
bool in_time(const Record& front, const Record& behind);
/// How well `behind` fits as a leg behind `front`; 0: not at all.
int fit(const Record& front, const Record& behind);

}  // namespace httpdiag::legs
