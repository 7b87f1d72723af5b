// SPDX-License-Identifier: Apache-2.0
#include "rules/challenges.hpp"

namespace httpdiag::rules {

bool asks_for_more(const Exchange& exchange) {
  const auto& response = exchange.response;
  if (!response) return false;
  const bool cut = response->head_cut();
  if (!cut && response->state != MessageState::complete) return false;
  switch (response->status) {
    case 401:
    case 407:
      return response->asks_credentials || cut;
    case 417:
      return exchange.request.expect_continue || exchange.request.head_cut();
    case 301:  // the client may make a GET of it, which goes_on() does not take
    case 302:
    case 307:
    case 308:
      return is_callback(exchange.request.method());
    default:
      return false;
  }
}

bool goes_on(const Exchange& exchange, const Exchange& before) {
  const Message& request = exchange.request;
  const Message& first = before.request;
  if (request.method() != first.method()) return false;
  // What would tell was cut off; that the client went on at once is there to be seen.
  const bool redirected = before.response->status < 400;
  const bool challenged = !redirected && before.response->status != 417;
  const bool unread = request.head_cut() || (first.head_cut() && !challenged);
  if (unread) return (request.start() == first.start()) != redirected;
  if (before.response->status == 417) {
    const bool same_body = first.body_omitted
                               ? request.content_length == first.content_length
                               : request.body_bytes == first.body_bytes &&
                                     request.digest == first.digest && !request.has_gap;
    return !request.expect_continue && request.start() == first.start() && same_body;
  }
  if (!redirected) return request.authorized && request.start() == first.start();
  return request.body_bytes == first.body_bytes && request.digest == first.digest &&
         !request.has_gap && !first.has_gap && request.start() != first.start();
}

void note_grant(std::vector<Exchange>& challenged, const Exchange& next) {
  if (!goes_on(next, challenged.back()) || !next.response || next.response->status >= 400) return;
  for (Exchange& exchange : challenged) {
    exchange.granted_by = next.request.first;
    exchange.granted_status = next.response->status;
  }
}

}  // namespace httpdiag::rules
