// SPDX-License-Identifier: Apache-2.0
// Browsers, curl and others try both IP versions (RFC 8305): an attempt that was
// refused, or rejected by ICMP, while a parallel one over the other version worked is no
// failure. This remembers the last refusals for as long as that can be said of them.
#pragma once

#include <array>

#include "base/happy_eyeballs.hpp"
#include "tcp/flow_store.hpp"

namespace httpdiag::tcp {

class Fallbacks {
 public:
  explicit Fallbacks(Duration window) : window_{window} {}

  /// The other try if it has its connection already; else none, as yet.
  FlowId on_refused(Handle handle, const FlowRecord& flow, Timestamp now);
  /// A new attempt towards `server`, which may be the other try.
  void on_attempt(const Endpoint& server, FlowId id, Timestamp now) {
    const bool v4 = server.ip.is_v4();
    (v4 ? any_v4_ : any_v6_) = true;
    attempts_[next_attempt_++ % attempts_.size()] = {id, server.port, v4, false, now};
    if (refusals_ > 0) find_refused(server, id, now);
  }
  /// The attempt `id` got its connection: tells each refused flow, by its handle, that it did.
  template <typename Tell>
  void on_connected(FlowId id, const Tell& tell) {
    if (!any_v4_ || !any_v6_) return;
    for (Attempt& attempt : attempts_) {
      if (attempt.id == id) attempt.connected = true;
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
    std::uint16_t port = 0;
    bool v4 = false;
    bool connected = false;
    Timestamp time{};
  };
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
