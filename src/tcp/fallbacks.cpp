// SPDX-License-Identifier: Apache-2.0
#include "tcp/fallbacks.hpp"

namespace httpdiag::tcp {

void Fallbacks::clear(Refused& refused) {
  if (refused.candidate != FlowId{}) --waiting_;
  if (refused.handle != kNoHandle) --refusals_;
  refused = {};
}

FlowId Fallbacks::on_refused(Handle handle, const FlowRecord& flow, Timestamp now) {
  const bool v4 = flow.server.ip.is_v4();
  FlowId candidate{};  // begun while this one was still under way
  for (const Attempt& attempt : attempts_) {
    const bool other_version = attempt.id != FlowId{} && attempt.v4 != v4;
    if (!other_version || attempt.ends.server.port != flow.server.port) continue;
    const Duration later = attempt.time - flow.first.time;
    if (later < Duration{0} || later > base::kMostBetweenAttempts) continue;
    if (attempt.connected) return attempt.id;
    candidate = attempt.id;
  }
  Refused& refused = refused_[next_++ % refused_.size()];
  clear(refused);
  ++refusals_;
  if (candidate != FlowId{}) ++waiting_;
  refused = {handle, flow.server.port, v4, now, candidate};
  return {};
}

void Fallbacks::find_refused(const Endpoint& server, FlowId id, Timestamp now) {
  const bool v4 = server.ip.is_v4();
  for (Refused& refused : refused_) {
    if (refused.handle == kNoHandle || refused.v4 == v4 || refused.port != server.port) continue;
    if (now - refused.time > window_) continue;
    if (refused.candidate == FlowId{}) {
      refused.candidate = id;
      ++waiting_;
    }
  }
}

void Fallbacks::find_and_clear(Handle handle) {
  for (Refused& refused : refused_) {
    if (refused.handle == handle) clear(refused);
  }
}

}  // namespace httpdiag::tcp
