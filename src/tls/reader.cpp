// SPDX-License-Identifier: Apache-2.0
#include "tls/reader.hpp"

#include "tls/session.hpp"

namespace httpdiag::tls {

class Reader::Impl {
 public:
  Impl(const Limits& limits, TlsSink& sink)
      : most_{limits.max_tls_sessions},
        shared_{.sink = sink,
                .bytes_left = limits.tls_total_bytes,
                .per_message = limits.tls_message_bytes,
                .certificates = {}} {}

  bool begin(const FlowRecord& flow, bool in_tunnel) {
    if (sessions_.size() >= most_) return false;
    sessions_.emplace(flow.id, std::make_unique<Session>(shared_, in_tunnel));
    return true;
  }
  Session* find(const FlowRecord& flow) {
    const auto found = sessions_.find(flow.id);
    return found == sessions_.end() ? nullptr : found->second.get();
  }
  void end(const FlowRecord& flow) {
    const auto found = sessions_.find(flow.id);
    if (found == sessions_.end()) return;
    if (auto facts = found->second->finish(flow)) shared_.sink.on_tls(flow, std::move(facts));
    sessions_.erase(found);
  }

 private:
  std::size_t most_;
  Shared shared_;
  std::unordered_map<FlowId, std::unique_ptr<Session>> sessions_;  // looked up, never walked
};

Reader::Reader(const Limits& limits, TlsSink& sink) : impl_{std::make_unique<Impl>(limits, sink)} {}
Reader::~Reader() = default;

bool Reader::on_opaque(const FlowRecord& flow, std::string_view protocol) {
  const bool tunnel = protocol == "connect-tunnel";
  return (protocol == "tls" || tunnel) && impl_->begin(flow, tunnel);
}

void Reader::on_chunk(const FlowRecord& flow, const StreamChunk& chunk) {
  if (Session* session = impl_->find(flow)) session->on_chunk(flow, chunk);
}

void Reader::on_gap(const FlowRecord& flow, const StreamGap& gap) {
  if (Session* session = impl_->find(flow)) session->on_gap(flow, gap);
}

void Reader::on_ack(const FlowRecord& flow, Side side) {
  if (side != Side::client) return;
  if (Session* session = impl_->find(flow)) session->on_ack(flow);
}

void Reader::on_end(const FlowRecord& flow) { impl_->end(flow); }

}  // namespace httpdiag::tls
