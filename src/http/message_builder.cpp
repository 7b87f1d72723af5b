// SPDX-License-Identifier: Apache-2.0
#include "http/message_builder.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/content_coding.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace httpdiag::http {

namespace {

constexpr std::size_t kMaxMethod = 32;

void append(std::string& to, std::string_view part, std::size_t limit) {
  if (to.size() < limit) to.append(part.substr(0, limit - to.size()));
}

/// Field names differ in case only (RFC 9110 §5.1); `lower` is lower case and of
/// the same length. No other token character becomes a letter or "-" by the bit.
template <std::size_t kSize>
bool equals(const char* name, const char (&lower)[kSize]) {
  bool same = true;
  for (std::size_t i = 0; i + 1 < kSize; ++i) same = same && (name[i] | 0x20) == lower[i];
  return same;
}

bool equals(const char* name, std::string_view lower) {
  return std::equal(lower.begin(), lower.end(), name,
                    [](char wanted, char given) { return (given | 0x20) == wanted; });
}

/// Keep-Alive: timeout=5, max=100 (RFC 2068 §19.7.1.1; what servers still send).
std::uint32_t timeout_of(std::string_view value) {
  static constexpr char kName[] = "timeout";
  for (std::size_t at = 0; at + sizeof kName <= value.size(); ++at) {
    if (!equals(value.data() + at, kName)) continue;
    const std::size_t digits = value.find_first_of("0123456789", at);
    if (digits == std::string_view::npos) return 0;
    std::uint32_t seconds = 0;
    const auto [end, error] =
        std::from_chars(value.data() + digits, value.data() + value.size(), seconds);
    return error == std::errc{} ? seconds : 0;
  }
  return 0;
}

constexpr std::string_view kEventStream = "text/event-stream";

/// The authority of an absolute-form target (RFC 9112 §3.2.2), without user information.
std::string_view authority_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || scheme > 8) return {};
  std::string_view rest = target.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = rest.rfind('@');
  return at == std::string_view::npos ? rest : rest.substr(at + 1);
}

constexpr std::uint32_t letter(char lower) { return 1u << (lower & 31); }

// Headers that tell of a request's way through proxies (W3C Trace Context; RFC 7239 and the older
// headers that it stands for).
constexpr std::array<std::string_view, 3> kTraceNames = {"traceparent", "x-request-id",
                                                         "x-correlation-id"};
constexpr std::array<std::string_view, 3> kForwardedNames = {"x-forwarded-for", "x-real-ip",
                                                             "forwarded"};

}  // namespace

// host, expect, keep-alive, content-encoding, authorization, proxy-authorization, the headers of
// callbacks, and those of proxies
constexpr MessageBuilder::Wanted MessageBuilder::kWantedOfRequest = [] {
  Wanted wanted{};
  wanted[4] = letter('h');
  wanted[6] = letter('e');
  wanted[10] = letter('k');
  wanted[13] = letter('a');
  wanted[16] = letter('c');
  wanted[19] = letter('p');
  for (const std::string_view marker : kMarkerNames) wanted[marker.size()] |= letter(marker[0]);
  for (const std::string_view name : kTraceNames) wanted[name.size()] |= letter(name[0]);
  for (const std::string_view name : kForwardedNames) wanted[name.size()] |= letter(name[0]);
  return wanted;
}();

// server, location, keep-alive, content-type, content-encoding, www-authenticate,
// proxy-authenticate, and the headers that name a trace
constexpr MessageBuilder::Wanted MessageBuilder::kWantedOfResponse = [] {
  Wanted wanted{};
  wanted[6] = letter('s');
  wanted[8] = letter('l');
  wanted[10] = letter('k');
  wanted[12] = letter('c');
  wanted[16] = letter('c') | letter('w');
  wanted[18] = letter('p');
  for (const std::string_view name : kTraceNames) wanted[name.size()] |= letter(name[0]);
  return wanted;
}();

MessageBuilder::MessageBuilder(const Limits& limits, bool digest_bodies,
                               std::uint64_t& body_bytes_left)
    : limits_{limits}, body_bytes_left_{body_bytes_left}, digest_bodies_{digest_bodies} {}
MessageBuilder::~MessageBuilder() = default;

void MessageBuilder::DigestDeleter::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

void MessageBuilder::begin(Message& message, Kind kind, Expectation expectation) {
  message_ = &message;
  kind_ = kind;
  expectation_ = expectation;
  start_line_given_ = false;
  in_chunk_ = false;
  wanted_ = kind == Kind::request ? &kWantedOfRequest : &kWantedOfResponse;
  field_ = Field::other;
  keeps_body_ = kind == Kind::response;
  digests_body_ = digest_bodies_;
  digest_started_ = false;
}

