// SPDX-License-Identifier: Apache-2.0
#include "tcp/fallbacks.hpp"

namespace httpdiag::tcp {

void Fallbacks::clear(Refused& refused) {
  if (refused.candidate != FlowId{}) --waiting_;
  if (refused.handle != kNoHandle) --refusals_;
  refused = {};
}

void Fallbacks::on_refused(Handle handle, const FlowRecord& flow, Timestamp now) {
  Refused& refused = refused_[next_++ % refused_.size()];
  clear(refused);
  ++refusals_;
  refused = {handle, flow.server.port, flow.server.ip.is_v4(), now, {}};
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
