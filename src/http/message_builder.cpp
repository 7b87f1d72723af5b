// SPDX-License-Identifier: Apache-2.0
#include "http/message_builder.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "http/content_coding.hpp"

namespace httpdiag::http {

namespace {

constexpr std::size_t kMaxMethod = 32;

void append(std::string& to, std::string_view part, std::size_t limit) {
  if (to.size() < limit) to.append(part.substr(0, limit - to.size()));
}

/// Field names differ in case only (RFC 9110 §5.1); `lower` is lower case and of
/// the same length. No other token character becomes a letter or "-" by the bit.
bool equals(std::string_view name, std::string_view lower) {
  bool same = true;
  for (std::size_t i = 0; i < lower.size(); ++i) same = same && (name[i] | 0x20) == lower[i];
  return same;
}

/// Keep-Alive: timeout=5, max=100 (RFC 2068 §19.7.1.1; what servers still send).
std::uint32_t timeout_of(std::string_view value) {
  static constexpr std::string_view kName = "timeout";
  for (std::size_t at = 0; at + kName.size() < value.size(); ++at) {
    if (!equals(value.substr(at), kName)) continue;
    const std::size_t digits = value.find_first_of("0123456789", at);
    if (digits == std::string_view::npos) return 0;
    std::uint32_t seconds = 0;
    const auto [end, error] =
        std::from_chars(value.data() + digits, value.data() + value.size(), seconds);
    return error == std::errc{} ? seconds : 0;
  }
  return 0;
}

bool is_event_stream(std::string_view content_type) {
  return content_type.starts_with("text/event-stream");
}

/// The authority of an absolute-form target (RFC 9112 §3.2.2), without user information.
std::string_view authority_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || scheme > 8) return {};
  std::string_view rest = target.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = rest.rfind('@');
  return at == std::string_view::npos ? rest : rest.substr(at + 1);
}

}  // namespace

MessageBuilder::MessageBuilder(const Limits& limits) : limits_{limits} {}
MessageBuilder::~MessageBuilder() = default;

void MessageBuilder::DigestDeleter::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

void MessageBuilder::begin(Message& message, Kind kind, Expectation expectation) {
  message_ = &message;
  kind_ = kind;
  expectation_ = expectation;
  start_line_given_ = false;
  in_chunk_ = false;
  name_ = {};
  field_ = Field::unknown;
  value_ = nullptr;
  digest_started_ = false;
}

void MessageBuilder::restart_head(std::string_view method, std::string_view target_or_reason) {
  Message& m = *message_;
  for (std::string* text : {&m.method, &m.start, &m.host, &m.content_encoding}) text->clear();
  m.keep_alive_timeout_s = 0;
  m.expect_continue = m.event_stream = false;
  append(m.method, method, kMaxMethod);
  append(m.start, target_or_reason, limits_.max_target_bytes);
  start_line_given_ = true;
  name_ = {};
  field_ = Field::unknown;
  value_ = nullptr;
}

void MessageBuilder::on_method(std::string_view part) {
  if (!start_line_given_ && kind_ == Kind::request) append(message_->method, part, kMaxMethod);
}

void MessageBuilder::on_target_or_reason(std::string_view part) {
  if (!start_line_given_) append(message_->start, part, limits_.max_target_bytes);
}

// Names of interest are at most 16 bytes long.
void MessageBuilder::extend_name(std::string_view part) {
  constexpr std::size_t kMaxName = 32;
  if (name_.data() != name_copy_.data()) name_copy_.assign(name_.substr(0, kMaxName));
  append(name_copy_, part, kMaxName);
  name_ = name_copy_;
}

