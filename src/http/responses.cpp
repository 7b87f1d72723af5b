// SPDX-License-Identifier: Apache-2.0
// The server's side: which request a response answers, if any. Order decides,
// except where the response's own ACK number contradicts it (taxonomy 2.1).
#include <algorithm>
#include <limits>

#include "http/pairer_impl.hpp"
#include "http/start_line.hpp"
#include "httpdiag/http2.hpp"

namespace httpdiag::http {

namespace {

// Responses before their requests: twos and threes when a capture has several queues; as many as
// come within Limits::reorder_window when a request was not captured and those behind it wait for
// it; without end in a capture without its client.
constexpr std::size_t kMaxEarly = 64;

// "HTTP/1.1 200" and a blank or line end.
constexpr std::size_t kStatusLine = 13;

bool is_interim(std::uint16_t status) { return status >= 100 && status < 200 && status != 101; }

}  // namespace

void Pairer::Impl::server_bytes(Conversation& c, Input& in) {
  while (!in.empty() && c.opaque == Opaque::no) {
    switch (c.mode[1]) {
      case Mode::tunnel:
      case Mode::between:
        if (skip_empty_lines(in)) return;
        begin_response(c, in, false);
        break;
      case Mode::reading:
        server_reading(c, in);
        break;
      case Mode::skipping:
        server_skipping(c, in);
        break;
      case Mode::preface:
        server_preface(c, in);
        break;
    }
  }
}

void Pairer::Impl::server_reading(Conversation& c, Input& in) {
  Work& w = *c.work;
  Open& open = *w.open[1];
  const Message& response = open.response();
  if (response.head_complete && in.at == 0 && another_begins(c, open, in)) {
    end_response_here(in.flow, c, open, in.chunk.released_by.time);
    return;
  }
  const bool had_head = response.head_complete;
  const MessageReader::Step step = w.reader[1]->feed(in.rest(), in.place());
  in.at += step.consumed;
  if (!had_head && response.head_complete) response_head(in.flow, c, open);
  if (step.status == MessageReader::Status::complete) {
    response_complete(in.flow, c, in.chunk.released_by.time);
  } else if (step.status == MessageReader::Status::broken) {
    response_broken(in.flow, c);
  }
}

namespace {

bool request_unknown(const Open& open) {
  return open.role == Role::ignored || open.role == Role::early ||
         (open.x.uncertain && open.response().body_bytes == 0);
}

}  // namespace

// The body that is being read may be none: whether a response has one depends on
// its request (HEAD, CONNECT), and that was not seen, or may be another one.
bool Pairer::Impl::another_begins(const Conversation& c, const Open& open, const Input& in) const {
  const Message& response = open.response();
  if (!request_unknown(open) || !response.head_complete) return false;
  const Open* next = waiting(c);
  const bool due = next != nullptr && in.chunk.peer_acked > next->x.request.begin;
  if (due && response.body_bytes == 0) return may_begin_message(Kind::response, in.bytes);
  return (due || response.body_bytes == 0) && in.bytes.size() >= kStatusLine &&
         starts_message(Kind::response, in.bytes);
}

// The same where bytes are missing: the client sent a request having read the head, so that was
// all.
bool Pairer::Impl::ended_before_gap(const Conversation& c) const {
  if (c.mode[1] != Mode::reading) return false;
  const Open& open = *c.work->open[1];
  const Message& response = open.response();
  if (!request_unknown(open) || !response.head_complete || response.body_bytes > 0) return false;
  const Open* next = waiting(c);
  return next != nullptr && next != &open && next->x.request.peer_acked >= response.end;
}

void Pairer::Impl::end_response_here(const FlowRecord& flow, Conversation& c, Open& open,
                                     Timestamp now) {
  Message& response = open.response();
  const bool bodyless = response.body_bytes == 0;
  response.state = bodyless ? MessageState::complete : MessageState::unknown;
  response.chunked = response.chunked && !bodyless;
  response.close_delimited = false;
  response_complete(flow, c, now);
  if (!bodyless) skip(c, Side::server, true);
}

void Pairer::Impl::server_skipping(Conversation& c, Input& in) {
  if (in.at == 0 && starts_message(Kind::response, in.bytes)) {
    begin_response(c, in, true);
    return;
  }
  Open* open = c.work != nullptr ? c.work->open[1] : nullptr;
  const Open* next = waiting(c);
  const bool due =
      in.at == 0 && next != nullptr && next != open && in.chunk.peer_acked > next->x.request.begin;
  // Of packets that were cut there may be its first letters and no more.
  if (due && c.gap[1] && may_begin_message(Kind::response, in.bytes)) {
    begin_response(c, in, true);
    return;
  }
  // Behind something that was no HTTP, a request that has arrived makes whatever comes its answer;
  // behind bytes that were not recorded, if the client had read all of them before it asked.
  const bool from_here = due && next->x.request.peer_acked >= in.chunk.offset;
  if (due && (in.flow.has(Oddity::midstream) ? from_here : !c.gap[1])) {
    begin_response(c, in, false);
    return;
  }
  const std::size_t inside = c.gap[1] ? find_response(in.rest()) : std::string_view::npos;
  Input part = in;
  if (inside != std::string_view::npos) part.bytes = in.bytes.substr(0, in.at + inside);
  if (open != nullptr) {
    extend_unknown(c, open->response(), part);
    note_tail(*open, part.rest());
  } else if (c.requests == 0 && !c.server_spoke && looks_like_tls_record(in.bytes)) {
    go_opaque(in.flow, c, Side::server, in.chunk.carried_by, "tls");
    return;
  } else if (in.flow.has(Oddity::midstream)) {
    c.gap[1] = true;
  } else if (c.gap[1] && c.work != nullptr && part.bytes.size() > in.at) {
    note_rest_of_answer(*c.work, in.chunk.peer_acked);
  }
  in.at = part.bytes.size();
  if (inside != std::string_view::npos) begin_response(c, in, true);
}

// In front of a request that is being answered nobody waits: a server answers in order.
Open* Pairer::Impl::waiting(const Conversation& c) const {
  if (c.work == nullptr) return nullptr;
  Open* first = nullptr;
  for (std::size_t i = c.work->size(); i-- > 0;) {
    Open& open = c.work->at(i);
    if (open.response_begun) break;
    if (!open.x.response_missing) first = &open;
  }
  return first;
}

namespace {

/// Where a request that is being read may end at the latest, as far as its head says.
Offset latest_end(const Message& request) {
  const bool sized = request.head_complete && request.content_length && !request.chunked &&
                     *request.content_length >= request.body_bytes;
  if (!sized) return std::numeric_limits<Offset>::max();
  const std::uint64_t rest = *request.content_length - request.body_bytes;
  return request.end + std::min(rest, std::numeric_limits<Offset>::max() - request.end);
}

/// What the server's ACK number says of the client's bytes: a FIN counts as one more.
Offset acked_bytes(Offset acked, const SideRecord& client) {
  return client.fin ? std::min(acked, client.fin_offset) : acked;
}

}  // namespace

// Bytes of both sides are missing here, or come late: a request may be among the client's, and this
// be its answer, or that of one which is held back behind them. Which, the client's tape will tell.
bool Pairer::Impl::answers_the_unseen(const Conversation& c, const Input& in) const {
  if (c.work == nullptr || !c.work->missing || c.work->missing.cut) return false;
  const Open* open = waiting(c);
  const SideRecord& client = in.flow.c();
  const Offset acked = acked_bytes(in.chunk.peer_acked, client);
  if (open != nullptr && open->x.request.state == MessageState::incomplete &&
      acked <= latest_end(open->x.request))
    return false;  // its own
  return acked > client.delivered;
}

Open* Pairer::Impl::answered_by(Conversation& c, const Input& in) {
  // What the client's requests prove of the gap, they prove whosever answer this is.
  if (c.work != nullptr) resolve_missing(*c.work, in.chunk.peer_acked);
  if (answers_the_unseen(c, in)) return nullptr;
  if (c.work != nullptr) weigh_missing(*c.work, in.chunk.peer_acked, c.client_gap);
  Open* open = waiting(c);
  if (open == nullptr) return nullptr;
  const Message& request = open->x.request;
  if (in.chunk.peer_acked > request.begin) return open;
  // It does not acknowledge a byte of the request. A server that answers has received it, and
  // its kernel says so; but hand-made captures exist whose ACK numbers say nothing at all.
  const bool sent_before = in.chunk.carried_by.number < request.first.number;
  const bool acks_mean_something = request.begin > 0 && in.chunk.peer_acked == request.begin;
  if (sent_before || acks_mean_something) return nullptr;
  open->unacked_answer = true;
  return open;
}

Role Pairer::Impl::role_without_request(const Conversation& c, const Input& in,
                                        const Open* refused) const {
  const SideRecord& client = in.flow.c();
  if (refused == nullptr && acked_bytes(in.chunk.peer_acked, client) > client.delivered)
    return Role::early;
  if (answers_the_unseen(c, in)) return Role::early;
  const bool request_lost = refused != nullptr ? refused->behind_client_gap : c.client_gap;
  // A SYN that was not recorded may have brought it (RFC 7413).
  const bool before_capture =
      (in.flow.has(Oddity::midstream) || (in.flow.s().syn && !in.flow.c().syn)) &&
      (c.requests == 0 || (refused != nullptr && refused->x.index == 1));
  return request_lost || before_capture ? Role::ignored : Role::unsolicited;
}

void Pairer::Impl::begin_response(Conversation& c, Input& in, bool resynchronised) {
  Open* open = answered_by(c, in);
  if (open == nullptr) {
    const Open* refused = waiting(c);
    Role role = role_without_request(c, in, refused);
    if (resynchronised && role == Role::unsolicited)
      role = Role::ignored;  // of some request in the gap
    if (!may_be_response(in.rest())) {
      const PacketRef packet = in.chunk.carried_by;
      if (role == Role::unsolicited && c.requests == 0) {
        if (looks_like_tls_record(in.rest())) {
          go_opaque(in.flow, c, Side::server, packet, "tls");
        } else {
          c.unsolicited = packet;
          c.mode[1] = Mode::preface;
        }
        in.at = in.bytes.size();
        return;
      }
      if (role == Role::unsolicited) {
        exchanges_.on_stray(in.flow, {.kind = Stray::Kind::trailing_garbage,
                                      .from = Side::server,
                                      .packet = packet,
                                      .status = 0,
                                      .protocol = {}});
      }
      skip(c, Side::server, role != Role::unsolicited);
      in.at = in.bytes.size();
      return;
    }
    work(c);
    open = &*opens_.take();
    open->role = role;
    if (role == Role::early) {
      auto& early = c.work->early;
      if (early.size() >= kMaxEarly && early.front() != c.work->open[1]) {
        c.work->early_lost = early.front()->response().end;
        c.work->early_lost_in = early.front()->response().last;
        tell_alone(in.flow, *early.front());
        drop(early.front());
        early.erase(early.begin());
      }
      early.push_back(open);
    }
  }
  Work& w = *c.work;
  // A server answers in order: what came before this answer is not of a request behind its own.
  while (open->role == Role::exchange && !w.early.empty()) give_up_early(in.flow, w);
  if (Open* before = w.open[1]; before != nullptr) {  // unknown until now: it has ended
    w.open[1] = nullptr;
    before->response_done = true;
    if (before->role == Role::unsolicited || before->role == Role::ignored) drop(before);
  }
  begin_message(open->response(), in, resynchronised && c.gap[1]);
  open->response_begun = true;
  Exchange& x = open->x;
  if (w.missing && open->role == Role::exchange) {
    x.uncertain = x.uncertain || !w.missing.cut;
    w.missing = {};
  }
  const SideRecord& client = in.flow.c();
  if (client.fin || client.trouble_ptr) {
    for (const PacketRef& closed : {client.fin, client.trouble().rst}) {
      if (!closed || closed.number >= in.chunk.carried_by.number) continue;
      PacketRef& first = x.client_closed_before_response;
      if (!first || closed.number < first.number) first = closed;
    }
  }
  const std::string_view method = x.request.method();
  open_reader(c, Side::server, *open, open->response(),
              {.head = method == "HEAD", .connect = method == "CONNECT"});
}

void Pairer::Impl::tell_unsolicited(const FlowRecord& flow, Conversation& c, Open& open,
                                    Stray::Kind kind) {
  open.told = true;
  const Message& response = open.response();
  exchanges_.on_stray(flow, {.kind = kind,
                             .from = Side::server,
                             .packet = response.first,
                             .status = response.status,
                             .protocol = {}});
  if (kind != Stray::Kind::unsolicited_response) return;
  if (Open* next = waiting(c);
      next != nullptr && !next->x.unsolicited_before) {  // it has begun meanwhile
    next->x.unsolicited_before = true;
    next->x.unsolicited = response.first;
    next->x.unsolicited_status = response.status;
  } else if (next == nullptr && !c.unsolicited) {
    c.unsolicited = response.first;
    c.unsolicited_status = response.status;
  }
}

void Pairer::Impl::tell_alone(const FlowRecord& flow, Open& open) {
  const Message& response = open.response();
  if (open.told || response.status == 0 || is_interim(response.status)) return;
  open.told = true;
  exchanges_.on_stray(flow, {.kind = Stray::Kind::answer_alone,
                             .from = Side::server,
                             .packet = response.first,
                             .status = response.status,
                             .protocol = {}});
}

void Pairer::Impl::response_head(const FlowRecord& flow, Conversation& c, Open& open) {
  const Message& response = open.response();
  if (open.role == Role::unsolicited) {
    tell_unsolicited(flow, c, open, Stray::Kind::unsolicited_response);
    return;
  }
  if (open.role == Role::ignored) tell_alone(flow, open);
  if (is_interim(response.status) && !open.x.interim) {
    open.x.interim = response.first;
    open.x.interim_status = response.status;
  }
  if (!open.unacked_answer || response.status != 408) return;
  // A server that gave up waiting, crossing a request it had not received: nobody's answer.
  Open& stray = *opens_.take();
  stray.role = Role::unsolicited;
  stray.response() = response;
  stray.response_begun = true;
  c.work->reader[1]->retarget(stray.response());
  c.work->open[1] = &stray;
  open.response_begun = open.unacked_answer = false;
  open.x.client_closed_before_response = {};
  recycle(open.response());
  tell_unsolicited(flow, c, stray, Stray::Kind::unsolicited_response);
}

void Pairer::Impl::response_complete(const FlowRecord& flow, Conversation& c, Timestamp) {
  Work& w = *c.work;
  Open& open = *w.open[1];
  if (is_interim(open.response().status)) {
    const bool keep = open.role == Role::exchange || open.role == Role::early;
    if (open.role == Role::early) std::erase(w.early, &open);  // whose it was is not worth knowing
    const bool gone = open.role == Role::early;
    close_reader(c, Side::server, Mode::between);
    if (!keep) return;
    if (gone) {
      drop(&open);
      return;
    }
    recycle(open.response());
    open.response_begun = open.unacked_answer = false;
    open.x.client_closed_before_response = {};
    return;
  }
  const Role role = open.role;
  const bool switched = open.response().status == 101 && role != Role::unsolicited;
  const bool connect = role == Role::exchange && open.x.request.method() == "CONNECT";
  const bool tunnel = connect && is_success(open.response().status);
  const PacketRef last = open.response().last;
  open.response_done = true;
  if (role == Role::exchange) {
    if (w.hidden_in && waiting(c) == nullptr) settle_held(w);
    for (std::size_t i = 0; i + 1 < w.size(); ++i) {
      if (&w.at(i) != &open) continue;
      Exchange& next = w.at(i + 1).x;
      if (next.request.peer_acked >= open.response().end) next.pipelined = false;
      break;
    }
    if (w.open[0] == &open && c.mode[0] == Mode::skipping) w.open[0] = nullptr;
  }
  close_reader(c, Side::server, Mode::between);
  if (switched || tunnel) {
    go_opaque(flow, c, Side::server, last, tunnel ? "connect-tunnel" : "upgrade");
  } else if (connect && c.mode[0] == Mode::tunnel) {
    c.mode[0] = Mode::between;  // refused: HTTP goes on
  }
}

void Pairer::Impl::response_broken(const FlowRecord& flow, Conversation& c) {
  Work& w = *c.work;
  Open& open = *w.open[1];
  if (w.reader[1]->not_http() && answered_in_another_tongue(w, open)) {
    drop_request_as_opaque(flow, c, open, "unknown");
    return;
  }
  open.response().tls_record =
      w.reader[1]->not_http() && looks_like_tls_record(w.reader[1]->raw_head());
  const bool http2 = w.reader[1]->not_http() && begins_with_http2_settings(w.reader[1]->raw_head());
  w.reader[1]->give_up();
  if (http2) open.response().error = kHttp2Settings;
  if (open.role == Role::unsolicited && !open.told) {
    tell_unsolicited(flow, c, open,
                     open.response().status != 0 ? Stray::Kind::unsolicited_response
                                                 : Stray::Kind::trailing_garbage);
  }
  close_reader(c, Side::server, Mode::skipping);
}

void Pairer::Impl::note_tail(Open& open, std::string_view bytes) {
  const std::size_t most = open.tail.size();
  if (bytes.size() >= most) {
    std::copy(bytes.end() - static_cast<std::ptrdiff_t>(most), bytes.end(), open.tail.begin());
    open.tail_bytes = static_cast<std::uint8_t>(most);
    return;
  }
  const std::size_t kept = std::min<std::size_t>(open.tail_bytes, most - bytes.size());
  std::copy(open.tail.begin() + static_cast<std::ptrdiff_t>(open.tail_bytes - kept),
            open.tail.begin() + open.tail_bytes, open.tail.begin());
  std::copy(bytes.begin(), bytes.end(), open.tail.begin() + static_cast<std::ptrdiff_t>(kept));
  open.tail_bytes = static_cast<std::uint8_t>(kept + bytes.size());
}

// A gap hid the framing of the chunks, and these are the last bytes of the flow's: the last chunk
// ends with an empty line (RFC 9112 §7.1).
void Pairer::Impl::judge_unknown_end(const FlowRecord& flow, Open& open) {
  Message& response = open.response();
  const SideRecord& server = flow.s();
  if (open.role != Role::exchange || response.state != MessageState::unknown) return;
  if (!response.chunked || response.snaplen_cut || open.tail_bytes < open.tail.size()) return;
  if (response.end != server.delivered || server.delivered != server.next) return;
  const std::string_view tail{open.tail.data(), open.tail.size()};
  if (tail == "0\r\n\r\n") {
    response.state = MessageState::complete;
  } else if (!tail.ends_with("\r\n\r\n")) {  // nor trailers
    response.state = MessageState::incomplete;
  }
}

void Pairer::Impl::server_gap(const FlowRecord& flow, Conversation& c, const StreamGap& gap) {
  if (c.mode[1] == Mode::preface) {
    if (waiting(c) != nullptr) drop_all_as_opaque(flow, c, "unknown");  // its answer is hidden
    return;
  }
  if (ended_before_gap(c)) end_response_here(flow, c, *c.work->open[1], gap.noticed_in.time);
  const bool cut = gap.cause == GapCause::snaplen;
  const Offset end = gap.offset + gap.length;
  if (c.work != nullptr && c.work->open[1] != nullptr) c.work->open[1]->tail_bytes = 0;
  Offset hidden_from = gap.offset;  // where bytes begin that may belong to another response
  bool at_boundary = c.mode[1] == Mode::between;
  if (c.mode[1] == Mode::reading) {
    Work& w = *c.work;
    const MessageReader::AfterGap after = w.reader[1]->skip(gap);
    const Open& open = *w.open[1];
    switch (after) {
      case MessageReader::AfterGap::inside:
        return;
      case MessageReader::AfterGap::complete:
        response_complete(flow, c, gap.noticed_in.time);
        return;
      case MessageReader::AfterGap::beyond:
        hidden_from = open.response().end;
        at_boundary = true;
        response_complete(flow, c, gap.noticed_in.time);
        break;
      case MessageReader::AfterGap::lost:
        if (open.role == Role::unsolicited && !open.told && open.response().status != 0) {
          tell_unsolicited(flow, c, *w.open[1], Stray::Kind::unsolicited_response);
        }
        if (is_interim(open.response().status) && w.open[1]->role == Role::exchange) {
          Open& waits = *w.open[1];  // no answer yet; what follows may be one
          if (!waits.x.interim) {
            waits.x.interim = waits.response().first;
            waits.x.interim_status = waits.response().status;
          }
          close_reader(c, Side::server, Mode::between);
          recycle(waits.response());
          waits.response_begun = false;
        } else {
          const bool refused = open.response().status >= 300 && c.mode[0] == Mode::tunnel;
          if (refused) c.mode[0] = Mode::between;  // CONNECT: HTTP goes on
          close_reader(c, Side::server, Mode::skipping);
        }
        break;
    }
    if (c.opaque != Opaque::no) return;
  } else if (c.work != nullptr && c.work->open[1] != nullptr && cut) {
    Message& response =
        c.work->open[1]->response();  // another packet of a message of unknown length
    response.has_gap = response.snaplen_cut = true;
    response.end = std::max(response.end, end);
    return;
  }
  skip(c, Side::server, true);
  const bool own_tail = cut && c.work != nullptr && c.work->open[1] != nullptr;
  if (!own_tail && waiting(c) != nullptr) note_missing(c, gap, hidden_from, at_boundary);
}

void Pairer::Impl::finish_response(const FlowRecord& flow, Conversation& c) {
  Work& w = *c.work;
  if (w.reader[1] == nullptr) return;
  if (w.reader[1]->finish() != MessageReader::Status::complete) return;
  response_complete(flow, c, flow.s().fin.time);
  settle(flow, c, flow.s().fin.time);
}

}  // namespace httpdiag::http
