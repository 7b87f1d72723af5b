// SPDX-License-Identifier: Apache-2.0
// Which requests were answered by bytes that the capture lacks. Evidence are the
// client's ACK numbers, where the gap begins, and how many answers there are in all.
#include <algorithm>
#include <limits>
#include <utility>

#include "http/pairer_impl.hpp"

namespace httpdiag::http {

namespace {

// "HTTP/1.1 204 " and two line ends: fewer bytes hide no response.
constexpr std::uint64_t kSmallestResponse = 17;

bool lacks_answer(const Open& open) { return !open.response_begun && !open.x.response_missing; }

void move_response(Open& from, Open& to) {
  std::swap(from.x.response, to.x.response);
  std::swap(from.response_begun, to.response_begun);
  std::swap(from.response_done, to.response_done);
  std::swap(from.unacked_answer, to.unacked_answer);
  std::swap(from.x.interim, to.x.interim);
  std::swap(from.x.interim_status, to.x.interim_status);
  std::swap(from.x.client_closed_before_response, to.x.client_closed_before_response);
}

/// The client sent `open` knowing all of what answers, or may answer, `before`.
bool sent_knowing(const Open& open, const Open& before, Offset missing_begin) {
  const Offset known = open.x.request.peer_acked;
  if (before.response_begun) return before.response_done && known >= before.response().end;
  return known > std::max(missing_begin, before.x.request.peer_acked);
}

}  // namespace

void Pairer::Impl::note_missing(Conversation& c, const StreamGap& gap, Offset from,
                                bool at_boundary) {
  Work& w = *c.work;
  const bool cut = gap.cause == GapCause::snaplen;
  if (w.hidden_in) w.hidden_answers = 0;
  Open& newest = w.at(w.size() - 1);
  const Offset end = gap.offset + gap.length;
  if (!newest.gap_noticed && end > newest.x.request.peer_acked) newest.gap_noticed = gap.noticed_in;
  MissingBytes& missing = w.missing;
  if (!missing) {
    missing = {.begin = from,
               .end = end,
               .bytes = 0,
               .packet = gap.noticed_in,
               .last_packet = gap.noticed_in,
               .cut = cut,
               .at_boundary = at_boundary,
               .accounted = false};
  }
  missing.end = end;
  missing.bytes += end - from;
  missing.last_packet = gap.noticed_in;
  missing.cut = missing.cut && cut;
}

// Of the missing bytes, those are this exchange's that the client learned of behind
// its request and before a later one.
void Pairer::Impl::mark_missing(Work& w, std::size_t i, const MissingBytes& missing) {
  Open& open = w.at(i);
  const Offset begin = std::max(missing.begin, open.x.request.peer_acked);
  Offset end = missing.end;
  PacketRef proof = open.gap_noticed;
  for (const PacketRef packet : {missing.packet, missing.last_packet}) {
    if (!proof && packet.number > open.x.request.first.number) proof = packet;
  }
  for (std::size_t later = i + 1; later < w.size(); ++later) {
    const Message& request = w.at(later).x.request;
    if (request.peer_acked <= begin) continue;
    end = std::min(end, request.peer_acked);
    if (!proof) proof = request.first;
    break;
  }
  open.x.response_missing = true;
  open.x.response_gap = proof ? proof : missing.packet;
  open.x.response_cut = missing.cut;
  open.x.response_gap_bytes = end > begin ? std::min(end - begin, missing.bytes) : missing.bytes;
}

// Those behind which the client sent another request, knowing of more of the missing
// bytes than when it sent this one.
void Pairer::Impl::resolve_missing(Work& w, Offset peer_acked) {
  if (!w.missing) return;
  std::size_t newest = 0;  // the newest request that was sent with that knowledge
  for (std::size_t i = 0; i < w.size(); ++i) {
    const Message& request = w.at(i).x.request;
    if (request.peer_acked > w.missing.begin && request.begin < peer_acked) newest = i;
  }
  bool shared = false;  // with the exchange before: one stretch of bytes for both
  for (std::size_t i = 0; i < newest; ++i) {
    Open& open = w.at(i);
    if (!lacks_answer(open) || !sent_knowing(w.at(newest), open, w.missing.begin)) continue;
    mark_missing(w, i, w.missing);
    w.missing.accounted = true;
    Open& next = w.at(i + 1);
    const bool alone = sent_knowing(next, open, w.missing.begin);
    open.x.uncertain = open.x.uncertain || !alone || shared;
    if (alone) next.x.pipelined = false;
    shared = !alone;
  }
}

// A response begins behind the gap and several requests wait. Where the gap begins at
// the end of a response it hides the beginning of the next answer, if not all of it;
// how many more, only the number of answers that follow can tell.
void Pairer::Impl::weigh_missing(Work& w, Offset peer_acked, bool client_gap) {
  MissingBytes& missing = w.missing;
  if (!missing || w.hidden_in) return;
  std::size_t first = 0;
  while (first < w.size() && !lacks_answer(w.at(first))) ++first;
  std::size_t waiting = 0;  // that the response may answer
  std::size_t before = 0;   // that something in the gap may answer
  for (std::size_t i = first; i < w.size() && w.at(i).x.request.begin < peer_acked; ++i) {
    if (!lacks_answer(w.at(i))) continue;
    ++waiting;
    if (w.at(i).x.request.peer_acked < missing.end) ++before;
  }
  // Bytes of both sides are missing, and the response acknowledges what may be a request among the
  // client's: the one that waits was answered in the gap.
  const bool unseen_request = first + 1 < w.size() ? w.at(first + 1).behind_client_gap : client_gap;
  const bool another = unseen_request && waiting == 1 && !missing.cut && missing.at_boundary &&
                       missing.bytes >= kSmallestResponse && peer_acked > w.at(first).x.request.end;
  if (another && !missing.accounted) {
    mark_missing(w, first, missing);
    w.at(first).x.uncertain = true;
    return;
  }
  if (waiting < 2) return;
  std::size_t most = std::min(waiting - 1, before);
  most = static_cast<std::size_t>(std::min<std::uint64_t>(most, missing.bytes / kSmallestResponse));
  const bool hides_one = most > 0 && missing.at_boundary && !missing.accounted &&
                         !w.at(first).x.request.expect_continue;
  missing.accounted = true;
  if (hides_one) {
    mark_missing(w, first, missing);
    w.at(first).x.uncertain = !missing.cut || most > 1;
    ++first;
    --most;
  }
  if (most == 0) return;
  for (std::size_t i = first; i < w.size(); ++i) w.at(i).held = true;
  w.hidden_in = missing;
  w.hidden_answers = most;
}

// Bytes that begin no message follow a gap that begins where a response ends: it hides the
// beginning of the answer to the oldest request that waits, and these are its rest.
void Pairer::Impl::note_rest_of_answer(Work& w, Offset peer_acked) {
  MissingBytes& missing = w.missing;
  if (!missing || !missing.at_boundary || missing.accounted || missing.cut) return;
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (!lacks_answer(w.at(i))) continue;
    if (peer_acked <= w.at(i).x.request.begin) return;
    mark_missing(w, i, missing);
    missing.accounted = true;
    return;
  }
}

