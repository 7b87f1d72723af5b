// SPDX-License-Identifier: Apache-2.0
// What the pairer remembers of a flow: a small record for as long as the flow
// lives, and a Work from the pools while something is open.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "http/message_reader.hpp"
#include "httpdiag/exchange.hpp"

namespace httpdiag::http {

/// Where one direction stands.
enum class Mode : std::uint8_t {
  between,   // a message may begin with the next byte
  reading,   // a reader is at work
  skipping,  // no message boundary known: wait for a start line
  tunnel,    // behind a CONNECT request that has no answer yet
  preface,   // the server spoke first, and not HTTP: its answer to the first request will tell
};

/// What an open response, or pair, is to be.
enum class Role : std::uint8_t {
  exchange,     // in the queue
  early,        // a response that was recorded before its request
  unsolicited,  // nobody had asked
  ignored,      // its request is not in the capture
};

/// A request and its response while either is open or waits. Aligned, as Work is, to touch as few
/// cache lines as can be.
struct alignas(64) Open {
  Open() { x.response.emplace(); }
  Message& response() { return *x.response; }
  const Message& response() const { return *x.response; }

  Exchange x;  // with a response even before there is one: strings keep their memory
  Role role = Role::exchange;
  bool response_begun = false;
  bool response_done = false;   // final, and nothing more will be read into it
  bool unacked_answer = false;  // the response does not acknowledge any of the request
  bool behind_client_gap = false;
  bool told = false;            // unsolicited: the stray was reported
  bool held = false;            // which of several requests a response answers is still open
  std::array<char, 5> tail{};   // of the response, while nobody knows where it ends: the last bytes
  std::uint8_t tail_bytes = 0;  // without a gap between them
  PacketRef gap_noticed;  // behind the request: the first proof of server bytes that are missing
};

/// Bytes of the server's that the capture lacks, while requests wait.
struct MissingBytes {
  Offset begin = 0, end = 0;
  std::uint64_t bytes = 0;
  PacketRef packet, last_packet;  // that proved the first and the last of them
  bool cut = false;               // by the snaplen alone: their packets are known
  bool at_boundary = false;       // they begin where a response begins
  bool accounted = false;         // what they may hide has been considered
  explicit operator bool() const { return bytes > 0; }
};

/// Present only while something is open.
struct alignas(64) Work {
  std::vector<Open*> queue;  // requests in order; [0, head) are done with
  std::size_t head = 0;
  std::size_t acked = 0;     // of the queue: known to be acknowledged, from head
  std::vector<Open*> early;  // responses that were recorded before their requests
  Offset early_lost = 0;     // end of the last of them that there was no room for
  PacketRef early_lost_in;   // its last packet
  std::array<MessageReader*, 2> reader{};
  std::array<Open*, 2> open{};  // whose message is being read, or extended while skipping
  MissingBytes missing;
  MissingBytes hidden_in;          // while requests are held: hides answers to some of them,
  std::size_t hidden_answers = 0;  // at most so many; 0: more gaps followed

  std::size_t size() const { return queue.size() - head; }
  Open& at(std::size_t i) const { return *queue[head + i]; }
  bool idle() const {
    return size() == 0 && early.empty() && reader[0] == nullptr && reader[1] == nullptr &&
           open[0] == nullptr && open[1] == nullptr;
  }
};

/// What becomes of a flow that is no HTTP, or not any more.
enum class Opaque : std::uint8_t { no, unread, handed_on };

/// Per flow with payload; one cache line.
struct alignas(64) Conversation {
  Work* work = nullptr;
  PacketRef close_token_in;    // message that announced the close
  Offset close_token_end = 0;  // its end on the server's tape; 0 if a request said it
  PacketRef unsolicited;       // since the last request began; or where the preface is
  std::uint32_t requests : 31 = 0;
  bool long_body : 1 = false;  // of the last one: it went on behind its Content-Length
  std::uint16_t unsolicited_status = 0;
  std::array<Mode, 2> mode{Mode::between, Mode::between};
  std::array<bool, 2> gap{};    // why `skipping`: bytes are not in the capture
  bool client_gap : 1 = false;  // a request may have been lost since the last one
  bool server_spoke : 1 = false;
  Opaque opaque : 2 = Opaque::no;
  // Bytes of the server's first line that look like HTTP/1.x, where the client began with HTTP/2;
  // or kNotAsked.
  std::uint8_t answer_to_http2 : 4 = kNotAsked;
  std::uint8_t preamble = 0;  // bytes read of a binary PROXY header's fixed part, or kNoPreamble
  std::uint16_t preamble_left = 0;  // of its variable part
  std::uint16_t keep_alive_s = 0;   // as the last answer announced it; 0: it did not

  static constexpr std::uint8_t kNoPreamble = 255;
  static constexpr std::uint8_t kNotAsked = 15;
};
static_assert(sizeof(Conversation) <= 64);

/// The request asked whether to send its body and was answered without a 100 first.
bool body_refused(const Open& open);

/// Objects that are used again and again; never more than were needed at once.
template <typename T>
class Pool {
 public:
  template <typename... Args>
  T* take(Args&&... args) {
    if (free_.empty()) {
      all_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
      free_.reserve(all_.capacity());
      return all_.back().get();
    }
    T* object = free_.back();
    free_.pop_back();
    return object;
  }
  void give_back(T* object) { free_.push_back(object); }

 private:
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> free_;
};

/// As new, but strings keep their memory.
void recycle(Message& message);
void recycle(Exchange& x);
void recycle(Open& open);
void recycle(Work& work);
/// Gives back what its strings have room for and do not need.
void shrink(Open& open);

}  // namespace httpdiag::http
