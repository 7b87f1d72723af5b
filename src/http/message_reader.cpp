// SPDX-License-Identifier: Apache-2.0
#include "http/message_reader.hpp"

#include <algorithm>

#include "http/head_repair.hpp"

namespace httpdiag::http {

namespace {

// Heads are small; one that was not must not stay in the pool.
constexpr std::size_t kKeptCapacity = 16384;

/// The ACK that the bytes at `place` seem to have waited for (RFC 896): it covers all that was sent
/// before them, came without any data, and neither they nor what came before fill a segment.
PacketRef released_by_ack(const Message& message, std::size_t count, const Place& place) {
  constexpr std::uint16_t kDefaultMss = 536;  // RFC 9293 §3.7.1
  if (place.flow == nullptr) return {};
  const SideRecord& own = place.flow->side(place.from);
  const SideRecord& peer = place.flow->side(other(place.from));
  const PacketRef ack = own.acked_by;
  // In bulk it is the window that waits for ACKs.
  const std::size_t mss = peer.mss != 0 ? peer.mss : kDefaultMss;
  const bool small = count < mss && place.offset - message.begin < mss;
  const bool alone =
      peer.last_payload.number < message.last.number && peer.fin.number < message.last.number;
  const bool between = ack.number > message.last.number && ack.number < place.carried_by.number;
  return small && alone && between && own.acked == place.offset ? ack : PacketRef{};
}

}  // namespace

void MessageReader::begin(Message& message, Kind kind, Expectation expectation) {
  kind_ = kind;
  collecting_ = not_http_ = false;
  raw_.clear();
  if (raw_.capacity() > kKeptCapacity) raw_.shrink_to_fit();
  builder_.begin(message, kind, expectation);
  parser_.begin(kind, Strictness::strict, builder_);
}

void MessageReader::extend(std::size_t count, const Place& place) {
  if (count == 0) return;
  Message& m = builder_.message();
  m.end = place.offset + count;
  if (place.carried_by.time - m.last.time > m.pause()) {
    m.pause_begin = m.last;
    m.pause_end = place.carried_by;
    m.pause_acked = released_by_ack(m, count, place);
  }
  m.last = place.carried_by;
}

void MessageReader::note_error(std::string_view error, std::size_t at, const Place& place) {
  Message& m = builder_.message();
  if (!m.error.empty() && m.error != kBareLineFeed) return;
  m.error = error;
  m.error_offset = place.offset + at;
  m.error_packet = place.carried_by;
}

MessageReader::Step MessageReader::end_of_message(std::size_t consumed, const Place& place) {
  extend(consumed, place);
  builder_.finish_digest();
  builder_.decode_body_head();
  builder_.message().state = MessageState::complete;
  return {Status::complete, consumed};
}

MessageReader::Step MessageReader::broken(std::string_view bytes, const Place& place) {
  extend(bytes.size(), place);
  Message& m = builder_.message();
  m.fatal = true;
  m.state = MessageState::unknown;
  return {Status::broken, bytes.size()};
}

MessageReader::Step MessageReader::feed(std::string_view bytes, const Place& place) {
  if (collecting_) return collect(bytes, place);
  const Parser::Result result = parser_.feed(bytes);
  switch (result.outcome) {
    case Parser::Outcome::complete:
      return end_of_message(result.consumed, place);
    case Parser::Outcome::error:
      return fail(parser_.error_name(), result.consumed, bytes, place);
    case Parser::Outcome::more:
      break;
  }
  extend(bytes.size(), place);
  Message& m = builder_.message();
  if (!m.head_complete) {
    if (m.end - m.begin > limits_.max_head_bytes)
      return fail("HPE_HEADER_OVERFLOW", bytes.size(), bytes, place);
    raw_.append(bytes);
  }
  return {Status::more, bytes.size()};
}

MessageReader::Step MessageReader::fail(std::string_view error, std::size_t at,
                                        std::string_view bytes, const Place& place) {
  const Message& m = builder_.message();
  note_error(error, std::min(at, bytes.size()), place);
  // Behind the head the framing itself is in doubt (a chunk size, as a rule).
  if (m.head_complete || error == "HPE_PAUSED_H2_UPGRADE") return broken(bytes, place);
  if (m.end - m.begin > limits_.max_head_bytes) return broken(bytes, place);
  collecting_ = true;
  return collect(bytes, place);
}

// The strict reading failed in the head. With the whole head at hand, read it leniently.
MessageReader::Step MessageReader::collect(std::string_view bytes, const Place& place) {
  const std::size_t before = raw_.size();
  raw_.append(bytes);
  switch (judge_opening(kind_, raw_)) {
    case Opening::not_http:
      not_http_ = true;
      return broken(bytes, place);
    case Opening::need_more:
    case Opening::http:
      break;
  }
  const std::size_t head = find_head_end(raw_, before);
  if (head == std::string::npos) {
    extend(bytes.size(), place);
    if (raw_.size() > limits_.max_head_bytes) return broken(bytes, place);
    return {Status::more, bytes.size()};
  }
  // It may have ended with the bytes before: llhttp reads on behind "PRI * HTTP/2.0".
  const std::size_t used = head > before ? head - before : 0;
  // llhttp takes an HTTP/2 preface for one head and may find the error behind the end of ours.
  Message& m = builder_.message();
  m.error_offset = std::min(m.error_offset, place.offset + used);
  const Parser::Result result = read_again(std::string_view{raw_}.substr(0, head));
  collecting_ = false;
  if (result.outcome == Parser::Outcome::error) return broken(bytes, place);
  if (result.outcome == Parser::Outcome::complete) return end_of_message(used, place);
  extend(used, place);
  if (used == bytes.size()) return {Status::more, used};
  const Place behind{place.offset + used, place.carried_by};
  const Step step = feed(bytes.substr(used), behind);
  return {step.status, used + step.consumed};
}

Parser::Result MessageReader::read_again(std::string_view head) {
  Message& m = builder_.message();
  const RepairedHead repaired = repair_head(kind_, head);
  if (!repaired.start.recognised) return {Parser::Outcome::error, 0};
  const auto feed_text = [&](Strictness strictness, std::string_view text) {
    builder_.restart_head(repaired.start.method, repaired.start.target_or_reason);
    m.head_complete = false;
    m.content_length.reset();
    parser_.begin(kind_, strictness, builder_);
    const Parser::Result result = parser_.feed(text);
    if (kind_ == Kind::response) m.status = repaired.start.status;
    return result;
  };
  // The list of methods is open (RFC 9110 §16.1): one that llhttp does not know is no error.
  const bool extension = repaired.extension_method && m.error == "HPE_INVALID_METHOD";
  const bool bare = has_bare_line_feed(head);
  if (extension || bare) {
    const std::string_view fields = head.substr(head.find('\n') + 1);
    std::string text =
        extension ? repaired.start_line : std::string{head.substr(0, head.find('\n') + 1)};
    text += fields;
    const Parser::Result result = feed_text(Strictness::strict, with_crlf(text));
    if (result.outcome != Parser::Outcome::error) {
      if (bare) {
        m.error = kBareLineFeed;
      } else {
        m.error = {};
        m.error_offset = 0;
        m.error_packet = {};
      }
      return result;
    }
  }
  if (!repaired.certain) {
    builder_.restart_head(repaired.start.method, repaired.start.target_or_reason);
    m.status = repaired.start.status;
    return {Parser::Outcome::error, 0};
  }
  return feed_text(Strictness::lenient, repaired.start_line + repaired.fields);
}

MessageReader::AfterGap MessageReader::skip(const StreamGap& gap) {
  Message& m = builder_.message();
  m.has_gap = true;
  const bool snaplen = gap.cause == GapCause::snaplen;
  if (snaplen) m.snaplen_cut = true;
  const auto extend_over = [&](std::uint64_t length) {
    m.end = gap.offset + length;
    // Whose packet the bytes were in is known for a cut only.
    if (snaplen) m.last = gap.noticed_in;
    builder_.on_missing_body(length);
  };
  if (m.head_complete && !collecting_) {
    const std::uint64_t remaining = parser_.known_remaining();
    if (m.close_delimited) {
      extend_over(gap.length);
      return AfterGap::inside;
    }
    if (gap.length <= remaining) {
      extend_over(gap.length);
      if (parser_.skip(gap.length) != Parser::Outcome::complete) return AfterGap::inside;
      m.state = MessageState::complete;
      return AfterGap::complete;
    }
    if (remaining > 0 && !m.chunked) {  // Content-Length says where it ended
      extend_over(remaining);
      m.state = MessageState::complete;
      return AfterGap::beyond;
    }
  }
  salvage_start_line();
  if (!m.head_complete && raw_.find('\n') == std::string::npos) note_part_of_start_line();
  if (snaplen) {
    m.end = gap.offset + gap.length;
    m.last = gap.noticed_in;
  }
  m.state = MessageState::unknown;
  return AfterGap::lost;
}

// The head will not come whole: keep what can be seen of its first line.
void MessageReader::salvage_start_line() {
  Message& m = builder_.message();
  if (m.head_complete) return;
  if (!collecting_) {
    if (kind_ == Kind::response && m.status == 0) m.status = parser_.status();
    return;
  }
  const std::string_view raw{raw_};
  const StartLine start = read_start_line(kind_, raw.substr(0, raw.find_first_of("\r\n")));
  if (!start.recognised) return;
  builder_.restart_head(start.method, start.target_or_reason);
  m.status = start.status;
}

// Of a request it may be another protocol's; of a reason phrase, half is none.
void MessageReader::note_part_of_start_line() {
  Message& m = builder_.message();
  if (kind_ == Kind::response) {
    builder_.restart_head({}, {});
  } else {
    m.names_http = raw_.find(" HTTP/") != std::string::npos;
  }
}

MessageReader::Status MessageReader::finish() {
  Message& m = builder_.message();
  if (m.close_delimited && m.head_complete && !collecting_ &&
      parser_.finish() == Parser::Outcome::complete) {
    builder_.finish_digest();
    builder_.decode_body_head();
    m.state = MessageState::complete;
    return Status::complete;
  }
  return Status::more;
}

void MessageReader::give_up() {
  Message& m = builder_.message();
  salvage_start_line();
  if (m.head_complete && m.chunked && m.state == MessageState::incomplete) {
    m.missing_last_chunk = !builder_.in_chunk();
  }
  builder_.finish_digest();
}

}  // namespace httpdiag::http