// No more answers will come to the requests that wait. If the gap can hide as many as
// there are too few, then those behind it belong to the last requests: a server answers
// in order (RFC 9112 §9.3.2). Their ACK numbers must not contradict.
void Pairer::Impl::settle_held(Work& w) {
  std::size_t begin = 0;  // of the requests in doubt
  while (begin < w.size() && !w.at(begin).held) ++begin;
  std::size_t waits = begin;
  while (waits < w.size() && !lacks_answer(w.at(waits))) ++waits;
  const std::size_t too_few = w.size() - waits;
  const auto behind_gap = [&](const Open& open) {
    return open.response_begun && open.response_done && open.response().begin >= w.hidden_in.end;
  };
  std::size_t from = waits;
  while (from > begin && behind_gap(w.at(from - 1))) --from;
  bool move = too_few > 0 && too_few <= w.hidden_answers && from == begin;
  for (std::size_t i = waits; i < w.size() && move; ++i) move = lacks_answer(w.at(i));
  for (std::size_t i = from; i < waits && move; ++i) {
    move = w.at(i).response().peer_acked > w.at(i + too_few).x.request.begin;
  }
  for (std::size_t i = waits; i > from && move; --i) {
    move_response(w.at(i - 1), w.at(i - 1 + too_few));
  }
  for (std::size_t i = begin; i < w.size(); ++i) {
    Open& open = w.at(i);
    open.held = false;
    open.x.uncertain = open.x.uncertain || too_few > 0 || !w.hidden_in.cut;
    if (too_few == 0) continue;
    if (lacks_answer(open)) mark_missing(w, i, w.hidden_in);
    if (i > 0 && sent_knowing(open, w.at(i - 1), w.hidden_in.begin)) open.x.pipelined = false;
  }
  w.hidden_in = {};
  w.hidden_answers = 0;
}

