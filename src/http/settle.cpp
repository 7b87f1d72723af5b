// SPDX-License-Identifier: Apache-2.0
// What leaves the queue, when, and with which facts about the flow.
#include <algorithm>
#include <limits>

#include "http/pairer_impl.hpp"

namespace httpdiag::http {

namespace {

bool received_whole(const FlowRecord& flow, const Open& open) {
  return flow.s().acked >= open.response().end;
}

}  // namespace

bool Pairer::Impl::may_settle(const FlowRecord& flow, const Work& w) {
  const Open& open = w.at(0);
  const Exchange& x = open.x;
  if (!open.response_begun && !x.response_missing) return false;
  if (open.held || x.request.state == MessageState::incomplete) return false;
  const Open* next = w.size() > 1 ? &w.at(1) : nullptr;
  if (x.response_missing) return next != nullptr && next->response_begun;
  if (x.client_closed_before_response) return false;
  if (open.response().state == MessageState::complete) {
    return open.response_done && received_whole(flow, open);
  }
  // Nobody knows where it ended, but both sides went on.
  return open.response().state == MessageState::unknown && next != nullptr &&
         (next->response_begun || next->x.request.peer_acked >= open.response().end);
}

void Pairer::Impl::settle(const FlowRecord& flow, Conversation& c, Timestamp now) {
  while (c.work->size() > 0) {
    if (!may_settle(flow, *c.work)) return;
    emit_front(flow, c, true, now);
  }
  release_if_idle(c);
}

namespace {

/// The longest stall of either side between this request and the next.
void note_stalls(Exchange& x, const FlowRecord& flow, const Open* next) {
  x.retransmits_after = flow.c().trouble().retransmitted + flow.s().trouble().retransmitted;
  for (const Side side : {Side::client, Side::server}) {
    const SideTrouble& trouble = flow.side(side).trouble();
    const bool inside =
        trouble.stall_end.number >= x.request.first.number &&
        (next == nullptr || trouble.stall_end.number < next->x.request.first.number);
    if (!trouble.stall_end || !inside || trouble.longest_stall <= x.longest_stall) continue;
    x.longest_stall = trouble.longest_stall;
    x.stall_begin = trouble.stall_begin;
    x.stall_end = trouble.stall_end;
    x.stalled = side;
  }
}

}  // namespace

void Pairer::Impl::complete_facts(const FlowRecord& flow, Conversation& c, Open& open,
                                  const Open* next) {
  Exchange& x = open.x;
  if (!x.pipelined) x.pipelined_behind = {};
  x.went_on = x.response && next != nullptr && next->x.request.peer_acked >= x.response->end;
  if (flow.c().trouble_ptr || flow.s().trouble_ptr) note_stalls(x, flow, next);
  x.announced_keep_alive_s = c.keep_alive_s;
  constexpr std::uint32_t kMost = std::numeric_limits<decltype(c.keep_alive_s)>::max();
  const bool read = x.response && x.response->head_complete;
  c.keep_alive_s =
      static_cast<std::uint16_t>(read ? std::min(x.response->keep_alive_timeout_s, kMost) : 0);
  if (c.close_token_in) {
    x.previous_said_close = true;
    x.close_token_in = c.close_token_in;
    x.close_token_in_flight = c.close_token_end > 0 && x.request.peer_acked < c.close_token_end;
    return;
  }
  // The first one counts. One-way roads: nothing is sent on such a connection any more.
  if (x.request.head_complete && x.request.close_token) {
    c.close_token_in = x.request.first;
  } else if (x.response && x.response->head_complete && x.response->close_token) {
    c.close_token_in = x.response->first;
    c.close_token_end = x.response->end;
  }
}

void Pairer::Impl::emit_front(const FlowRecord& flow, Conversation& c, bool settled,
                              Timestamp now) {
  Work& w = *c.work;
  Open& open = w.at(0);
  const Open* next = w.size() > 1 ? &w.at(1) : nullptr;
  if (w.open[1] == &open) {
    if (w.reader[1] != nullptr) {  // the queue is full: read on, for nobody
      Open& ghost = *opens_.take();
      ghost.role = Role::ignored;
      ghost.response() = open.response();
      w.reader[1]->retarget(ghost.response());
      w.open[1] = &ghost;
    } else {
      w.open[1] = nullptr;
    }
  }
  if (w.open[0] == &open) w.open[0] = nullptr;
  if (++w.head == w.queue.size()) {
    w.queue.clear();
    w.head = 0;
  } else if (w.head >= 64 && w.head * 2 >= w.queue.size()) {
    w.queue.erase(w.queue.begin(), w.queue.begin() + static_cast<std::ptrdiff_t>(w.head));
    w.head = 0;
  }
  if (w.acked > 0) --w.acked;
  if (!open.response_begun) open.x.response.reset();
  complete_facts(flow, c, open, next);
  exchanges_.on_exchange(flow, open.x, settled, now);
  drop(&open);
}

}  // namespace httpdiag::http