void MessageBuilder::restart_head(std::string_view method, std::string_view target_or_reason) {
  Message& m = *message_;
  m.texts.clear();
  m.markers = 0;
  m.id_marker = Marker::none;
  m.keep_alive_timeout_s = 0;
  m.expect_continue = m.event_stream = false;
  m.authorized = m.asks_credentials = false;
  m.texts.append(HeadTexts::method, method, kMaxMethod);
  m.texts.append(HeadTexts::start, target_or_reason, limits_.max_target_bytes);
  start_line_given_ = true;
  field_ = Field::other;
}

void MessageBuilder::on_method(std::string_view part) {
  if (!start_line_given_ && kind_ == Kind::request)
    message_->texts.append(HeadTexts::method, part, kMaxMethod);
}

void MessageBuilder::on_target_or_reason(std::string_view part) {
  if (!start_line_given_) message_->texts.append(HeadTexts::start, part, limits_.max_target_bytes);
}

// A few bytes more than the longest wanted name are enough to tell that it is not wanted.
void MessageBuilder::extend_name(std::string_view part) {
  constexpr std::size_t kMaxName = 2 * kLongestWanted;
  if (name_.data() != name_copy_.data()) name_copy_.assign(name_.substr(0, kMaxName));
  append(name_copy_, part, kMaxName);
  name_ = name_copy_;
}

void MessageBuilder::on_header_name(std::string_view part) {
  if (field_ == Field::in_name) return extend_name(part);
  if (field_ != Field::other) end_value();
  field_ = Field::in_name;
  name_ = part;
}

MessageBuilder::Field MessageBuilder::classify() {
  const bool request = kind_ == Kind::request;
  const char* name = name_.data();
  switch (name_.size()) {
    case 4:
      return equals(name, "host") ? Field::host : Field::other;
    case 6:
      if (request) return equals(name, "expect") ? Field::expect : Field::other;
      return equals(name, "server") ? Field::server : Field::other;
    case 8:
      if (!request && equals(name, "location")) return Field::location;
      break;
    case 10:
      if (equals(name, "keep-alive")) return Field::keep_alive;
      break;
    case 12:
      if (equals(name, "content-type")) return Field::content_type;
      break;
    case 13:
      if (request && equals(name, "authorization")) message_->authorized = true;
      break;
    case 16:
      if (equals(name, "content-encoding")) return Field::content_encoding;
      if (!request && equals(name, "www-authenticate")) message_->asks_credentials = true;
      break;
    case 18:
      if (!request && equals(name, "proxy-authenticate")) message_->asks_credentials = true;
      break;
    case 19:
      if (request && equals(name, "proxy-authorization")) message_->authorized = true;
      break;
    default:
      break;
  }
  if (request) return classify_marker();
  // Of the ids, the one that a server gives a request, or repeats, is all that an answer has.
  return is_trace_name() ? Field::trace_id : Field::other;
}

bool MessageBuilder::is_trace_name() const {
  return std::any_of(kTraceNames.begin(), kTraceNames.end(), [&](std::string_view name) {
    return name.size() == name_.size() && equals(name_.data(), name);
  });
}

/// Only the value of the most specific id is kept.
MessageBuilder::Field MessageBuilder::classify_marker() {
  Message& m = *message_;
  for (std::uint8_t i = 0; i < kMarkerNames.size(); ++i) {
    if (kMarkerNames[i].size() != name_.size() || !equals(name_.data(), kMarkerNames[i])) continue;
    const Marker marker{i};
    m.markers |= bit(marker);
    if (marker > Marker::last_id || marker >= m.id_marker) return Field::other;
    m.id_marker = marker;
    m.texts.restart(HeadTexts::delivery_id);
    return Field::delivery_id;
  }
  return classify_hop();
}

MessageBuilder::Field MessageBuilder::classify_hop() const {
  const auto is_one_of = [&](const auto& names) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return name.size() == name_.size() && equals(name_.data(), name);
    });
  };
  if (is_trace_name()) return Field::trace_id;
  return is_one_of(kForwardedNames) ? Field::forwarded_for : Field::other;
}

void MessageBuilder::begin_value() {
  // Trailers (RFC 9112 §7.1.2) must not change what the head said.
  field_ = message_->head_complete ? Field::other : classify();
  if (!is_kept(field_)) {
    scratch_.clear();
    return;
  }
  part_ = part_of(field_);
  if (!message_->texts[part_].empty()) field_ = Field::other;  // the first one counts
}

void MessageBuilder::on_header_value(std::string_view part) {
  if (field_ == Field::in_name) begin_value();
  if (field_ == Field::other) return;
  if (is_kept(field_)) {
    message_->texts.append(part_, part, limits_.max_field_bytes);
    return;
  }
  const bool document = field_ == Field::content_type && scratch_.empty() && !part.empty() &&
                        part[0] != kEventStream[0];
  if (document) {  // as usual: no need to look at the rest
    field_ = Field::other;
    return;
  }
  append(scratch_, part, limits_.max_field_bytes);
}

