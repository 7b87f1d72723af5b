// SPDX-License-Identifier: Apache-2.0
// Encrypted records: all that is known is who sent how much when. docs/tls.md says
// what is concluded from that, and what is not.
#include <algorithm>
#include <array>

#include "tls/hello.hpp"
#include "tls/session.hpp"

namespace httpdiag::tls {

namespace {

// An alert in TLS 1.3: 2 bytes, a content type, a tag of 16 or 8; JSSE pads by 16 (RFC 8446 §5.2),
// and others may. The shortest Finished has 45. Up to 1.2 alerts have a type of their own.
constexpr std::uint32_t kLongestAlert = 40;
constexpr std::array<std::uint32_t, 3> kAlerts = {11, 19, 35};
// An alert, its content type and the tag (RFC 8446 §5.2). A frame of HTTP/2 is longer.
constexpr std::uint32_t kAlert13 = 19;

// "GET / HTTP/1.1", "Host: a" and an empty line, encrypted, are 44 bytes.
constexpr std::uint32_t kShortestRequest = 44;

// Session tickets as servers send them (RFC 8446 §4.6.1); without the session in them at least 60.
constexpr std::uint32_t kShortestTicket = 60;
constexpr std::uint32_t kLongestTicket = 2048;

// Two of one length that are longer may as well be the first data: many servers begin with records
// that fill a segment.
constexpr std::uint32_t kLongestTwin = 1024;

// A second is longer than any message is on its way, and than Expect: 100-continue waits.
constexpr Duration kPause = std::chrono::milliseconds{1500};

/// The client closed without knowing of this record: its own ACK numbers decide (taxonomy 2.1).
bool client_left_before(const FlowRecord& flow, const Record& record) {
  const SideRecord& client = flow.c();
  const SideTrouble& trouble = client.trouble();
  const bool fin = client.fin && client.fin.number < record.first.number;
  if (fin && (client.fin_unseen || client.fin_ack <= record.begin)) return true;
  const bool rst = trouble.rst && trouble.rst.number < record.first.number;
  return rst && (!trouble.rst_has_ack || trouble.rst_ack <= record.begin);
}

/// Finished: 4 + 32 or 48 bytes, a content type, a tag of 16 or 8, padded by JSSE.
bool as_long_as_finished(std::uint32_t length) {
  for (const std::uint32_t finished : {45u, 53u, 61u, 69u, 85u}) {
    if (length == finished) return true;
  }
  return false;
}

/// 8 bytes, a content type, a tag of 16 or 8; no alert is as long.
bool is_empty_certificate(std::uint32_t length) { return length == 25 || length == 17; }

/// Nor an empty Certificate, of 8 bytes, in the same record.
bool is_finished_alone(std::uint32_t length) {
  constexpr std::uint32_t kWithEmptyCertificate = 61;
  return as_long_as_finished(length) && length != kWithEmptyCertificate;
}

}  // namespace

void Session::on_encrypted(const FlowRecord& flow, Side from, const Record& record) {
  if (still_handshake(from, record)) return;
  Direction& own = sides_[index(from)];
  if (from == Side::client) {
    client_data(flow, record);
  } else {
    server_data(flow, record);
  }
  own.last_data = record.last;
}

/// TLS 1.3 sends the rest of its handshake as application data (RFC 8446 §5.1).
bool Session::still_handshake(Side from, const Record& record) {
  if (facts_.stage == TlsStage::unseen) return false;
  if (from == Side::client && facts_.stage == TlsStage::client_hello) {
    facts_.early_data = true;
    return true;
  }
  if (facts_.version != kTls13) {
    facts_.stage = TlsStage::done;
    return false;
  }
  if (from == Side::server) {
    if (facts_.stage == TlsStage::done) return false;
    facts_.last_flight = from;
    facts_.last_flight_packet = record.last;
    facts_.last_flight_end = record.end;
    return true;
  }
  if (facts_.stage == TlsStage::done && !flight_open_) return false;
  if (facts_.stage != TlsStage::done) {
    facts_.last_flight = from;
    facts_.last_flight_packet = record.last;
    facts_.last_flight_end = record.end;
    if (is_empty_certificate(record.length)) {
      facts_.client_certificate = ClientCertificate::none;
      return true;
    }
    if (record.length <= kLongestAlert) {
      if (!facts_.client_refusal) facts_.client_refusal = record.first;
      return true;
    }
    facts_.stage = TlsStage::done;
    facts_.finished = record.last;
    // Otherwise the client's certificate comes first, and Finished at the end of the flight.
    flight_open_ = !as_long_as_finished(record.length);
    if (!facts_.client_refusal && is_finished_alone(record.length) &&
        facts_.client_certificate == ClientCertificate::unknown) {
      facts_.client_certificate = ClientCertificate::not_asked;
    }
    return true;
  }
  if (!as_long_as_finished(record.length)) return false;
  // The end of a flight that began with a certificate: what seemed data was that.
  flight_open_ = false;
  facts_.finished = record.last;
  facts_.burst = {};
  facts_.bursts = facts_.answered_bursts = 0;
  burst_open_ = false;
  return true;
}

void Session::client_data(const FlowRecord& flow, const Record& record) {
  // An alert, a ping: no request, and no part of one that would matter.
  if (record.length < kShortestRequest) return;
  // It went out before an answer that was told already: a hole had held it back.
  if (facts_.burst.answered && record.begin < answered_to_) {
    extend_burst(record);
    return;
  }
  // The server has spoken, and the client goes on: that was the answer.
  if (burst_open_ && facts_.burst.maybe_answered) answer_burst();
  if (burst_open_ && record.first.time - facts_.burst.last.time >= kPause) {
    ++facts_.client_repeated;
    burst_open_ = false;
  }
  if (!burst_open_) begin_burst(flow, record);
  extend_burst(record);
  if (record.begin < answered_to_) answer_burst();
  if (record.begin < perhaps_answered_to_) facts_.burst.maybe_answered = true;
}

void Session::begin_burst(const FlowRecord& flow, const Record& record) {
  ++facts_.bursts;
  burst_open_ = true;
  TlsBurst& burst = facts_.burst = {};
  burst.begin = record.begin;
  burst.first = record.first;
  burst.peer_acked = record.peer_acked;
  burst.retransmits_before = flow.c().trouble().retransmitted + flow.s().trouble().retransmitted;
  burst.whole = true;
  if (flow.active.number < record.first.number) burst.active_before = flow.active;
}

void Session::extend_burst(const Record& record) {
  facts_.burst.end = record.end;
  facts_.burst.last = record.last;
  facts_.burst.acked_by = {};
}

void Session::server_data(const FlowRecord& flow, const Record& record) {
  flight_open_ = false;
  const bool small = may_be_alert(record);
  TlsBurst& burst = facts_.burst;
  if (burst_open_ && !burst.maybe_answered && client_left_before(flow, record)) {
    if (!small && !burst.late_answer) {
      burst.late_answer = record.first;
      burst.late_answer_begin = record.begin;
      burst.late_answer_end = record.end;
    }
    return;
  }
  if (facts_.bursts == 0 || burst.answered) {
    const PacketRef before = sides_[1].last_data;
    const PacketRef asked = sides_[0].last_data;
    const PacketRef newest = before.number > asked.number ? before : asked;
    if (facts_.bursts > 0 && !small && newest && record.first.time - newest.time >= kPause) {
      ++facts_.server_spontaneous;
    }
  }
  if (!facts_.server_goodbye)
    facts_.server_before_goodbye = as_long_as_alert(record) ? sides_[1].last_data : PacketRef{};
  facts_.server_goodbye = small ? record.first : PacketRef{};
  facts_.server_goodbye_end = record.end;
  if (facts_.version == kTls13 && small && !sides_[1].last_data) {
    facts_.server_refusal = record.first;
  } else if (!small) {
    facts_.server_refusal = {};
  }
  const Answer answer = answer_in(record);
  if (answer == Answer::no) return;
  Offset& answers_to = answer == Answer::certain ? answered_to_ : perhaps_answered_to_;
  answers_to = std::max(answers_to, record.peer_acked);
  if (facts_.bursts == 0) return;
  // A server that has not acknowledged a byte of the burst does not answer it.
  if (answer == Answer::certain && knows_of_burst(record)) return answer_burst();
  const bool behind = record.first.number > burst.last.number;
  burst.maybe_answered = burst.maybe_answered || behind || knows_of_burst(record);
}

bool Session::knows_of_burst(const Record& record) const {
  return record.peer_acked > facts_.burst.begin || facts_.burst.begin == 0;
}

Session::Answer Session::answer_in(const Record& record) {
  if (record.length > kLongestAlert) return ticket_or_answer(record);
  if (facts_.version == kTls13 && record.length == kAlert13) return Answer::no;
  // The end of a chunked body, housekeeping of HTTP/2, or all of its answer.
  if (facts_.may_be_multiplexed()) return Answer::perhaps;
  if (!may_be_alert(record)) return Answer::certain;
  return as_long_as_alert(record) ? Answer::no : Answer::perhaps;
}

bool Session::as_long_as_alert(const Record& record) const {
  return may_be_alert(record) &&
         std::find(kAlerts.begin(), kAlerts.end(), record.length) != kAlerts.end();
}

/// Up to TLS 1.2 alerts have a type of their own.
bool Session::may_be_alert(const Record& record) const {
  const bool own_type = facts_.version != 0 && facts_.version < kTls13;
  return record.length <= kLongestAlert && !own_type;
}

void Session::answer_burst() {
  if (facts_.bursts == 0) return;
  if (!facts_.burst.answered) ++facts_.answered_bursts;
  facts_.burst.answered = true;
  burst_open_ = false;
}

/// Behind the client's Finished a TLS 1.3 server sends tickets, often two of one length.
Session::Answer Session::ticket_or_answer(const Record& record) {
  if (facts_.version != kTls13 || facts_.answered_bursts > 0 || facts_.bursts > 1) {
    return Answer::certain;
  }
  if (record.length < kShortestTicket || record.length > kLongestTicket) return Answer::certain;
  const bool first = !ticket_seen_;
  const bool twin = ticket_seen_ && record.length == ticket_length_;
  ticket_seen_ = true;
  ticket_length_ = record.length;
  if (!first && !twin) return Answer::certain;
  if (!twin || record.length > kLongestTwin) {
    return facts_.bursts == 0 || knows_of_burst(record) ? Answer::perhaps : Answer::no;
  }
  facts_.burst.maybe_answered = false;  // one of a pair
  perhaps_answered_to_ = 0;
  return Answer::no;
}

}  // namespace httpdiag::tls