MessageBuilder::Field MessageBuilder::classify() const {
  const auto either = [&](std::string_view lower, Field field) {
    return equals(name_, lower) ? field : Field::other;
  };
  // Most fields are told by length and first letter to be none of ours.
  const char first = static_cast<char>(name_.front() | 0x20);
  switch (name_.size()) {
    case 4:
      return first == 'h' ? either("host", Field::host) : Field::other;
    case 6:
      if (first == 'e') return either("expect", Field::expect);
      return first == 's' ? either("server", Field::server) : Field::other;
    case 10:
      return first == 'k' ? either("keep-alive", Field::keep_alive) : Field::other;
    case 12:
      return first == 'c' ? either("content-type", Field::content_type) : Field::other;
    case 16:
      return first == 'c' ? either("content-encoding", Field::content_encoding) : Field::other;
    default:
      return Field::other;
  }
}

std::string* MessageBuilder::target_of(Field field) {
  Message& m = *message_;
  const bool request = kind_ == Kind::request;
  std::string* target = nullptr;
  switch (field) {
    case Field::host:
      target = request ? &m.host : nullptr;
      break;
    case Field::server:
      target = request ? nullptr : &m.host;
      break;
    case Field::content_encoding:
      target = request ? nullptr : &m.content_encoding;
      break;
    case Field::content_type:
    case Field::keep_alive:
    case Field::expect:
      scratch_.clear();
      return &scratch_;
    case Field::unknown:
    case Field::other:
      break;
  }
  return target != nullptr && target->empty() ? target : nullptr;  // the first one counts
}

void MessageBuilder::begin_value() {
  // Trailers (RFC 9112 §7.1.2) must not change what the head said.
  field_ = message_->head_complete || name_.empty() ? Field::other : classify();
  if (field_ != Field::other) value_ = target_of(field_);
}

void MessageBuilder::append_value(std::string_view part) {
  append(*value_, part, limits_.max_field_bytes);
}

void MessageBuilder::end_value() {
  if (value_ == &scratch_) {
    if (field_ == Field::keep_alive) message_->keep_alive_timeout_s = timeout_of(scratch_);
    if (field_ == Field::expect && kind_ == Kind::request) {
      message_->expect_continue = base::lower(scratch_).find("100-continue") != std::string::npos;
    }
    if (field_ == Field::content_type && is_event_stream(scratch_))
      message_->event_stream = kind_ == Kind::response;
  }
  value_ = nullptr;
}

bool MessageBuilder::on_head(const Head& head) {
  Message& m = *message_;
  if (value_ != nullptr) end_value();
  m.head_complete = true;
  m.major = head.major;
  m.minor = head.minor;
  m.status = head.status;
  m.chunked = head.chunked;
  if (head.has_length) m.content_length = head.content_length;
  const bool before_11 = head.major == 0 || (head.major == 1 && head.minor == 0);
  m.close_token = head.close || (before_11 && !head.keep_alive);
  if (kind_ == Kind::request) {
    m.upgrade = head.upgrade || m.method == "CONNECT";
    if (m.host.empty()) {
      const std::string_view authority =
          m.method == "CONNECT" ? std::string_view{m.start} : authority_of(m.start);
      append(m.host, authority, limits_.max_field_bytes);
    }
    return m.method == "CONNECT";  // a body would have no meaning (RFC 9110 §9.3.6)
  }
  const bool tunnel = expectation_.connect && head.status >= 200 && head.status < 300;
  m.upgrade = head.status == 101 || tunnel;
  const bool no_body = expectation_.head || tunnel || (head.status >= 100 && head.status < 200) ||
                       head.status == 204 || head.status == 304;
  m.close_delimited = head.until_eof && !no_body;
  if (no_body) m.chunked = false;
  return no_body;
}

void MessageBuilder::on_body(std::string_view part) {
  Message& m = *message_;
  if (kind_ == Kind::response && m.body_bytes == m.body_head.size()) {  // no gap so far
    append(m.body_head, part, limits_.body_head_bytes);
  }
  digest(part);
  m.body_bytes += part.size();
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
  if (m.content_encoding.empty() || kind_ == Kind::request || !whole) return;
  m.body_decoded = decode_body(m.content_encoding, m.body_head);
}

void MessageBuilder::on_missing_body(std::uint64_t count) { message_->body_bytes += count; }

}  // namespace httpdiag::http