void MessageBuilder::end_value() {
  switch (field_) {
    case Field::keep_alive:
      message_->keep_alive_timeout_s = timeout_of(scratch_);
      break;
    case Field::expect:
      message_->expect_continue = base::lower(scratch_).find("100-continue") != std::string::npos;
      break;
    case Field::content_type:
      if (scratch_.starts_with(kEventStream)) message_->event_stream = true;
      break;
    case Field::host:
    case Field::server:
    case Field::content_encoding:
    case Field::delivery_id:
    case Field::trace_id:
    case Field::forwarded_for:
    case Field::location:
    case Field::in_name:
    case Field::other:
      break;
  }
  field_ = Field::other;
}

bool MessageBuilder::on_head(const Head& head) {
  Message& m = *message_;
  if (field_ != Field::other) end_value();
  m.head_complete = true;
  m.major = head.major;
  m.minor = head.minor;
  m.status = head.status;
  m.chunked = head.chunked;
  if (head.has_length) m.content_length = head.content_length;
  const bool before_11 = head.major == 0 || (head.major == 1 && head.minor == 0);
  m.close_token = head.close || (before_11 && !head.keep_alive);
  return kind_ == Kind::request ? on_request_head(head) : on_response_head(head);
}

bool MessageBuilder::on_request_head(const Head& head) {
  Message& m = *message_;
  const bool connect = m.method() == "CONNECT";
  m.upgrade = head.upgrade || connect;
  if (m.host().empty()) {
    const std::string authority{connect ? m.start() : authority_of(m.start())};
    m.texts.append(HeadTexts::host, authority, limits_.max_field_bytes);
  }
  // User information, which may be a password, has no place in it (RFC 9110 §4.2.4).
  if (const std::size_t at = m.host().rfind('@'); at != std::string_view::npos)
    m.texts.drop_front(HeadTexts::host, at + 1);
  keeps_body_ = is_callback(m.method());
  digests_body_ = digests_body_ || keeps_body_;
  return connect;  // a body would have no meaning (RFC 9110 §9.3.6)
}

bool MessageBuilder::on_response_head(const Head& head) {
  Message& m = *message_;
  const bool tunnel = expectation_.connect && is_success(head.status);
  m.upgrade = head.status == 101 || tunnel;
  const bool no_body = expectation_.head || tunnel || (head.status >= 100 && head.status < 200) ||
                       head.status == 204 || head.status == 304 ||
                       (head.status == 205 && head.until_eof);  // RFC 9110 §15.3.6: no content
  m.close_delimited = head.until_eof && !no_body;
  if (no_body) m.chunked = false;
  return no_body;
}

void MessageBuilder::on_body(std::string_view part) {
  Message& m = *message_;
  if (keeps_body_ && m.body_bytes == m.body_head.size()) keep_body(part);  // no gap so far
  if (digests_body_) digest(part);
  m.body_bytes += part.size();
}

void MessageBuilder::keep_body(std::string_view part) {
  Message& m = *message_;
  if (kind_ == Kind::response) return append(m.body_head, part, limits_.body_head_bytes);
  if (part.size() > body_bytes_left_) {
    keeps_body_ = false;
    return;
  }
  const std::size_t before = m.body_head.size();
  append(m.body_head, part, limits_.request_body_bytes);
  const std::size_t kept = m.body_head.size() - before;
  m.kept_body_bytes += static_cast<std::uint32_t>(kept);
  body_bytes_left_ -= kept;
}

void MessageBuilder::digest(std::string_view part) {
  Message& m = *message_;
  if (m.has_gap) return;
  if (!digest_started_) {
    const bool whole =
        m.body_bytes == 0 && m.content_length && !m.chunked && *m.content_length == part.size();
    if (whole) {  // the usual callback: its body in one segment
      m.digest = base::hash64(std::as_bytes(std::span{part}));
      return;
    }
    if (!digest_) digest_.reset(XXH3_createState());
    XXH3_64bits_reset(digest_.get());
    digest_started_ = true;
  }
  XXH3_64bits_update(digest_.get(), part.data(), part.size());
}

void MessageBuilder::finish_digest() {
  if (digest_started_) message_->digest = XXH3_64bits_digest(digest_.get());
}

void MessageBuilder::decode_body_head() {
  Message& m = *message_;
  const bool whole = !m.has_gap && m.body_bytes > 0 && m.body_bytes == m.body_head.size();
  if (m.content_encoding().empty() || kind_ == Kind::request || !whole) return;
  m.body_decoded = base::decode_body(m.content_encoding(), m.body_head);
}

void MessageBuilder::on_missing_body(std::uint64_t count) { message_->body_bytes += count; }

}  // namespace httpdiag::http
