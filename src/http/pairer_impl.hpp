// SPDX-License-Identifier: Apache-2.0
// The pairer's parts: entry points and slots in pairer.cpp, the client's side in
// requests.cpp, the server's in responses.cpp, what leaves the queue in settle.cpp,
// what is concluded from bytes that are missing in missing.cpp, and what is told
// from HTTP only by what follows in foreign.cpp.
#pragma once

#include <string_view>
#include <vector>

#include "base/stable_array.hpp"
#include "http/conversation.hpp"
#include "http/pairer.hpp"

namespace httpdiag::http {

class Pairer::Impl {
 public:
  Impl(const Limits& limits, ExchangeSink& exchanges, bool digest_bodies, OpaqueSink* opaque)
      : limits_{limits},
        exchanges_{exchanges},
        digest_bodies_{digest_bodies},
        opaque_{opaque},
        body_bytes_left_{limits.request_bodies_bytes} {}

  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk);
  void on_gap(const FlowRecord& flow, const StreamGap& gap);
  void on_ack(const FlowRecord& flow, Side side);
  void on_fin(const FlowRecord& flow, Side side);
  void on_end(const FlowRecord& flow, EndCause cause, Timestamp now);
  void on_waiting(const FlowRecord& flow);

 private:
  /// The part of a chunk that is not yet dealt with.
  struct Input {
    const FlowRecord& flow;
    const StreamChunk& chunk;
    std::string_view bytes;
    std::size_t at = 0;

    bool empty() const { return at == bytes.size(); }
    std::string_view rest() const { return bytes.substr(at); }
    Place place() const { return {chunk.offset + at, chunk.carried_by, &flow, chunk.from}; }
  };

  // Slots and pools.
  Conversation& conversation(const FlowRecord& flow);
  Conversation& open_conversation(const FlowRecord& flow);
  Conversation* find(const FlowRecord& flow);
  Work& work(Conversation& c);
  void release_if_idle(Conversation& c);
  void drop(Open* open);
  void open_reader(Conversation& c, Side side, Open& open, Message& message,
                   Expectation expectation);
  void close_reader(Conversation& c, Side side, Mode next);
  void skip(Conversation& c, Side side, bool gap);
  void begin_message(Message& message, const Input& in, bool resynchronised) const;
  /// Skips white space between messages; true if nothing is left.
  static bool skip_empty_lines(Input& in);
  void go_opaque(const FlowRecord& flow, Conversation& c, Side from, PacketRef packet,
                 std::string_view protocol);
  void answer_to_http2(const FlowRecord& flow, Conversation& c, const StreamChunk& chunk);
  void hand_on_rest(const Input& in);
  void extend_unknown(Conversation& c, Message& message, const Input& in);
  static void recheck_acked(Work& w, const Message& message);

  // requests.cpp
  void client_bytes(Conversation& c, Input& in);
  void client_reading(Conversation& c, Input& in);
  void client_skipping(Conversation& c, Input& in);
  void begin_request(Conversation& c, const Input& in, bool resynchronised);
  Open& adopt_or_take(Conversation& c, const Input& in);
  /// The first response that waits for its request waits no longer.
  void give_up_early(const FlowRecord& flow, Work& w);
  void note_circumstances(Conversation& c, Open& open, const Input& in);
  void request_complete(const FlowRecord& flow, Conversation& c, Timestamp now);
  /// `in`: behind the bytes that broke it, which begin at `before`.
  static Open* rest_of_body(Work& w, const Open& open);
  void request_broken(Conversation& c, Offset before, Input& in);
  void end_without_body(const FlowRecord& flow, Conversation& c, Timestamp now);
  void client_gap(const FlowRecord& flow, Conversation& c, const StreamGap& gap);
  void mark_acked(const FlowRecord& flow, Conversation& c);

  // responses.cpp
  void server_bytes(Conversation& c, Input& in);
  void server_reading(Conversation& c, Input& in);
  void server_skipping(Conversation& c, Input& in);
  bool another_begins(const Conversation& c, const Open& open, const Input& in) const;
  bool ended_before_gap(const Conversation& c) const;
  void end_response_here(const FlowRecord& flow, Conversation& c, Open& open, Timestamp now);
  void begin_response(Conversation& c, Input& in, bool resynchronised);
  Open* waiting(const Conversation& c) const;
  bool answers_the_unseen(const Conversation& c, const Input& in) const;
  /// Which request the response that begins here answers; null: none of them.
  Open* answered_by(Conversation& c, const Input& in);
  Role role_without_request(const Conversation& c, const Input& in, const Open* refused) const;
  void response_head(const FlowRecord& flow, Conversation& c, Open& open);
  void response_complete(const FlowRecord& flow, Conversation& c, Timestamp now);
  void response_broken(const FlowRecord& flow, Conversation& c);
  /// Once its status is known: nothing more will come of it than that.
  void tell_alone(const FlowRecord& flow, Open& open);
  void tell_unsolicited(const FlowRecord& flow, Conversation& c, Open& open, Stray::Kind kind);
  static void note_tail(Open& open, std::string_view bytes);
  static void judge_unknown_end(const FlowRecord& flow, Open& open);
  void server_gap(const FlowRecord& flow, Conversation& c, const StreamGap& gap);
  void finish_response(const FlowRecord& flow, Conversation& c);

