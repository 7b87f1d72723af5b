// SPDX-License-Identifier: Apache-2.0
// Compiles against llhttp 8.1 and 9.x. A fresh parser per message: boundaries,
// keep-alive and what may stand between two messages are decided by us, and an
// error in one message does not poison the next.
#include "http/parser.hpp"

#include <llhttp.h>

#include <type_traits>

#include "http/message_builder.hpp"
#include "httpdiag/error.hpp"

#ifdef HTTPDIAG_LLHTTP_SSE42
// llhttp's state machine once more, compiled for SSE 4.2 (cmake/Findllhttp.cmake).
extern "C" int llhttp__internal_execute_sse42(llhttp__internal_t*, const char* begin,
                                              const char* end);
#endif

namespace httpdiag::http {

// llhttp's part comes first, so that a callback finds the rest by its address.
struct Parser::State {
  llhttp_t parser{};   // `data` is the builder
  bool sized = false;  // inside a piece of body whose rest is parser.content_length
  bool muted = false;  // the bytes being parsed are not from the capture
};

namespace {

// Exceptions must not cross llhttp's C frames; what throws here is our own
// out-of-memory, and noexcept ends the program then.
Parser::State& state(llhttp_t* parser) noexcept {
  static_assert(std::is_standard_layout_v<Parser::State>);
  return *reinterpret_cast<Parser::State*>(parser);
}

MessageBuilder& builder(llhttp_t* parser) noexcept {
  return *static_cast<MessageBuilder*>(parser->data);
}

int on_method(llhttp_t* parser, const char* at, std::size_t length) noexcept {
  builder(parser).on_method({at, length});
  return 0;
}

int on_start(llhttp_t* parser, const char* at, std::size_t length) noexcept {
  builder(parser).on_target_or_reason({at, length});
  return 0;
}

// What few fields need is out of line: these two are called for every field of every head.
[[gnu::noinline]] int give_field(MessageBuilder& builder, const char* at, std::size_t length) {
  builder.on_header_name({at, length});
  return 0;
}

[[gnu::noinline]] int give_value(MessageBuilder& builder, const char* at, std::size_t length) {
  builder.on_header_value({at, length});
  return 0;
}

int on_field(llhttp_t* parser, const char* at, std::size_t length) noexcept {
  MessageBuilder& to = builder(parser);
  return to.pass_header_name({at, length}) ? 0 : give_field(to, at, length);
}

int on_value(llhttp_t* parser, const char* at, std::size_t length) noexcept {
  MessageBuilder& to = builder(parser);
  return to.pass_header_value() ? 0 : give_value(to, at, length);
}

int on_head(llhttp_t* parser) noexcept {
  Head head;
  head.major = parser->http_major;
  head.minor = parser->http_minor;
  head.status = parser->type == HTTP_RESPONSE ? parser->status_code : std::uint16_t{0};
  head.content_length = parser->content_length;
  head.has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
  head.chunked = (parser->flags & F_CHUNKED) != 0;
  head.close = (parser->flags & F_CONNECTION_CLOSE) != 0;
  head.keep_alive = (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0;
  head.upgrade = (parser->flags & F_UPGRADE) != 0 && (parser->flags & F_CONNECTION_UPGRADE) != 0;
  head.until_eof = llhttp_message_needs_eof(parser) != 0;
  const bool no_body = builder(parser).on_head(head);
  state(parser).sized = !no_body && head.has_length && !head.chunked;
  return no_body ? 1 : 0;
}

int on_body(llhttp_t* parser, const char* at, std::size_t length) noexcept {
  if (!state(parser).muted) builder(parser).on_body({at, length});
  return 0;
}

int on_chunk_header(llhttp_t* parser) noexcept {
  // The last chunk has no size: "inside a chunk" is then only the end of the body.
  if (parser->content_length > 0) {
    state(parser).sized = true;
    builder(parser).on_chunk_begin();
  }
  return 0;
}

int on_chunk_end(llhttp_t* parser) noexcept {
  state(parser).sized = false;
  builder(parser).on_chunk_end();
  return 0;
}

int on_complete(llhttp_t*) noexcept { return HPE_PAUSED; }

const llhttp_settings_t& settings() {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_method = on_method;
    s.on_url = on_start;
    s.on_status = on_start;
    s.on_header_field = on_field;
    s.on_header_value = on_value;
    s.on_headers_complete = on_head;
    s.on_body = on_body;
    s.on_chunk_header = on_chunk_header;
    s.on_chunk_complete = on_chunk_end;
    s.on_message_complete = on_complete;
    return s;
  }();
  return kSettings;
}

llhttp_t fresh(Kind kind, Strictness strictness) {
  llhttp_t parser;
  llhttp_init(&parser, kind == Kind::request ? HTTP_REQUEST : HTTP_RESPONSE, &settings());
#if LLHTTP_VERSION_MAJOR > 9 || (LLHTTP_VERSION_MAJOR == 9 && LLHTTP_VERSION_MINOR >= 2)
  // 8.1 takes a bare LF as the end of a line, as RFC 9112 §2.2 allows; so does 9.2 if told to.
  llhttp_set_lenient_optional_cr_before_lf(&parser, 1);
#endif
  if (strictness == Strictness::lenient) {
    llhttp_set_lenient_headers(&parser, 1);
    llhttp_set_lenient_chunked_length(&parser, 1);
    llhttp_set_lenient_keep_alive(&parser, 1);
    llhttp_set_lenient_transfer_encoding(&parser, 1);
  }
  return parser;
}

llhttp_errno_t execute(llhttp_t& parser, std::string_view bytes) {
#ifdef HTTPDIAG_LLHTTP_SSE42
  static const bool kHasSse42 = __builtin_cpu_supports("sse4.2") != 0;
  if (kHasSse42) {
    return static_cast<llhttp_errno_t>(
        llhttp__internal_execute_sse42(&parser, bytes.data(), bytes.data() + bytes.size()));
  }
#endif
  return llhttp_execute(&parser, bytes.data(), bytes.size());
}

/// What llhttp makes of new parsers, to be copied: one is begun for every message.
struct Blanks {
  llhttp_t request = fresh(Kind::request, Strictness::strict);
  llhttp_t response = fresh(Kind::response, Strictness::strict);
  llhttp_t lenient_request = fresh(Kind::request, Strictness::lenient);
  llhttp_t lenient_response = fresh(Kind::response, Strictness::lenient);

