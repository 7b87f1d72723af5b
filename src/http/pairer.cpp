// SPDX-License-Identifier: Apache-2.0
// Entry points, slots and pools. The rules of pairing are in docs/http-pairing.md.
#include "http/pairer.hpp"

#include "http/pairer_impl.hpp"

namespace httpdiag::http {

Conversation* Pairer::Impl::find(const FlowRecord& flow) {
  return flow.sink_slot == 0 ? nullptr : &conversations_[flow.sink_slot - 1];
}

Conversation& Pairer::Impl::conversation(const FlowRecord& flow) {
  if (flow.sink_slot == 0) {
    if (free_slots_.empty()) {
      conversations_.add();
      free_slots_.reserve(conversations_.size());
      flow.sink_slot = static_cast<std::uint32_t>(conversations_.size());
    } else {
      flow.sink_slot = free_slots_.back();
      free_slots_.pop_back();
    }
    Conversation& c = conversations_[flow.sink_slot - 1];
    c = Conversation{};
    // Nobody knows where a message begins that began before the capture.
    if (flow.has(Oddity::midstream)) c.mode = {Mode::skipping, Mode::skipping};
  }
  return conversations_[flow.sink_slot - 1];
}

Work& Pairer::Impl::work(Conversation& c) {
  if (c.work == nullptr) c.work = works_.take();
  return *c.work;
}

void Pairer::Impl::release_if_idle(Conversation& c) {
  if (c.work == nullptr || !c.work->idle()) return;
  recycle(*c.work);
  works_.give_back(c.work);
  c.work = nullptr;
}

Open& Pairer::Impl::take_open() { return *opens_.take(); }

void Pairer::Impl::drop(Open* open) {
  recycle(*open);
  opens_.give_back(open);
}

void Pairer::Impl::open_reader(Conversation& c, Side side, Open& open, Message& message,
                               Expectation expectation) {
  Work& w = *c.work;
  w.open[index(side)] = &open;
  w.reader[index(side)] = readers_.take(limits_);
  w.reader[index(side)]->begin(message, side == Side::client ? Kind::request : Kind::response,
                               expectation);
  c.mode[index(side)] = Mode::reading;
}

void Pairer::Impl::close_reader(Conversation& c, Side side, Mode next) {
  Work& w = *c.work;
  readers_.give_back(w.reader[index(side)]);
  w.reader[index(side)] = nullptr;
  c.mode[index(side)] = next;
  c.gap[index(side)] = false;
  if (next == Mode::skipping) return;  // what follows may still belong to the message
  Open* open = w.open[index(side)];
  w.open[index(side)] = nullptr;
  if (open != nullptr && (open->role == Role::unsolicited || open->role == Role::ignored))
    drop(open);
}

void Pairer::Impl::skip(Conversation& c, Side side, bool gap) {
  c.mode[index(side)] = Mode::skipping;
  c.gap[index(side)] = c.gap[index(side)] || gap;
}

void Pairer::Impl::begin_message(Message& message, const Input& in, bool resynchronised) const {
  const Place place = in.place();
  message.begin = message.end = place.offset;
  message.first = message.last = place.carried_by;
  message.peer_acked = in.chunk.peer_acked;
  message.resynchronised = resynchronised;
}

// RFC 9112 §2.2: ignore at least one empty line before a request line. Servers
// that send one more CRLF than they announced are met as well.
bool Pairer::Impl::skip_empty_lines(Input& in) {
  while (!in.empty() && (in.bytes[in.at] == '\r' || in.bytes[in.at] == '\n')) ++in.at;
  return in.empty();
}

void Pairer::Impl::go_opaque(const FlowRecord& flow, Conversation& c, Side from, PacketRef packet,
                             std::string_view protocol) {
  for (const Side side : {Side::client, Side::server}) {
    if (c.work != nullptr && c.work->reader[index(side)] != nullptr) {
      c.work->reader[index(side)]->give_up();
      close_reader(c, side, Mode::between);
    }
  }
  c.opaque = true;
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
  if (c.opaque) return;
  Input in{flow, chunk, {reinterpret_cast<const char*>(chunk.bytes.data()), chunk.bytes.size()}};
  if (chunk.from == Side::client) {
    client_bytes(c, in);
  } else {
    server_bytes(c, in);
    c.server_spoke = true;
  }
  if (c.work != nullptr) {
    mark_acked(flow, c);
    settle(flow, c, chunk.released_by.time);
  }
}

void Pairer::Impl::on_gap(const FlowRecord& flow, const StreamGap& gap) {
  if (gap.cause == GapCause::lost) return;  // nothing follows: what is open stays incomplete
  Conversation& c = conversation(flow);
  if (c.opaque) {  // the answer that made it so may be in the gap
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
  if (c == nullptr || c->work == nullptr) return;
  if (side == Side::client) mark_acked(flow, *c);
  settle(flow, *c, flow.side(side).acked_by.time);
}

void Pairer::Impl::on_fin(const FlowRecord& flow, Side side) {
  Conversation* c = find(flow);
  if (c == nullptr || c->work == nullptr || side == Side::client) return;
  finish_response(flow, *c);
}

void Pairer::Impl::on_end(const FlowRecord& flow, EndCause, Timestamp now) {
  Conversation* c = find(flow);
  if (c == nullptr) return;
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
        if (open->role == Role::unsolicited || open->role == Role::ignored) drop(open);
      }
    }
    find_missing_answers(flow, *c);
    while (w.size() > 0) emit_front(flow, *c, false, now);
    for (Open* open : w.early) drop(open);
    w.early.clear();
    release_if_idle(*c);
  }
  free_slots_.push_back(flow.sink_slot);
  *c = Conversation{};
  flow.sink_slot = 0;
}

Pairer::Pairer(const Limits& limits, ExchangeSink& exchanges)
    : impl_{std::make_unique<Impl>(limits, exchanges)} {}
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

}  // namespace httpdiag::http
