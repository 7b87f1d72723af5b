// SPDX-License-Identifier: Apache-2.0
// What HTTP hands to the rules: one request and its final response, or its
// absence, with what TCP looked like at the moments that decide verdicts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "httpdiag/flow.hpp"
#include "httpdiag/head_texts.hpp"

namespace httpdiag {

/// How far a message got.
enum class MessageState : std::uint8_t {
  incomplete,  // framing says that more must follow
  complete,
  unknown,  // a gap or snaplen cut hides where it ends; `end` is a lower bound
};

/// MessageShape::error where the only fault of a head is that lines end with LF alone. A recipient
/// may take that for a line end (RFC 9112 §2.2).
inline constexpr std::string_view kBareLineFeed = "HPE_BARE_LF";

/// MessageShape::error of a request whose head announces no body (RFC 9112 §6.3 rule 7) although
/// bytes follow that are no other request.
inline constexpr std::string_view kBodyWithoutLength = "BODY_WITHOUT_LENGTH";
/// The same of one whose Content-Length is smaller than its body, and of the request that follows
/// it, in front of which the server finds the rest.
inline constexpr std::string_view kBodyBeyondLength = "BODY_BEYOND_LENGTH";
inline constexpr std::string_view kBehindLongBody = "BEHIND_BODY_BEYOND_LENGTH";

/// Request headers by which senders mark their callbacks (taxonomy 5.1, 5.2). First those whose
/// value names the delivery, the more specific ones in front.
enum class Marker : std::uint8_t {
  github_delivery,
  shopify_webhook_id,
  webhook_id,
  twilio_token,
  idempotency_key,
  shopify_event_id,
  last_id = shopify_event_id,
  github_event,
  hub_signature,
  shopify_topic,
  shopify_hmac,
  webhook_timestamp,
  webhook_signature,
  twilio_signature,
  stripe_signature,
  slack_signature,
  slack_retry_num,
  slack_retry_reason,
  paypal_transmission_id,
  square_signature,
  wechatpay_signature,
  wechatpay_serial,
  wechatpay_timestamp,
  wechatpay_nonce,
  none,
};
/// Lower case, without the dummy at the end.
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Marker::none)> kMarkerNames =
    {"x-github-delivery",
     "x-shopify-webhook-id",
     "webhook-id",
     "i-twilio-idempotency-token",
     "idempotency-key",
     "x-shopify-event-id",
     "x-github-event",
     "x-hub-signature-256",
     "x-shopify-topic",
     "x-shopify-hmac-sha256",
     "webhook-timestamp",
     "webhook-signature",
     "x-twilio-signature",
     "stripe-signature",
     "x-slack-signature",
     "x-slack-retry-num",
     "x-slack-retry-reason",
     "paypal-transmission-id",
     "x-square-hmacsha256-signature",
     "wechatpay-signature",
     "wechatpay-serial",
     "wechatpay-timestamp",
     "wechatpay-nonce"};
constexpr std::string_view name(Marker marker) {
  return marker == Marker::none ? std::string_view{}
                                : kMarkerNames[static_cast<std::size_t>(marker)];
}
constexpr std::uint32_t bit(Marker marker) { return 1u << static_cast<unsigned>(marker); }

/// All that is known of a message but its texts.
struct MessageShape {
  Offset begin = 0;  // first byte of the start line
  Offset end = 0;    // one past the last byte seen that belongs to it
  PacketRef first;   // packet that first carried byte `begin`
  PacketRef last;    // packet that carried the last byte before `end`
  Offset peer_acked =
      0;  // ACK number in `first`, as offset on the peer's tape: taxonomy 2.1's "Qfirst.ack"

  // The longest time between two of its bytes, in the order of the tape. Where bytes are missing
  // (`has_gap`), others may have come in between.
  PacketRef pause_begin, pause_end;
  // The bare ACK of all that came before, if the pause ended with a short segment right behind it.
  PacketRef pause_acked;

