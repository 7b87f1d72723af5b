// SPDX-License-Identifier: Apache-2.0
#include "http/conversation.hpp"

namespace httpdiag::http {

namespace {

// A body head or a long target is not worth keeping for a message without one.
constexpr std::size_t kKeptCapacity = 1024;

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptCapacity) text.shrink_to_fit();
}

}  // namespace

bool body_refused(const Open& open) {
  const Message& request = open.x.request;
  return request.expect_continue && request.head_complete && request.body_bytes == 0 &&
         request.state == MessageState::incomplete && open.response_done &&
         open.response().status >= 300 && open.x.interim_status != 100;
}

// Field by field, since it is done for every message; `a = b = {}` would read back what it has
// just written, which costs more than all the rest. The bindings name every member, so that a
// new one does not compile before it is dealt with here.
void recycle(Message& message) {
  auto& [begin, end, first, last, readable, peer_acked, body_begin, start, host, location_or_agent,
         body_head, content_type, content_encoding, method, body_bytes, content_length, digest,
         keep_alive_timeout_s, status, major, minor, state, head_complete, close_token, chunked,
         close_delimited, expect_continue, upgrade, has_gap, snaplen_cut, resynchronised,
         missing_last_chunk, body_omitted, body_decoded, error, error_offset, error_packet, fatal] =
      message;
  begin = end = peer_acked = body_bytes = digest = error_offset = 0;
  first = {};
  last = {};
  readable = {};
  body_begin = {};
  error_packet = {};
  for (std::string* text : {&start, &host, &location_or_agent, &body_head, &content_type,
                            &content_encoding, &method, &error}) {
    empty(*text);
  }
  content_length.reset();
  keep_alive_timeout_s = status = 0;
  major = minor = 1;
  state = MessageState::incomplete;
  head_complete = close_token = chunked = close_delimited = expect_continue = upgrade = false;
  has_gap = snaplen_cut = resynchronised = missing_last_chunk = fatal = false;
  body_omitted = body_decoded = false;
}

void recycle(Exchange& x) {
  auto& [position, request, response, acked_by, interim, interim_status, requests_before,
         active_before, wire_before, pipelined, pipelined_behind, previous_said_close,
         close_token_in, close_token_in_flight, response_missing, response_gap, response_gap_bytes,
         uncertain, unsolicited_before, unsolicited, unsolicited_status,
         client_closed_before_response, retransmits_before, retransmits_after, longest_stall,
         stall_begin, stall_end, stalled] = x;
  recycle(request);
  if (!response) response.emplace();
  recycle(*response);
  position = requests_before = retransmits_before = retransmits_after = 0;
  interim_status = unsolicited_status = 0;
  response_gap_bytes = 0;
  acked_by = {};
  interim = {};
  active_before = {};
  wire_before = {};
  close_token_in = {};
  response_gap = {};
  pipelined_behind = {};
  unsolicited = {};
  client_closed_before_response = {};
  stall_begin = {};
  stall_end = {};
  pipelined = previous_said_close = close_token_in_flight = response_missing = false;
  uncertain = unsolicited_before = false;
  longest_stall = Duration{0};
  stalled = Side::client;
}

void recycle(Open& open) {
  recycle(open.x);
  open.role = Role::exchange;
  open.response_begun = open.response_done = open.unacked_answer = false;
  open.behind_client_gap = open.told = open.held = false;
  open.gap_noticed = {};
}

void recycle(Work& work) {
  work.queue.clear();
  work.early.clear();
  work.head = work.acked = 0;
  work.reader = {};
  work.open = {};
  work.missing = {};
  work.hidden_in = {};
  work.hidden_answers = 0;
}

}  // namespace httpdiag::http
