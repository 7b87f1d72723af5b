// SPDX-License-Identifier: Apache-2.0
#include "http/conversation.hpp"

namespace httpdiag::http {

namespace {

// A body head or a long target is not worth keeping for a message without one.
constexpr std::size_t kKeptCapacity = 2048;

}  // namespace

bool body_refused(const Open& open) {
  const Message& request = open.x.request;
  return request.expect_continue && request.head_complete && request.body_bytes == 0 &&
         request.state == MessageState::incomplete && open.response_done &&
         open.response().status >= 300 && open.x.interim_status != 100;
}

void recycle(Message& message) {
  static_cast<MessageShape&>(message) = MessageShape{};
  message.texts.clear();
  message.body_head.clear();
  if (message.body_head.capacity() > kKeptCapacity) message.body_head.shrink_to_fit();
}

void recycle(Exchange& x) {
  static_cast<Circumstances&>(x) = Circumstances{};
  recycle(x.request);
  if (!x.response) x.response.emplace();
  if (x.response->first) recycle(*x.response);  // nothing is known of one that has not begun
}

void recycle(Open& open) {
  recycle(open.x);
  open.role = Role::exchange;
  open.response_begun = open.response_done = open.unacked_answer = false;
  open.behind_client_gap = open.told = open.held = false;
  open.gap_noticed = {};
  open.tail_bytes = 0;
}

void shrink(Open& open) {
  for (Message* message : {&open.x.request, &open.response()}) {
    message->texts.shrink();
    message->body_head.shrink_to_fit();
  }
}

void recycle(Work& work) {
  work.queue.clear();
  work.early.clear();
  work.early_lost = 0;
  work.early_lost_in = {};
  work.head = work.acked = 0;
  work.reader = {};
  work.open = {};
  if (work.missing) work.missing = {};
  if (work.hidden_in) work.hidden_in = {};
  work.hidden_answers = 0;
}

}  // namespace httpdiag::http
