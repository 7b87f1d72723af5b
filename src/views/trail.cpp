// SPDX-License-Identifier: Apache-2.0
#include "views/trail.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"

namespace httpdiag::views {

namespace {

constexpr std::size_t kHead = 16;  // captures with short snapshot lengths have that much, too

std::uint32_t short_hash(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(base::hash64(bytes)) | 1;
}

Seen seen(const Segment& segment, PacketNumber before) {
  Seen seen{.packet = {before + segment.packet.number, segment.packet.time},
            .seq = segment.seq,
            .ack = segment.flags.has(TcpFlags::ack) ? segment.ack : 0,
            .length = segment.payload_length,
            .ip_id = segment.ip_id,
            .ttl = segment.ttl,
            .flags = segment.flags};
  if (!segment.options.empty()) seen.options = short_hash(segment.options);
  const auto payload = segment.payload;
  if (payload.empty()) return seen;
  if (payload.size() >= kHead) seen.head = short_hash(payload.first(kHead));
  if (payload.size() == segment.payload_length) seen.content = short_hash(payload);
  return seen;
}

}  // namespace

void Recorder::on_segment(const Segment& segment, FlowId flow, const Endpoint& source) {
  auto open = open_.find(flow);
  if (open == open_.end()) {
    if (packets_left_ == 0 || open_.size() >= flows_left_) return;
    open = open_.emplace(flow, Open{.first = source, .seen = {}}).first;
  }
  Open& trail = open->second;
  if (packets_left_ == 0) trail.whole = false;
  if (!trail.whole) return;
  --packets_left_;
  trail.seen.push_back(seen(segment, before_));
  trail.seen.back().from = source == trail.first ? Side::client : Side::server;
  const Seen& last = trail.seen.back();
  if (last.is_rst() || last.flags.has(TcpFlags::fin)) endings_.insert(ending_key(last));
}

void Recorder::on_flow(const FlowRecord& flow, EndCause, Timestamp) {
  const auto open = open_.find(flow.id);
  if (open == open_.end() || flows_left_ == 0) {
    ++dropped_;
    if (open != open_.end()) open_.erase(open);
    return;
  }
  const bool client_was_first = flow.client == open->second.first;
  Trail trail;
  trail.flow = flow.id;
  trail.client = flow.client;
  trail.server = flow.server;
  trail.other_client = flow.trouble().translated_client;
  trail.other_server = flow.trouble().translated_server;
  trail.first = {before_ + flow.first.number, flow.first.time};
  trail.last = {before_ + flow.last.number, flow.last.time};
  trail.seen = std::move(open->second.seen);
  trail.whole = open->second.whole;
  open_.erase(open);
  for (Seen& each : trail.seen) {
    if (!client_was_first) each.from = other(each.from);
    const bool acks = each.flags.has(TcpFlags::ack);
    if (!each.flags.has(TcpFlags::syn) || acks != (each.from == Side::server)) continue;
    const std::size_t side = index(each.from);
    if (!trail.began[side]) trail.isn[side] = each.seq;
    trail.began[side] = true;
  }
  trail.seen.shrink_to_fit();
  --flows_left_;
  trails_.push_back(std::move(trail));
}

}  // namespace httpdiag::views