  // missing.cpp
  void note_missing(Conversation& c, const StreamGap& gap, Offset from, bool at_boundary);
  static void mark_missing(Work& w, std::size_t i, const MissingBytes& missing);
  static void resolve_missing(Work& w, Offset peer_acked);
  static void weigh_missing(Work& w, Offset peer_acked, bool client_gap);
  static void note_rest_of_answer(Work& w, Offset peer_acked);
  static void settle_held(Work& w);
  static void find_answers_behind_cut(Work& w);
  void find_missing_answers(const FlowRecord& flow, Conversation& c);

  // foreign.cpp
  void server_preface(Conversation& c, Input& in);
  void drop_all_as_opaque(const FlowRecord& flow, Conversation& c, std::string_view protocol);
  static void skip_binary_preamble(Conversation& c, Input& in);
  void withdraw_request(Conversation& c, Open& open);
  /// What looked like a request is no HTTP.
  void drop_request_as_opaque(const FlowRecord& flow, Conversation& c, Open& open,
                              std::string_view protocol);
  static bool upgrade_unanswered(const Work& w);
  static bool answered_in_another_tongue(const Work& w, const Open& open);

  // settle.cpp
  /// Hands on the exchanges at the front that are decided. Needs Conversation::work.
  void settle(const FlowRecord& flow, Conversation& c, Timestamp now);
  static bool may_settle(const FlowRecord& flow, const Work& w);
  void emit_front(const FlowRecord& flow, Conversation& c, bool settled, Timestamp now);
  static void complete_facts(const FlowRecord& flow, Conversation& c, Open& open, const Open* next);

  const Limits& limits_;
  ExchangeSink& exchanges_;
  const bool digest_bodies_;
  OpaqueSink* opaque_;                             // may be null
  std::uint64_t body_bytes_left_;                  // of what may be kept of request bodies
  base::StableArray<Conversation> conversations_;  // FlowRecord::sink_slot is the index + 1
  std::vector<std::uint32_t> free_slots_;
  Pool<Work> works_;
  Pool<Open> opens_;
  Pool<MessageReader> readers_;
};

// What every message needs, in line.

inline Conversation* Pairer::Impl::find(const FlowRecord& flow) {
  return flow.sink_slot == 0 ? nullptr : &conversations_[flow.sink_slot - 1];
}

inline Conversation& Pairer::Impl::conversation(const FlowRecord& flow) {
  return flow.sink_slot == 0 ? open_conversation(flow) : conversations_[flow.sink_slot - 1];
}

inline Work& Pairer::Impl::work(Conversation& c) {
  if (c.work == nullptr) c.work = works_.take();
  return *c.work;
}

inline void Pairer::Impl::release_if_idle(Conversation& c) {
  if (c.work == nullptr || !c.work->idle()) return;
  recycle(*c.work);
  works_.give_back(c.work);
  c.work = nullptr;
}

inline void Pairer::Impl::drop(Open* open) {
  body_bytes_left_ += open->x.request.kept_body_bytes;
  recycle(*open);
  opens_.give_back(open);
}

inline void Pairer::Impl::begin_message(Message& message, const Input& in,
                                        bool resynchronised) const {
  message.begin = message.end = in.place().offset;
  message.first = message.last = in.chunk.carried_by;
  message.peer_acked = in.chunk.peer_acked;
  message.resynchronised = resynchronised;
}

inline void Pairer::Impl::open_reader(Conversation& c, Side side, Open& open, Message& message,
                                      Expectation expectation) {
  Work& w = *c.work;
  MessageReader* reader = readers_.take(limits_, digest_bodies_, body_bytes_left_);
  w.open[index(side)] = &open;
  w.reader[index(side)] = reader;
  c.mode[index(side)] = Mode::reading;
  reader->begin(message, side == Side::client ? Kind::request : Kind::response, expectation);
}

inline void Pairer::Impl::close_reader(Conversation& c, Side side, Mode next) {
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

// RFC 9112 §2.2: ignore at least one empty line before a request line. Servers
// that send one more CRLF than they announced are met as well.
inline bool Pairer::Impl::skip_empty_lines(Input& in) {
  while (!in.empty() && (in.bytes[in.at] == '\r' || in.bytes[in.at] == '\n')) ++in.at;
  return in.empty();
}

inline void Pairer::Impl::mark_acked(const FlowRecord& flow, Conversation& c) {
  Work& w = *c.work;
  while (w.acked < w.size()) {
    Open& open = w.at(w.acked);
    const Message& request = open.x.request;
    if (request.state == MessageState::incomplete || flow.c().acked < request.end) return;
    open.x.acked_by = flow.c().acked_by;
    ++w.acked;
  }
}

}  // namespace httpdiag::http
