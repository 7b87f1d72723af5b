// SPDX-License-Identifier: Apache-2.0
// The client's side: requests enter the queue with their first byte.
#include <algorithm>

#include "base/text.hpp"
#include "http/pairer_impl.hpp"
#include "http/start_line.hpp"

namespace httpdiag::http {

namespace {

/// A sister protocol that llhttp reads as well (RFC 2326).
bool is_rtsp(std::string_view target) {
  return !target.empty() && (target[0] | 0x20) == 'r' &&
         base::lower(target.substr(0, 7)).starts_with("rtsp://");
}

}  // namespace

void Pairer::Impl::client_bytes(Conversation& c, Input& in) {
  while (!in.empty() && c.opaque == Opaque::no) {
    switch (c.mode[0]) {
      case Mode::between:
        if (c.preamble != Conversation::kNoPreamble) skip_binary_preamble(c, in);
        if (skip_empty_lines(in)) return;
        begin_request(c, in, false);
        break;
      case Mode::reading:
        client_reading(c, in);
        break;
      case Mode::skipping:
        client_skipping(c, in);
        break;
      case Mode::tunnel:
      case Mode::preface:
        return;  // not HTTP's, or not yet
    }
  }
}

void Pairer::Impl::client_reading(Conversation& c, Input& in) {
  Work& w = *c.work;
  Open& open = *w.open[0];
  const Message& request = open.x.request;
  const bool refused = in.chunk.peer_acked >= open.response().end && body_refused(open) &&
                       may_begin_message(Kind::request, in.bytes);
  // What the server said is not in the capture; that the client went on to another request is.
  const bool refused_unheard = !c.server_spoke && request.body_bytes == 0 &&
                               in.chunk.peer_acked > request.peer_acked &&
                               starts_message(Kind::request, in.bytes);
  if (request.expect_continue && in.at == 0 && (refused || refused_unheard)) {
    end_without_body(in.flow, c, in.chunk.released_by.time);
    return;
  }
  const bool first_head = !request.head_complete && open.x.index == 1;
  const Place place = in.place();
  const MessageReader::Step step = w.reader[0]->feed(in.rest(), place);
  in.at += step.consumed;
  if (first_head && request.head_complete && is_rtsp(request.start())) {
    drop_request_as_opaque(in.flow, c, open, "unknown");
  } else if (step.status == MessageReader::Status::complete) {
    request_complete(in.flow, c, in.chunk.released_by.time);
  } else if (step.status == MessageReader::Status::broken) {
    request_broken(c, place.offset, in);
  }
}

void Pairer::Impl::client_skipping(Conversation& c, Input& in) {
  Open* open = c.work != nullptr ? c.work->open[0] : nullptr;
  // Of packets that were cut there may be the first letters of a method and no more. Another
  // request is due once the client knows of bytes that it did not know of when it began this one.
  const bool due = c.gap[0] && open != nullptr && in.chunk.peer_acked > open->x.request.peer_acked;
  // So it is behind a body that was too long, once that request has been answered.
  const bool answered = c.long_body && c.work == nullptr;
  // A start line is looked for at the beginning of a segment only.
  if (in.at == 0 && (starts_message(Kind::request, in.bytes) ||
                     ((due || answered) && may_begin_message(Kind::request, in.bytes)))) {
    begin_request(c, in, c.gap[0]);
    return;
  }
  if (open != nullptr) {
    extend_unknown(c, open->x.request, in);
  } else if (c.requests == 0 && !c.server_spoke && looks_like_tls_record(in.bytes)) {
    go_opaque(in.flow, c, Side::client, in.chunk.carried_by, "tls");
    if (begins_tls(in.bytes)) return;  // all of it can be read
  } else {
    // There may be a request in it, unless it is the one byte of a keep-alive probe.
    c.client_gap = c.client_gap || in.rest().size() > 1;
    c.gap[0] = c.gap[0] || in.flow.has(Oddity::midstream);
  }
  in.at = in.bytes.size();
}

// A response that was recorded before its request, or while the request was held back behind a
// hole, waits in `early`. It answers the request if it acknowledges some of it, and if the client
// had not read all of it when it sent the request.
Open& Pairer::Impl::adopt_or_take(Conversation& c, const Input& in) {
  Work& w = work(c);
  const Offset begin = in.place().offset;
  const Offset known = in.chunk.peer_acked;
  if (w.early_lost > known) {  // its answer was there
    Open& open = *opens_.take();
    open.x.response_missing = open.x.uncertain = true;
    open.x.response_gap = w.early_lost_in;
    return open;
  }
  while (!w.early.empty()) {
    Open* open = w.early.front();
    const bool read_before = open->response_done && open->response().end <= known;
    if (open->response().peer_acked > begin && !read_before) {
      w.early.erase(w.early.begin());
      open->role = Role::exchange;
      // Or one of those that wait in front, unless the client knew of more when it went on.
      for (std::size_t i = w.size(); i-- > 0 && !w.at(i).response_begun;) {
        Exchange& passed_over = w.at(i).x;
        if (passed_over.response_missing || known > passed_over.request.peer_acked) continue;
        passed_over.uncertain = open->x.uncertain = true;
      }
      return *open;
    }
    give_up_early(in.flow, w);
  }
  return *opens_.take();
}

// It answers a request that is not in the capture.
void Pairer::Impl::give_up_early(const FlowRecord& flow, Work& w) {
  Open* open = w.early.front();
  tell_alone(flow, *open);
  w.early.erase(w.early.begin());
  if (w.open[1] == open) {
    open->role = Role::ignored;
  } else {
    drop(open);
  }
}

void Pairer::Impl::begin_request(Conversation& c, const Input& in, bool resynchronised) {
  const bool http2 = c.requests == 0 && in.rest().starts_with("PRI * HTTP/2.0");
  if (http2) {  // RFC 9113 §3.4
    go_opaque(in.flow, c, Side::client, in.chunk.carried_by, "http2");
    return;
  }
  c.preamble = Conversation::kNoPreamble;
  Open& open = adopt_or_take(c, in);
  Work& w = work(c);
  // The client goes on, having read all there was to read: those in front have been answered.
  if (w.hidden_in && w.open[1] == nullptr && in.chunk.peer_acked >= in.flow.s().delivered) {
    settle_held(w);
  }
  open.held = static_cast<bool>(w.hidden_in);
  if (w.open[0] != nullptr) w.open[0] = nullptr;  // the unknown message before has ended
  Message& request = open.x.request;
  begin_message(request, in, resynchronised);
  if (c.long_body) {
    request.error = kBehindLongBody;
    request.error_offset = request.begin;
    request.error_packet = request.first;
    c.long_body = false;
  }
  open.x.index = ++c.requests;
  open.behind_client_gap = c.client_gap;
  open.x.uncertain = open.x.uncertain || (c.client_gap && resynchronised);
  c.client_gap = false;
  note_circumstances(c, open, in);

  // The other side of an unknown response has spoken: it has ended.
  Open* answering = w.open[1];
  if (c.mode[1] == Mode::skipping && answering != nullptr &&
      request.peer_acked >= answering->response().end) {
    w.open[1] = nullptr;
    answering->response_done = true;
    if (answering->role != Role::exchange && answering->role != Role::early) drop(answering);
  }
  w.queue.push_back(&open);
  open_reader(c, Side::client, open, request, {});
  if (w.size() <= limits_.max_pipelined) return;
  const Open& front = w.at(0);
  if (w.missing && !front.response_begun && !front.x.response_missing &&
      request.peer_acked > std::max(w.missing.begin, front.x.request.peer_acked)) {
    mark_missing(w, 0, w.missing);
  }
  emit_front(in.flow, c, false, in.chunk.released_by.time);
}

void Pairer::Impl::note_circumstances(Conversation& c, Open& open, const Input& in) {
  const FlowRecord& flow = in.flow;
  Exchange& x = open.x;
  x.requests_before = x.index - 1;
  if (flow.active.number < in.chunk.carried_by.number) x.active_before = flow.active;
  if (flow.c().trouble_ptr || flow.s().trouble_ptr) {
    x.retransmits_before = flow.c().trouble().retransmitted + flow.s().trouble().retransmitted;
    x.server_window_closed_before = flow.s().trouble().zero_window_total;
    x.client_window_closed_before = flow.c().trouble().zero_window_total;
  }
  if (c.unsolicited && c.mode[1] != Mode::preface) {
    x.unsolicited_before = true;
    x.unsolicited = c.unsolicited;
    x.unsolicited_status = c.unsolicited_status;
    c.unsolicited = {};
  }
  const Work& w = *c.work;
  if (w.size() == 0) return;
  const Open& before = w.at(w.size() - 1);
  // By its definition; taken back when the answer turns out to be known to the client.
  const bool answered = before.response_done || (before.response_begun &&
                                                 before.response().state == MessageState::unknown &&
                                                 x.request.peer_acked >= before.response().end);
  // Or its answer, or the end of it, is among bytes that the client has and the capture, so far,
  // has not.
  const bool unseen = x.request.peer_acked > before.x.request.peer_acked &&
                      (before.x.response_missing || x.request.peer_acked > flow.s().delivered);
  x.pipelined = !answered && !unseen;
  // Which of those that wait together the capture lacks, nothing tells yet.
  if (x.pipelined && before.behind_client_gap && before.x.uncertain) {
    open.behind_client_gap = x.uncertain = true;
  }
  x.pipelined_behind = before.x.request.first;
}

void Pairer::Impl::request_complete(const FlowRecord& flow, Conversation& c, Timestamp now) {
  Work& w = *c.work;
  const Open& open = *w.open[0];
  // A response that was recorded first has been read without knowing that it has no body.
  if (open.x.request.method() == "HEAD" && w.open[1] == &open && w.reader[1] != nullptr &&
      open.response().head_complete && open.response().body_bytes == 0) {
    w.open[1]->response().state = MessageState::complete;
    w.open[1]->response().close_delimited = false;
    response_complete(flow, c, now);
  }
  // What follows CONNECT is the tunnel's if the answer is 2xx (RFC 9110 §9.3.6).
  const bool tunnel = open.x.request.method() == "CONNECT" && !open.response_done;
  close_reader(c, Side::client, tunnel ? Mode::tunnel : Mode::between);
}

// RFC 9110 §10.1.1: a client that waits for 100 and gets a final answer need not
// send the body that it announced. The length is then not there to be believed.
void Pairer::Impl::end_without_body(const FlowRecord& flow, Conversation& c, Timestamp now) {
  Work& w = *c.work;
  Message& request = w.open[0]->x.request;
  request.state = MessageState::complete;
  request.body_omitted = true;
  w.reader[0]->give_up();
  request_complete(flow, c, now);
}

/// The request in front of `open`, if what was read as `open` is of its body: nothing had announced
/// one, or not so much of it.
Open* Pairer::Impl::rest_of_body(Work& w, const Open& open) {
  if (w.size() < 2) return nullptr;
  Open& front = w.at(w.size() - 2);
  const Message& request = front.x.request;
  const bool ended = request.state == MessageState::complete && !request.chunked &&
                     !request.upgrade && !request.has_gap && !request.body_omitted;
  const bool behind = request.end == open.x.request.begin && !front.response_begun;
  return ended && behind && is_callback(request.method()) && request.error.empty() ? &front
                                                                                   : nullptr;
}

void Pairer::Impl::request_broken(Conversation& c, Offset before, Input& in) {
  Work& w = *c.work;
  MessageReader& reader = *w.reader[0];
  Open& open = *w.open[0];
  const bool first = open.x.index == 1 && !in.flow.has(Oddity::midstream);
  const std::size_t preamble = first && open.x.request.begin == 0 && reader.not_http()
                                   ? proxy_line_length(reader.raw_head())
                                   : 0;
  if (preamble > before) {
    in.at = static_cast<std::size_t>(preamble - in.chunk.offset);
    withdraw_request(c, open);
  } else if (open.x.request.method() == "PRI") {
    drop_request_as_opaque(in.flow, c, open, "http2");
  } else if (reader.not_http() && first) {
    drop_request_as_opaque(in.flow, c, open, opaque_protocol(reader.raw_head()));
  } else if (reader.not_http() && upgrade_unanswered(w)) {
    drop_request_as_opaque(in.flow, c, open, "upgrade");
  } else if (Open* front = reader.not_http() ? rest_of_body(w, open) : nullptr) {
    Message& request = front->x.request;
    c.long_body = request.content_length.has_value();
    request.error = c.long_body ? kBodyBeyondLength : kBodyWithoutLength;
    request.error_offset = open.x.request.begin;
    request.error_packet = open.x.request.first;
    withdraw_request(c, open);
    c.mode[0] = Mode::skipping;
  } else {
    reader.give_up();
    close_reader(c, Side::client, Mode::skipping);
  }
}

void Pairer::Impl::client_gap(const FlowRecord& flow, Conversation& c, const StreamGap& gap) {
  const bool real = gap.cause != GapCause::snaplen;
  const Offset end = gap.offset + gap.length;
  if (c.mode[0] == Mode::reading) {
    MessageReader& reader = *c.work->reader[0];
    Open& open = *c.work->open[0];
    const MessageReader::AfterGap after = reader.skip(gap);
    switch (after) {
      case MessageReader::AfterGap::inside:
        return;
      case MessageReader::AfterGap::complete:
        request_complete(flow, c, gap.noticed_in.time);
        return;
      case MessageReader::AfterGap::beyond:
        request_complete(flow, c, gap.noticed_in.time);
        skip(c, Side::client, true);
        c.client_gap = true;
        break;
      case MessageReader::AfterGap::lost:
        if (open.x.index == 1 && reader.undecided()) {
          drop_request_as_opaque(flow, c, open, opaque_protocol(reader.raw_head()));
          return;
        }
        close_reader(c, Side::client, Mode::skipping);
        skip(c, Side::client, true);
        c.client_gap = c.client_gap || real;
        break;
    }
  } else if (c.mode[0] != Mode::tunnel) {
    Open* open = c.work != nullptr ? c.work->open[0] : nullptr;
    skip(c, Side::client, true);
    if (open != nullptr && !real) {
      open->x.request.has_gap = open->x.request.snaplen_cut = true;
      open->x.request.end = std::max(open->x.request.end, end);
      recheck_acked(*c.work, open->x.request);
    } else {
      c.client_gap = true;
    }
  }
  // Responses that were taken for recorded too early have lost their requests.
  if (c.work == nullptr) return;
  const auto& early = c.work->early;
  while (!early.empty() && early.front()->response().peer_acked <= end)
    give_up_early(flow, *c.work);
  release_if_idle(c);
}

}  // namespace httpdiag::http
