// SPDX-License-Identifier: Apache-2.0
// Entry points, slots and pools. The rules of pairing are in docs/http-pairing.md.
#include "http/pairer.hpp"

#include "http/pairer_impl.hpp"

namespace httpdiag::http {

Conversation& Pairer::Impl::open_conversation(const FlowRecord& flow) {
  if (free_slots_.empty()) {
    conversations_.add();
    if (free_slots_.capacity() < conversations_.size())
      free_slots_.reserve(2 * conversations_.size());
    flow.sink_slot = static_cast<std::uint32_t>(conversations_.size());
  } else {
    flow.sink_slot = free_slots_.back();
    free_slots_.pop_back();
  }
  Conversation& c = conversations_[flow.sink_slot - 1];
  // Nobody knows where a message begins that began before the capture.
  if (flow.has(Oddity::midstream)) c.mode = {Mode::skipping, Mode::skipping};
  return c;
}

void Pairer::Impl::skip(Conversation& c, Side side, bool gap) {
  c.mode[index(side)] = Mode::skipping;
  c.gap[index(side)] = c.gap[index(side)] || gap;
}

void Pairer::Impl::go_opaque(const FlowRecord& flow, Conversation& c, Side from, PacketRef packet,
                             std::string_view protocol) {
  for (const Side side : {Side::client, Side::server}) {
    if (c.work != nullptr && c.work->reader[index(side)] != nullptr) {
      c.work->reader[index(side)]->give_up();
      close_reader(c, side, Mode::between);
    }
  }
  if (c.mode[1] == Mode::preface) {  // that was the first sign of it
    from = Side::server;
    packet = c.unsolicited;
    c.mode[1] = Mode::between;
  }
  const bool wanted = opaque_ != nullptr && opaque_->on_opaque(flow, protocol);
  c.opaque = wanted ? Opaque::handed_on : Opaque::unread;
  if (protocol == "http2" && !c.server_spoke) c.answer_to_http2 = 0;
  exchanges_.on_stray(flow, {.kind = Stray::Kind::opaque,
                             .from = from,
                             .packet = packet,
                             .status = 0,
                             .protocol = std::string{protocol}});
}

// More bytes of a message whose end nobody knows.
void Pairer::Impl::extend_unknown(Conversation& c, Message& message, const Input& in) {
  const Place place = in.place();
  message.end = place.offset + in.rest().size();
  message.last = place.carried_by;
  recheck_acked(*c.work, message);
}

// A request has grown: the ACK that covered it may not cover this.
void Pairer::Impl::recheck_acked(Work& w, const Message& message) {
  if (w.size() == 0 || w.acked < w.size()) return;
  Open& newest = w.at(w.size() - 1);
  if (&newest.x.request != &message) return;
  newest.x.acked_by = {};
  --w.acked;
}

void Pairer::Impl::on_chunk(const FlowRecord& flow, const StreamChunk& chunk) {
  if (chunk.bytes.empty()) return;
  Conversation& c = conversation(flow);
  if (c.opaque != Opaque::no) {
    if (c.opaque == Opaque::handed_on) opaque_->on_chunk(flow, chunk);
    const bool asked = c.answer_to_http2 != Conversation::kNotAsked;
    if (asked && chunk.from == Side::server) answer_to_http2(flow, c, chunk);
    return;
  }
  Input in{flow, chunk, {reinterpret_cast<const char*>(chunk.bytes.data()), chunk.bytes.size()}};
  if (chunk.from == Side::client) {
    client_bytes(c, in);
  } else {
    server_bytes(c, in);
    c.server_spoke = true;
  }
  if (c.opaque == Opaque::handed_on && !in.empty()) hand_on_rest(in);
  if (c.work != nullptr) {
    mark_acked(flow, c);
    settle(flow, c, chunk.released_by.time);
  }
}

/// A server that speaks HTTP/1.1 alone says so.
void Pairer::Impl::answer_to_http2(const FlowRecord& flow, Conversation& c,
                                   const StreamChunk& chunk) {
  constexpr std::string_view kBegin = "HTTP/1.";
  constexpr std::string_view kLine = "HTTP/1.1 400";
  constexpr std::size_t kStatus = 9;
  for (const std::byte byte : chunk.bytes) {
    const char sent = static_cast<char>(byte);
    const std::size_t at = c.answer_to_http2;
    const bool digit = sent >= '0' && sent <= '9';
    const bool fits = at < kBegin.size() ? sent == kBegin[at]
                      : kLine[at] == ' ' ? sent == ' '
                                         : digit;
    if (!fits) {
      c.answer_to_http2 = Conversation::kNotAsked;
      return;
    }
    if (at == 0) c.unsolicited = chunk.carried_by;
    if (at >= kStatus)
      c.unsolicited_status = static_cast<std::uint16_t>(c.unsolicited_status * 10 + (sent - '0'));
    if (++c.answer_to_http2 == kLine.size()) break;
  }
  if (c.answer_to_http2 < kLine.size()) return;
  c.answer_to_http2 = Conversation::kNotAsked;
  exchanges_.on_stray(flow, {.kind = Stray::Kind::unsolicited_response,
                             .from = Side::server,
                             .packet = c.unsolicited,
                             .status = c.unsolicited_status,
                             .protocol = {}});
}

/// What stands behind the bytes that were HTTP.
void Pairer::Impl::hand_on_rest(const Input& in) {
  StreamChunk rest = in.chunk;
  rest.offset += in.at;
  rest.bytes = rest.bytes.subspan(in.at);
  opaque_->on_chunk(in.flow, rest);
}

void Pairer::Impl::on_gap(const FlowRecord& flow, const StreamGap& gap) {
  if (gap.cause == GapCause::lost) return;  // nothing follows: what is open stays incomplete
  Conversation& c = conversation(flow);
  if (c.opaque != Opaque::no) {  // the answer that made it so may be in the gap
    if (c.opaque == Opaque::handed_on) opaque_->on_gap(flow, gap);
    if (gap.from == Side::server && waiting(c) != nullptr && !c.work->missing) {
      note_missing(c, gap, gap.offset, false);
    }
    return;
  }
  if (gap.from == Side::client) {
    client_gap(flow, c, gap);
  } else {
    server_gap(flow, c, gap);
  }
  if (c.work != nullptr) {
    mark_acked(flow, c);
    settle(flow, c, gap.noticed_in.time);
  }
}

void Pairer::Impl::on_ack(const FlowRecord& flow, Side side) {
  Conversation* c = find(flow);
  if (c == nullptr) return;
  if (c->opaque == Opaque::handed_on) opaque_->on_ack(flow, side);
  if (c->work == nullptr) return;
  // The request's acknowledgement is a fact about the exchange; the response's decides it.
  if (side == Side::client) {
    mark_acked(flow, *c);
  } else {
    settle(flow, *c, flow.s().acked_by.time);
  }
}

void Pairer::Impl::on_fin(const FlowRecord& flow, Side side) {
  Conversation* c = find(flow);
  if (c == nullptr || c->work == nullptr || side == Side::client) return;
  finish_response(flow, *c);
}

void Pairer::Impl::on_end(const FlowRecord& flow, EndCause, Timestamp now) {
  Conversation* c = find(flow);
  if (c == nullptr) return;
  if (c->mode[1] == Mode::preface) drop_all_as_opaque(flow, *c, "unknown");
  if (c->work != nullptr) {
    Work& w = *c->work;
    for (const Side side : {Side::client, Side::server}) {
      MessageReader* reader = w.reader[index(side)];
      Open* open = w.open[index(side)];
      if (reader != nullptr) {
        const bool request = side == Side::client;
        // Too short to be told from HTTP while it went on; it is not going on.
        const bool foreign = open->x.index == 1 || upgrade_unanswered(w);
        if (request && foreign && reader->undecided()) {
          drop_request_as_opaque(
              flow, *c, *open,
              open->x.index == 1 ? opaque_protocol(reader->raw_head()) : "upgrade");
          continue;
        }
        reader->give_up();
        if (request) open->x.request.body_omitted = body_refused(*open);
        if (!request && open->role == Role::unsolicited && !open->told) {
          tell_unsolicited(flow, *c, *open,
                           open->response().status != 0 ? Stray::Kind::unsolicited_response
                                                        : Stray::Kind::trailing_garbage);
        }
        close_reader(*c, side, Mode::between);
      } else if (open != nullptr) {
        w.open[index(side)] = nullptr;
        if (side == Side::server) judge_unknown_end(flow, *open);
        if (open->role == Role::unsolicited || open->role == Role::ignored) drop(open);
      }
    }
    find_missing_answers(flow, *c);
    while (w.size() > 0) emit_front(flow, *c, false, now);
    for (Open* open : w.early) {
      tell_alone(flow, *open);
      drop(open);
    }
    w.early.clear();
    release_if_idle(*c);
  }
  if (c->opaque == Opaque::handed_on) opaque_->on_end(flow);
  free_slots_.push_back(flow.sink_slot);
  *c = Conversation{};
  flow.sink_slot = 0;
}

void Pairer::Impl::on_waiting(const FlowRecord& flow) {
  const Conversation* c = find(flow);
  if (c == nullptr || c->work == nullptr) return;
  for (std::size_t i = 0; i < c->work->size(); ++i) shrink(c->work->at(i));
}

Pairer::Pairer(const Limits& limits, ExchangeSink& exchanges, bool digest_bodies,
               OpaqueSink* opaque)
    : impl_{std::make_unique<Impl>(limits, exchanges, digest_bodies, opaque)} {}
Pairer::~Pairer() = default;

void Pairer::on_chunk(const FlowRecord& flow, const StreamChunk& chunk) {
  impl_->on_chunk(flow, chunk);
}
void Pairer::on_gap(const FlowRecord& flow, const StreamGap& gap) { impl_->on_gap(flow, gap); }
void Pairer::on_ack(const FlowRecord& flow, Side side) { impl_->on_ack(flow, side); }
void Pairer::on_fin(const FlowRecord& flow, Side side) { impl_->on_fin(flow, side); }
// What a reset means for an open message is in FlowRecord, for the rules to see.
void Pairer::on_rst(const FlowRecord&, Side) {}
void Pairer::on_end(const FlowRecord& flow, EndCause cause, Timestamp now) {
  impl_->on_end(flow, cause, now);
}
void Pairer::on_waiting(const FlowRecord& flow) { impl_->on_waiting(flow); }

}  // namespace httpdiag::http
