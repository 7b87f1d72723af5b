// SPDX-License-Identifier: Apache-2.0
// What is not HTTP but shares a connection with it: headers that load balancers
// put in front, and bytes that looked like a request until more was seen.
#include <algorithm>

#include "http/pairer_impl.hpp"
#include "http/start_line.hpp"

namespace httpdiag::http {

namespace {

// HAProxy's proxy-protocol.txt, section 2.2: a signature, two bytes of command and
// family, two bytes with the length of what follows.
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::uint8_t kFixedPart = 16;

}  // namespace

// The signature begins like the empty lines that may precede a request, so nothing
// has to be given back where it turns out to be none.
void Pairer::Impl::skip_binary_preamble(Conversation& c, Input& in) {
  const bool begun = c.preamble > 0;
  if (!begun && (in.place().offset != 0 || c.requests > 0)) c.preamble = c.kNoPreamble;
  while (!in.empty() && c.preamble < kFixedPart) {
    const char byte = in.bytes[in.at];
    if (c.preamble < kSignature.size() && byte != kSignature[c.preamble]) {
      c.preamble = c.kNoPreamble;
      return;
    }
    const auto value = static_cast<unsigned char>(byte);
    if (c.preamble == 14) c.preamble_left = static_cast<std::uint16_t>(value << 8);
    if (c.preamble == 15) c.preamble_left = static_cast<std::uint16_t>(c.preamble_left | value);
    ++c.preamble;
    ++in.at;
  }
  if (c.preamble != kFixedPart) return;
  const std::size_t count = std::min<std::size_t>(c.preamble_left, in.rest().size());
  in.at += count;
  c.preamble_left = static_cast<std::uint16_t>(c.preamble_left - count);
  if (c.preamble_left == 0) c.preamble = c.kNoPreamble;
}

// `open` is the newest request.
void Pairer::Impl::withdraw_request(Conversation& c, Open& open) {
  Work& w = *c.work;
  for (const Side side : {Side::client, Side::server}) {
    if (w.open[index(side)] != &open) continue;
    if (w.reader[index(side)] != nullptr) {
      w.reader[index(side)]->give_up();
      close_reader(c, side, Mode::between);
    }
    w.open[index(side)] = nullptr;
  }
  w.queue.pop_back();
  if (w.size() == 0) {
    w.queue.clear();
    w.head = 0;
  }
  w.acked = std::min(w.acked, w.size());
  drop(&open);
  --c.requests;
}

void Pairer::Impl::drop_request_as_opaque(const FlowRecord& flow, Conversation& c, Open& open,
                                          std::string_view protocol) {
  const Message& request = open.x.request;
  const MessageReader* reader = c.work->open[0] == &open ? c.work->reader[0] : nullptr;
  const std::string name{protocol};  // may point into the reader
  const std::string bytes{reader != nullptr ? reader->raw_head() : std::string_view{}};
  const StreamChunk begun{.from = Side::client,
                          .offset = request.begin,
                          .bytes = std::as_bytes(std::span{bytes}),
                          .carried_by = request.first,
                          .released_by = request.last,
                          .peer_acked = request.peer_acked};
  withdraw_request(c, open);
  go_opaque(flow, c, Side::client, begun.carried_by, name);
  if (c.opaque == Opaque::handed_on) opaque_->on_chunk(flow, begun);
}

// A server that says something before any request: a greeting of another protocol, or of a device
// in front of a HTTP server. Only its answer to the first request tells which.
void Pairer::Impl::server_preface(Conversation& c, Input& in) {
  const Open* next = waiting(c);
  if (next == nullptr || in.chunk.peer_acked <= next->x.request.begin) {
    in.at = in.bytes.size();
    return;
  }
  if (!may_be_response(in.rest())) {
    drop_all_as_opaque(in.flow, c, opaque_protocol(in.rest()));
    return;
  }
  exchanges_.on_stray(in.flow, {.kind = Stray::Kind::opaque,
                                .from = Side::server,
                                .packet = c.unsolicited,
                                .status = 0,
                                .protocol = "preface"});
  c.unsolicited = {};
  c.mode[1] = Mode::between;
}

void Pairer::Impl::drop_all_as_opaque(const FlowRecord& flow, Conversation& c,
                                      std::string_view protocol) {
  while (c.work != nullptr && c.work->size() > 0) {
    withdraw_request(c, c.work->at(c.work->size() - 1));
  }
  go_opaque(flow, c, Side::server, c.unsolicited, protocol);
}

// The newest request stands behind one that asked to leave HTTP (RFC 9110 §7.8), and
// what became of that is not in the capture, or not all of it.
bool Pairer::Impl::upgrade_unanswered(const Work& w) {
  if (w.size() < 2) return false;
  const Open& before = w.at(w.size() - 2);
  if (!before.x.request.upgrade || before.x.request.method() == "CONNECT") return false;
  if (!before.response_begun) return true;
  const Message& response = before.response();
  const bool switched = response.status == 0 || response.status == 101;
  return response.state == MessageState::unknown && switched;
}

// Some words of other line protocols are HTTP methods as well ("GET key"). A first
// line without a version that is answered by something else is theirs, or HTTP/0.9. So is one that
// the snaplen has cut in front of where the version would be.
bool Pairer::Impl::answered_in_another_tongue(const Work& w, const Open& open) {
  const Message& request = open.x.request;
  if (open.role != Role::exchange || open.x.index != 1 || w.size() != 1) return false;
  if (w.open[0] == &open && w.reader[0] != nullptr) {
    return !request.head_complete && names_no_version(w.reader[0]->raw_head());
  }
  if (request.head_cut()) return !request.names_http;
  return request.head_complete && request.major == 0;
}

}  // namespace httpdiag::http