  const llhttp_t& blank(Kind kind, Strictness strictness) const {
    if (strictness == Strictness::lenient)
      return kind == Kind::request ? lenient_request : lenient_response;
    return kind == Kind::request ? request : response;
  }
};

}  // namespace

Parser::Parser() : state_{std::make_unique<State>()} {}
Parser::~Parser() = default;

void Parser::begin(Kind kind, Strictness strictness, MessageBuilder& builder) {
  static const Blanks kBlanks;
  State& s = *state_;
  s.parser = kBlanks.blank(kind, strictness);
  s.parser.data = &builder;
  s.sized = s.muted = false;
}

Parser::Result Parser::feed(std::string_view bytes) {
  llhttp_t& parser = state_->parser;
  const llhttp_errno_t error = execute(parser, bytes);
  builder(&parser).on_input_end();
  if (error == HPE_OK) return {Outcome::more, bytes.size()};
  const char* at = llhttp_get_error_pos(&parser);
  std::size_t consumed = bytes.size();
  if (at >= bytes.data() && at <= bytes.data() + bytes.size()) {
    consumed = static_cast<std::size_t>(at - bytes.data());
  }
  if (error != HPE_PAUSED) return {Outcome::error, consumed};
  state_->sized = false;
  return {Outcome::complete, consumed};
}

std::uint64_t Parser::known_remaining() const {
  return state_->sized && state_->parser.error == HPE_OK ? state_->parser.content_length : 0;
}

Parser::Outcome Parser::skip(std::uint64_t count) {
  HTTPDIAG_CHECK(count > 0 && count <= known_remaining());
  llhttp_t& parser = state_->parser;
  // llhttp keeps the rest of a sized body in content_length (documented for chunks
  // in on_chunk_header). The last missing byte goes through the parser, so that it
  // finds the end by itself.
  if (count < parser.content_length) {
    parser.content_length -= count;
    return Outcome::more;
  }
  parser.content_length = 1;
  state_->muted = true;
  const Result result = feed("?");
  state_->muted = false;
  return result.outcome;
}

Parser::Outcome Parser::finish() {
  if (state_->parser.error != HPE_OK) return Outcome::error;
  switch (llhttp_finish(&state_->parser)) {
    case HPE_PAUSED:
      return Outcome::complete;
    case HPE_OK:
      return Outcome::more;
    default:
      return Outcome::error;
  }
}

std::string_view Parser::error_name() const {
  return llhttp_errno_name(llhttp_get_errno(&state_->parser));
}

std::uint16_t Parser::status() const {
  const std::uint16_t status = state_->parser.status_code;
  return status >= 100 && status <= 999 ? status : std::uint16_t{0};
}

}  // namespace httpdiag::http
