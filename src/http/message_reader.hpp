// SPDX-License-Identifier: Apache-2.0
// Reads one message off a tape: strictly first, and when the strict reading
// fails in the head, leniently from the same bytes. Pooled: it exists only
// while a message is open.
#pragma once

#include <string>
#include <string_view>

#include "http/message_builder.hpp"
#include "http/start_line.hpp"
#include "httpdiag/stream.hpp"

namespace httpdiag::http {

/// Where the bytes that are fed stand.
struct Place {
  Offset offset = 0;
  PacketRef carried_by;
  const FlowRecord* flow = nullptr;  // as it stood when the bytes came
  Side from = Side::client;
};

class MessageReader {
 public:
  enum class Status : std::uint8_t {
    more,
    complete,
    broken,  // Message::fatal: nothing behind can be parsed
  };
  struct Step {
    Status status = Status::more;
    std::size_t consumed = 0;
  };
  enum class AfterGap : std::uint8_t {
    inside,    // the message goes on behind the gap
    complete,  // the gap ends with it
    beyond,    // complete, and the gap hides what follows
    lost,      // nobody knows where it ends
  };

  MessageReader(const Limits& limits, bool digest_bodies, std::uint64_t& body_bytes_left)
      : limits_{limits}, builder_{limits, digest_bodies, body_bytes_left} {}

  /// `message` has its begin, first and the like already.
  void begin(Message& message, Kind kind, Expectation expectation);
  void retarget(Message& message) { builder_.retarget(message); }

  Step feed(std::string_view bytes, const Place& place);
  AfterGap skip(const StreamGap& gap);
  /// The sender has closed.
  Status finish();
  /// No more will come, whatever the reason: last corrections to the message.
  void give_up();

  /// With `broken`: the message never looked like HTTP.
  bool not_http() const { return not_http_; }
  /// The strict reading failed, and the bytes so far do not tell whether this is HTTP.
  bool undecided() const { return collecting_ && judge_opening(kind_, raw_) != Opening::http; }
  /// The head as far as it came, if it came in pieces or failed.
  std::string_view raw_head() const { return raw_; }

 private:
  Step fail(std::string_view error, std::size_t at, std::string_view bytes, const Place& place);
  Step collect(std::string_view bytes, const Place& place);
  /// Reads a whole head leniently and leaves the parser at its body.
  Parser::Result read_again(std::string_view head);
  Step end_of_message(std::size_t consumed, const Place& place);
  Step broken(std::string_view bytes, const Place& place);
  void extend(std::size_t count, const Place& place);
  void salvage_start_line();
  void note_part_of_start_line();
  /// `error` is kept: it must be in static storage.
  void note_error(std::string_view error, std::size_t at, const Place& place);

  const Limits& limits_;
  Parser parser_;
  MessageBuilder builder_;
  std::string raw_;  // head bytes of earlier chunks
  Kind kind_ = Kind::request;
  bool collecting_ = false;  // strict reading failed; waiting for the rest of the head
  bool not_http_ = false;
};

}  // namespace httpdiag::http
