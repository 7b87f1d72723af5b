// SPDX-License-Identifier: Apache-2.0
// What TLS shows without keys: the handshake as far as it is in plaintext, alerts,
// and how much each side sent when. Contents stay unknown.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/flow.hpp"

namespace httpdiag {

/// How far the handshake was seen to get.
enum class TlsStage : std::uint8_t {
  unseen,         // it came before the capture, or its bytes are missing
  client_hello,   // the client's first flight has begun
  server_flight,  // the server has answered it
  client_flight,  // the client has answered that, and may not have finished
  done,           // both sides have what they need for data
};
std::string_view name(TlsStage stage);  // "server-flight"

/// In plaintext, so before encryption began (RFC 8446 §6, RFC 5246 §7.2).
struct TlsAlert {
  Side from = Side::client;
  PacketRef packet;  // none: there was no such alert
  std::uint8_t level = 0, code = 0;
  bool passed_over = false;  // a warning, and its receiver went on with the handshake

  /// What it says ended the session, or nearly: no close_notify, and no warning without effect.
  bool matters() const { return packet && code != 0 && !passed_over; }
};
std::string tls_alert_name(std::uint8_t code);        // "unknown_ca", "alert 200"
std::string tls_version_name(std::uint16_t version);  // "TLS 1.2", "0x7f1c"
std::string tls_cipher_name(std::uint16_t cipher);    // "TLS_AES_128_GCM_SHA256", "0xc0a3"

/// The server's own certificate; visible up to TLS 1.2.
struct TlsCertificate {
  std::string subject, issuer;     // common names, or what stands for them
  std::vector<std::string> names;  // the first few names and addresses it is for
  std::chrono::sys_seconds not_before{}, not_after{};
  bool self_issued = false;        // subject and issuer are the same
  std::optional<bool> covers_sni;  // none: the client named no server

  bool expired(Timestamp at) const;
  bool not_yet_valid(Timestamp at) const;
};
/// "2024-04-01"; certificates are valid to the year 9999, further than a Timestamp reaches.
std::string tls_date(std::chrono::sys_seconds time);

/// Application data of the client with no data of the server's between, as long as a request: it
/// stands for one.
struct TlsBurst {
  Offset begin = 0, end = 0;  // on the client's tape, record headers included
  PacketRef first, last, acked_by, active_before;
  Offset peer_acked = 0;  // as MessageShape's
  std::uint32_t retransmits_before = 0;
  PacketRef late_answer;  // data of the server's behind the client's FIN or RST
  Offset late_answer_begin = 0, late_answer_end = 0;
  bool whole = false;           // its last record is
  bool answered = false;        // data of the server's followed that can be nothing else
  bool maybe_answered = false;  // what followed may be session tickets or housekeeping
};

/// A record of data that did not come whole.
struct TlsCutRecord {
  PacketRef first, last;                     // none: there is none
  Offset begin = 0;                          // on the server's tape, with the header
  std::uint32_t announced = 0, arrived = 0;  // bytes, header included
};

/// By the lengths of the client's last handshake records, which are encrypted.
enum class ClientCertificate : std::uint8_t {
  unknown,    // it may have sent one
  not_asked,  // its Finished came alone
  none,       // it was asked for one, and had none: an empty Certificate (RFC 8446 §4.4.2)
};

struct TlsSession {
  TlsStage stage = TlsStage::unseen;
  bool in_tunnel = false;   // behind a CONNECT
  bool hidden = false;      // bytes of the handshake are missing, or make no sense
  bool unreadable = false;  // what the client sends cannot be told apart

  // ClientHello.
  PacketRef client_hello;      // its first packet
  PacketRef client_hello_end;  // its last one, once it is whole
  Offset client_hello_end_offset = 0;
  std::string sni;
  std::vector<std::string> offered_alpn;
  std::uint16_t newest_offered = 0;

  // The server's answer.
  PacketRef server_hello;
  std::uint16_t version = 0, cipher = 0;  // 0: not seen
  std::string alpn;                       // chosen; TLS 1.3 hides it
  std::shared_ptr<const TlsCertificate> certificate;
  bool asked_again = false;  // HelloRetryRequest
  PacketRef server_text;     // the server's first bytes, if they are text or HTTP/2, and no TLS
  std::string server_text_start;
  PacketRef not_tls;  // the server's first bytes, if they are neither

  // How the handshake went on.
  TlsAlert alert;                   // the first that ends a session, or the first of any
  Side last_flight = Side::client;  // who spoke last in it
  PacketRef last_flight_packet;
  Offset last_flight_end = 0;
  PacketRef finished;                      // the packet that ended the client's part of it
  ClientCertificate client_certificate{};  // before TLS 1.3 only `none`
  PacketRef client_refusal;  // a record in place of the client's Finished, as long as an alert
  PacketRef server_refusal;  // the server's only record since: as long as an alert

  PacketRef server_goodbye;  // a record of the server's as long as an alert, no data behind it
  Offset server_goodbye_end = 0;
  // The server's last data in front of it; none where it may be something else: a last chunk is as
  // short.
  PacketRef server_before_goodbye;

  // Data.
  std::uint32_t bursts = 0, answered_bursts = 0;
  std::uint32_t server_spontaneous = 0;  // the server spoke after a pause without being asked
  std::uint32_t client_repeated = 0;     // the client spoke again after a pause without an answer
  bool early_data = false;               // sent before the server had answered (RFC 8446 §2.3)
  TlsBurst burst;                        // the last one
  TlsCutRecord cut;                      // the server's last record, where its end is missing

  /// Data may come in any order, as HTTP/2 and WebSocket have it: a pause is no missing answer.
  bool may_be_multiplexed() const;
};

class TlsSink {
 public:
  /// The server at this endpoint has answered a ClientHello.
  virtual void on_tls_server(const Endpoint& server) = 0;
  /// Once per flow with TLS, before FlowSink::on_flow.
  virtual void on_tls(const FlowRecord& flow, std::shared_ptr<const TlsSession> session) = 0;

 protected:
  ~TlsSink() = default;
};

}  // namespace httpdiag
