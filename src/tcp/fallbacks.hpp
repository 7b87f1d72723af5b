// SPDX-License-Identifier: Apache-2.0
// Browsers, curl and others try both IP versions (RFC 8305): an attempt that was
// refused, rejected by ICMP, or not answered yet, while a parallel one over the other version
// worked is no failure. This remembers the last refusals for as long as that can be said of them,
// and the last attempts.
#pragma once

#include <array>

#include "base/happy_eyeballs.hpp"
#include "tcp/flow_store.hpp"
#include "tcp/translations.hpp"

namespace httpdiag::tcp {

class Fallbacks {
 public:
  explicit Fallbacks(Duration window) : window_{window} {}

  /// The other try if it has its connection already; else none, as yet.
  FlowId on_refused(Handle handle, const FlowRecord& flow, Timestamp now);
  /// A new attempt of `ends`, which may be the other try.
  void on_attempt(const Tuple& ends, FlowId id, Timestamp now) {
    const Endpoint& server = ends.server;
    const bool v4 = server.ip.is_v4();
    (v4 ? any_v4_ : any_v6_) = true;
    attempts_[next_attempt_++ % attempts_.size()] = {id, ends, v4, false, now};
    if (refusals_ > 0) find_refused(server, id, now);
  }
  /// The attempt `id` got its connection: tells each refused flow, by its handle, that it did, and
  /// each attempt that it has overtaken, by its ends and its id.
  template <typename Tell, typename TellOvertaken>
  void on_connected(FlowId id, const Tell& tell, const TellOvertaken& tell_overtaken) {
    if (!any_v4_ || !any_v6_) return;
    const Attempt* winner = nullptr;
    for (Attempt& attempt : attempts_) {
      if (attempt.id != id) continue;
      attempt.connected = true;
      winner = &attempt;
    }
    for (const Attempt& attempt : attempts_) {
      if (winner != nullptr && overtakes(*winner, attempt))
        tell_overtaken(attempt.ends, attempt.id);
    }
    if (waiting_ == 0) return;
    for (Refused& refused : refused_) {
      if (refused.handle == kNoHandle || refused.candidate != id) continue;
      tell(refused.handle);
      refused.candidate = {};
      --waiting_;
    }
  }
  /// The flow ends.
  void forget(Handle handle) {
    if (refusals_ > 0) find_and_clear(handle);
  }

 private:
  struct Refused {
    Handle handle = kNoHandle;
    std::uint16_t port = 0;
    bool v4 = false;
    Timestamp time{};
    FlowId candidate{};  // tried instead; counts once it is answered
  };
  struct Attempt {
    FlowId id{};
    Tuple ends;
    bool v4 = false;
    bool connected = false;
    Timestamp time{};
  };
  /// Both are tries of one client, as far as that can be seen, and `other` has no answer.
  static bool overtakes(const Attempt& winner, const Attempt& other) {
    const bool other_version = other.id != FlowId{} && other.v4 != winner.v4 && !other.connected;
    const Duration later = winner.time - other.time;
    return other_version && other.ends.server.port == winner.ends.server.port &&
           later >= Duration{0} && later <= base::kMostBetweenAttempts;
  }
  void clear(Refused& refused);
  void find_refused(const Endpoint& server, FlowId id, Timestamp now);
  void find_and_clear(Handle handle);

  Duration window_;
  std::array<Refused, base::kLastAttempts> refused_{};
  std::size_t next_ = 0;
  std::array<Attempt, base::kLastAttempts> attempts_{};  // the last ones
  std::size_t next_attempt_ = 0;
  bool any_v4_ = false, any_v6_ = false;
  std::uint32_t refusals_ = 0;  // entries in use
  std::uint32_t waiting_ = 0;   // entries with a candidate
};

}  // namespace httpdiag::tcp