  std::uint64_t body_bytes = 0;                 // after chunked decoding
  std::optional<std::uint64_t> content_length;  // as declared
  std::uint64_t digest = 0;                     // XXH3-64 over body_bytes; meaningless if `has_gap`
  std::uint32_t keep_alive_timeout_s = 0;       // Keep-Alive: timeout=N; 0 = absent
  std::uint16_t status = 0;                     // response only
  std::uint8_t major = 1, minor = 1;
  MessageState state = MessageState::incomplete;
  std::uint32_t markers = 0;          // request: bits of the Marker headers that it has
  std::uint32_t kept_body_bytes = 0;  // request: counted against Limits::request_bodies_bytes
  Marker id_marker = Marker::none;    // request: the header that `delivery_id` comes from
  bool head_complete = false;
  bool close_token = false;  // Connection: close, or HTTP/1.0 without keep-alive
  bool chunked = false;
  bool close_delimited = false;  // the peer's FIN ends it (RFC 9112 §6.3 rule 8)
  bool expect_continue = false;
  bool event_stream = false;      // response: Content-Type: text/event-stream
  bool authorized = false;        // request: it has Authorization or Proxy-Authorization
  bool asks_credentials = false;  // response: it has WWW-Authenticate or Proxy-Authenticate
  bool upgrade = false;           // 101 or CONNECT 2xx follows from it, or the request asks for it
  bool has_gap = false;           // bytes inside it are not in the capture
  bool snaplen_cut = false;       // the gap is the snaplen's
  bool names_http = true;         // request: a start line that is not there whole has come to it
  bool resynchronised = false;    // start line found after a gap: it may not be the next message
  bool missing_last_chunk = false;
  bool tls_record = false;  // response: the first bytes are a TLS record's
  // Request: a final answer to Expect: 100-continue made the client keep its body back (RFC 9110
  // §10.1.1).
  bool body_omitted = false;
  bool body_decoded = false;  // `body_head` is the whole body, its Content-Encoding undone

  Duration pause() const { return pause_end.time - pause_begin.time; }
  /// Recorded in part: of what its headers do not say, nothing is known to be absent.
  bool head_cut() const { return snaplen_cut && !head_complete; }

  // Strict parse error; parsing may have gone on leniently.
  bool fatal = false;      // nothing behind error_offset could be parsed
  std::string_view error;  // llhttp's name, e.g. "HPE_INVALID_HEADER_TOKEN", in static storage;
                           // empty = none
  Offset error_offset = 0;
  PacketRef error_packet;
};

/// One HTTP/1.x message. A body is counted and digested; only a bounded head of it is kept: of a
/// response for the acknowledgement rule, of a POST, PUT or PATCH to tell its delivery.
struct Message : MessageShape {
  HeadTexts texts;
  std::string body_head;  // first bytes of the body after transfer decoding, see Limits

  std::string_view method() const { return texts[HeadTexts::method]; }  // empty when cut off
  /// Request: target as sent; response: reason phrase. At most Limits::max_target_bytes.
  std::string_view start() const { return texts[HeadTexts::start]; }
  /// Request: Host (or the authority of an absolute target); response: Server.
  std::string_view host() const { return texts[HeadTexts::host]; }
  std::string_view content_encoding() const {  // bounded, as sent
    return texts[HeadTexts::content_encoding];
  }
  /// Request: value of the `id_marker` header.
  std::string_view delivery_id() const { return texts[HeadTexts::delivery_id]; }
  /// Request: what follows it through proxies (traceparent, X-Request-Id, X-Correlation-Id; the
  /// first of them), as sent, bounded.
  std::string_view trace_id() const { return texts[HeadTexts::trace_id]; }
  /// Request: for whom a proxy says to ask (X-Forwarded-For, X-Real-IP, Forwarded; the first of
  /// them), as sent, bounded.
  std::string_view forwarded_for() const { return texts[HeadTexts::forwarded_for]; }
  /// Response: Location, as sent, bounded.
  std::string_view location() const { return texts[HeadTexts::location]; }
};

/// What TCP and the rest of the flow looked like around an exchange.
struct Circumstances {
  std::uint32_t index = 0;            // 1-based within the flow
  std::uint32_t requests_before = 0;  // on this flow

  PacketRef acked_by;  // first segment whose ACK covers the whole request; none = not (yet) seen
  PacketRef interim;   // first 1xx response (not 101)
  std::uint16_t interim_status = 0;
  PacketRef active_before;  // last segment with payload, SYN or FIN before the request's first byte

