// SPDX-License-Identifier: Apache-2.0
// Records and the handshake; what is encrypted is in session_data.cpp.
#include "tls/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "httpdiag/http2.hpp"
#include "tls/hello.hpp"

namespace httpdiag::tls {

namespace {

constexpr std::uint8_t kClientHello = 1, kServerHello = 2, kCertificate = 11;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kKeptText = 64;

}  // namespace

Session::~Session() {
  for (Direction& direction : sides_) forget_message(direction);
}

void Session::lose(Side side) {
  Direction& own = sides_[index(side)];
  own.lost = true;
  if (side == Side::client) facts_.unreadable = true;
  if (facts_.stage != TlsStage::done) facts_.hidden = true;
  forget_message(own);
}

/// What an HTTP server says to a ClientHello, and any other first bytes that are no TLS.
void Session::note_text(const StreamChunk& chunk) {
  const auto shown = chunk.bytes.first(std::min(chunk.bytes.size(), kKeptText));
  const bool text = std::all_of(shown.begin(), shown.end(), [](std::byte byte) {
    const auto c = std::to_integer<unsigned char>(byte);
    return (c >= ' ' && c <= '~') || c == '\r' || c == '\n' || c == '\t';
  });
  if (!text) {
    facts_.not_tls = chunk.carried_by;
    note_preface(chunk);
    return;
  }
  facts_.server_text = chunk.carried_by;
  for (const std::byte byte : shown) {
    const auto c = std::to_integer<char>(byte);
    if (c == '\r' || c == '\n') break;
    facts_.server_text_start += c == '\t' ? ' ' : c;
  }
}

/// Where the server speaks HTTP/2, in however small pieces.
void Session::note_preface(const StreamChunk& chunk) {
  const std::size_t missing = kHttp2FrameHeader - preface_.size();
  if (!facts_.not_tls || missing == 0 || chunk.offset != preface_.size()) return;
  for (const std::byte byte : chunk.bytes.first(std::min(chunk.bytes.size(), missing)))
    preface_ += std::to_integer<char>(byte);
  if (!begins_with_http2_settings(preface_)) return;
  facts_.server_text = std::exchange(facts_.not_tls, PacketRef{});
  facts_.server_text_start = "HTTP/2 (a SETTINGS frame)";
}

/// False: this direction does not begin with a record.
bool Session::begin_direction(const StreamChunk& chunk) {
  sides_[index(chunk.from)].begun = true;
  // A header may be cut after any byte; what is there must fit.
  if (chunk.bytes.size() >= 5 ? begins_record(chunk.bytes)
                              : std::to_integer<unsigned>(chunk.bytes[0]) - 20u <= 4u) {
    return true;
  }
  lose(chunk.from);
  if (chunk.from == Side::server && facts_.client_hello && chunk.offset == 0) {
    note_text(chunk);
    facts_.hidden = false;  // there was no handshake of the server's to miss
  }
  return false;
}

void Session::on_chunk(const FlowRecord& flow, const StreamChunk& chunk) {
  Direction& own = sides_[index(chunk.from)];
  if (chunk.bytes.empty()) return;
  if (own.lost && chunk.from == Side::server) note_preface(chunk);
  if (!own.lost && (own.begun || begin_direction(chunk)) &&
      own.records.feed(flow, chunk, *this) == Framing::lost) {
    lose(chunk.from);
  }
  // Whatever it is, it came.
  if (own.lost && chunk.from == Side::server) answer_burst();
}

void Session::on_gap(const FlowRecord& flow, const StreamGap& gap) {
  Direction& own = sides_[index(gap.from)];
  own.begun = true;
  if (!own.lost && own.records.skip(flow, gap, *this) == Framing::lost) lose(gap.from);
  if (own.lost && gap.from == Side::server) answer_burst();
}

void Session::on_ack(const FlowRecord& flow) {
  TlsBurst& burst = facts_.burst;
  if (burst.whole && !burst.acked_by && flow.c().acked >= burst.end) {
    burst.acked_by = flow.c().acked_by;
  }
}

std::shared_ptr<const TlsSession> Session::finish(const FlowRecord& flow) {
  // The capture or the connection ends inside a record: what was begun had been sent.
  const auto begun = sides_[index(Side::server)].records.unfinished();
  const bool handshake = facts_.version == kTls13 && facts_.stage != TlsStage::done;
  if (begun && begun->type == RecordType::application_data && !handshake) {
    server_data(flow, *begun);
    // Behind a gap nobody knows where records begin and end.
    if (!sides_[index(Side::server)].lost && !begun->hidden) {
      facts_.cut = {.first = begun->first,
                    .last = begun->last,
                    .begin = begun->begin,
                    .announced = kRecordHeader + begun->length,
                    .arrived = static_cast<std::uint32_t>(begun->end - begun->begin)};
    }
  }
  const bool any = facts_.client_hello || facts_.server_hello || facts_.bursts > 0 ||
                   sides_[0].last_data || sides_[1].last_data || facts_.alert.packet;
  if (!any) return nullptr;
  if (sides_[0].messages_lost || sides_[1].messages_lost) facts_.hidden = true;
  if (sides_[0].records.inside_record()) facts_.burst.whole = false;
  return std::make_shared<const TlsSession>(std::move(facts_));
}

bool Session::in_plaintext(Side from, const Record& record) const {
  if (sides_[index(from)].changed_cipher && facts_.version != kTls13) return false;
  // An encrypted alert is longer in every version (RFC 5246 §6.2.3; TLS 1.3 has type 23).
  return record.type != RecordType::alert || record.length == 2;
}

void Session::on_record_begin(const FlowRecord& flow, Side from, const Record& record) {
  sides_[index(from)].alert_bytes = 0;
  if (from == Side::client && record.type == RecordType::handshake && !facts_.client_hello &&
      facts_.stage == TlsStage::unseen) {
    facts_.client_hello = record.first;
  }
  if (from == Side::server && record.type == RecordType::handshake && facts_.client_hello &&
      !told_server_) {
    told_server_ = true;
    shared_.sink.on_tls_server(flow.server);
  }
}

void Session::on_record_bytes(Side from, const Record& record, std::span<const std::byte> bytes) {
  if (!in_plaintext(from, record)) return;
  Direction& own = sides_[index(from)];
  if (record.type == RecordType::handshake) read_handshake(from, record, bytes);
  if (record.type != RecordType::alert) return;
  for (const std::byte byte : bytes) {
    if (own.alert_bytes < own.alert.size()) own.alert[own.alert_bytes++] = byte;
  }
}

void Session::on_record_end(const FlowRecord& flow, Side from, const Record& record) {
  Direction& own = sides_[index(from)];
  switch (record.type) {
    case RecordType::handshake:
      if (record.hidden && in_plaintext(from, record)) {
        own.messages_lost = true;
        forget_message(own);
      }
      on_flight(from, record);
      return;
    case RecordType::change_cipher_spec:
      own.changed_cipher = true;
      on_flight(from, record);
      return;
    case RecordType::alert:
      if (in_plaintext(from, record) && own.alert_bytes == 2) {
        on_alert(from, record);
      } else if (from == Side::server) {
        facts_.server_before_goodbye = sides_[1].last_data;
        facts_.server_goodbye = record.first;
        facts_.server_goodbye_end = record.end;
      }
      return;
    case RecordType::application_data:
      on_encrypted(flow, from, record);
      return;
    case RecordType::heartbeat:
      return;
  }
}

void Session::keep(Direction& own, std::span<const std::byte> bytes) {
  const std::size_t room =
      shared_.per_message - std::min<std::size_t>(own.message.size(), shared_.per_message);
  const std::size_t count = std::min(
      {bytes.size(), room,
       static_cast<std::size_t>(std::min<std::uint64_t>(shared_.bytes_left, shared_.per_message))});
  shared_.bytes_left -= count;
  own.message.insert(own.message.end(), bytes.begin(),
                     bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

void Session::forget_message(Direction& own) {
  shared_.bytes_left += own.message.size();
  own.message = {};
  own.message_length = own.message_seen = 0;
}

// Messages may span records, and a record may hold several (RFC 8446 §5.1).
void Session::read_handshake(Side from, const Record& record, std::span<const std::byte> bytes) {
  Direction& own = sides_[index(from)];
  if (own.messages_lost) return;
  while (!bytes.empty()) {
    std::size_t wanted = own.message_length - own.message_seen;
    if (own.message_length == 0) wanted = kMessageHeader - own.message_seen;
    const std::size_t count = std::min(wanted, bytes.size());
    keep(own, bytes.first(count));
    own.message_seen += static_cast<std::uint32_t>(count);
    bytes = bytes.subspan(count);
    if (own.message_length == 0 && own.message_seen == kMessageHeader) {
      if (own.message.size() < kMessageHeader) {  // the budget is used up
        own.messages_lost = true;
        forget_message(own);
        return;
      }
      const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(own.message[i]); };
      own.message_length =
          static_cast<std::uint32_t>(kMessageHeader) + (at(1) << 16 | at(2) << 8 | at(3));
    }
    if (own.message_length == 0 || own.message_seen < own.message_length) continue;
    on_message(from, record);
    forget_message(own);
  }
}

void Session::on_message(Side from, const Record& record) {
  const std::vector<std::byte>& message = sides_[index(from)].message;
  const auto type = std::to_integer<std::uint8_t>(message[0]);
  const std::span<const std::byte> body = std::span{message}.subspan(kMessageHeader);
  if (from == Side::client) {
    if (type == kClientHello) on_client_hello(record, body);
    // Its list of certificates has the length 0 (RFC 5246 §7.4.6).
    constexpr std::array kEmptyList{std::byte{0}, std::byte{0}, std::byte{0}};
    if (type == kCertificate && std::ranges::equal(body, kEmptyList))
      facts_.client_certificate = ClientCertificate::none;
    return;
  }
  if (type == kServerHello) on_server_hello(record, body);
  if (type == kCertificate && !facts_.certificate) {
    const auto leaf = leaf_of(body);
    if (!leaf.empty()) facts_.certificate = shared_.certificates.read(leaf, facts_.sni);
  }
}

void Session::on_client_hello(const Record& record, std::span<const std::byte> body) {
  ClientHello hello;
  if (!read_client_hello(body, hello)) {
    facts_.hidden = true;  // no handshake that could be judged
    return;
  }
  facts_.client_hello_end = record.last;
  facts_.client_hello_end_offset = record.end;
  facts_.sni = std::move(hello.sni);
  facts_.offered_alpn = std::move(hello.alpn);
  facts_.newest_offered = hello.newest_version;
}

void Session::on_server_hello(const Record& record, std::span<const std::byte> body) {
  ServerHello hello;
  if (!read_server_hello(body, hello)) {
    facts_.hidden = true;
    return;
  }
  if (hello.retry_request) {
    facts_.asked_again = true;
    return;
  }
  // The record that it came in may go on, and never end.
  if (!facts_.server_hello) facts_.server_hello = record.first;
  facts_.version = hello.version;
  facts_.cipher = hello.cipher;
  facts_.alpn = std::move(hello.alpn);
  hello_due_ = false;
}

/// Handshake and ChangeCipherSpec records, readable or not.
void Session::on_flight(Side from, const Record& record) {
  TlsAlert& alert = facts_.alert;
  const bool behind = alert.packet && record.first.number > alert.packet.number;
  if (behind && alert.level == 1 && alert.from == other(from)) alert.passed_over = true;
  facts_.last_flight = from;
  facts_.last_flight_packet = record.last;
  facts_.last_flight_end = record.end;
  if (from == Side::server) {
    if (!facts_.server_hello) facts_.server_hello = record.first;
    if (facts_.stage == TlsStage::client_hello && !(facts_.asked_again && hello_due_)) {
      facts_.stage = TlsStage::server_flight;
    }
  } else if (facts_.stage == TlsStage::unseen && record.first == facts_.client_hello) {
    facts_.stage = TlsStage::client_hello;
  } else if (facts_.stage == TlsStage::server_flight) {
    facts_.stage = TlsStage::client_flight;
  }
  // Up to TLS 1.2 both have said all when the Finished behind each ChangeCipherSpec is there.
  const bool encrypted = record.type == RecordType::handshake && !in_plaintext(from, record);
  const bool other_ready = sides_[index(other(from))].changed_cipher;
  if (encrypted && other_ready && facts_.stage >= TlsStage::server_flight) {
    facts_.stage = TlsStage::done;
    if (!facts_.finished) facts_.finished = record.last;
  }
}

void Session::on_alert(Side from, const Record& record) {
  const Direction& own = sides_[index(from)];
  const TlsAlert alert{.from = from,
                       .packet = record.first,
                       .level = std::to_integer<std::uint8_t>(own.alert[0]),
                       .code = std::to_integer<std::uint8_t>(own.alert[1])};
  if (alert.level != 1 && alert.level != 2) return;
  constexpr std::uint8_t kCloseNotify = 0;
  const bool ends_it = alert.level == 2 && alert.code != kCloseNotify;
  const bool had_one = facts_.alert.level == 2 && facts_.alert.code != kCloseNotify;
  if (!facts_.alert.packet || facts_.alert.passed_over || (ends_it && !had_one)) {
    facts_.alert = alert;
  }
}

}  // namespace httpdiag::tls
