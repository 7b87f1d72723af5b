// SPDX-License-Identifier: Apache-2.0
// Turns what the parser meets into a Message: the few header fields that rules
// and reports need, body counts and digests. Everything kept is bounded.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "http/parser.hpp"
#include "httpdiag/exchange.hpp"
#include "httpdiag/settings.hpp"

struct XXH3_state_s;

namespace httpdiag::http {

/// What only the request tells about the framing of its response (RFC 9112 §6.3).
struct Expectation {
  bool head = false;     // answer to HEAD: no body
  bool connect = false;  // answer to CONNECT: 2xx has no body and opens a tunnel
};

/// The parser's reading of a complete head.
struct Head {
  std::uint8_t major = 1, minor = 1;
  std::uint16_t status = 0;
  std::uint64_t content_length = 0;
  bool has_length = false;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;    // Upgrade, and Connection: upgrade
  bool until_eof = false;  // nothing in the head delimits the body
};

class MessageBuilder {
 public:
  /// `digest_bodies` false: nobody will ask for Message::digest but of callbacks.
  /// `body_bytes_left`: what may still be kept of all request bodies.
  MessageBuilder(const Limits& limits, bool digest_bodies, std::uint64_t& body_bytes_left);
  ~MessageBuilder();
  MessageBuilder(const MessageBuilder&) = delete;
  MessageBuilder& operator=(const MessageBuilder&) = delete;

  void begin(Message& message, Kind kind, Expectation expectation);
  /// The same message lives elsewhere from now on.
  void retarget(Message& message) { message_ = &message; }
  /// Forgets what was read of the head, for reading it again; the start line is
  /// given now and what the parser says of it is ignored.
  void restart_head(std::string_view method, std::string_view target_or_reason);

  Message& message() { return *message_; }
  const Message& message() const { return *message_; }

  // Called by the parser.
  void on_method(std::string_view part);
  void on_target_or_reason(std::string_view part);
  /// Most names and values need no more than the first of these two. `false`: then the second
  /// has to be told as well.
  bool pass_header_name(std::string_view part) {
    if (field_ != Field::other) return false;
    field_ = Field::in_name;
    name_ = part;
    return true;
  }
  void on_header_name(std::string_view part);
  bool pass_header_value() {
    if (field_ == Field::in_name && !may_be_wanted()) field_ = Field::other;
    return field_ == Field::other;
  }
  void on_header_value(std::string_view part);
  /// The bytes given so far are about to go.
  void on_input_end() {
    if (field_ == Field::in_name) extend_name({});
  }
  /// True: the message has no body whatever its header says.
  bool on_head(const Head& head);
  void on_body(std::string_view part);
  void on_chunk_begin() { in_chunk_ = true; }
  void on_chunk_end() { in_chunk_ = false; }

  /// Body bytes that the capture does not have.
  void on_missing_body(std::uint64_t count);
  bool in_chunk() const { return in_chunk_; }
  /// Message::digest is right from now on.
  void finish_digest();
  /// The message is complete: a short response body is kept as text.
  void decode_body_head();

 private:
  /// Whose value is being read.
  enum class Field : std::uint8_t {
    other,    // of none that is wanted
    in_name,  // none yet
    // Kept:
    host,
    server,
    content_encoding,
    delivery_id,
    trace_id,
    forwarded_for,
    location,
    // Only evaluated:
    keep_alive,
    expect,
    content_type,
  };
  static constexpr HeadTexts::Part part_of(Field field) {
    switch (field) {
      case Field::content_encoding:
        return HeadTexts::content_encoding;
      case Field::delivery_id:
        return HeadTexts::delivery_id;
      case Field::trace_id:
        return HeadTexts::trace_id;
      case Field::forwarded_for:
        return HeadTexts::forwarded_for;
      case Field::location:
        return HeadTexts::location;
      default:
        return HeadTexts::host;
    }
  }
  static constexpr bool is_kept(Field field) { return field <= Field::location; }
  struct DigestDeleter {
    void operator()(XXH3_state_s* state) const;
  };

  void extend_name(std::string_view part);
  /// By length and first letter, which tell most names to be none of those that are wanted.
  bool may_be_wanted() const {
    const std::size_t length = name_.size();
    if (length == 0 || length > kLongestWanted) return false;
    return ((*wanted_)[length] >> (static_cast<unsigned char>(name_[0]) & 31) & 1) != 0;
  }
  void begin_value();
  void end_value();
  Field classify();
  Field classify_marker();
  Field classify_hop() const;
  bool is_trace_name() const;
  bool on_request_head(const Head& head);
  bool on_response_head(const Head& head);
  void keep_body(std::string_view part);
  void digest(std::string_view part);

  /// For each length of a name a set of first letters: bit 1 is a or A.
  static constexpr std::size_t kLongestWanted = 29;
  using Wanted = std::array<std::uint32_t, kLongestWanted + 1>;
  static const Wanted kWantedOfRequest, kWantedOfResponse;

  const Limits& limits_;
  std::uint64_t& body_bytes_left_;
  Message* message_ = nullptr;
  Kind kind_ = Kind::request;
  Expectation expectation_;
  bool digest_bodies_;
  bool start_line_given_ = false;
  bool in_chunk_ = false;
  bool keeps_body_ = false;
  bool digests_body_ = true;

  // The header field under way. Its name lies where the parser found it, or in name_copy_ when
  // the input does not have it in one piece.
  const Wanted* wanted_ = &kWantedOfRequest;
  Field field_ = Field::other;
  HeadTexts::Part part_{};  // where the value is kept
  std::string_view name_;
  std::string name_copy_;
  std::string scratch_;  // values that are evaluated, not kept

  bool digest_started_ = false;
  std::unique_ptr<XXH3_state_s, DigestDeleter> digest_;
};

}  // namespace httpdiag::http