  bool pipelined = false;              // first byte sent before the previous response was complete
  PacketRef pipelined_behind;          // if so: first packet of the request in front
  bool previous_said_close = false;    // an earlier response or request on this flow said close
  PacketRef close_token_in;            // where
  bool close_token_in_flight = false;  // this request's ACK number did not yet cover that response
  std::uint32_t announced_keep_alive_s = 0;  // Keep-Alive: timeout=N of the last response before
                                             // this request; 0 = it had none
  bool response_missing =
      false;               // the peer acknowledged response bytes that the capture does not have
  PacketRef response_gap;  // packet that proves it
  std::uint64_t response_gap_bytes = 0;
  bool response_cut = false;  // missing because of the snaplen: `response_gap` was recorded in part
  // The client sent another request on this flow, knowing all that was seen of the response.
  bool went_on = false;
  bool uncertain = false;  // pairing across a gap: this pair is likely, not certain
  bool unsolicited_before =
      false;  // an unsolicited response lies between the previous exchange and this one
  PacketRef unsolicited;
  std::uint16_t unsolicited_status = 0;

  // A 401 or 407 whose request came again with credentials, or a 307 or 308 that was followed, next
  // on this flow, and was answered with less than 400 (RFC 9110 §11.2, §15.4). 0 = not so.
  PacketRef granted_by;
  std::uint16_t granted_status = 0;

  // What the flow looked like when the first response byte came.
  PacketRef client_closed_before_response;  // the client's FIN or RST, if it came earlier
  std::uint32_t retransmits_before = 0;     // both sides, when the request began
  // In all, when the request began.
  Duration server_window_closed_before{0};
  Duration client_window_closed_before{0};
  std::uint32_t retransmits_after = 0;  // both sides, when the exchange was settled
  Duration longest_stall{0};            // longest retransmission stall during the exchange
  PacketRef stall_begin, stall_end;
  Side stalled = Side::client;

  // Where the text of a query is, in words and static storage; empty: nowhere, or none is asked
  // for.
  std::string_view found_in;
};

/// 2xx (RFC 9110 §15.3).
inline bool is_success(std::uint16_t status) { return status >= 200 && status <= 299; }

/// 3xx but 304, which says that nothing has changed (RFC 9110 §15.4).
inline bool is_redirect(std::uint16_t status) {
  return status >= 300 && status <= 399 && status != 304;
}

/// 502, 503, 504, and Cloudflare's 520 to 527: a gateway speaks, of what is behind it.
inline bool is_gateway_error(std::uint16_t status) {
  return (status >= 502 && status <= 504) || (status >= 520 && status <= 527);
}

/// POST, PUT and PATCH carry callbacks.
inline bool is_callback(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

struct Exchange : Circumstances {
  Message request;
  std::optional<Message> response;  // final (non-1xx) response; may be incomplete
};

/// Bytes on a flow that are no exchange.
struct Stray {
  enum class Kind : std::uint8_t {
    unsolicited_response,  // well-formed response while no request was outstanding
    opaque,                // first payload is no HTTP/1.x at all, or the flow switched protocols
    trailing_garbage,      // bytes from the server behind a complete response that are no response
    answer_alone,          // final response whose request is not in the capture
  };
  Kind kind{};
  Side from = Side::server;
  PacketRef packet;
  std::uint16_t status = 0;  // unsolicited_response, answer_alone
  std::string protocol;      // opaque: "tls", "http2", "upgrade", "connect-tunnel", "preface" (HTTP
                             // follows it), "unknown"
};

class ExchangeSink {
 public:
  /// Exchanges of a flow come in order of their requests, each exactly once, and
  /// all of them before FlowSink::on_flow. `settled`: response complete and
  /// acknowledged while the flow goes on; otherwise the flow is ending and
  /// `flow` is final. The sink may move from `exchange`.
  virtual void on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                           Timestamp now) = 0;
  virtual void on_stray(const FlowRecord& flow, const Stray& stray) = 0;

 protected:
  ~ExchangeSink() = default;
};

}  // namespace httpdiag