// A response whose end is cut off by the snaplen may hide, in the same packets, answers to
// requests that were sent before the client knew of it all.
void Pairer::Impl::find_answers_behind_cut(Work& w) {
  const Open* cut = nullptr;
  for (std::size_t i = 0; i < w.size(); ++i) {
    Open& open = w.at(i);
    if (open.response_begun) {
      const Message& response = open.response();
      cut = response.state == MessageState::unknown && response.snaplen_cut ? &open : nullptr;
      continue;
    }
    if (cut == nullptr || !lacks_answer(open)) continue;
    const Message& response = cut->response();
    const Offset begin = std::max(response.begin + kSmallestResponse, open.x.request.peer_acked);
    if (response.end <= begin) continue;
    mark_missing(w, i,
                 {.begin = begin,
                  .end = response.end,
                  .bytes = response.end - begin,
                  .packet = response.last,
                  .last_packet = response.last,
                  .cut = true,
                  .at_boundary = false,
                  .accounted = true});
    open.x.uncertain = true;
  }
}

namespace {

/// Bytes that nobody saw, up to `end`.
MissingBytes unseen(const SideRecord& server, Offset end, PacketRef proof) {
  return {.begin = server.delivered,
          .end = end,
          .bytes = end - server.delivered,
          .packet = proof,
          .last_packet = proof,
          .cut = false,
          .at_boundary = false,
          .accounted = false};
}

/// Bytes of the server's at the end of the tape that only its sequence numbers tell of.
MissingBytes unseen_end(const SideRecord& server, const SideRecord& client) {
  if (server.trouble().lost_bytes > 0) return {};
  if (server.fin) {
    // The client has what it acknowledged. The rest was lost on the way if the server sent again,
    // or if the client spoke after the FIN and still did not know of it; else only the capture
    // lacks it.
    const bool lost = server.fins > 1 || server.trouble().retransmitted > 0 ||
                      client.last.number > server.fin.number;
    const Offset end = lost ? std::min(server.fin_offset, server.acked) : server.fin_offset;
    return end > server.delivered ? unseen(server, end, server.fin) : MissingBytes{};
  }
  // A bare ACK counts them. What the client did not know of when it spoke after that, or when it
  // closed, and never acknowledged, it did not have: it was lost on the way. A single number may be
  // a FIN that was not captured.
  const PacketRef told = server.trouble().told_of;
  const bool later = told && client.last.number > told.number && server.acked < server.sent;
  const bool closed = client.fin && !client.fin_unseen && client.fin_ack <= server.delivered &&
                      server.acked <= server.delivered;
  const bool lost = later || closed;
  const Offset end = lost ? server.acked : server.sent;
  return end > server.delivered + 1 ? unseen(server, end, server.last) : MissingBytes{};
}

}  // namespace

// At the end of the flow: may the answer be in bytes that the capture does not have?
void Pairer::Impl::find_missing_answers(const FlowRecord& flow, Conversation& c) {
  Work& w = *c.work;
  if (w.hidden_in) settle_held(w);
  resolve_missing(w, std::numeric_limits<Offset>::max());
  find_answers_behind_cut(w);
  for (const MissingBytes& missing : {w.missing, unseen_end(flow.s(), flow.c())}) {
    if (!missing) continue;
    bool another = false;
    for (std::size_t i = 0; i < w.size(); ++i) {
      Open& open = w.at(i);
      if (!lacks_answer(open) || missing.end <= open.x.request.peer_acked) continue;
      mark_missing(w, i, missing);
      open.x.uncertain = open.x.uncertain || another;
      another = true;
    }
  }
}

}  // namespace httpdiag::http
