// SPDX-License-Identifier: Apache-2.0
// What is kept of an exchange to find the other legs of its request.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "httpdiag/legs.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::legs {

/// An exchange, or a connection that failed.
struct Record {
  Leg leg;
  IpAddress server_inside;  // as in FlowEnds
  bool client_here = false, server_here = false;
  bool given_up_in_front = false;  // a connection without an answer, when the capture ended
  Timestamp until;  // the client has its answer or has left: no leg behind this one begins later
  std::string method, host, target;      // texts of the request, bounded
  const AckProfile* profile = nullptr;   // how it is to be acknowledged
  std::vector<IpAddress> forwarded_for;  // whom the request says it comes from
  std::uint64_t key = 0;                 // of the method and the last segment of the target
  std::uint64_t trace = 0;               // of the trace id; 0: none
  std::uint64_t digest = 0, body_bytes = 0;
  bool body_known = false;   // the two above are those of the whole body
  std::uint64_t before = 0;  // number of the record before this one in its bucket
  std::uint64_t front = 0;   // number of the record of the leg in front of it; 0: none
  std::uint32_t legs_behind = 0;
};

inline std::uint64_t id_of(const Leg& leg) { return exchange_key(leg.flow, leg.exchange); }

/// The addresses in X-Forwarded-For's or Forwarded's list, without their ports and brackets.
std::vector<IpAddress> addresses_in(std::string_view forwarded_for);

/// `report` as in VerdictSink.
Record record_of(const FlowEnds& flow, const Exchange& exchange, const ExchangeReport* report,
                 std::vector<IpAddress> forwarded_for, const Thresholds& settings);
Record record_of(const FlowEnds& flow, const FlowReport& failed);
/// Of one that nobody had answered when the capture ended: what a gateway answered in front of it
/// may tell that it had given it up.
Record record_of_unanswered(const FlowEnds& flow, const FlowReport& open);
/// Of a connection that carried something else than exchanges.
Record record_of_opaque(const FlowEnds& flow, const FlowReport& report);

inline bool in_order(const Record* a, const Record* b) {
  return a->leg.first.number < b->leg.first.number;
}
inline bool earlier(const Record& a, const Record& b) { return in_order(&a, &b); }

inline bool is_problem(const Leg& leg) { return leg.label != Label::ok; }

/// A gateway's own answer, none, or a late one: it may have found nobody to pass the request on to.
inline bool wants_reason(const Leg& leg) {
  return leg.label == Label::http_gateway_error || leg.label == Label::slow_response ||
         (is_problem(leg) && !leg.answered);
}

/// The client of `behind` is the server of `front`: by address, by what the link headers say of the
/// capturing host, or because the request names the client that it was forwarded for.
bool same_host(const Record& front, const Record& behind);
/// `behind` says that it was forwarded for `client`.
bool names_client(const Record& behind, const IpAddress& client);
/// Both bodies are known, and are the same.
bool same_body(const Record& a, const Record& b);
/// `behind` began while `front` was under way.
bool in_time(const Record& front, const Record& behind);
/// Its client, a proxy, is done with it.
inline Timestamp end_of(const Record& record) { return httpdiag::end_of(record.leg); }
/// Of labels that an answer has: it was not there to its end.
bool broke_off(Label label);
/// No proxy has more of a request than its client has sent, or an answer of one that is still to
/// come. Two requests may fit a leg that are alike; time often leaves one of them.
bool can_be(const Record& front, const Record& behind);
/// How well `behind` fits as a leg behind `front`; 0: not at all.
int fit(const Record& front, const Record& behind);
/// `behind` went out while `front` was under way and may carry it, whatever a proxy has made of its
/// target and of what is missing of its body.
bool may_carry(const Record& front, const Record& behind);
/// `behind` is the same request, and began when the client of `front` had left unanswered: a proxy
/// with a queue passes on what nobody waits for any more.
bool fits_late(const Record& front, const Record& behind);
inline bool left_unanswered(const Record& front) {
  return !front.leg.answered && front.leg.gave_up_after.has_value();
}

}  // namespace httpdiag::legs
